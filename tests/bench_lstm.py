"""Speed of the LSTM, forward and backward, float32, one thread, against a plain cell."""

import numpy as np
import pytest
import torch

from unrolled.lstm import lstm_backward, lstm_forward

T, B, D, H = 64, 32, 64, 128


@pytest.fixture
def given_():
    rng = np.random.default_rng(0)
    shapes = (T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)
    return [(rng.standard_normal(s) / 8).astype("f4") for s in shapes]


@pytest.fixture
def ours(given_):
    dh = np.random.default_rng(1).standard_normal((T + 1, B, H)).astype("f4")
    dh[0] = 0

    def both():
        _, cache = lstm_forward(*given_)
        return lstm_backward((dh, None), cache)

    both.dh = dh
    return both


def test_a_cell_from_scratch_under_autograd_takes_longer(ratio, ours, given_):
    """Separate weights for each gate, one step at a time, gradients by torch."""
    dh = torch.from_numpy(ours.dh[1:])
    x, h_0, c_0, W_i, W_h, b = (torch.tensor(a, requires_grad=True) for a in given_)
    gates = [
        [w.detach().T.contiguous().requires_grad_() for w in W.split(H)] for W in (W_i, W_h)
    ] + [[w.detach().clone().requires_grad_() for w in b.split(H)]]
    leaves = [x, h_0, c_0, *gates[0], *gates[1], *gates[2]]

    def from_scratch():
        for leaf in leaves:
            leaf.grad = None
        h, c, outputs = h_0, c_0, []
        for x_t in x:
            z = [x_t @ W_x + h @ W + bias for W_x, W, bias in zip(*gates, strict=True)]
            i, f, o = (torch.sigmoid(z[gate]) for gate in (0, 1, 3))
            c = f * c + i * torch.tanh(z[2])
            h = o * torch.tanh(c)
            outputs.append(h)
        torch.stack(outputs).backward(dh)

    assert ratio(from_scratch, ours, rounds=50) >= 1.9
