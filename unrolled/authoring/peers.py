"""Our layers and their peers, forward and backward: torch, a loop over the steps, the products.

Run as `python -m unrolled.authoring.peers ROUNDS`, by speed.py, in a process of its own: NumPy
chooses its kernel when it is loaded, and never again.
"""

import json
import sys
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_info

from unrolled import bptt, convolution, gru, lstm, pooling, unfolding
from unrolled.support import timing

SIZES = ((64, 32, 64, 128), (128, 32, 128, 256), (32, 16, 32, 64))  # T, B, D, H
CONVOLUTION = (32, 16, 128), (32, 16, 5)  # of x: (B, C, L), and of w: (K, C, n)
POOLS = (  # name, shape of x, window, stride
    ("max_pool1d", (32, 16, 128), 2, 2),
    ("max_pool1d", (32, 16, 128), 3, 2),
    ("max_pool1d", (32, 16, 128), 5, 1),
    ("avg_pool1d", (32, 16, 128), 3, 2),
    ("max_pool2d", (32, 6, 28, 28), 2, 2),
    ("max_pool2d", (32, 16, 14, 14), 3, 1),
    ("avg_pool2d", (32, 6, 28, 28), 2, 2),
)
NETWORKS = {"RNN": torch.nn.RNN, "LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}


@dataclass(frozen=True)
class Case:
    """A layer at a size, and its forms: functions that return gradients, dx first."""

    layer: str
    size: str
    forms: dict


def cases(sizes=SIZES):
    """Every layer that is measured, one Case after the other."""
    yield convolution_case()
    for pool in POOLS:
        yield pooling_case(*pool)
    for network in NETWORKS:
        for size in sizes:
            yield recurrent_case(network, *size)


def convolution_case(x_shape=CONVOLUTION[0], w_shape=CONVOLUTION[1]):
    """conv1d beside torch's, and beside the products of its taps alone."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype("f4") for s in (x_shape, w_shape, w_shape[:1]))
    out, _ = convolution.conv1d(x, w, b)
    dout, length = rng.standard_normal(out.shape).astype("f4"), out.shape[2]

    def ours():
        return convolution.conv1d_backward(dout, convolution.conv1d(x, w, b)[1])

    def torchs():
        tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
        F.conv1d(*tensors).backward(torch.from_numpy(dout))
        return tuple(tensor.grad.numpy() for tensor in tensors)

    def floor():
        for j in range(w.shape[2]):
            read = x[..., j : j + length]
            w[..., j] @ read, dout @ read.swapaxes(1, 2), w[..., j].T @ dout

    size = f"x {x_shape}, w {w_shape}"
    return Case("conv1d", size, {"ours": ours, "torch": torchs, "floor": floor})


def pooling_case(name, shape, n, stride):
    """A pooling layer beside torch's; it has no products."""
    forward, backward = getattr(pooling, name), getattr(pooling, f"{name}_backward")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("f4")
    dout = rng.standard_normal(forward(x, n, stride)[0].shape).astype("f4")

    def ours():
        return (backward(dout, forward(x, n, stride)[1]),)

    def torchs():
        tensor = torch.from_numpy(x).requires_grad_()
        getattr(F, name)(tensor, n, stride).backward(torch.from_numpy(dout))
        return (tensor.grad.numpy(),)

    size = f"x {shape}, window {n}, stride {stride}"
    return Case(name, size, {"ours": ours, "torch": torchs})


def recurrent_case(network, T, B, D, H):
    """A recurrent layer beside torch's, a loop over the steps, and its products alone."""
    rng = np.random.default_rng(0)
    x, dh = (rng.standard_normal(s).astype("f4") for s in ((T, B, D), (T + 1, B, H)))
    dh[0] = 0  # torch takes no gradient of the start
    torch.manual_seed(0)
    module = NETWORKS[network](D, H)
    W_i, W_h, b_i, b_h = (p.detach().numpy() for p in module.parameters())
    both = (b_i + b_h,)
    weights = gru.gru_from_torch(module) if network == "GRU" else (W_i, W_h, *both)
    leaf, upstream = torch.tensor(x, requires_grad=True), torch.from_numpy(dh[1:])

    def ours():
        if network == "RNN":
            dx, _, *rest = bptt.rnn_backward(dh, unfolding.rnn_forward(x, None, *weights)[1])
        elif network == "LSTM":
            _, cache = lstm.lstm_forward(x, None, None, *weights)
            dx, _, _, *rest = lstm.lstm_backward((dh, None), cache)
        else:
            dx, _, *rest = gru.gru_backward(dh, gru.gru_forward(x, None, *weights)[1])
        return dx, *rest[:2]

    def torchs():
        module.zero_grad()
        leaf.grad = None
        module(leaf)[0].backward(upstream)
        return tuple(a.grad.numpy() for a in (leaf, module.weight_ih_l0, module.weight_hh_l0))

    def loop():
        return LOOPS[network](x, dh, *weights)

    floor = products(x, dh, W_i, W_h)
    forms = {"ours": ours, "torch": torchs, "loop": loop, "floor": floor}
    return Case(network, f"{(T, B, D, H)}", forms)


def products(x, dh, W_i, W_h):
    """A function that does the matrix products of both ways, each once, and nothing else."""
    (T, B, D), (G, H) = x.shape, W_h.shape
    inputs, states, W = x.reshape(T * B, D), dh[1:].reshape(T * B, H), W_h.T.copy()
    z, h = np.empty((B, G), "f4"), np.empty((B, H), "f4")

    def floor():
        dz = inputs @ W_i.T
        by_step = dz.reshape(T, B, G)
        for t in range(T):
            np.matmul(dh[t], W, out=z)
        for t in range(T):
            np.matmul(by_step[t], W_h, out=h)
        return dz @ W_i, dz.T @ inputs, dz.T @ states

    return floor


def rnn_loop(x, dh, W_i, W_h, b):
    """The RNN as a textbook writes it: one step after the other, also backwards."""
    h = np.zeros_like(dh)
    for t, x_t in enumerate(x):
        h[t + 1] = np.tanh(x_t @ W_i.T + h[t] @ W_h.T + b)
    dx, dW_i, dW_h, back = np.empty_like(x), np.zeros_like(W_i), np.zeros_like(W_h), 0
    for t in reversed(range(len(x))):
        dz = (dh[t + 1] + back) * (1 - h[t + 1] ** 2)
        dW_i += dz.T @ x[t]
        dW_h += dz.T @ h[t]
        dx[t], back = dz @ W_i, dz @ W_h
    return dx, dW_i, dW_h


def lstm_loop(x, dh, W_i, W_h, b):
    """The LSTM in the same way, its four gates stacked: one product a step for all of them."""
    h, c, kept = np.zeros_like(dh[0]), np.zeros_like(dh[0]), []
    for x_t in x:
        z_i, z_f, z_g, z_o = np.split(x_t @ W_i.T + h @ W_h.T + b, 4, axis=1)
        i, f, g, o = _sigmoid(z_i), _sigmoid(z_f), np.tanh(z_g), _sigmoid(z_o)
        before, c = (h, c), f * c + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        kept.append((*before, i, f, g, o, tanh_c))
    dx, dW_i, dW_h, back, dc = np.empty_like(x), np.zeros_like(W_i), np.zeros_like(W_h), 0, 0
    for t in reversed(range(len(x))):
        h, c, i, f, g, o, tanh_c = kept[t]
        dh_t = dh[t + 1] + back
        dc = dc + dh_t * o * (1 - tanh_c**2)
        gates = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)
        dz = np.concatenate([*gates, dh_t * tanh_c * o * (1 - o)], axis=1)
        dW_i += dz.T @ x[t]
        dW_h += dz.T @ h
        dx[t], back, dc = dz @ W_i, dz @ W_h, dc * f
    return dx, dW_i, dW_h


