"""Chapter 2: LeNet-5 on the digits, trained to the end, with several seeds.

Columns: seed, epoch (from 1), mean training loss, accuracy on the digits held out.
"""

import numpy as np

from unrolled.experiments.pooling import classify, hold_out, similar_lengths, train_epoch
from unrolled.pooling import lenet5, lenet5_backward, lenet5_parameters
from unrolled.support import data, study

SEEDS, EPOCHS = range(6), 20


def forward(x, p):
    return lenet5(x, p, padding=4)


def run(seed):
    """One training; a row for each epoch."""
    images, labels = data.digits()
    train, test = hold_out(len(images), np.random.default_rng(0))
    x = ((images - images[train].mean()) / images[train].std()).astype(np.float32)
    rng = np.random.default_rng(seed)
    p, memory, rows = lenet5_parameters(rng), {}, []
    for epoch in range(EPOCHS):
        batches = similar_lengths(np.zeros(len(train)), 16, rng)
        loss = train_epoch(
            (forward, lenet5_backward),
            p,
            memory,
            x[train],
            labels[train],
            batches,
            rate=0.002 * 0.85**epoch,
        )
        accuracy = np.mean(classify(forward, p, x[test]) == labels[test])
        rows.append((seed, epoch + 1, loss, accuracy))
    return rows


def main():
    settings = [(seed,) for seed in SEEDS]
    rows = [row for rows in study.over(run, settings, "LeNet-5") for row in rows]
    names = ("seed", "epoch", "loss", "accuracy")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
