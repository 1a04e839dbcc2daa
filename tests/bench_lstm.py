"""Speed of the LSTM, forward and backward, float32, one thread: floor, torch, a plain cell."""

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


def products(given_, dh):
    """Nothing but the matrix products that the forward and the backward pass need."""
    x, h_0, _, W_i, W_h, _ = given_
    rows, states = x.reshape(T * B, D), dh[:-1].reshape(T * B, H)
    W = np.ascontiguousarray(W_h.T)

    def floor():
        z = (rows @ W_i.T).reshape(T, B, 4 * H)
        for _ in range(T):
            h_0 @ W
        for t in range(T):
            z[t] @ W_h
        dz = z.reshape(T * B, 4 * H)
        return dz @ W_i, dz.T @ rows, dz.T @ states

    return floor


def test_against_the_matrix_products_alone(ratio, ours, given_):
    assert ratio(ours, products(given_, ours.dh), rounds=100) <= 1.3


def test_against_torchs_lstm(ratio, ours, given_):
    net, dh = torch.nn.LSTM(D, H), torch.from_numpy(ours.dh[1:])
    leaves = [torch.tensor(a, requires_grad=True) for a in given_[:3]]

    def torchs():
        for leaf in (*net.parameters(), *leaves):
            leaf.grad = None
        net(leaves[0], (leaves[1][None], leaves[2][None]))[0].backward(dh)

    assert ratio(ours, torchs, rounds=100) <= 2


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
