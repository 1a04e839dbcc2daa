"""Right answers to lab 08, written as a student would write them; see `variants.programs`."""

import numpy as np

from unrolled.unfolding import sigmoid


def step_after(x, h_prev, W_i, W_h, b, b_n):
    W_ir, W_iz, W_in = np.split(W_i, 3)
    W_hr, W_hz, W_hn = np.split(W_h, 3)
    b_r, b_z, b_x = np.split(b, 3)
    r = sigmoid(x @ W_ir.T + h_prev @ W_hr.T + b_r)
    z = sigmoid(x @ W_iz.T + h_prev @ W_hz.T + b_z)
    n = np.tanh(x @ W_in.T + b_x + r * (h_prev @ W_hn.T + b_n))
    return (1 - z) * n + z * h_prev


def minimal_gated(x, h_0, W_i, W_h, b):
    W_if, W_in = np.split(W_i, 2)
    W_hf, W_hn = np.split(W_h, 2)
    b_f, b_n = np.split(b, 2)
    h = np.zeros((len(x) + 1, *h_0.shape))
    h[0] = h_0
    for t in range(len(x)):
        f = sigmoid(x[t] @ W_if.T + h[t] @ W_hf.T + b_f)
        n = np.tanh(x[t] @ W_in.T + (f * h[t]) @ W_hn.T + b_n)
        h[t + 1] = (1 - f) * h[t] + f * n
    return h


def minimal_backward(dh, x, h_prev, W_i, W_h, b):
    W_if, W_in = np.split(W_i, 2)
    W_hf, W_hn = np.split(W_h, 2)
    b_f, b_n = np.split(b, 2)
    f = sigmoid(x @ W_if.T + h_prev @ W_hf.T + b_f)
    s = f * h_prev
    n = np.tanh(x @ W_in.T + s @ W_hn.T + b_n)
    dn = dh * f
    da_n = dn * (1 - n**2)
    ds = da_n @ W_hn
    df = dh * (n - h_prev) + ds * h_prev
    da_f = df * f * (1 - f)
    dh_prev = dh * (1 - f) + ds * f + da_f @ W_hf
    dW_i = np.concatenate([da_f.T @ x, da_n.T @ x])
    dW_h = np.concatenate([da_f.T @ h_prev, da_n.T @ s])
    db = np.concatenate([da_f.sum(axis=0), da_n.sum(axis=0)])
    return dh_prev, dW_i, dW_h, db


def torch_count(D, H, layers, directions):
    total, width = 0, D
    for _ in range(layers):
        weights = width * H + H * H
        biases = 2 * H
        total += directions * (3 * weights + 3 * biases)
        width = directions * H
    return total


def from_archive(K, R, c):
    K_z, K_r, K_n = np.split(K.T, 3)
    R_z, R_r, R_n = np.split(R.T, 3)
    c_0z, c_0r, c_0n = np.split(c[0], 3)
    c_1z, c_1r, c_1n = np.split(c[1], 3)
    W_i = np.concatenate([K_r, -K_z, K_n])
    W_h = np.concatenate([R_r, -R_z, R_n])
    b = np.concatenate([c_0r + c_1r, -(c_0z + c_1z), c_0n])
    return W_i, W_h, b, c_1n


def latch(D, value, mark):
    W_i, W_h, b, b_n = np.zeros((3, D)), np.zeros((3, 1)), np.zeros(3), np.zeros(1)
    W_i[1, mark] = -200.0
    b[1] = 100.0
    W_i[2, value] = 1.0
    return W_i, W_h, b, b_n


PROGRAMS = {
    "step_after": (step_after,),
    "minimal_gated": (minimal_gated,),
    "minimal_backward": (minimal_backward,),
    "torch_count": (torch_count,),
    "from_archive": (from_archive,),
    "latch": (latch,),
}

HOLDS = {
    "minimal_backward": {
        "n": "the candidate",
        "dn": "the gradient of `n`",
        "da_n": "the gradient before the tanh of `n`",
        "s": "`f * h_prev`",
        "ds": "the gradient of `f * h_prev`",
        "df": "the gradient of `f`",
        "da_f": "the gradient before the sigmoid of `f`",
    },
    "torch_count": {
        "width": "how many numbers a layer reads",
    },
}
