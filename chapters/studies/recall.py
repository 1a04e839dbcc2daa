"""Chapter 6: how far back does a plain RNN learn to look, what helps, and at which rates?

Columns: network, rate of Adam, lag, seed, validation (loss on 200 sequences, which also choose the
parameters kept), accuracy on 1,000 new sequences after training, and product, the median norm of
the Jacobian over the whole lag before training.
"""

import numpy as np

from unrolled.clipping import init_identity
from unrolled.experiments.clipping import recall_accuracy
from unrolled.support import study

STUDY = study.Study(
    rule="A run solves its task with more than 90 % right; of two networks the better at a lag is"
    " the one of which more seeds do.",
    columns=("network", "rate", "lag", "seed", "validation", "accuracy", "product"),
    settings=("network",),
    seeds=range(5),
    reported=("accuracy",),
    tuned=("rate",),
    chosen_by="validation",
    parts="200 sequences choose (seeds 100 to 104, lags 20 and 40), 1,000 others are reported",
)
NETWORKS = {
    "16 units": {},
    "64 units": {"H": 64},
    "1,600 steps": {"steps": 1600},
    "identity": {"start": init_identity},
}
RATES, LAGS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), (5, 10, 20, 40, 80)


def run(network, rate, lag, seed):
    """One training: a row."""
    options = NETWORKS[network] | {"lr": rate}
    accuracy, product, loss = recall_accuracy(lag, np.random.default_rng(seed), **options)
    return network, rate, lag, seed, loss, accuracy, product


def chosen(result):
    """The runs of each network at its rate, for all lags and seeds."""
    return [(*best, lag, seed) for best in result.chosen() for lag in LAGS for seed in STUDY.seeds]


if __name__ == "__main__":
    runs = [
        (network, rate, lag, seed)
        for network in NETWORKS
        for rate in RATES
        for lag in (20, 40)
        for seed in range(100, 105)
    ]
    STUDY.run(__file__, run, runs, chosen)
