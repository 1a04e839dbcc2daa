"""Chapters 7 and 8: which networks keep a number for 100 steps, and on a stream that never ends?

About 1,200 parameters each, Adam, 32 sequences a step. Task "apart" is the adding problem, 600
steps; in "stream" one problem follows the other, the state is never reset, 900 steps. Columns:
task, network, T (length of a problem), rate, seed, step, validation and error (mean squared, of 256
new problems each; in a stream, after 40 others).
"""

from functools import partial

import numpy as np

from unrolled.clipping import adam, clip_by_norm, init_identity, init_scaled
from unrolled.experiments.lstm import adding_forever
from unrolled.gru import GRU, GRU_BEFORE
from unrolled.lstm import cell_parameters, run_cell, run_cell_backward
from unrolled.support import study
from unrolled.unfolding import readout, readout_backward

NETWORKS = {
    "RNN": {"cell": "rnn", "H": 33},
    "RNN, identity": {"cell": "rnn", "H": 33, "start": init_identity},
    "1997": {"cell": "lstm1997", "H": 19},
    "1997, b_i = -4": {"cell": "lstm1997", "H": 19, "enter": -4.0},
    "LSTM": {"cell": "lstm", "H": 16},
    "GRU": {"cell": "gru", "H": 18},
    "GRU before": {"cell": "gru before", "H": 18},
}
ENTERED = (GRU, GRU_BEFORE)  # in the table of cells, by chapter 8
STEPS = {"apart": 600, "stream": 900}
EVERY = {"apart": 100, "stream": 150}


def gradients(params, batch, start, cell):
    """(error, gradients, last states) on one batch, from the states `start`."""
    x, y = batch
    states, cache = run_cell(x, params, start, cell)
    z, read = readout(states[0][-1], params["W_o"], params["b_o"])
    error, dh = z[:, 0] - y, np.zeros_like(states[0])
    dh[-1], dW_o, db_o = readout_backward(2 / len(y) * error[:, None], read)
    *_, grads = run_cell_backward((dh,), cache)
    last = tuple(state[-1] for state in states)
    return np.mean(error**2), grads | {"W_o": dW_o, "b_o": db_o}, last


def judged(params, batches, cell, stream):
    """Mean squared error of the answers to the last of `batches`."""
    start, y = None, batches[-1][1]
    for x, _ in batches:
        states, _ = run_cell(x, params, start, cell)
        start = tuple(state[-1] for state in states) if stream else None
    z, _ = readout(states[0][-1], params["W_o"], params["b_o"])
    return np.mean((z[:, 0] - y) ** 2)


def run(task, network, T, rate, seed):
    """One training; a row for every hundred steps."""
    options = dict(NETWORKS[network])
    cell, H, stream = options.pop("cell"), options.pop("H"), task == "stream"
    begin, new, tested, drawn = np.random.default_rng(seed).spawn(4)
    params = cell_parameters(cell, 2, H, begin, **options)
    params |= {"W_o": init_scaled(1, H, begin).astype("float32"), "b_o": np.zeros(1, "float32")}
    count = 41 if stream else 1
    parts = [
        [batch for batch, _ in zip(adding_forever(T, 256, rng), range(count), strict=False)]
        for rng in (new, tested)
    ]
    judge = partial(judged, cell=cell, stream=stream)
    batches, last, state, rows = adding_forever(T, 32, drawn), None, {}, []
    for step in range(1, STEPS[task] + 1):
        _, grads, last = gradients(params, next(batches), last if stream else None, cell)
        adam(params, clip_by_norm(grads, 1.0)[0], state, rate)
        if step % EVERY[task] == 0:
            found = [judge(params, part) for part in parts]
            rows.append((task, network, T, rate, seed, step, *found))
    return rows


PLAIN = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
GATED = (1e-2, 3e-2, 1e-1, 3e-1)
RATES = {"RNN": PLAIN, "RNN, identity": PLAIN, "1997": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)}
TASKS = [("apart", name, 100) for name in NETWORKS]
TASKS += [("stream", name, 20) for name in ("RNN", "1997, b_i = -4", "LSTM", "GRU")]
STUDY = study.Study(
    rule="a network solves a task when its error at the last step is below 0.01 with every seed "
    "(always answering 1 has the error 0.167); one is ahead of another when its worst seed is "
    "ahead of the other's best",
    columns=("task", "network", "T", "rate", "seed", "step", "validation", "error"),
    settings=("task", "network", "T"),
    seeds=range(5),
    reported=("error",),
    tuned=("rate",),
    chosen_by="validation",
    parts="256 new problems choose the rate, with seed 0; 256 others are reported",
)


if __name__ == "__main__":
    grid = [(*task, rate) for task in TASKS for rate in RATES.get(task[1], GATED)]
    STUDY.tune(__file__, run, grid)
