"""Right answers to lab 01, written as a student would write them; see `variants.programs`."""

import numpy as np


def correlate(x, m):
    T, n = len(x), len(m)
    return np.array([m @ x[l : l + n] for l in range(T - n + 1)])


def stack_geometry(L, layers):
    length = int(L)
    for n, stride, padding, dilation in layers:
        length = (length + 2 * padding - dilation * (n - 1) - 1) // stride + 1
    field = 1  # one number of the last output, and from there back to the input
    for n, stride, _, dilation in layers[::-1]:
        field = (field - 1) * stride + dilation * (n - 1) + 1
    return int(length), int(field)


def causal_conv(x, m, dilation):
    n, T = len(m), len(x)
    past = (n - 1) * dilation  # samples before x_t that the filter reaches
    padded = np.concatenate([np.zeros(past), x])
    c = np.zeros(T)
    for j in range(n):
        c += m[j] * padded[j * dilation : j * dilation + T]
    return c


def transposed_conv(y, w, stride, L):
    (K, C, n), positions = w.shape, y.shape[1]
    x = np.zeros((C, L))
    for l in range(positions):
        for k in range(K):
            x[:, stride * l : stride * l + n] += y[k, l] * w[k]
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
        window = x[:, :, stride * l : stride * l + n]  # (B, C, n)
        dm += (dc[:, :, l, None] * window).sum(axis=(0, 1))
    return dm


PROGRAMS = {
    "correlate": (correlate,),
    "stack_geometry": (stack_geometry,),
    "causal_conv": (causal_conv,),
    "transposed_conv": (transposed_conv,),
    "separable_conv": (separable_conv,),
    "shared_filter_gradient": (shared_filter_gradient,),
}
