"""What does TextCNN lose if it takes the mean over time in place of the maximum?

Forms: the maximum; the tanh of the mean; the mean of the tanh, which is not the same. All as on the
page, without dropout. A seed draws the split of the names as well as the weights.
Columns: form; rate; seed; step, an epoch; mean training loss; accuracy on the names that choose, on
those reported, and of these on names of at most 8 characters and on those of 16 or more.
"""

import numpy as np

from unrolled.convolution import conv1d, conv1d_backward
from unrolled.experiments.pooling import classify, hold_out, similar_lengths, train_epoch
from unrolled.pooling import (
    PADDING,
    character_ids,
    encode_names,
    max_over_time,
    max_over_time_backward,
    textcnn_parameters,
)
from unrolled.support import data, study

SEEDS, EPOCHS = range(5), 6
FORMS = ("maximum", "tanh of mean", "mean of tanh")
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)

STUDY = study.Study(
    rule="""
        A form is ahead of another if its accuracy is higher by more than two standard errors of
        the mean difference, seed by seed on the same split; if neither is, they are level.
    """,
    columns=("form", "rate", "seed", "step", "loss", "validation", "accuracy", "short", "long"),
    settings=("form",),
    seeds=tuple(SEEDS),
    reported=("accuracy", "short", "long"),
    tuned=("rate",),
    chosen_by="validation",
    best="greatest",
    parts="""
        a fifth of the names is reported; a fifth of the rest chooses, with seed 0; all models learn
        from what is left
    """,
)


def mean_over_time(x, mask):
    share = mask[:, None] / mask.sum(axis=1)[:, None, None]  # (B, 1, L)
    share = share.astype(x.dtype)
    return (x * share).sum(axis=2), share


def mean_over_time_backward(dout, share):
    return dout[..., None] * share


def network(form):
    """TextCNN with one of the forms: its forward, and its backward."""
    pool, back = mean_over_time, mean_over_time_backward
    if form == "maximum":
        pool, back = max_over_time, max_over_time_backward
    inside = form == "mean of tanh"

    def forward(ids, p):
        ids = ids[:, (ids != PADDING).any(axis=0)]
        mask, x, pooled, caches = ids != PADDING, p["E"][ids].swapaxes(1, 2), [], []
        for i in "123":
            c, conv_cache = conv1d(x, p[f"w{i}"], p[f"b{i}"])
            c = np.tanh(c) if inside else c
            a, pool_cache = pool(c, mask[:, p[f"w{i}"].shape[2] - 1 :])
            pooled.append(a)
            caches.append((conv_cache, pool_cache, c))
        h = np.concatenate(pooled, axis=1)
        h = h if inside else np.tanh(h)
        return h @ p["W_o"].T + p["b_o"], (ids, p, h, caches)

    def backward(dscores, cache):
        ids, p, h, caches = cache
        dp, dx = {"E": np.zeros_like(p["E"])}, 0.0
        da = dscores @ p["W_o"]
        da = da if inside else da * (1 - h**2)
        for i, da_i, (conv_cache, pool_cache, c) in zip("123", np.split(da, 3, 1), caches):
            dc = back(da_i, pool_cache)
            dc = dc * (1 - c**2) if inside else dc
            dx_i, dp[f"w{i}"], dp[f"b{i}"] = conv1d_backward(dc, conv_cache)
            dx = dx + dx_i
        np.add.at(dp["E"], ids, dx.swapaxes(1, 2))
        return dp | {"W_o": dscores.T @ h, "b_o": dscores.sum(axis=0)}

    return forward, backward


def run(form, rate, seed):
    """One training; a row for each epoch."""
    names, labels = data.names()
    rng = np.random.default_rng(seed)
    rest, test = hold_out(len(names), rng)
    fit, validation = (rest[part] for part in hold_out(len(rest), rng))
    ids = encode_names(names, character_ids([names[i] for i in fit]))
    lengths = (ids != PADDING).sum(axis=1)
    characters = lengths[test] - 2  # without the edges
    short, long = test[characters <= 8], test[characters >= 16]
    forward, backward = network(form)
    rng = np.random.default_rng(seed)
    p, memory, rows = textcnn_parameters(ids.max() + 1, 12, rng), {}, []
    for epoch in range(EPOCHS):
        batches = [fit[batch] for batch in similar_lengths(lengths[fit], 64, rng)]
        loss = train_epoch(
            (forward, backward), p, memory, ids, labels, batches, rate=rate * 0.85**epoch
        )
        scores = [
            np.mean(classify(forward, p, ids[part]) == labels[part])
            for part in (validation, test, short, long)
        ]
        rows.append((form, rate, seed, epoch + 1, loss, *scores))
    return rows


def main():
    def chosen(result):
        return [(*winner, seed) for winner in result.chosen() for seed in SEEDS]

    STUDY.run(__file__, run, [(form, rate, 0) for form in FORMS for rate in RATES], chosen)


if __name__ == "__main__":
    main()
