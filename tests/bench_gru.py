"""The GRU with its reset before the product, both ways, against a from-scratch cell."""

import numpy as np
import pytest
import torch

from unrolled import gru

T, B, D, H = 64, 32, 64, 128


@pytest.fixture
def layer():
    """x, the weights, and dh."""
    rng = np.random.default_rng(0)
    x, dh = (rng.standard_normal(s).astype("f4") for s in ((T, B, D), (T + 1, B, H)))
    return x, gru.gru_from_torch(torch.nn.GRU(D, H)), dh


def both_ways(x, weights, dh):
    return gru.gru_backward(dh, gru.gru_forward(x, None, *weights, "before")[1])


def test_a_cell_from_scratch_under_autograd(ratio, layer):
    """Separate gates, one step at a time, as textbooks write it."""
    x, (W_i, W_h, b, b_n), dh = layer
    U, W, c = ([torch.tensor(k.T.copy(), requires_grad=True) for k in np.split(a, 3)]
               for a in (W_i, W_h, b))  # fmt: skip
    inputs, upstream = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh[1:])
    parameters = [inputs, *U, *W, *c]

    def from_scratch():
        for p in parameters:
            p.grad = None
        h, states = torch.zeros(B, H), []
        for x_t in inputs:
            r = torch.sigmoid(x_t @ U[0] + h @ W[0] + c[0])
            z = torch.sigmoid(x_t @ U[1] + h @ W[1] + c[1])
            n = torch.tanh(x_t @ U[2] + (r * h) @ W[2] + c[2])
            h = z * h + (1 - z) * n
            states.append(h)
        torch.stack(states).backward(upstream)

    ours = lambda: both_ways(x, (W_i, W_h, b, b_n), dh)  # noqa: E731
    assert ratio(from_scratch, ours, rounds=60) >= 1.9
