"""Right answers to lab 02, written as a student would write them; see `variants.programs`."""

import numpy as np


def min_pool(x, n, stride):
    positions = (x.shape[2] - n) // stride + 1
    windows = [-x[:, :, stride * l : stride * l + n] for l in range(positions)]
    return -np.stack([window.max(axis=2) for window in windows], axis=2)


def avg_pool_backward(dout, n, stride, padding, L):
    dx = np.zeros((*dout.shape[:2], L))
    for l in range(dout.shape[2]):
        start = max(stride * l - padding, 0)
        stop = min(stride * l - padding + n, L)
        dx[:, :, start:stop] += dout[:, :, l, None] / (stop - start)
    return dx


def fair_max_backward(dout, x, n, stride):
    dx = np.zeros_like(x)
    for l in range(dout.shape[2]):
        here = slice(stride * l, stride * l + n)
        window = x[:, :, here]  # (B, C, n)
        wins = window == window.max(axis=2, keepdims=True)
        dx[:, :, here] += wins * dout[:, :, l, None] / wins.sum(axis=2, keepdims=True)
    return dx


def k_max_pool(x, k):
    places = np.argsort(x, axis=2)[:, :, -k:]  # of the k largest, by size
    places = np.sort(places, axis=2)  # by time
    return np.take_along_axis(x, places, axis=2)


def masked_max(c, lengths, n):
    B, K, _ = c.shape
    u, position = np.zeros((B, K)), np.full((B, K), -1)
    for b in range(B):
        count = lengths[b] - n + 1  # windows without padding come first
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
            window = x[:, l : l + n]  # (B, n, D)
            responses.append(np.tanh((window * w.T).sum(axis=1)))  # (B, D)
        pooled.append(np.max(responses, axis=0))
    scores = np.concatenate(pooled, axis=1) @ W_o.T
    P = np.exp(scores - scores.max(axis=1, keepdims=True))
    return P / P.sum(axis=1, keepdims=True)


PROGRAMS = {
    "min_pool": (min_pool,),
    "avg_pool_backward": (avg_pool_backward,),
    "fair_max_backward": (fair_max_backward,),
    "k_max_pool": (k_max_pool,),
    "masked_max": (masked_max,),
    "slide_textcnn": (slide_textcnn,),
}