def gru_loop(x, dh, W_i, W_h, b, b_n):
    """The GRU in the same way, reset after the product, its three gates stacked."""
    h, kept = np.zeros_like(dh[0]), []
    for x_t in x:
        (a_r, a_z, a_n), (s_r, s_z, s_n) = (
            np.split(a, 3, axis=1) for a in (x_t @ W_i.T + b, h @ W_h.T)
        )
        r, z, q = _sigmoid(a_r + s_r), _sigmoid(a_z + s_z), s_n + b_n
        n = np.tanh(a_n + r * q)
        kept.append((h, r, z, n, q))
        h = (1 - z) * n + z * h
    dx, dW_i, dW_h, back = np.empty_like(x), np.zeros_like(W_i), np.zeros_like(W_h), 0
    for t in reversed(range(len(x))):
        h, r, z, n, q = kept[t]
        dh_t = dh[t + 1] + back
        dn = dh_t * (1 - z) * (1 - n**2)
        gates = dn * q * r * (1 - r), dh_t * (h - n) * z * (1 - z)
        da, ds = np.concatenate([*gates, dn], axis=1), np.concatenate([*gates, dn * r], axis=1)
        dW_i += da.T @ x[t]
        dW_h += ds.T @ h
        dx[t], back = da @ W_i, dh_t * z + ds @ W_h
    return dx, dW_i, dW_h


LOOPS = {"RNN": rnn_loop, "LSTM": lstm_loop, "GRU": gru_loop}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def measured(rounds, chosen=None):
    """The kernel NumPy runs, and rows (layer, size, form, milliseconds): medians of the rounds."""
    torch.set_num_threads(1)
    kernels = [one["architecture"] for one in threadpool_info() if one["user_api"] == "blas"]
    rows = []
    for case in cases() if chosen is None else chosen:
        print(f"  {case.layer} {case.size}", file=sys.stderr)
        seconds = timing.compare(case.forms, rounds).seconds
        rows += [(case.layer, case.size, form, 1e3 * s) for form, s in seconds.items()]
    return {"kernel": kernels[0] if kernels else "unknown", "rows": rows}


if __name__ == "__main__":
    json.dump(measured(int(sys.argv[1])), sys.stdout)
