"""Speed of pooling over time against torch, both ways, float32, one thread."""

import numpy as np
import torch

from unrolled import pooling


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
