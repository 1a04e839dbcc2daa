"""Right answers to lab 01, written differently from the solution: a check must accept them all."""

import numpy as np
import torch

from unrolled.convolution import conv1d, conv1d_backward, output_length


# --------------------------------------------------------------------------- correlate
def by_numpy(x, m):
    return np.correlate(x, m, mode="valid")


def by_flipped_convolution(signal, taps):  # other names, and a list instead of an array
    return list(np.convolve(signal, taps[::-1], mode="valid"))


def by_three_loops(x, m):
    c = [0.0] * (len(x) - len(m) + 1)
    for l in range(len(c)):
        for j in range(len(m)):
            c[l] += float(m[j]) * float(x[l + j])
    return tuple(c)


def by_torch(x, m):
    x, m = torch.tensor(x)[None, None], torch.tensor(m, requires_grad=True)
    return torch.nn.functional.conv1d(x, m[None, None])[0, 0]


# --------------------------------------------------------------------------- stack_geometry
def by_jumps(L, layers):
    field, jump = 1, 1
    for n, stride, padding, dilation in layers.tolist():
        field += dilation * (n - 1) * jump
        jump *= stride
        L = output_length(L, n, stride, padding, dilation)
    return [L, field]


def by_marking(L, layers):
    """Mark what the first of the last outputs sees, layer by layer, back to the input."""
    seen = {0}
    for n, stride, _, dilation in layers[::-1]:
        seen = {l * stride + j * dilation for l in seen for j in range(n)}
    for n, stride, padding, dilation in layers:
        L = len(range(0, L + 2 * padding - dilation * (n - 1), stride))
    return np.int64(L), max(seen) - min(seen) + 1


# --------------------------------------------------------------------------- causal_conv
def by_skipping(x, m, dilation):
    c = np.zeros_like(x)
    for t in range(len(x)):
        for j in range(len(m)):
            past = t - (len(m) - 1 - j) * dilation
            if past >= 0:
                c[t] += m[j] * x[past]
    return c


def by_spread_filter(x, m, dilation):
    spread = np.zeros((len(m) - 1) * dilation + 1)
    spread[::dilation] = m
    return np.convolve(x, spread[::-1])[: len(x)]


def by_the_chapter(x, m, dilation):
    past = (len(m) - 1) * dilation
    both = conv1d(x[None, None], m[None, None], np.zeros(1), padding=past, dilation=dilation)[0]
    return both[0, 0, : len(x)]


# --------------------------------------------------------------------------- transposed_conv
def by_matrix(y, w, stride, L):
    K, C, n = w.shape
    M = np.zeros((K, y.shape[1], C, L))
    for l in range(y.shape[1]):
        M[:, l, :, stride * l : stride * l + n] = w
    return np.einsum("kl,klct->ct", y, M)


def by_taps(y, w, stride, L):
    x = np.zeros((w.shape[1], L))
    for j in range(w.shape[2]):
        stop = j + stride * (y.shape[1] - 1) + 1
        x[:, j:stop:stride] += w[:, :, j].T @ y
    return x


def by_zeros_between(y, w, stride, L):
    """Insert zeros between the responses, then convolve in the signal-processing sense."""
    spread = np.zeros((len(y), stride * (y.shape[1] - 1) + 1))
    spread[:, ::stride] = y
    rows = [sum(np.convolve(s, f) for s, f in zip(spread, w[:, c])) for c in range(w.shape[1])]
    return np.pad(rows, ((0, 0), (0, L - len(rows[0]))))


# --------------------------------------------------------------------------- separable_conv
def by_groups(x, w_depth, w_point):
    C, n = w_depth.shape
    each, _ = conv1d(x, w_depth[:, None], np.zeros(C), groups=C)
    out, _ = conv1d(each, w_point[:, :, None], np.zeros(len(w_point)))
    return out, C * (n + len(w_point)), w_point.size * n


def by_one_full_convolution(x, w_depth, w_point):
    w = w_point[:, :, None] * w_depth  # (K, C, n): the separable layer is a full one of low rank
    out, _ = conv1d(x, w, np.zeros(len(w)))
    return out, w_depth.size + w_point.size, w.size


# --------------------------------------------------------------------------- gradient
def by_einsum(x, dc, n, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, n, axis=2)[:, :, ::stride]
    return np.einsum("bcl,bclj->j", dc, windows)


def by_backward(x, dc, n, stride):
    B, C, L = x.shape
    _, cache = conv1d(x.reshape(B * C, 1, L), np.zeros((1, 1, n)), np.zeros(1), stride=stride)
    return conv1d_backward(dc.reshape(B * C, 1, -1), cache)[1].ravel()


def by_dilated_correlation(x, dc, n, stride):
    """The gradient is a correlation of x with dc, whose numbers lie `stride` samples apart."""
    spread = np.zeros((*dc.shape[:2], stride * (dc.shape[2] - 1) + 1))
    spread[:, :, ::stride] = dc
    return sum(
        np.correlate(signal, taps)[:n]
        for signals, rows in zip(x, spread)
        for signal, taps in zip(signals, rows)
    )


ALTERNATIVES = {
    "correlate": (by_numpy, by_flipped_convolution, by_three_loops, by_torch),
    "stack_geometry": (by_jumps, by_marking),
    "causal_conv": (by_skipping, by_spread_filter, by_the_chapter),
    "transposed_conv": (by_matrix, by_taps, by_zeros_between),
    "separable_conv": (by_groups, by_one_full_convolution),
    "shared_filter_gradient": (by_einsum, by_backward, by_dilated_correlation),
}
