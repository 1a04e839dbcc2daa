"""Right answers to lab 05, written as a student would write them; see `variants.programs`."""

import numpy as np


def output_gradient(h, z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    one_hot = np.zeros(z.shape)
    one_hot[np.arange(len(y)), y] = 1.0
    dz = p - one_hot
    return dz.T @ h


def output_gradient_by_step(h, z, y):
    dW_o = np.zeros((z.shape[1], h.shape[1]))
    for t in range(len(y)):
        e = np.exp(z[t] - z[t].max())
        dz = e / e.sum()
        dz[y[t]] -= 1
        dW_o += np.outer(dz, h[t])
    return dW_o


def gradient_by_start(v, J, U):
    G, dh_i = np.zeros((len(U), U.shape[2])), np.zeros(v.shape[1])
    for i in reversed(range(len(v))):
        dh_i = dh_i + v[i]
        G[i] = dh_i @ U[i]
        dh_i = dh_i @ J[i]
    return G


def gradient_by_paths(v, J, U):
    G = np.zeros((len(U), U.shape[2]))
    for i in range(len(v)):
        for t in range(i, len(v)):
            row = v[t]
            for s in range(t, i, -1):
                row = row @ J[s]
            G[i] += row @ U[i]
    return G


def tied_gradient(tokens, dx, dz, h):
    T, B = tokens.shape
    dX = np.zeros((dz.shape[2], h.shape[2]))
    for t in range(T):
        for b in range(B):
            dX += np.outer(dz[t, b], h[t, b])
            dX[tokens[t, b]] += dx[t, b]
    return dX


def tied_gradient_at_once(tokens, dx, dz, h):
    dX = np.einsum("tbv,tbd->vd", dz, h)
    np.add.at(dX, tokens, dx)
    return dX


def tied_gradient_read_first(tokens, dx, dz, h):
    dX = np.zeros((dz.shape[2], h.shape[2]))
    for t in range(len(tokens)):
        np.add.at(dX, tokens[t], dx[t])
        dX += dz[t].T @ h[t]
    return dX


def tied_gradient_in_two_parts(tokens, dx, dz, h):
    V = dz.shape[2]
    dX_out = dz.reshape(-1, V).T @ h.reshape(-1, h.shape[2])
    dX_in = np.zeros_like(dX_out)
    np.add.at(dX_in, tokens, dx)
    return dX_out + dX_in


def base_gradient(x, h_0, W_i, W_h, b, dh_T):
    h = [np.tile(h_0, (x.shape[1], 1))]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ W_i.T + h[t] @ W_h.T + b))
    dh = dh_T
    for t in reversed(range(len(x))):
        da = dh * (1 - h[t + 1] ** 2)
        dh = da @ W_h
    return dh.sum(axis=0)


def leaky_gradient(dh, x, h_0, W_i, W_h, b, alpha):
    h, f = [h_0], []
    for t in range(len(x)):
        f.append(np.tanh(x[t] @ W_i.T + h[t] @ W_h.T + b))
        h.append((1 - alpha) * h[t] + alpha * f[t])
    dW_h, dh_t = np.zeros_like(W_h), np.zeros_like(h_0)
    for t in reversed(range(len(x))):
        dh_t = dh_t + dh[t]
        df = alpha * dh_t
        da = df * (1 - f[t] ** 2)
        dW_h += da.T @ h[t]
        dh_t = (1 - alpha) * dh_t + da @ W_h
    return dW_h, dh_t


def truncated_gradient(x, v, W_i, W_h, b, k1, k2):
    T, B, _ = x.shape
    h = [np.zeros((B, len(b)))]
    for t in range(T):
        h.append(np.tanh(x[t] @ W_i.T + h[t] @ W_h.T + b))
    dW_h = np.zeros_like(W_h)
    dh_t = np.zeros_like(h[0])
    for s in range(0, T, k1):
        e = min(s + k1, T)
        dh_t = np.zeros_like(h[0])
        for t in reversed(range(max(0, e - k2), e)):
            if t >= s:
                dh_t = dh_t + v[t]
            da = dh_t * (1 - h[t + 1] ** 2)
            dW_h += da.T @ h[t]
            dh_t = da @ W_h
    return dW_h, h[-1]


def online_gradient(x, v, w, W_i):
    h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
    dw, dW_i = np.zeros(len(w)), np.zeros_like(W_i)
    for t in range(len(x)):
        h_prev = h
        h = np.tanh(w * h_prev + W_i @ x[t])
        slope = 1 - h**2
        S = slope * (h_prev + w * S)
        R = slope[:, None] * (x[t] + w[:, None] * R)
        dw += v[t] * S
        dW_i += v[t][:, None] * R
    return dw, dW_i


PROGRAMS = {
    "output_gradient": (output_gradient, output_gradient_by_step),
    "gradient_by_start": (gradient_by_start, gradient_by_paths),
    "tied_gradient": (
        tied_gradient,
        tied_gradient_at_once,
        tied_gradient_read_first,
        tied_gradient_in_two_parts,
    ),
    "base_gradient": (base_gradient,),
    "leaky_gradient": (leaky_gradient,),
    "truncated_gradient": (truncated_gradient,),
    "online_gradient": (online_gradient,),
}

HOLDS = {
    "output_gradient": {
        "p": "the probabilities",
        "one_hot": "1 at the right token of each row, 0 elsewhere",
        "dz": "the gradient of `z`",
    },
    "gradient_by_start": {
        "dh_i": "the gradient that arrives at state i",
    },
    "tied_gradient": {
        "dX_out": "the part from the output",
        "dX_in": "the part from the lookup",
    },
    "base_gradient": {
        "h": "the states",
        "dh": "the gradient of a state",
        "da": "the gradient before the tanh",
    },
    "leaky_gradient": {
        "f": "the outputs of tanh",
        "h": "the states",
        "dh_t": "the gradient that arrives at state t",
        "df": "the gradient of `f`",
        "da": "the gradient before the tanh",
    },
    "truncated_gradient": {
        "h": "the states",
        "dh_t": "the gradient that arrives at state t",
        "da": "the gradient before the tanh",
    },
    "online_gradient": {
        "h": "the state",
        "h_prev": "the state before",
        "S": "the derivative of the state by `w`",
        "R": "the derivative of the state by `W_i`",
        "slope": "the slope of tanh",
    },
}
