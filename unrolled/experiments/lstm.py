"""Experiments of chapter 7: LSTM.

Generated from chapters/07_lstm.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

from functools import partial

import numpy as np

from unrolled.clipping import init_scaled, train
from unrolled.common.arguments import one_integer
from unrolled.experiments.bptt import held_out_perplexity
from unrolled.language_models import Vocabulary, windows
from unrolled.lstm import (
    cell_parameters,
    language_loss,
    language_loss_backward,
    run_cell,
    run_cell_backward,
)
from unrolled.unfolding import readout, readout_backward

__all__ = [
    "adding_error",
    "adding_forever",
    "adding_gradients",
    "adding_problem",
    "carrying",
    "language_parameters",
    "train_language",
]


def adding_problem(T, B, rng):
    """The adding problem: x (T, B, 2), numbers and two marks; y (B,), the marked sum.

    x[..., 0] is uniform, x[..., 1] is 1 at two steps of each sequence, one in its first
    half and one in its second, and 0 elsewhere; y is the sum of the two marked numbers.
    Raises ValueError for T below 2 or B below 1.
    """
    T, B = one_integer("T", T, least=2), one_integer("B", B, least=1)
    x = np.zeros((T, B, 2))
    x[:, :, 0] = rng.uniform(size=(T, B))
    n = np.arange(B)
    marked = rng.integers(0, T // 2, B), rng.integers(T // 2, T, B)
    for t in marked:
        x[t, n, 1] = 1
    return x, sum(x[t, n, 0] for t in marked)


def adding_gradients(params, batch, cell="lstm"):
    """Mean squared error of the sum read from the last state, and all gradients."""
    x, y = batch
    (h, *_), cache = run_cell(x, params, cell=cell)
    z, read = readout(h[-1], params["W_o"], params["b_o"])
    error, dh = z[:, 0] - y, np.zeros_like(h)
    dh[-1], dW_o, db_o = readout_backward(2 / len(y) * error[:, None], read)
    *_, grads = run_cell_backward((dh,), cache)
    return np.mean(error**2), grads | {"W_o": dW_o, "b_o": db_o}


def adding_forever(T, B, rng):
    """Batches of the adding problem in float32, without end."""
    while True:
        yield tuple(a.astype("float32") for a in adding_problem(T, B, rng))


def adding_error(T, rng, cell="lstm", H=16, steps=1500, lr=1e-2, **options):
    """Train on the adding problem; the mean squared error on 500 new sequences.

    options are those of `cell_parameters`. Returns the errors after 0, 100, … steps.
    """
    rngs, gradients = rng.spawn(3), partial(adding_gradients, cell=cell)
    params = cell_parameters(cell, 2, H, rngs[0], **options)
    params |= {"W_o": init_scaled(1, H, rngs[0]).astype("float32")}
    params |= {"b_o": np.zeros(1, "float32")}
    test = next(adding_forever(T, 500, rngs[1]))
    _, curve = train(
        params,
        gradients,
        adding_forever(T, 32, rngs[2]),
        lr=lr,
        clip=1.0,
        evaluate=lambda params: gradients(params, test)[0],
        steps=steps,
        show=False,
    )
    return curve["held_out"]


def language_parameters(cell, V, D, H, rng):
    """X, the cell's parameters and W_o of a language model, float32; W_o is zero."""
    X, params = rng.standard_normal((V, D)), cell_parameters(cell, D, H, rng)
    return {"X": X.astype("float32"), **params, "W_o": np.zeros((V, H), "float32")}


def carrying(cell="lstm"):
    """gradients(params, batch) for `train`; the state is carried between batches."""
    carried = None

    def gradients(params, batch):
        nonlocal carried
        (loss, carried), cache = language_loss(params, *batch, carried, cell)
        asked = int(np.sum(batch[1] != Vocabulary.start))
        return loss / asked, language_loss_backward((1 / asked, None), cache)

    return gradients


def train_language(params, stream, test, steps, cell="lstm", T=32, lr=5e-3, every=100, show=True):
    """Adam along a stream (L, B) in windows of T, the state carried: (params, curve).

    test: a stream; curve["held_out"] holds its perplexities at the steps curve["at"].
    """

    def forever():
        while True:
            yield from windows(stream, T)

    def evaluate(params):
        return held_out_perplexity(partial(language_loss, params, cell=cell), test)

    return train(
        params,
        carrying(cell),
        forever(),
        lr=lr,
        clip=1.0,
        steps=steps,
        evaluate=evaluate,
        every=every,
        show=show,
    )
