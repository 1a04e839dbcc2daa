"""The GRU against its floor, torch and a from-scratch cell: float32, one thread, both ways."""

import numpy as np
import pytest
import torch

from unrolled import gru

T, B, D, H = 64, 32, 64, 128


@pytest.fixture
def layer():
    """x, the weights, dh, and torch's module with the same weights."""
    rng = np.random.default_rng(0)
    net = torch.nn.GRU(D, H)
    x, dh = (rng.standard_normal(s).astype("f4") for s in ((T, B, D), (T + 1, B, H)))
    return x, gru.gru_from_torch(net), dh, net


def both_ways(x, weights, dh, reset="after"):
    return gru.gru_backward(dh, gru.gru_forward(x, None, *weights, reset)[1])


def products(x, weights, dh, reset="after"):
    """A function that does the matrix products of both ways, each once, and nothing else."""
    W_i, W_h = weights[:2]
    da = np.random.default_rng(1).standard_normal((T, B, 3 * H)).astype("f4")
    inputs, states, rows = x.reshape(-1, D), dh[1:].reshape(-1, H), da.reshape(-1, 3 * H)
    forward, a = np.ascontiguousarray(W_h.T), np.empty((B, 3 * H), "f4")
    back = np.empty((B, H), "f4")

    def together():
        inputs @ W_i.T
        for h_t, da_t in zip(dh[1:], da, strict=True):
            np.matmul(h_t, forward, out=a)
            np.matmul(da_t, W_h, out=back)
        rows.T @ inputs, rows.T @ states, rows @ W_i

    outer, inner = forward[:, : 2 * H].copy(), forward[:, 2 * H :].copy()

    def in_two():  # the candidate's product waits for the reset gate
        inputs @ W_i.T
        for h_t, da_t in zip(dh[1:], da, strict=True):
            h_t @ outer, np.matmul(h_t, inner, out=back)
            da_t[:, : 2 * H] @ W_h[: 2 * H], np.matmul(da_t[:, 2 * H :], W_h[2 * H :], out=back)
        rows.T @ inputs, rows.T @ states, rows @ W_i

    return together if reset == "after" else in_two


@pytest.mark.parametrize("reset", gru.RESETS)
def test_floor(ratio, layer, reset):
    x, weights, dh, _ = layer
    floor = products(x, weights, dh, reset)
    assert ratio(lambda: both_ways(x, weights, dh, reset), floor) <= 1.3


def test_torch(ratio, layer):
    x, weights, dh, net = layer
    inputs, upstream = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh[1:])

    def torchs():
        net.zero_grad()
        inputs.grad = None
        net(inputs)[0].backward(upstream)

    assert ratio(lambda: both_ways(x, weights, dh), torchs) <= 2


def test_a_cell_from_scratch_under_autograd(ratio, layer):
    """Separate gates, one step at a time, as textbooks write it."""
    x, (W_i, W_h, b, b_n), dh, _ = layer
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

    ours = lambda: both_ways(x, (W_i, W_h, b, b_n), dh, "before")  # noqa: E731
    assert ratio(from_scratch, ours, rounds=60) >= 1.9
