"""Right answers to lab 02, written as a student would write them; see `variants.programs`."""

import numpy as np


def min_pool(x, n, stride):
    positions = (x.shape[2] - n) // stride + 1
    windows = [-x[:, :, stride * l : stride * l + n] for l in range(positions)]
    return -np.stack([window.max(axis=2) for window in windows], axis=2)


def min_pool_one_by_one(x, n, stride):
    out = np.zeros((*x.shape[:2], (x.shape[2] - n) // stride + 1))
    for l in range(out.shape[2]):
        window = x[:, :, stride * l : stride * l + n]
        out[:, :, l] = -np.max(-window, axis=2)
    return out


def avg_pool_backward(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = max(stride * l - padding, 0)
        stop = min(stride * l - padding + n, L)
        count = stop - start
        dx[:, :, start:stop] += dout[:, :, l, None] / count
    return dx


def avg_pool_backward_by_sample(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = stride * l - padding
        window = [i for i in range(start, start + n) if 0 <= i < L]
        for i in window:
            dx[:, :, i] += dout[:, :, l] / len(window)
    return dx


def fair_max_backward(dout, x, n, stride):
    dx = np.zeros_like(x)
    for l in range(dout.shape[2]):
        start = stride * l
        window = x[:, :, start : start + n]
        wins = window == window.max(axis=2, keepdims=True)
        winners = wins.sum(axis=2, keepdims=True)
        dx[:, :, start : start + n] += wins * dout[:, :, l, None] / winners
    return dx


def k_max_pool(x, k):
    places = np.argsort(x, axis=2)[:, :, -k:]
    places = np.sort(places, axis=2)
    return np.take_along_axis(x, places, axis=2)


def masked_max(c, lengths, n):
    B, K, _ = c.shape
    u, position = np.zeros((B, K)), np.full((B, K), -1)
    for b in range(B):
        count = lengths[b] - n + 1
        if count > 0:
            allowed = c[b, :, :count]
            u[b], position[b] = allowed.max(axis=1), allowed.argmax(axis=1)
    return u, position


def slide_textcnn(x, w_a, w_b, W_o):
    pooled = []
    for w in (w_a, w_b):
        n = w.shape[1]
        responses = []
        for l in range(x.shape[1] - n + 1):
            window = x[:, l : l + n]
            responses.append(np.tanh((window * w.T).sum(axis=1)))
        pooled.append(np.max(responses, axis=0))
    u = np.concatenate(pooled, axis=1)
    scores = u @ W_o.T
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def slide_textcnn_pooled_first(x, w_a, w_b, W_o):
    L, n_a, n_b = x.shape[1], w_a.shape[1], w_b.shape[1]
    sums_a = np.stack([(x[:, l : l + n_a] * w_a.T).sum(axis=1) for l in range(L - n_a + 1)])
    sums_b = np.stack([(x[:, l : l + n_b] * w_b.T).sum(axis=1) for l in range(L - n_b + 1)])
    u = np.concatenate([np.tanh(sums_a).max(axis=0), np.tanh(sums_b).max(axis=0)], axis=1)
    scores = u @ W_o.T
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def fair_max_backward_by_window(dout, x, n, stride):
    (B, C, positions), dx = dout.shape, np.zeros_like(x)
    for b in range(B):
        for c in range(C):
            for l in range(positions):
                window = x[b, c, stride * l : stride * l + n]
                winners = [j for j in range(n) if window[j] == window.max()]
                for j in winners:
                    dx[b, c, stride * l + j] += dout[b, c, l] / len(winners)
    return dx


def k_max_pool_by_row(x, k):
    B, C, L = x.shape
    out = np.zeros((B, C, k))
    for b in range(B):
        for c in range(C):
            order = np.argsort(x[b, c])
            places = np.sort(order[L - k :])
            out[b, c] = x[b, c, places]
    return out


def masked_max_by_mask(c, lengths, n):
    count = lengths - n + 1
    mask = (np.arange(c.shape[2]) < count[:, None])[:, None]
    filled = np.where(mask, c, -np.inf)
    some = (count > 0)[:, None]
    return np.where(some, filled.max(axis=2), 0.0), np.where(some, filled.argmax(axis=2), -1)


PROGRAMS = {
    "min_pool": (min_pool, min_pool_one_by_one),
    "avg_pool_backward": (avg_pool_backward, avg_pool_backward_by_sample),
    "fair_max_backward": (fair_max_backward, fair_max_backward_by_window),
    "k_max_pool": (k_max_pool, k_max_pool_by_row),
    "masked_max": (masked_max, masked_max_by_mask),
    "slide_textcnn": (slide_textcnn, slide_textcnn_pooled_first),
}

HOLDS = {
    "masked_max": {
        "mask": "which responses count",
    },
    "slide_textcnn": {
        "n_a": "the width of `w_a`",
        "n_b": "the width of `w_b`",
        "w": "the filter in turn, `w_a` or `w_b`",
    },
}
