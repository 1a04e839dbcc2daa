"""Experiments of chapter 2: Pooling.

Generated from chapters/02_pooling.md; an edit made here is lost. Edit the chapter's cells tagged
`experiment`, then run `make sync`.
"""

import numpy as np

from unrolled.pooling import adam_step, softmax_loss, softmax_loss_backward

__all__ = ["classify", "hold_out", "similar_lengths", "train_epoch"]


def hold_out(count, rng, share=0.2):
    """Random indices of the examples to train on, and of the share held out."""
    order = rng.permutation(count)
    return order[round(share * count) :], order[: round(share * count)]


def similar_lengths(lengths, size, rng):
    """Indices in batches of at most `size`, like lengths together, in random order."""
    order = np.lexsort((rng.random(len(lengths)), lengths))
    batches = np.array_split(order, -(-len(order) // size))
    return [batches[k] for k in rng.permutation(len(batches))]


def train_epoch(network, p, memory, x, labels, batches, rate):
    """One Adam step a batch. network: (forward, backward). Returns the mean loss."""
    forward, backward = network
    losses = []
    for batch in batches:
        scores, cache = forward(x[batch], p)
        loss, loss_cache = softmax_loss(scores, labels[batch])
        dp = backward(softmax_loss_backward(1 / len(batch), loss_cache), cache)
        adam_step(p, dp, memory, rate)
        losses.append(loss / len(batch))
    return float(np.mean(losses))


def classify(forward, p, x, size=128):
    """The class with the largest score for each example, `size` of them at a time."""
    parts = [x[i : i + size] for i in range(0, len(x), size)]
    return np.concatenate([forward(part, p)[0].argmax(axis=1) for part in parts])
