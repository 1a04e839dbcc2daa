"""Chapter 7: the adding problem, for cells of equal numbers of parameters and several seeds.

Columns: network, lag (length of the sequences), lr, seed, step, error (mean squared, on new
sequences). Each network is trained with two learning rates.
"""

import numpy as np

from unrolled.clipping import init_identity
from unrolled.experiments.lstm import adding_error
from unrolled.support import study

NETWORKS = {
    "RNN": {"cell": "rnn", "H": 33},
    "RNN, identity": {"cell": "rnn", "H": 33, "start": init_identity},
    "1997 cell": {"cell": "lstm1997", "H": 19},
    "LSTM": {"cell": "lstm", "H": 16},
}
LAGS, RATES, SEEDS = (10, 30, 100), (1e-2, 3e-3), range(3)


def run(network, lag, lr, seed):
    """One training; a row for every three hundred steps."""
    errors = adding_error(lag, np.random.default_rng(seed), lr=lr, **NETWORKS[network])
    return [(network, lag, lr, seed, 100 * at, errors[at]) for at in range(3, len(errors), 3)]


if __name__ == "__main__":
    settings = [
        (network, lag, lr, seed)
        for lag in LAGS[::-1]
        for network in NETWORKS
        for lr in RATES
        for seed in SEEDS
    ]
    rows = sorted(row for rows in study.over(run, settings, "adding") for row in rows)
    names = ("network", "lag", "lr", "seed", "step", "error")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))
