"""Chapter 7: does an LSTM solve the adding problem only once forget gates have opened?

100 numbers, 16 cells, Adam with rate 0.1, the best in `adding.py`, 32 sequences a step. Columns:
seed, step, kept (what the forget gates keep of a number over the whole sequence: their product,
in the cell that keeps most, median over 256 new problems) and error (mean squared, of the same
problems).
"""

import numpy as np

from unrolled.clipping import init_scaled, train
from unrolled.experiments.lstm import adding_forever, adding_gradients
from unrolled.lstm import cell_parameters, run_cell, sigmoid
from unrolled.support import study
from unrolled.unfolding import readout

STUDY = study.Study(
    rule="The gates are open where more than half is kept, the problem is solved where the error "
    "is below 0.08, half of that of always answering 1. It is solved only with open gates if, with "
    "every seed, at most one step in a hundred has it solved while they are shut.",
    columns=("seed", "step", "kept", "error"),
    settings=(),
    seeds=range(20),
    reported=("kept", "error"),
)
T, H, STEPS, EVERY = 100, 16, 600, 5


def kept(params, x, h):
    """The product of the forget gates over the sequence in the best cell, median over B."""
    W_i, W_h, b = (params[name][H : 2 * H] for name in ("W_i", "W_h", "b"))
    f = sigmoid(x @ W_i.T + h[:-1] @ W_h.T + b)  # (T, B, H)
    return np.median(np.prod(f, axis=0, dtype=float), axis=0).max()


def run(seed):
    """One training; a row for every five steps."""
    begin, tested, drawn = np.random.default_rng(seed).spawn(3)
    params = cell_parameters("lstm", 2, H, begin)
    params |= {"W_o": init_scaled(1, H, begin).astype("float32"), "b_o": np.zeros(1, "float32")}
    x, y = next(adding_forever(T, 256, tested))
    rows = []

    def evaluate(params):
        (h, _), _ = run_cell(x, params)
        z, _ = readout(h[-1], params["W_o"], params["b_o"])
        error = np.mean((z[:, 0] - y) ** 2)
        rows.append((seed, EVERY * len(rows), kept(params, x, h), error))
        return error

    batches = adding_forever(T, 32, drawn)
    options = {"lr": 0.1, "clip": 1.0, "steps": STEPS, "show": False}
    train(params, adding_gradients, batches, evaluate=evaluate, every=EVERY, **options)
    return rows


if __name__ == "__main__":
    STUDY.run(__file__, run, [(seed,) for seed in STUDY.seeds])
