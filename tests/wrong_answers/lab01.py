"""Wrong answers to lab 1, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def wins(x, n, s=1, d=1):
    return np.lib.stride_tricks.sliding_window_view(x, (n - 1) * d + 1, axis=-1)[..., ::s, ::d]


def layer(L, n, s, p, d):
    return (L + 2 * p - d * (n - 1) - 1) // s + 1


def through(L, layers, one=layer):
    for row in layers.tolist():
        L = one(L, *row)
    return int(L)


def shifted(x, m, dilation):
    c = np.zeros(len(x))
    for j, weight in enumerate(m[::-1]):
        c[j * dilation :] += weight * x[: len(x) - j * dilation]  # a negative end is another
    return c


def field(layers, one=lambda r, n, s, p, d: (r - 1) * s + d * (n - 1) + 1, start=1):
    for row in layers.tolist()[::-1]:
        start = one(start, *row)
    return int(start)


def taps(x, m, sources):
    """c_t as a sum over j of m_j times the sample at sources(t, j), nothing outside."""
    at = [[sources(t, j) for j in range(len(m))] for t in range(len(x))]
    return np.array([sum(m[j] * x[i] for j, i in enumerate(r) if 0 <= i < len(x)) for r in at])


def spread(y, w, stride, L, kernel=lambda w: w, put=np.add, reach=None):
    x = np.zeros((w.shape[1], L))
    for i in range(y.shape[1]):
        for k in range(len(w)):
            here = slice(i * stride, i * stride + (reach or w.shape[2]))
            x[:, here] = put(x[:, here], y[k, i] * kernel(w[k])[:, :reach])
    return x


def depthwise(x, u):
    return np.einsum("bcln,cn->bcl", wins(x, u.shape[1]), u)


def pointwise(d, v):
    return np.einsum("kc,bcl->bkl", v, d)


def counted(x, u, v, a, b):
    return pointwise(depthwise(x, u), v), a, b


def shared(x, dc, n, s, formula="bel,beln->n", start=0):
    return np.einsum(formula, dc, wins(x[..., start:], n, s)[:, :, : dc.shape[2]])


WRONG = {
    "correlate": {
        "np.convolve": lambda x, m: np.convolve(x, m, "valid"),
        "as long as the signal": lambda x, m: np.correlate(x, m, "same"),
        "one place too few": lambda x, m: np.array([m @ w for w in wins(x, len(m))[:-1]]),
        "a mean": lambda x, m: wins(x, len(m)) @ m / len(m),
        "one sum for all": lambda x, m: np.full(len(x) - len(m) + 1, np.correlate(x, m).sum()),
        "normalised": lambda x, m: wins(x, len(m)) @ (m / np.linalg.norm(m)),
    },
    "stack_geometry": {
        "rounded to the nearest": lambda L, layers: (
            through(L, layers, lambda L, n, s, p, d: round((L + 2 * p - d * (n - 1) - 1) / s + 1)),
            field(layers),
        ),
        "field no longer than the signal": lambda L, layers: (
            through(L, layers),
            min(L, field(layers)),
        ),
        "fields added": lambda L, layers: (
            through(L, layers),
            int((layers[:, 3] * (layers[:, 0] - 1) + 1).sum()),
        ),
        "field in the order of the layers": lambda L, layers: (
            through(L, layers),
            field(layers[::-1]),
        ),
        "padding in the field": lambda L, layers: (
            through(L, layers),
            field(layers, lambda r, n, s, p, d: (r - 1) * s + d * (n - 1) + 1 + 2 * p),
        ),
        "returned the other way round": lambda L, layers: (field(layers), through(L, layers)),
        "only the last layer": lambda L, layers: (layer(L, *layers[-1].tolist()), field(layers)),
    },
    "causal_conv": {
        "shifted by slices": shifted,
        "the newest first": lambda x, m, dilation: taps(x, m, lambda t, j: t - j * dilation),
        "the future": lambda x, m, dilation: taps(x, m, lambda t, j: t + j * dilation),
        "without x_t": lambda x, m, dilation: taps(x, m, lambda t, j: t - (len(m) - j) * dilation),
        "round the corner": lambda x, m, dilation: sum(
            m[j] * np.roll(x, (len(m) - 1 - j) * dilation) for j in range(len(m))
        ),
        "no dilation": lambda x, m, dilation: taps(x, m, lambda t, j: t - (len(m) - 1 - j)),
        "the edge repeated": lambda x, m, dilation: sum(
            m[j] * np.pad(x, ((len(m) - 1 - j) * dilation, 0), "edge")[: len(x)]
            for j in range(len(m))
        ),
    },
    "transposed_conv": {
        "filters turned round": lambda y, w, stride, L: spread(
            y, w, stride, L, lambda k: k[:, ::-1]
        ),
        "written over": lambda y, w, stride, L: spread(y, w, stride, L, put=lambda a, b: b),
        "the larger one stays": lambda y, w, stride, L: spread(y, w, stride, L, put=np.maximum),
        "without stride": lambda y, w, stride, L: spread(y, w, 1, L),
        "filters summed first": lambda y, w, stride, L: spread(
            y.sum(axis=0, keepdims=True), w.sum(axis=0, keepdims=True), stride, L
        ),
        "stride of the window": lambda y, w, stride, L: spread(y, w, stride, L, reach=stride),
        "one sample late": lambda y, w, stride, L: np.roll(spread(y, w, stride, L), 1, axis=1),
    },
    "separable_conv": {
        "channels summed twice": lambda x, u, v: counted(
            np.repeat(x.sum(axis=1, keepdims=True), x.shape[1], axis=1),
            u,
            v,
            u.size + v.size,
            v.size * u.shape[1],
        ),
        "u turned round": lambda x, u, v: counted(
            x, u[:, ::-1], v, u.size + v.size, v.size * u.shape[1]
        ),
        "a mean over the channels": lambda x, u, v: (
            pointwise(depthwise(x, u), v) / len(u),
            u.size + v.size,
            v.size * u.shape[1],
        ),
        "one filter's weights": lambda x, u, v: counted(
            x, u, v, u.size + v.size, u.size * u.shape[1]
        ),
        "a relu between": lambda x, u, v: (
            pointwise(np.maximum(depthwise(x, u), 0), v),
            u.size + v.size,
            v.size * u.shape[1],
        ),
        "weights of v only": lambda x, u, v: counted(x, u, v, v.size, v.size * u.shape[1]),
    },
    "shared_filter_gradient": {
        "mean over recordings": lambda x, dc, n, stride: shared(x, dc, n, stride) / len(x),
        "mean over responses": lambda x, dc, n, stride: shared(x, dc, n, stride) / dc.shape[2],
        "first electrode": lambda x, dc, n, stride: shared(x[:, :1], dc[:, :1], n, stride),
        "one gradient an electrode": lambda x, dc, n, stride: shared(
            x, dc, n, stride, "bel,beln->en"
        ),
        "turned round": lambda x, dc, n, stride: shared(x, dc, n, stride)[::-1],
        "dc forgotten": lambda x, dc, n, stride: shared(x, np.ones_like(dc), n, stride),
        "stride of dc": lambda x, dc, n, stride: shared(x, dc, n, 1),
    },
}
