"""Experiments of chapter 6: Vanishing, exploding, clipping.

Generated from chapters/06_clipping.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.clipping import init_scaled, lag_norms, train
from unrolled.common.arguments import one_integer
from unrolled.language_models import cross_entropy, cross_entropy_backward
from unrolled.unfolding import readout, readout_backward, rnn_forward

__all__ = [
    "answer",
    "answer_gradients",
    "recall",
    "recall_accuracy",
    "recall_forever",
    "recall_parameters",
]


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


def recall_accuracy(lag, rng, steps=400, start=init_scaled, H=16):
    """Train a tanh network on `recall`: (accuracy on new sequences, product before).

    The product is the median of ‖∂h_T/∂h_1‖ over a batch, before training.
    """
    rngs = rng.spawn(4)
    params = recall_parameters(rngs[0], start, H)
    chosen_by, (x, y) = recall(lag, 200, rngs[1]), recall(lag, 1000, rngs[2])
    _, (h, *_) = answer(params, x[:, :32])
    product = np.median(lag_norms(h, params["W_h"], longest=lag)[-1])
    params, _ = train(
        params,
        answer_gradients,
        recall_forever(lag, 32, rngs[3]),
        lr=3e-3,
        clip=1.0,
        steps=steps,
        show=False,
        evaluate=lambda params: answer_gradients(params, chosen_by)[0],
    )
    accuracy = np.mean(answer(params, x)[0].argmax(axis=-1) == y)
    return float(accuracy), float(product)
