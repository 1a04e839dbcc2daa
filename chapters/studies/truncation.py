"""Chapter 5: the language model, trained with errors carried back over at most k steps.

Columns: level of the text, units H, k (0: the recurrent weights are fixed and only the output layer
learns), seed, step of gradient descent, perplexity on the held-out text.
"""

from functools import partial

import numpy as np

from unrolled.bptt import truncated_backward
from unrolled.experiments.bptt import (
    descend,
    documentation,
    held_out_perplexity,
    initial_parameters,
    window_loss,
)
from unrolled.language_models import streams
from unrolled.support import data, study

SEEDS, EVERY = range(3), 100
LEVELS = {"character": (2.0, 1600), "word": (3.0, 900)}  # rate, steps
SETTINGS = [("character", 64, k) for k in (0, 1, 2, 4, 8, 16, 32)]
SETTINGS += [("character", 256, 0)] + [("word", 64, k) for k in (0, 1, 32)]


def run(level, H, k, seed):
    """One training; a row for each evaluation."""
    rate, steps = LEVELS[level]
    vocabulary, training, held_out = documentation(data.python_docs(), level)
    train, test = streams(training, 32), streams(held_out, 16)
    model = initial_parameters(len(vocabulary), 32, H, np.random.default_rng(seed))
    options = {"learned": ("W_o",)}
    if k:
        options = {"through": lambda dh, cache: truncated_backward(dh, cache, k)}
    descent, rows = descend(model, train, rate, **options), []
    for step, _ in zip(range(1, steps + 1), descent):
        if step % EVERY == 0:
            perplexity = held_out_perplexity(partial(window_loss, model), test)
            rows.append((level, H, k, seed, step, perplexity))
    return rows


if __name__ == "__main__":
    settings = [(*setting, seed) for setting in SETTINGS for seed in SEEDS]
    rows = [row for rows in study.over(run, settings, "truncation") for row in rows]
    names = ("level", "units", "k", "seed", "step", "perplexity")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))
