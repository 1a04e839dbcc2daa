"""Right answers to lab 01, written as a student would write them; see `variants.programs`."""

import numpy as np


def correlate(x, m):
    T, n = len(x), len(m)
    c = np.zeros(T - n + 1)
    for l in range(T - n + 1):
        for j in range(n):
            c[l] += m[j] * x[l + j]
    return c


def correlate_by_windows(x, m):
    T, n = len(x), len(m)
    return np.array([m @ x[l : l + n] for l in range(T - n + 1)])


def correlate_by_numpy(x, m):
    return np.correlate(x, m, "valid")


def stack_geometry(L, layers):
    length = int(L)
    for n, stride, padding, dilation in layers:
        length = (length + 2 * padding - dilation * (n - 1) - 1) // stride + 1
    field = 1
    for n, stride, _, dilation in layers[::-1]:
        field = (field - 1) * stride + dilation * (n - 1) + 1
    return int(length), int(field)


def stack_geometry_forwards(L, layers):
    length, field, jump = int(L), 1, 1
    for n, stride, padding, dilation in layers:
        reach = dilation * (n - 1)
        length = (length + 2 * padding - reach - 1) // stride + 1
        field = field + reach * jump
        jump = jump * stride
    return int(length), int(field)


def causal_conv(x, m, dilation):
    n, T = len(m), len(x)
    c = np.zeros(T)
    for t in range(T):
        for j in range(n):
            if t - (n - 1 - j) * dilation >= 0:
                c[t] += m[j] * x[t - (n - 1 - j) * dilation]
    return c


def causal_conv_padded(x, m, dilation):
    n, T = len(m), len(x)
    past = (n - 1) * dilation
    padded = np.concatenate([np.zeros(past), x])
    c = np.zeros(T)
    for j in range(n):
        c += m[j] * padded[j * dilation : j * dilation + T]
    return c


def causal_conv_repeated(x, m, dilation):
    past = (len(m) - 1) * dilation
    padded = np.pad(x, (past, 0), mode="constant")
    return np.array([padded[t : t + past + 1 : dilation] @ m for t in range(len(x))])


def transposed_conv(y, w, stride, L):
    (K, C, n), positions = w.shape, y.shape[1]
    x = np.zeros((C, L))
    for l in range(positions):
        for k in range(K):
            x[:, stride * l : stride * l + n] += y[k, l] * w[k]
    return x


def transposed_conv_by_weight(y, w, stride, L):
    (K, C, n), positions = w.shape, y.shape[1]
    x = np.zeros((C, L))
    for k in range(K):
        for c in range(C):
            for l in range(positions):
                for j in range(n):
                    x[c, stride * l + j] += y[k, l] * w[k, c, j]
    return x


def separable_conv(x, w_depth, w_point):
    (B, C, L), n, K = x.shape, w_depth.shape[1], len(w_point)
    positions = L - n + 1
    each = np.zeros((B, C, positions))
    for j in range(n):
        each += w_depth[:, j, None] * x[:, :, j : j + positions]
    return w_point @ each, C * n + K * C, K * C * n


def shared_filter_gradient(x, dc, n, stride):
    dm = np.zeros(n)
    for l in range(dc.shape[2]):
        window = x[:, :, stride * l : stride * l + n]
        dm += (dc[:, :, l, None] * window).sum(axis=(0, 1))
    return dm


def shared_filter_gradient_by_weight(x, dc, n, stride):
    (B, C, _), positions = x.shape, dc.shape[2]
    dm = np.zeros(n)
    for b in range(B):
        for c in range(C):
            for l in range(positions):
                for j in range(n):
                    dm[j] += dc[b, c, l] * x[b, c, stride * l + j]
    return dm


def separable_conv_by_position(x, w_depth, w_point):
    (B, C, L), n, K = x.shape, w_depth.shape[1], len(w_point)
    out = np.zeros((B, K, L - n + 1))
    for l in range(L - n + 1):
        window = x[:, :, l : l + n]
        each = (w_depth * window).sum(axis=2)
        out[:, :, l] = each @ w_point.T
    return out, C * n + K * C, K * C * n


PROGRAMS = {
    "correlate": (correlate, correlate_by_windows, correlate_by_numpy),
    "stack_geometry": (stack_geometry, stack_geometry_forwards),
    "causal_conv": (causal_conv, causal_conv_padded, causal_conv_repeated),
    "transposed_conv": (transposed_conv, transposed_conv_by_weight),
    "separable_conv": (separable_conv, separable_conv_by_position),
    "shared_filter_gradient": (shared_filter_gradient, shared_filter_gradient_by_weight),
}
