"""Chapter 9: on dependencies of medium length, what do two or three layers of LSTM gain over one?

The adding problem of 50 numbers, stacks of at most 3,400 parameters, so that a deeper one is
narrower; Adam, 32 sequences a step, 500 steps. Columns: depth, rate, seed, step, units, parameters,
validation and error (mean squared, of 256 new sequences each).
"""

import numpy as np

from unrolled.clipping import adam, clip_by_norm
from unrolled.experiments.deep_bidirectional import adding_stack, adding_stack_gradients
from unrolled.experiments.lstm import adding_forever
from unrolled.support import study


def run(depth, rate, seed):
    """One training; a row for every hundred steps."""
    begin, new, tested, drawn = np.random.default_rng(seed).spawn(4)
    p, state, rows = adding_stack(depth, begin), {}, []
    parts = [next(adding_forever(50, 256, rng)) for rng in (new, tested)]
    units, size = p["1f.W_h"].shape[1], sum(a.size for a in p.values())
    for step, batch in zip(range(1, 501), adding_forever(50, 32, drawn), strict=False):
        _, grads = adding_stack_gradients(p, batch)
        adam(p, clip_by_norm(grads, 1.0)[0], state, rate)
        if step % 100 == 0:
            found = [adding_stack_gradients(p, part)[0] for part in parts]
            rows.append((depth, rate, seed, step, units, size, *found))
    return rows


RATES = {1: (1e-2, 3e-2, 1e-1), 2: (3e-3, 1e-2, 3e-2), 3: (3e-3, 1e-2, 3e-2)}
STUDY = study.Study(
    rule="at a step a depth is ahead of another when its worst seed is ahead of the other's best; "
    "else the two are level; a depth solves the problem when every seed ends below 0.01",
    columns=("depth", "rate", "seed", "step", "units", "parameters", "validation", "error"),
    settings=("depth",),
    seeds=range(5),
    reported=("error",),
    tuned=("rate",),
    chosen_by="validation",
    parts="256 new sequences choose the rate, with seed 0; 256 others are reported",
)


if __name__ == "__main__":
    grid = [(depth, rate) for depth, rates in RATES.items() for rate in rates]
    STUDY.tune(__file__, run, grid)
