"""Chapter 9: when what is asked stands on both sides, what does a second direction gain?

The Python documentation in small letters with every vowel hidden: which of the five was it? LSTMs
of about 14,000 parameters read from the left, from the right, or from both ends; Adam, 32 windows
of 32 characters a step, 300 steps. Columns: form, rate, seed, units, parameters, validation and
accuracy.
"""

import numpy as np

from unrolled.clipping import adam, clip_by_norm
from unrolled.experiments.deep_bidirectional import (
    classifier_parameters,
    guessed_vowels,
    hidden_vowels,
    vowel_gradients,
)
from unrolled.support import data, study

FORMS = {"from the left": (48, False), "from the right": (48, False), "both": (32, True)}


def run(form, rate, seed):
    """One training: a row."""
    H, both = FORMS[form]
    shown, vowels, V = hidden_vowels(data.python_docs())
    order, rng = (
        slice(None, None, -1 if form == "from the right" else 1),
        np.random.default_rng(seed),
    )
    *eight, validation, test = np.array_split(np.arange(len(shown)), 10)
    training, p, state = np.concatenate(eight), classifier_parameters(V, 5, rng, 16, H, both), {}
    for _ in range(300):
        first = rng.integers(len(training) - 32, size=32)
        at = training[first + np.arange(32)[:, None]][order]  # (T, B)
        _, grads = vowel_gradients(p, (shown[at], vowels[at]))
        adam(p, clip_by_norm(grads, 1.0)[0], state, rate)
    row = [form, rate, seed, H, sum(a.size for a in p.values())]
    for part in (validation, test):
        at = part[:20_000].reshape(50, 400).T[order]
        asked = vowels[at] >= 0
        row.append(np.mean((guessed_vowels(p, shown[at]) == vowels[at])[asked]))
    return tuple(row)


RATES = (1e-2, 3e-2, 1e-1)
STUDY = study.Study(
    rule="a form is ahead of another when its worst seed is ahead of the other's best",
    columns=("form", "rate", "seed", "units", "parameters", "validation", "accuracy"),
    settings=("form",),
    seeds=range(5),
    reported=("accuracy",),
    tuned=("rate",),
    chosen_by="validation",
    best="greatest",
    parts="20,000 characters of the text's ninth tenth choose the rate, with seed 0; as many of "
    "its last tenth are reported",
)


if __name__ == "__main__":
    grid = [(form, rate) for form in FORMS for rate in RATES]
    STUDY.tune(__file__, run, grid)
