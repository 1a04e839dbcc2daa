"""Valid arguments for the functions of chapter 9."""

from . import gru


def layers(rng, ways="fb"):
    return {f"1{way}.{name}": W for way in ways for name, W in gru.weights(rng).items()}


def steps(rng):
    return {"x": rng.standard_normal((5, 2, 3))}


CASES = {
    "check_lengths": lambda rng: {"lengths": rng.integers(1, 6, 2), "T": 5, "B": 2},
    "time_mask": lambda rng: {"lengths": rng.integers(1, 6, 2), "T": 5},
    "reverse_time": lambda rng: steps(rng) | {"lengths": rng.integers(1, 6, 2)},
    "direction_forward": lambda rng: (
        steps(rng)
        | {
            "params": gru.weights(rng),
            "start": (rng.standard_normal((2, 4)),),
            "lengths": rng.integers(1, 6, 2),
            "cell": "gru",
            "reverse": True,
        }
    ),
    "deep_forward": lambda rng: (
        steps(rng)
        | {
            "p": layers(rng),
            "lengths": rng.integers(1, 6, 2),
            "start": (rng.standard_normal((2, 2, 4)),),
            "cell": "gru",
        }
    ),
    "mean_over_time": lambda rng: {
        "y": rng.standard_normal((5, 2, 3)),
        "lengths": rng.integers(1, 6, 2),
    },
    "summarise": lambda rng: {
        "y": rng.standard_normal((5, 2, 4)),
        "last": (rng.standard_normal((1, 2, 4)),),
        "lengths": rng.integers(1, 6, 2),
    },
    "sequence_classifier": lambda rng: {
        "ids": rng.integers(1, 6, (2, 5)),
        "p": {"E": rng.standard_normal((6, 3))}
        | layers(rng)
        | {"W_o": rng.standard_normal((3, 8)), "b_o": rng.standard_normal(3)},
        "cell": "gru",
    },
    "deep_language_model": lambda rng: {
        "p": {"X": rng.standard_normal((6, 3))}
        | layers(rng, "f")
        | {"W_o": rng.standard_normal((6, 4)), "b_o": rng.standard_normal(6)},
        "tokens": rng.integers(0, 6, (5, 2)),
        "targets": rng.integers(0, 6, (5, 2)),
        "start": (rng.standard_normal((1, 2, 4)),),
        "cell": "gru",
    },
}
FORWARDS = {}
NO_ARRAYS = {"layer_names", "deep_parameters", "deep_from_torch"}
EXCEPT = {}
