"""Wrong answers to lab 2, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def wins(x, n, s):
    return np.lib.stride_tricks.sliding_window_view(x, n, axis=-1)[..., ::s, :]


def averaged(dout, n, stride, padding, L, share=None, put=np.add, shift=0):
    dx = np.zeros((*dout.shape[:2], L))
    for i in range(dout.shape[2]):
        a, b = max(i * stride - padding + shift, 0), min(i * stride - padding + n, L)
        dx[:, :, a:b] = put(dx[:, :, a:b], dout[:, :, i, None] / (share or b - a))
    return dx


def paid(dout, x, n, stride, who, put=np.add):
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        here = slice(i * stride, i * stride + n)
        dx[:, :, here] = put(dx[:, :, here], who(x[:, :, here]) * dout[:, :, i, None])
    return dx


def best(w):
    return w == w.max(axis=-1, keepdims=True)


def fair(w, wins=best):
    wins = wins(w)
    return wins / np.maximum(wins.sum(axis=-1, keepdims=True), 1)


def kept(x, k, key):
    places = np.sort(np.argsort(key(x), axis=2)[:, :, -k:], axis=2)
    return np.take_along_axis(x, places, axis=2)


def largest(c, lengths, n, count=lambda length, n: length - n + 1, nothing=0.0, place=-1):
    u = np.full(c.shape[:2], nothing)
    position = np.full(c.shape[:2], place)
    for b, length in enumerate(lengths.tolist()):
        here = c[b, :, : count(length, n)]
        if here.shape[1] and length >= n:
            u[b], position[b] = here.max(axis=1), here.argmax(axis=1)
    return u, position


def sliced(c, lengths, n):
    """A negative end of the slice counts from the end of the row."""
    u, position = np.zeros(c.shape[:2]), np.full(c.shape[:2], -1)
    for b, length in enumerate(lengths.tolist()):
        here = c[b, :, : length - n + 1]
        if here.shape[1]:
            u[b], position[b] = here.max(axis=1), here.argmax(axis=1)
    return u, position


def nothing_at_0(c, lengths, n):
    value, position = largest(c, lengths, n)
    return value, np.where(value == 0, -1, position)


def net(x, w_a, w_b, W_o, pool=np.max, squash=np.tanh, order=(0, 1), axis=1, turn=False):
    x = x.swapaxes(1, 2)
    z = []
    for at in order:
        w = (w_a, w_b)[at]
        w = w[:, ::-1] if turn else w
        z.append(pool(squash(np.einsum("bdln,dn->bdl", wins(x, w.shape[1], 1), w)), axis=2))
    a = np.concatenate(z, axis=1) @ W_o.T
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


WRONG = {
    "min_pool": {
        "starts at 0": lambda x, n, stride: np.minimum(wins(x, n, stride).min(axis=-1), 0.0),
        "largest": lambda x, n, stride: wins(x, n, stride).max(axis=-1),
        "one sign": lambda x, n, stride: -wins(x, n, stride).max(axis=-1),
        "stride is n": lambda x, n, stride: wins(x, n, n).min(axis=-1),
        "mean": lambda x, n, stride: wins(x, n, stride).mean(axis=-1),
        "window one short": lambda x, n, stride: wins(x, max(n - 1, 1), stride).min(axis=-1)[
            ..., : (x.shape[2] - n) // stride + 1
        ],
    },
    "avg_pool_backward": {
        "divided by n": lambda dout, n, stride, padding, L: averaged(
            dout, n, stride, padding, L, share=n
        ),
        "written over": lambda dout, n, stride, padding, L: averaged(
            dout, n, stride, padding, L, put=lambda a, b: b
        ),
        "not divided": lambda dout, n, stride, padding, L: averaged(
            dout, n, stride, padding, L, share=1
        ),
        "padding forgotten": lambda dout, n, stride, padding, L: averaged(dout, n, stride, 0, L),
        "first sample of a window lost": lambda dout, n, stride, padding, L: averaged(
            dout, n, stride, padding, L, shift=1
        ),
        "by the number of windows": lambda dout, n, stride, padding, L: averaged(
            dout, n, stride, padding, L, share=dout.shape[2]
        ),
    },
    "fair_max_backward": {
        "all winners in full": lambda dout, x, n, stride: paid(dout, x, n, stride, best),
        "only those above 0": lambda dout, x, n, stride: paid(
            dout, x, n, stride, lambda w: fair(w, lambda w: best(w) & (w != 0))
        ),
        "a maximum that starts at 0": lambda dout, x, n, stride: paid(
            dout, x, n, stride, lambda w: fair(w, lambda w: best(w) & (w >= 0))
        ),
        "largest size": lambda dout, x, n, stride: paid(
            dout, x, n, stride, lambda w: fair(np.abs(w))
        ),
        "nearly equal": lambda dout, x, n, stride: paid(
            dout,
            x,
            n,
            stride,
            lambda w: fair(w, lambda w: np.isclose(w, w.max(axis=-1, keepdims=True))),
        ),
        "written over, all in full": lambda dout, x, n, stride: paid(
            dout, x, n, stride, best, lambda a, b: b
        ),
        "first of them": lambda dout, x, n, stride: paid(
            dout, x, n, stride, lambda w: np.cumsum(best(w), axis=-1) * best(w) == 1
        ),
    },
    "k_max_pool": {
        "sorted up": lambda x, k: np.sort(x, axis=2)[:, :, -k:],
        "sorted down": lambda x, k: -np.sort(-x, axis=2)[:, :, :k],
        "by size": lambda x, k: kept(x, k, np.abs),
        "smallest": lambda x, k: kept(x, k, np.negative),
        "places": lambda x, k: np.sort(np.argsort(x, axis=2)[:, :, -k:], axis=2) * 1.0,
        "last k": lambda x, k: x[:, :, -k:],
        "k - 1": lambda x, k: kept(x, k - 1, np.array) if k > 1 else kept(x, k, np.array),
    },
    "masked_max": {
        "a negative end": sliced,
        "without a mask": lambda c, lengths, n: (c.max(axis=2), c.argmax(axis=2)),
        "as many as symbols": lambda c, lengths, n: largest(
            c, lengths, n, lambda length, n: length
        ),
        "one too few": lambda c, lengths, n: largest(
            c, lengths, n, lambda length, n: max(length - n, 1)
        ),
        "position 0 for nothing": lambda c, lengths, n: largest(c, lengths, n, place=0),
        "minus infinity for nothing": lambda c, lengths, n: largest(c, lengths, n, nothing=-np.inf),
        "exchanged": lambda c, lengths, n: largest(c, lengths, n)[::-1],
        "0 is nothing": nothing_at_0,
    },
    "slide_textcnn": {
        "no tanh": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, squash=np.array),
        "relu": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, squash=lambda c: np.maximum(c, 0)),
        "mean": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, np.mean),
        "b before a": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, order=(1, 0)),
        "over the batch": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, axis=0),
        "turned round": lambda x, w_a, w_b, W_o: net(x, w_a, w_b, W_o, turn=True),
        "last response": lambda x, w_a, w_b, W_o: net(
            x, w_a, w_b, W_o, lambda c, axis: c[:, :, -1]
        ),
    },
}
