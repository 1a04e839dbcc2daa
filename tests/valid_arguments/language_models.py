"""Valid arguments for the functions of chapter 4."""

import numpy as np

V = 6


def scores(rng):
    return {"z": rng.standard_normal((4, 2, V))}


def judged(rng):
    targets, mask = rng.integers(V, size=(4, 2)), np.arange(4)[:, None] < [4, 2]
    return scores(rng) | {"targets": targets, "mask": mask}


def step(token, state):
    return np.where(np.arange(4) == token + 1, 0.0, -np.inf), state


CASES = {
    "bigram": lambda rng: {
        "inputs": rng.integers(V, size=9),
        "targets": rng.integers(V, size=9),
        "V": V,
        "kappa": 3.0,
    },
    "bits_per_character": lambda rng: {
        "log_probs": -rng.random(3),
        "characters": np.array([2.0, 1.0, 4.0]),
    },
    "cross_entropy": judged,
    "embed": lambda rng: {
        "X": rng.standard_normal((V, 3)),
        "tokens": rng.integers(V, size=(4, 2)),
    },
    "log_softmax": scores,
    "next_distribution": lambda rng: {
        "z": rng.standard_normal(V),
        "temperature": 0.7,
        "top_k": 4,
        "top_p": 0.9,
    },
    "perplexity": lambda rng: {"log_probs": -rng.random(3), "tokens": np.array([2.0, 1.0, 4.0])},
    "sample": lambda rng: {"z": rng.standard_normal(V), "rng": rng, "temperature": 2.0},
    "sequence_log_prob": judged,
    "softmax": scores,
    "streams": lambda rng: {"tokens": rng.integers(V, size=11), "batch": 2},
    "token_log_probs": judged,
    "unigram": lambda rng: {"targets": rng.integers(V, size=9), "V": V, "alpha": 0.5},
    "windows": lambda rng: {"stream": rng.integers(V, size=(7, 2)), "T": 3},
}
FORWARDS = {}
NO_ARRAYS = {"generate", "split_sentences", "tokenise"}
COUNTED = "a count of probabilities in float64"
EXCEPT = {
    "bigram": {"type": COUNTED},
    "unigram": {"type": COUNTED},
    "next_distribution": {"type": "p is float64, as NumPy's generators want it"},
    "perplexity": {"type": "returns Python's float", "integers": "log-probabilities are below 0"},
    "bits_per_character": {
        "type": "returns Python's float",
        "integers": "log-probabilities are below 0",
    },
}
