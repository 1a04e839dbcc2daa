"""Speed of pooling against torch, forward and backward, float32, one thread."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from unrolled import pooling


@pytest.mark.parametrize(
    ("kind", "axes", "shape", "n", "stride"),
    [
        ("max", 1, (32, 16, 128), 2, 2),
        ("max", 1, (32, 16, 128), 5, 1),
        ("avg", 1, (32, 16, 128), 3, 2),
        ("max", 2, (32, 6, 28, 28), 2, 2),
        ("max", 2, (32, 16, 14, 14), 3, 1),
        ("avg", 2, (32, 6, 28, 28), 2, 2),
    ],
)
def test_pool(ratio, kind, axes, shape, n, stride):
    name = f"{kind}_pool{axes}d"
    forward, backward = getattr(pooling, name), getattr(pooling, f"{name}_backward")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("f4")
    dout = rng.standard_normal(forward(x, n, stride)[0].shape).astype("f4")

    def ours():
        backward(dout, forward(x, n, stride)[1])

    def torchs():
        tensor = torch.from_numpy(x).requires_grad_()
        getattr(F, name)(tensor, n, stride).backward(torch.from_numpy(dout))

    assert ratio(ours, torchs) <= 3.0


def test_max_over_time(ratio):
    rng = np.random.default_rng(0)
    x, mask = rng.standard_normal((64, 96, 20)).astype("f4"), np.arange(20) < 15
    mask = np.broadcast_to(mask, (64, 20))
    dout = rng.standard_normal((64, 96)).astype("f4")

    def ours():
        pooling.max_over_time_backward(dout, pooling.max_over_time(x, mask)[1])

    def torchs():
        tensor = torch.from_numpy(x).requires_grad_()
        ruled = torch.from_numpy(~mask)[:, None]
        tensor.masked_fill(ruled, -torch.inf).max(dim=2).values.backward(torch.from_numpy(dout))

    assert ratio(ours, torchs) <= 3.0
