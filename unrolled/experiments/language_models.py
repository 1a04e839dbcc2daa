"""Experiments of chapter 4: Language models.

Generated from chapters/04_language_models.md; an edit made here is lost. Edit the chapter's cells
tagged `experiment`, then run `make sync`.
"""

import numpy as np

from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    windows,
)
from unrolled.unfolding import readout, rnn_forward

__all__ = ["random_network", "read_states", "train_readout"]


def random_network(V, rng, D=64, H=256, r=0.5):
    """X: (V, D), W_i: (H, D), W_h: (H, H), b: (H,), float32; r scales W_h."""
    X, W_i = rng.standard_normal((V, D)), rng.standard_normal((H, D)) / np.sqrt(D)
    W_h, b = r * rng.standard_normal((H, H)) / np.sqrt(H), 0.1 * rng.standard_normal(H)
    return [array.astype("float32") for array in (X, W_i, W_h, b)]


def read_states(network, stream, T=64):
    """States, targets and mask at each position of streams: (N, H), (N,), (N,).

    network: (X, W_i, W_h, b); stream: (L, B) from `streams`, so that N = (L-1) B. The
    mask is False where the target is □.
    """
    X, *weights = network
    shape = len(stream) - 1, stream.shape[1], len(weights[0])
    states = np.empty(shape, dtype="float32")
    h, place = None, 0
    for inputs, _ in windows(stream, T):
        every, _ = rnn_forward(embed(X, inputs)[0], h, *weights)
        states[place : place + len(inputs)] = every[1:]
        h, place = every[-1], place + len(inputs)
    targets = stream[1:].ravel()
    return states.reshape(len(targets), -1), targets, targets != Vocabulary.start


def train_readout(states, targets, mask, V, rng, epochs=2, rate=0.7, batch=256):
    """W_o: (V, H) by stochastic gradient descent with momentum on the cross-entropy.

    states, targets, mask: as `read_states` gives them. Starts from zeros.
    """
    W_o = np.zeros((V, states.shape[1]), dtype="float32")
    velocity, steps = np.zeros_like(W_o), epochs * (len(states) // batch)
    for step in range(steps):
        at = rng.integers(len(states), size=batch)
        _, cache = cross_entropy(readout(states[at], W_o)[0], targets[at], mask[at])
        dz = cross_entropy_backward(1 / batch, cache)
        velocity = 0.9 * velocity - rate * (1 - step / steps) * (dz.T @ states[at])
        W_o += velocity
    return W_o
