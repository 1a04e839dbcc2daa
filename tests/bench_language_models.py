"""Speed of the loss and the embedding against torch, forward and backward, float32, one thread."""

import numpy as np
import torch
import torch.nn.functional as F

from unrolled.language_models import cross_entropy, cross_entropy_backward, embed, embed_backward


def test_cross_entropy(ratio):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((64, 32, 1000)).astype("f4")
    targets = rng.integers(1000, size=(64, 32))
    flat = torch.from_numpy(targets.ravel())

    def ours():
        cross_entropy_backward(1.0, cross_entropy(z, targets)[1])

    def torchs():
        scores = torch.from_numpy(z).requires_grad_()
        F.cross_entropy(scores.view(-1, 1000), flat, reduction="sum").backward()

    assert ratio(ours, torchs, rounds=60) <= 4.0


def test_embed(ratio):
    rng = np.random.default_rng(0)
    X, tokens = rng.standard_normal((1000, 64)).astype("f4"), rng.integers(1000, size=(64, 32))
    dout = rng.standard_normal((64, 32, 64)).astype("f4")
    at, upstream = torch.from_numpy(tokens), torch.from_numpy(dout)

    def ours():
        embed_backward(dout, embed(X, tokens)[1])

    def torchs():
        table = torch.from_numpy(X).requires_grad_()
        F.embedding(at, table).backward(upstream)

    assert ratio(ours, torchs) <= 8.0
