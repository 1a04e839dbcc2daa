"""Chapter 9: LSTM character models of one, two and three layers, of equal size.

Each depth gets the most units that keep it within 100,000 parameters. All are trained with Adam on
the same kind of batches of the Python documentation. Columns: depth, units, parameters, seed, step,
bits per character on the last tenth of the text, which is held out.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from unrolled.experiments.deep_bidirectional import (
    character_gradients,
    character_parameters,
    character_split,
    held_out_bits,
    random_windows,
    train_with_checkpoints,
)
from unrolled.support import data, study

DEPTHS, SEEDS, STEPS, EVERY, BUDGET = (1, 2, 3), range(3), 1000, 100, 100_000


def within_budget(rng, V, depth, budget=BUDGET):
    """(parameters, units): the largest stack of that depth within the budget."""
    for H in range(400, 0, -1):
        p = character_parameters(V, np.random.default_rng(0), H=H, layers=depth)
        if sum(a.size for a in p.values()) <= budget:
            return character_parameters(V, rng, H=H, layers=depth), H
    raise ValueError(f"budget: too small for a vocabulary of {V}, got {budget}")


def run(depth, seed):
    """One training; a row for each evaluation."""
    vocabulary, training, held_out = character_split(data.python_docs())
    rng = np.random.default_rng(seed)
    p, H = within_budget(rng, len(vocabulary), depth)
    with TemporaryDirectory() as folder:
        _, curve = train_with_checkpoints(
            Path(folder, "model.npz"),
            p,
            character_gradients,
            partial(random_windows, training, 64, 32),
            rng,
            STEPS,
            every=EVERY,
            evaluate=lambda p: held_out_bits(p, held_out),
            show=False,
        )
    size = sum(a.size for a in p.values())
    found = zip(curve["at"], curve["held_out"], strict=True)
    return [(depth, H, size, seed, step, bits) for step, bits in found]


def main():
    settings = [(depth, seed) for depth in DEPTHS[::-1] for seed in SEEDS]
    rows = sorted(row for rows in study.over(run, settings, "depth") for row in rows)
    names = ("depth", "units", "parameters", "seed", "step", "bits")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
