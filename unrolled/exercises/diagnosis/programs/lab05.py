"""Right answers to lab 05, written as a student would write them; see `variants.programs`."""

import numpy as np


def output_gradient(h, z, y):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    dz = p / p.sum(axis=1, keepdims=True)  # (T, V)
    dz[np.arange(len(y)), y] -= 1
    return dz.T @ h


def gradient_by_start(v, J, U):
    G, delta = np.zeros((len(U), U.shape[2])), np.zeros(v.shape[1])
    for i in reversed(range(len(v))):
        delta = delta + v[i]  # all that is asked of state i
        G[i] = delta @ U[i]
        delta = delta @ J[i]
    return G


def tied_gradient(tokens, dx, dz, h):
    dX = np.einsum("tbv,tbd->vd", dz, h)
    np.add.at(dX, tokens, dx)
    return dX


def base_gradient(x, h_0, W_i, W_h, b, dh_T):
    h = [np.tile(h_0, (x.shape[1], 1))]
    for x_t in x:
        h.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
    delta = dh_T
    for state in reversed(h[1:]):
        delta = (delta * (1 - state**2)) @ W_h
    return delta.sum(axis=0)


def leaky_gradient(dh, x, h_0, W_i, W_h, b, alpha):
    h, f = [h_0], []
    for x_t in x:
        f.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
        h.append((1 - alpha) * h[-1] + alpha * f[-1])
    dW_h, delta = np.zeros_like(W_h), np.zeros_like(h_0)
    for t in reversed(range(len(x))):
        delta = delta + dh[t]
        da = alpha * delta * (1 - f[t] ** 2)
        dW_h += da.T @ h[t]
        delta = (1 - alpha) * delta + da @ W_h
    return dW_h, delta


def truncated_gradient(x, v, W_i, W_h, b, k1, k2):
    T, B, _ = x.shape
    h = [np.zeros((B, len(b)))]
    for x_t in x:
        h.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
    dW_h = np.zeros_like(W_h)
    for s in range(0, T, k1):
        e, delta = min(s + k1, T), 0.0
        for t in reversed(range(max(0, e - k2), e)):
            if t >= s:
                delta = delta + v[t]
            da = delta * (1 - h[t + 1] ** 2)
            dW_h += da.T @ h[t]
            delta = da @ W_h
    return dW_h, h[-1]


def online_gradient(x, v, w, W_i):
    h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
    dw, dW_i = np.zeros(len(w)), np.zeros_like(W_i)
    for x_t, v_t in zip(x, v):
        before, h = h, np.tanh(w * h + W_i @ x_t)
        slope = 1 - h**2
        S = slope * (before + w * S)  # ∂h_k / ∂w_k
        R = slope[:, None] * (x_t + w[:, None] * R)  # ∂h_k / ∂W_kd
        dw += v_t * S
        dW_i += v_t[:, None] * R
    return dw, dW_i


PROGRAMS = {
    "output_gradient": (output_gradient,),
    "gradient_by_start": (gradient_by_start,),
    "tied_gradient": (tied_gradient,),
    "base_gradient": (base_gradient,),
    "leaky_gradient": (leaky_gradient,),
    "truncated_gradient": (truncated_gradient,),
    "online_gradient": (online_gradient,),
}
