"""Chapter 9: LSTM classifiers of names, with as many parameters as chapter 2's TextCNN.

"max", "mean" and "last" are bidirectional and differ in their summary; "one end" takes both halves
of the output at the last letter, a common mistake; "forward" has one direction, more units, and its
last state. The learning rate is the best of three for "max", the others of which have one seed.
Columns: form, rate, seed, epoch (from 1), mean training loss, accuracy on the names held out.
"""

from functools import partial

import numpy as np

from unrolled.deep_bidirectional import (
    deep_backward,
    deep_forward,
    sequence_classifier,
    sequence_classifier_backward,
)
from unrolled.experiments.deep_bidirectional import classifier_parameters
from unrolled.experiments.pooling import classify, hold_out, similar_lengths, train_epoch
from unrolled.language_models import embed, embed_backward
from unrolled.pooling import PADDING, character_ids, encode_names
from unrolled.support import data, study
from unrolled.unfolding import readout, readout_backward

SEEDS, EPOCHS = range(3), 12
RATE, SLOWER = 0.02, (0.005, 0.01)
BOTH, ONE = 47, 72  # units in each direction: 35,412 and 35,308 parameters, TextCNN has 35,596
FORMS = ("max", "mean", "last", "one end", "forward")


def one_end(ids, p):
    """The classifier that takes both halves of the output where the name ends."""
    lengths, at = (ids != PADDING).sum(axis=1), np.arange(len(ids))
    x, embedded = embed(p["E"], ids[:, : lengths.max()].T)
    (y, _), deep = deep_forward(x, p, lengths, cell="lstm")
    scores, read = readout(y[lengths - 1, at], p["W_o"], p["b_o"])
    return scores, (embedded, deep, read, y.shape, lengths - 1, at)


def one_end_backward(dscores, cache):
    embedded, deep, read, shape, last, at = cache
    ds, dW_o, db_o = readout_backward(dscores, read)
    dy = np.zeros(shape, ds.dtype)
    dy[last, at] = ds
    dx, dp, _ = deep_backward((dy, None), deep)
    return dp | {"E": embed_backward(dx, embedded), "W_o": dW_o, "b_o": db_o}


def run(form, rate, seed):
    """One training; a row for each epoch."""
    names, labels = data.names()
    train, test = hold_out(len(names), np.random.default_rng(0))
    characters = character_ids([names[i] for i in train])
    ids = encode_names(names, characters)
    lengths = (ids > 0).sum(axis=1)
    forward, backward = one_end, one_end_backward
    if form != "one end":
        how = "last" if form == "forward" else form
        forward, backward = partial(sequence_classifier, how=how), sequence_classifier_backward
    rng = np.random.default_rng(seed)
    both = form != "forward"
    p = classifier_parameters(ids.max() + 1, 12, rng, H=BOTH if both else ONE, bidirectional=both)
    memory, rows = {}, []
    for epoch in range(EPOCHS):
        batches = [train[batch] for batch in similar_lengths(lengths[train], 64, rng)]
        loss = train_epoch(
            (forward, backward), p, memory, ids, labels, batches, rate=rate * 0.9**epoch
        )
        accuracy = np.mean(classify(forward, p, ids[test]) == labels[test])
        rows.append((form, rate, seed, epoch + 1, loss, accuracy))
    return rows


def main():
    settings = [(form, RATE, seed) for form in FORMS for seed in SEEDS]
    settings += [("max", rate, 0) for rate in SLOWER]
    rows = [row for rows in study.over(run, settings, "names") for row in rows]
    names = ("form", "rate", "seed", "epoch", "loss", "accuracy")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
