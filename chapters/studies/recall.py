"""Chapter 6: how far back a plain RNN learns to look, for four networks and several seeds.

Columns: network, lag, seed, accuracy on new sequences after training, and product, the median
norm of the Jacobian over the whole lag before training.
"""

import numpy as np

from unrolled.clipping import init_identity
from unrolled.experiments.clipping import recall_accuracy
from unrolled.support import study

NETWORKS = {
    "16 units": {},
    "64 units": {"H": 64},
    "1,600 steps": {"steps": 1600},
    "identity": {"start": init_identity},
}
LAGS, SEEDS = (5, 10, 20, 40, 80), range(6)


def run(network, lag, seed):
    rng = np.random.default_rng(seed)
    accuracy, product, _ = recall_accuracy(lag, rng, **NETWORKS[network])
    return network, lag, seed, accuracy, product


def main():
    settings = [(n, lag, seed) for lag in LAGS[::-1] for n in NETWORKS for seed in SEEDS]
    rows = sorted(study.over(run, settings, "recall"))
    names = ("network", "lag", "seed", "accuracy", "product")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
