"""Chapter 7: a character model of the Python documentation, RNN and LSTM of equal size.

Columns: network, lr, seed, step, perplexity on the held-out text. Each network is trained with two
learning rates.
"""

import numpy as np

from unrolled.experiments.bptt import documentation
from unrolled.experiments.lstm import language_parameters, train_language
from unrolled.language_models import streams
from unrolled.support import data, study

NETWORKS = {"RNN": ("rnn", 122, (5e-3, 1e-2)), "LSTM": ("lstm", 64, (1e-2, 2e-2))}  # cell, H, rates
SEEDS, STEPS, EVERY = range(3), 1600, 100


def run(network, lr, seed):
    """One training; a row for each evaluation."""
    cell, H, _ = NETWORKS[network]
    vocabulary, training, held_out = documentation(data.python_docs(), "character")
    params = language_parameters(cell, len(vocabulary), 32, H, np.random.default_rng(seed))
    train, test = streams(training, 32), streams(held_out, 16)
    _, curve = train_language(params, train, test, STEPS, cell, lr=lr, every=EVERY, show=False)
    points = zip(curve["at"], curve["held_out"], strict=True)
    return [(network, lr, seed, at, perplexity) for at, perplexity in points]


if __name__ == "__main__":
    settings = [
        (network, lr, seed)
        for seed in SEEDS
        for network, (_, _, rates) in NETWORKS.items()
        for lr in rates
    ]
    rows = sorted(row for rows in study.over(run, settings, "language") for row in rows)
    names = ("network", "lr", "seed", "step", "perplexity")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))
