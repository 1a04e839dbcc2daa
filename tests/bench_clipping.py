"""Speed of clipping and Adam against torch's, on the parameters of a small language model."""

import numpy as np
import torch

from unrolled.clipping import adam, clip_by_norm

SHAPES = {"X": (100, 64), "W_i": (128, 64), "W_h": (128, 128), "b": (128,), "W_o": (100, 128)}


def parameters():
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype("f4") for name, shape in SHAPES.items()}


def leaves_with_gradients(grads):
    leaves = [torch.from_numpy(a).requires_grad_() for a in parameters().values()]
    for leaf, g in zip(leaves, grads.values()):
        leaf.grad = torch.from_numpy(g.copy())
    return leaves


def test_clip_by_norm(ratio):
    grads = parameters()
    leaves = leaves_with_gradients(grads)
    assert (
        ratio(
            lambda: clip_by_norm(grads, 1.0),
            lambda: torch.nn.utils.clip_grad_norm_(leaves, 1.0),
        )
        <= 4.0
    )


def test_adam(ratio):
    params, grads, state = parameters(), parameters(), {}
    optimiser = torch.optim.Adam(leaves_with_gradients(grads), lr=1e-3)
    assert ratio(lambda: adam(params, grads, state, 1e-3), optimiser.step) <= 4.0
