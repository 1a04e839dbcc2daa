"""Experiments of chapter 6: Vanishing, exploding, clipping.

Generated from chapters/06_clipping.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

from functools import partial

import numpy as np

from unrolled.bptt import language_model_backward, language_model_loss, rnn_backward
from unrolled.clipping import init_identity, init_scaled, lag_norms, sgd, train
from unrolled.common.arguments import one_integer
from unrolled.language_models import Vocabulary, cross_entropy, cross_entropy_backward
from unrolled.unfolding import readout, readout_backward, rnn_forward

__all__ = [
    "answer",
    "answer_gradients",
    "character_model",
    "recall",
    "recall_accuracy",
    "recall_forever",
    "recall_parameters",
    "run_irnn",
    "text_products",
]


def _given(params, batch):
    """The arguments of `language_model_loss`; nobody is asked for the start token."""
    tokens, targets = batch
    return params | {"tokens": tokens, "targets": targets, "mask": targets != Vocabulary.start}


def character_model(params, batch):
    """Mean loss per character, and all gradients. batch: (tokens, targets), (T, B)."""
    given = _given(params, batch)
    (loss, _), cache = language_model_loss(**given)
    characters = given["mask"].sum()
    grads = language_model_backward((1 / characters, 0.0), cache)
    return loss / characters, dict(zip(params, grads))


def text_products(params, batch, longest=40):
    """Norms of the products over the last steps of a text: (longest+1, B)."""
    _, (_, (*_, h, _), _, _) = language_model_loss(**_given(params, batch))
    return lag_norms(h, params["W_h"], longest=longest)


def recall(lag, B, rng):
    """The recall task: a word, then `lag` steps of noise, then tell the word.

    Returns x: (lag+1, B, 2), whose first step is (0, ±1) and whose others are
    (noise, 0), and y: (B,), ints, 1 for + and 0 for -. Raises ValueError for lag or B
    below 1.
    """
    lag, B = one_integer("lag", lag, least=1), one_integer("B", B, least=1)
    x, y = np.zeros((lag + 1, B, 2)), rng.integers(0, 2, B)
    x[0, :, 1] = 2 * y - 1
    x[1:, :, 0] = rng.standard_normal((lag, B))
    return x, y


def recall_forever(lag, B, rng):
    """Batches of `recall`, without end."""
    while True:
        yield recall(lag, B, rng)


def answer(params, x, activation="tanh"):
    """Scores after the last step: (B, V), and a cache. params: W_i, W_h, b, W_o."""
    weights = params["W_i"], params["W_h"], params["b"]
    h, cache_h = rnn_forward(x, None, *weights, activation)
    z, cache_z = readout(h[-1], params["W_o"])
    return z, (h, cache_h, cache_z)


def answer_gradients(params, batch, activation="tanh"):
    """Mean cross-entropy of the answer after the last step, and all gradients.

    batch: x (T, B, D) and y (B,), ints. Returns (loss, {name: gradient}).
    """
    x, y = batch
    z, (h, cache_h, cache_z) = answer(params, x, activation)
    loss, cache_l = cross_entropy(z, y)
    dz = cross_entropy_backward(1 / len(y), cache_l)
    dh = np.zeros_like(h)
    dh[-1], dW_o = readout_backward(dz, cache_z)
    _, _, dW_i, dW_h, db = rnn_backward(dh, cache_h)
    return loss / len(y), {"W_i": dW_i, "W_h": dW_h, "b": db, "W_o": dW_o}


def recall_parameters(rng, start=init_scaled, H=16):
    """Parameters for `answer` on the recall task; `start` makes W_h."""
    return {
        "W_i": init_scaled(H, 2, rng),
        "W_h": start(H, H, rng),
        "b": np.zeros(H),
        "W_o": init_scaled(2, H, rng),
    }


def run_irnn(tau, lr, seed=0, **options):
    """300 steps of an IRNN at lag 40 by plain descent: the curve of `train`.

    Runs of one seed have the same start and the same batches.
    """
    rng = np.random.default_rng(seed)
    params, batches = recall_parameters(rng, init_identity), recall_forever(40, 32, rng)
    gradients = partial(answer_gradients, activation="relu")
    return train(params, gradients, batches, sgd, lr, tau, steps=300, **options)[1]


def recall_accuracy(lag, rng, steps=400, start=init_scaled, H=16, lr=3e-3):
    """Train a tanh network on `recall`: accuracy on new sequences, product, loss.

    The product is the median of ‖∂h_T/∂h_1‖ over a batch, before training; the loss is
    the least on the sequences that choose which parameters to keep.
    """
    rngs = rng.spawn(4)
    params = recall_parameters(rngs[0], start, H)
    chosen_by, (x, y) = recall(lag, 200, rngs[1]), recall(lag, 1000, rngs[2])
    _, (h, *_) = answer(params, x[:, :32])
    product = np.median(lag_norms(h, params["W_h"], longest=lag)[-1])
    params, curve = train(
        params,
        answer_gradients,
        recall_forever(lag, 32, rngs[3]),
        lr=lr,
        clip=1.0,
        steps=steps,
        show=False,
        evaluate=lambda params: answer_gradients(params, chosen_by)[0],
    )
    accuracy = np.mean(answer(params, x)[0].argmax(axis=-1) == y)
    return float(accuracy), float(product), curve["least"]
