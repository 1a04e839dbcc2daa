"""Chapter 6: at which thresholds does a clipped IRNN learn the recall task in 300 steps?

Gradient descent with rate 0.01 at a lag of 40. Columns: tau, seed, loss (mean of the last 30
steps).
"""

import numpy as np

from unrolled.experiments.clipping import run_irnn
from unrolled.support import study

STUDY = study.Study(
    rule="A threshold serves when the loss ends below 0.1, a seventh of that of guessing, with"
    " every seed.",
    columns=("tau", "seed", "loss"),
    settings=("tau",),
    seeds=range(5),
    reported=("loss",),
)
TAUS = (0.02, 0.1, 0.5, 1.0, 3.0, 5.0, 20.0, 1000.0)


def run(tau, seed):
    """One training: a row."""
    loss = np.mean(run_irnn(tau, 0.01, seed, show=False)["loss"][-30:])
    return tau, seed, min(float(loss), 1e6)


if __name__ == "__main__":
    STUDY.run(__file__, run, [(tau, seed) for tau in TAUS for seed in STUDY.seeds])
