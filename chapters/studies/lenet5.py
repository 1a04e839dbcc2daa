"""Does LeNet-5 read small digits better than two models that know nothing of images?

The two are logistic regression on the pixels, and a vote of the digits learned from: each votes for
its label with the weight exp(-d²/2h²), d its distance, h the width. A seed draws the split of the
digits as well as the weights.
Columns: form; strength, the rate of LeNet-5, scikit-learn's C, or the width h; seed; step, an epoch
of LeNet-5; mean training loss; accuracy on the digits that choose, and on those reported.
"""

import numpy as np

from unrolled.experiments.pooling import classify, hold_out, similar_lengths, train_epoch
from unrolled.pooling import lenet5, lenet5_backward, lenet5_parameters
from unrolled.support import data, study

SEEDS, EPOCHS = range(5), 16
RATES = (0.0005, 0.001, 0.002, 0.004, 0.008)
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
WIDTHS = (3.0, 2.0, 1.5, 1.0, 0.5, 0.25, 0.12, 0.06)  # the last ones: the nearest alone

STUDY = study.Study(
    rule="""
        A model is ahead of another if its accuracy is higher by more than two standard errors of
        the mean difference, seed by seed on the same split; if neither is, they are level.
    """,
    columns=("form", "strength", "seed", "step", "loss", "validation", "accuracy"),
    settings=("form",),
    seeds=tuple(SEEDS),
    reported=("accuracy",),
    tuned=("strength",),
    chosen_by="validation",
    best="greatest",
    parts="""
        a fifth of the digits is reported; a fifth of the rest chooses, with all seeds; all models
        learn from what is left
    """,
)


def forward(x, p):
    return lenet5(x, p, padding=4)


def run(form, strength, seed):
    """One model; a row for each epoch of LeNet-5, one for another."""
    images, labels = data.digits()
    rng = np.random.default_rng(seed)
    rest, test = hold_out(len(images), rng)
    fit, validation = (rest[part] for part in hold_out(len(rest), rng))
    x = ((images - images[fit].mean()) / images[fit].std()).astype(np.float32)
    learn = {"LeNet-5": network, "linear": linear, "vote": vote}[form]
    rows = learn(strength, seed, x, labels, fit, (validation, test))
    return [(form, strength, seed, *row) for row in rows]


def network(rate, seed, x, labels, fit, judged):
    rng = np.random.default_rng(seed)
    p, memory, rows = lenet5_parameters(rng), {}, []
    for epoch in range(EPOCHS):
        batches = [fit[batch] for batch in similar_lengths(np.zeros(len(fit)), 16, rng)]
        loss = train_epoch(
            (forward, lenet5_backward), p, memory, x, labels, batches, rate=rate * 0.85**epoch
        )
        scores = [np.mean(classify(forward, p, x[part]) == labels[part]) for part in judged]
        rows.append((epoch + 1, loss, *scores))
    return rows


def linear(strength, seed, x, labels, fit, judged):
    from sklearn.linear_model import LogisticRegression

    flat = x.reshape(len(x), -1)
    model = LogisticRegression(C=strength, max_iter=1000).fit(flat[fit], labels[fit])
    loss = -model.predict_log_proba(flat[fit])[np.arange(len(fit)), labels[fit]].mean()
    return [(EPOCHS, loss, *(model.score(flat[part], labels[part]) for part in judged))]


def vote(width, seed, x, labels, fit, judged):
    flat, scores = x.reshape(len(x), -1), []
    for part in judged:
        squares = ((flat[part, None] - flat[fit]) ** 2).sum(axis=2)  # (part, fit)
        squares -= squares.min(axis=1, keepdims=True)  # cancels in the vote
        votes = np.exp(-squares / (2 * width**2)) @ np.eye(10)[labels[fit]]
        scores.append(np.mean(votes.argmax(axis=1) == labels[part]))
    return [(EPOCHS, 0.0, *scores)]  # it has no loss


def main():
    grids = {"LeNet-5": RATES, "linear": STRENGTHS, "vote": WIDTHS}
    STUDY.run(
        __file__,
        run,
        [(form, value, seed) for form in grids for value in grids[form] for seed in SEEDS],
    )


if __name__ == "__main__":
    main()
