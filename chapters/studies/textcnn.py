"""Chapter 2: TextCNN on names, trained to the end, in three forms and with several seeds.

"cross-channel" is the page's network, "dropout" the same with Kim's dropout, "depthwise" the one
slide 7 describes. All have 3 × 96 filters.
Columns: form, seed, epoch (from 1), mean training loss, accuracy on the names held out.
"""

import numpy as np

from unrolled.experiments.pooling import classify, hold_out, similar_lengths, train_epoch
from unrolled.pooling import (
    character_ids,
    encode_names,
    textcnn,
    textcnn_backward,
    textcnn_parameters,
)
from unrolled.support import data, study

SEEDS, EPOCHS = range(4), 24
FORMS = {
    "cross-channel": {"D": 32, "groups": 1},
    "dropout": {"D": 32, "groups": 1},
    "depthwise": {"D": 96, "groups": 96},
}


def run(form, seed):
    """One training; a row for each epoch."""
    options = FORMS[form]
    names, labels = data.names()
    train, test = hold_out(len(names), np.random.default_rng(0))
    characters = character_ids([names[i] for i in train])
    ids = encode_names(names, characters)
    lengths = (ids > 0).sum(axis=1)

    def forward(x, p):
        return textcnn(x, p, options["groups"])

    def dropping(x, p):
        drop = 2 * rng.integers(0, 2, (len(x), 3 * 96)).astype(np.float32)
        return textcnn(x, p, options["groups"], drop)

    training = dropping if form == "dropout" else forward
    rng = np.random.default_rng(seed)
    p, memory, rows = textcnn_parameters(ids.max() + 1, 12, rng, **options), {}, []
    for epoch in range(EPOCHS):
        batches = similar_lengths(lengths[train], 64, rng)
        loss = train_epoch(
            (training, textcnn_backward),
            p,
            memory,
            ids[train],
            labels[train],
            batches,
            rate=0.005 * 0.9**epoch,
        )
        accuracy = np.mean(classify(forward, p, ids[test]) == labels[test])
        rows.append((form, seed, epoch + 1, loss, accuracy))
    return rows


def main():
    settings = [(form, seed) for form in FORMS for seed in SEEDS]
    rows = [row for rows in study.over(run, settings, "TextCNN") for row in rows]
    names = ("form", "seed", "epoch", "loss", "accuracy")
    study.write(__file__, dict(zip(names, zip(*rows, strict=True), strict=True)))


if __name__ == "__main__":
    main()
