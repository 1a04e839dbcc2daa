"""Right answers to lab 02, written differently from the solution: a check must accept them all."""

import numpy as np
import torch

from unrolled import pooling


# --------------------------------------------------------------------------- min_pool
def min_by_chapter(x, n, stride):
    return pooling.min_pool1d(x, n, stride)[0]


def min_by_torch(x, n, stride):
    return -torch.nn.functional.max_pool1d(-torch.tensor(x), n, stride)


def min_by_loops(x, n, stride):
    B, C, L = x.shape
    out = np.empty((B, C, (L - n) // stride + 1))
    for b, c, l in np.ndindex(out.shape):
        out[b, c, l] = -max(-x[b, c, stride * l + j] for j in range(n))
    return out


# --------------------------------------------------------------------------- avg_pool_backward
def average_by_matrix(dout, n, stride, padding, L):
    """The pooling as a matrix, whose rows are divided by their sums; its transpose goes back."""
    M = np.zeros((dout.shape[2], L + 2 * padding))
    for l in range(len(M)):
        M[l, stride * l : stride * l + n] = 1
    M = M[:, padding : padding + L]
    return dout @ (M / M.sum(axis=1, keepdims=True))


def average_by_chapter(dout, n, stride, padding, L):
    real, _ = pooling.avg_pool1d(np.ones((1, 1, L)), n, stride, padding)  # real samples over n
    _, cache = pooling.avg_pool1d(np.zeros((*dout.shape[:2], L)), n, stride, padding)
    return pooling.avg_pool1d_backward(dout / real, cache)


# --------------------------------------------------------------------------- fair_max_backward
def fair_by_loops(dout, x, n, stride):
    dx = np.zeros(x.shape)
    for b, c, l in np.ndindex(dout.shape):
        window = [x[b, c, stride * l + j] for j in range(n)]
        winners = [j for j in range(n) if window[j] == max(window)]
        for j in winners:
            dx[b, c, stride * l + j] += dout[b, c, l] / len(winners)
    return dx


def fair_by_amax(dout, x, n, stride):
    x = torch.tensor(x, requires_grad=True)
    x.unfold(2, n, stride).amax(3).backward(torch.tensor(dout))
    return x.grad


# --------------------------------------------------------------------------- k_max_pool
def kmax_by_removing(x, k):
    """Remove the smallest, one at a time, until k are left."""
    out = []
    for row in x.reshape(-1, x.shape[2]):
        kept = list(row)
        while len(kept) > k:
            kept.remove(min(kept))
        out.append(kept)
    return np.reshape(out, (*x.shape[:2], k))


def kmax_by_threshold(x, k):
    least = np.sort(x, axis=2)[:, :, -k, None]
    return x[x >= least].reshape(*x.shape[:2], k)


# --------------------------------------------------------------------------- masked_max
def masked_by_mask(c, lengths, n):
    allowed = np.arange(c.shape[2])[None, :] <= lengths[:, None] - n
    ruled = np.where(allowed[:, None], c, -np.inf)
    some = allowed.any(axis=1)[:, None]
    return np.where(some, ruled.max(axis=2), 0.0), np.where(some, ruled.argmax(axis=2), -1)


def masked_by_chapter(c, lengths, n):
    u, position = np.zeros(c.shape[:2]), -np.ones(c.shape[:2], dtype=int)
    mask = np.arange(c.shape[2]) < (lengths - n + 1)[:, None]
    long = mask.any(axis=1)
    if long.any():
        u[long], (_, winner) = pooling.max_over_time(c[long], mask[long])
        position[long] = winner[..., 0]
    return u, position


# --------------------------------------------------------------------------- slide_textcnn
def network_by_groups(x, w_a, w_b, W_o):
    x = x.transpose(0, 2, 1)
    pooled = []
    for w in (w_a, w_b):
        c, _ = pooling.conv1d(x, w[:, None], np.zeros(len(w)), groups=len(w))
        pooled.append(np.tanh(c.max(axis=-1)))
    scores = np.hstack(pooled) @ W_o.T
    e = np.exp(scores - scores.max(1)[:, None])
    return e / e.sum(1)[:, None]


def network_by_torch(x, w_a, w_b, W_o):
    x = torch.tensor(x).permute(0, 2, 1)
    u = [
        torch.conv1d(x, torch.tensor(w)[:, None], groups=len(w)).tanh().amax(2) for w in (w_a, w_b)
    ]
    return torch.softmax(torch.cat(u, 1) @ torch.tensor(W_o).T, 1)


ALTERNATIVES = {
    "min_pool": (min_by_chapter, min_by_torch, min_by_loops),
    "avg_pool_backward": (average_by_matrix, average_by_chapter),
    "fair_max_backward": (fair_by_loops, fair_by_amax),
    "k_max_pool": (kmax_by_removing, kmax_by_threshold),
    "masked_max": (masked_by_mask, masked_by_chapter),
    "slide_textcnn": (network_by_groups, network_by_torch),
}
