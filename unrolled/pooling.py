"""Chapter 2: Pooling.

Generated from chapters/02_pooling.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.common.arguments import (
    booleans,
    check_shape,
    floats,
    floats_like,
    in_place,
    integers,
    one_integer,
    one_number,
    one_or_two,
)
from unrolled.convolution import conv1d, conv1d_backward, conv2d, conv2d_backward, output_length

__all__ = [
    "EDGE",
    "LENET5",
    "PADDING",
    "UNSEEN",
    "adam_step",
    "avg_pool1d",
    "avg_pool1d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "character_ids",
    "encode_names",
    "fully_connected",
    "fully_connected_backward",
    "lenet5",
    "lenet5_backward",
    "lenet5_parameters",
    "max_over_time",
    "max_over_time_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "min_pool1d",
    "min_pool1d_backward",
    "min_pool2d",
    "min_pool2d_backward",
    "softmax_loss",
    "softmax_loss_backward",
    "subsample",
    "subsample_backward",
    "textcnn",
    "textcnn_backward",
    "textcnn_parameters",
]


def _taps(x, n, stride, padding):
    """x as floats, the number of windows, and for each tap (windows, samples)."""
    x, n = floats(x=x), one_integer("n", n, least=1)
    s = one_integer("stride", n if stride is None else stride, least=1)
    p = one_integer("padding", padding)
    if x.ndim < 1:
        raise ValueError("x: at least one axis expected, got a number")
    L, length = x.shape[-1], output_length(x.shape[-1], n, s, p)
    if p > n // 2:
        raise ValueError(f"padding: at most {n // 2} expected, half the window of {n}, got {p}")
    taps = []
    for j in range(n):
        first, end = max(0, -((j - p) // s)), min(length, (L - 1 + p - j) // s + 1)
        if first < end:
            samples = slice(s * first + j - p, s * (end - 1) + j - p + 1, s)
            taps.append((slice(first, end), samples))
    return x, length, taps


def max_pool1d(x, n, stride=None, padding=0):
    """The largest of each window of n samples; slide 6.

    x: (B, C, L); stride: n unless given; padding: at most n/2 of -inf on either side.
    Returns out: (B, C, L_out), and a cache. Raises ValueError when no window fits.
    """
    x, length, taps = _taps(x, n, stride, padding)
    out = np.full((*x.shape[:-1], length), -np.inf, x.dtype)
    for W, S in taps:
        np.maximum(out[..., W], x[..., S], out=out[..., W])
    return out, (x, out, taps)


def avg_pool1d(x, n, stride=None, padding=0):
    """The mean of each window, padded with zeros that count; as `max_pool1d`."""
    x, length, taps = _taps(x, n, stride, padding)
    out = np.zeros((*x.shape[:-1], length), x.dtype)
    for W, S in taps:
        out[..., W] += x[..., S]
    out /= n
    return out, (x.shape, out.shape, x.dtype, n, taps)


def min_pool1d(x, n, stride=None, padding=0):
    """The smallest of each window: -max(-x); as `max_pool1d`."""
    out, cache = max_pool1d(-floats(x=x), n, stride, padding)
    return -out, cache


def _winners(x, out, taps):
    """(windows, samples, which wins): the first maximum, or the last NaN."""
    waiting = np.ones(out.shape, dtype=bool)
    for same, order in ((np.equal, taps), (lambda a, _: np.isnan(a), taps[::-1])):
        for W, S in order if waiting.any() else ():  # NaN equals nothing, keeps waiting
            wins = waiting[..., W] & same(x[..., S], out[..., W])
            waiting[..., W] ^= wins
            yield W, S, wins


def max_pool1d_backward(dout, cache):
    """Gradient of `max_pool1d`: dx at each first maximum. dout: (B, C, L_out)."""
    x, out, taps = cache
    dout = floats_like("dout", dout, out.shape, out.dtype)
    dx = np.zeros(x.shape, dout.dtype)
    for W, S, wins in _winners(x, out, taps):
        dx[..., S] += dout[..., W] * wins
    return dx


def avg_pool1d_backward(dout, cache):
    """Gradient of `avg_pool1d`: each window shares dout/n. dout: (B, C, L_out)."""
    x_shape, out_shape, kind, n, taps = cache
    share = floats_like("dout", dout, out_shape, kind) / n
    dx = np.zeros(x_shape, share.dtype)
    for W, S in taps:
        dx[..., S] += share[..., W]
    return dx


def min_pool1d_backward(dout, cache):
    """Gradient of `min_pool1d`: dx at each first minimum. dout: (B, C, L_out)."""
    return max_pool1d_backward(dout, cache)


def _both_axes(pool, x, n, stride, padding):
    """Pool the last axis, then the one before. Options: a number, or a pair."""
    options = {"n": n, "stride": stride, "padding": padding}
    rows, columns = zip(*(one_or_two(name, value) for name, value in options.items()))
    x = floats(x=x)
    check_shape("x", x, "BCYX")
    out, cache_x = pool(x, *columns)
    out, cache_y = pool(out.swapaxes(2, 3), *rows)
    return out.swapaxes(2, 3), (cache_y, cache_x)


def _back_through_both(backward, dout, cache):
    (cache_y, cache_x), dout = cache, floats(dout=dout)
    check_shape("dout", dout, "BCYX")
    return backward(backward(dout.swapaxes(2, 3), cache_y).swapaxes(2, 3), cache_x)


def max_pool2d(x, n, stride=None, padding=0):
    """The largest of each window. x: (B, C, Y, X); options: a number, or a pair."""
    return _both_axes(max_pool1d, x, n, stride, padding)


def max_pool2d_backward(dout, cache):
    """Gradient of `max_pool2d`: dx at the first maximum, row by row."""
    return _back_through_both(max_pool1d_backward, dout, cache)


def avg_pool2d(x, n, stride=None, padding=0):
    """The mean of each window. x: (B, C, Y, X); options: a number, or a pair."""
    return _both_axes(avg_pool1d, x, n, stride, padding)


def avg_pool2d_backward(dout, cache):
    """Gradient of `avg_pool2d`: each window shares dout evenly."""
    return _back_through_both(avg_pool1d_backward, dout, cache)


def min_pool2d(x, n, stride=None, padding=0):
    """The smallest of each window. x: (B, C, Y, X); options: a number, or a pair."""
    return _both_axes(min_pool1d, x, n, stride, padding)


def min_pool2d_backward(dout, cache):
    """Gradient of `min_pool2d`: dx at the first minimum, row by row."""
    return _back_through_both(min_pool1d_backward, dout, cache)


def max_over_time(x, mask):
    """The largest response of each filter among the positions allowed; slide 7.

    x: (B, K, L); mask: (B, L), True where a position may win. Returns out: (B, K) and
    a cache. Raises ValueError when the mask does not fit, or allows a row nothing.
    """
    x = floats(x=x)
    check_shape("x", x, "BKL")
    mask = booleans("mask", mask, (len(x), x.shape[2]))
    if not mask.any(axis=1).all():
        row = np.flatnonzero(~mask.any(axis=1))[0]
        raise ValueError(
            f"mask: at least one True in each row expected, row {row} has "
            "none; is the sequence shorter than the window?"
        )
    winner = np.where(mask[:, None], x, -np.inf).argmax(axis=2)[..., None]  # (B, K, 1)
    allowed = np.take_along_axis(mask[:, None], winner, axis=2)
    first = mask.argmax(axis=1)[:, None, None]  # for rows in which all allowed are -inf
    winner = np.where(allowed, winner, first)
    return np.take_along_axis(x, winner, axis=2)[..., 0], (x, winner)


def max_over_time_backward(dout, cache):
    """Gradient of `max_over_time`: dx at the first winner. dout: (B, K)."""
    x, winner = cache
    dout = floats_like("dout", dout, x.shape[:2], x.dtype)
    dx = np.zeros(x.shape, dout.dtype)
    np.put_along_axis(dx, winner, dout[..., None], axis=2)
    return dx


PADDING, UNSEEN, EDGE = 0, 1, 2


def character_ids(names):
    """{character: number} for every character that occurs in the names, from 3 on."""
    return {c: i for i, c in enumerate(sorted(set("".join(names))), start=EDGE + 1)}


def encode_names(names, characters):
    """Each name as a row of numbers: edge, characters, edge, padding. Returns (B, L).

    A character that is not in `characters` becomes UNSEEN. Raises ValueError when
    there is no name, or an empty one.
    """
    if not names or not all(names):
        raise ValueError(f"names: one or more, none empty, expected, got {names!r}")
    rows = [[EDGE, *(characters.get(c, UNSEEN) for c in name), EDGE] for name in names]
    ids = np.full((len(rows), max(map(len, rows))), PADDING)
    for row, numbers in zip(ids, rows):
        row[: len(numbers)] = numbers
    return ids


def _check_textcnn(ids, p, drop):
    """ids: (B, L), p and drop of one float type; ValueError unless they fit."""
    *values, drop = floats(**p, drop=drop)
    p = dict(zip(p, values))
    check_shape("E", p["E"], "VD")
    ids = integers("ids", ids, len(p["E"]))
    check_shape("ids", ids, "BL")
    real = ids != PADDING
    for wrong, what in (
        (~real.any(axis=1), "is all padding"),
        ((real[:, 1:] & ~real[:, :-1]).any(axis=1), "has some before a character"),
    ):
        if wrong.any():
            raise ValueError(
                "ids: padding at the end of a row only expected, but "
                f"row {np.flatnonzero(wrong)[0]} {what}"
            )
    K = sum(len(p[f"b{i}"]) for i in "123")
    check_shape("W_o", p["W_o"], ("classes", K), "K_1+K_2+K_3 maxima")
    check_shape("b_o", p["b_o"], (len(p["W_o"]),), "W_o has as many rows")
    if drop is not None:
        check_shape("drop", drop, (len(ids), K), "one factor for each maximum")
    return ids[:, real.any(axis=0)], p, drop  # columns that are all padding cost time


def textcnn(ids, p, groups=1, drop=None):
    """Scores of each class; slide 7. Kim's network has groups=1, the slide's groups=D.

    ids: (B, L), integers, padded with 0. p: E: (V, D); for i = 1, 2, 3 filters w_i:
    (K_i, D/groups, n_i) and b_i: (K_i); W_o: (classes, K_1+K_2+K_3), b_o: (classes).
    drop: (B, K_1+K_2+K_3), factors on the maxima while training (Kim's dropout).
    Returns scores: (B, classes) and a cache. Raises ValueError when an id is not in E,
    or a sequence is empty, shorter than a window, or padded anywhere but at its end.
    """
    ids, p, drop = _check_textcnn(ids, p, drop)
    mask = ids != PADDING
    x = p["E"][ids].swapaxes(1, 2)  # (B, D, L)
    pooled, caches = [], []
    for i in "123":
        c, conv_cache = conv1d(x, p[f"w{i}"], p[f"b{i}"], groups=groups)
        last = p[f"w{i}"].shape[2] - 1
        a, pool_cache = max_over_time(c, mask[:, last:])  # (B, K_i)
        pooled.append(a)
        caches.append((conv_cache, pool_cache))
    h = np.tanh(np.concatenate(pooled, axis=1))  # (B, K_1+K_2+K_3)
    kept = h if drop is None else h * drop
    return kept @ p["W_o"].T + p["b_o"], (ids, p, h, kept, drop, caches)


def textcnn_backward(dscores, cache):
    """Gradients of `textcnn`, a dict with the names of p. dscores: (B, classes)."""
    ids, p, h, kept, drop, caches = cache
    dscores = floats_like("dscores", dscores, (len(h), len(p["b_o"])), h.dtype)
    dp = {"E": np.zeros(p["E"].shape, dscores.dtype)}
    dh = (dscores @ p["W_o"]) * (1.0 if drop is None else drop)
    da = dh * (1 - h**2)  # (B, K_1+K_2+K_3)
    dx, start = 0.0, 0
    for i, (conv_cache, pool_cache) in zip("123", caches):
        K = len(p[f"b{i}"])
        dc = max_over_time_backward(da[:, start : start + K], pool_cache)
        dx_i, dp[f"w{i}"], dp[f"b{i}"] = conv1d_backward(dc, conv_cache)
        dx, start = dx + dx_i, start + K
    np.add.at(dp["E"], ids, dx.swapaxes(1, 2))
    return dp | {"W_o": dscores.T @ kept, "b_o": dscores.sum(axis=0)}


def softmax_loss(scores, labels):
    """Sum of -log P(label) over the batch, P the softmax of the scores.

    scores: (B, classes); labels: (B,), integers. Returns the loss, and a cache. Raises
    ValueError when a label is no class.
    """
    scores = floats(scores=scores)
    check_shape("scores", scores, ("B", "classes"))
    labels = integers("labels", labels, scores.shape[1])
    check_shape("labels", labels, scores.shape[:1], "one class for each row of scores")
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_P = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_P[np.arange(len(labels)), labels].sum(), (log_P, labels)


def softmax_loss_backward(dloss, cache):
    """Gradient of `softmax_loss`: dscores = (P - onehot) dloss."""
    (log_P, labels), dloss = cache, one_number("dloss", dloss)
    dscores = np.exp(log_P)
    dscores[np.arange(len(labels)), labels] -= 1
    return dscores * dloss


def textcnn_parameters(V, classes, rng, D=32, K=96, windows=(2, 3, 4), groups=1):
    """A starting point for `textcnn`, float32: K filters of each of three windows."""
    p = {"E": 0.3 * rng.standard_normal((V, D))}
    p["E"][[PADDING, UNSEEN]] = 0.0
    for i, n in zip("123", windows):
        inputs = D // groups
        p[f"w{i}"] = rng.standard_normal((K, inputs, n)) / np.sqrt(inputs * n)
        p[f"b{i}"] = np.zeros(K)
    p["W_o"] = rng.standard_normal((classes, 3 * K)) / np.sqrt(3 * K)
    p["b_o"] = np.zeros(classes)
    return {name: value.astype(np.float32) for name, value in p.items()}


def subsample(x, w, b):
    """LeNet's subsampling: the mean of 2 × 2, times a trained w, plus a trained b.

    x: (B, C, Y, X), w: (C,), b: (C,). Returns out: (B, C, Y//2, X//2) and a cache.
    """
    x, w, b = floats(x=x, w=w, b=b)
    mean, cache = avg_pool2d(x, 2)
    check_shape("w", w, (x.shape[1],), "one for each channel of x")
    check_shape("b", b, w.shape, "one for each channel of x")
    return w[:, None, None] * mean + b[:, None, None], (mean, w, cache)


def subsample_backward(dout, cache):
    """Gradients of `subsample`: dx, dw, db. dout: (B, C, Y//2, X//2)."""
    mean, w, pool_cache = cache
    dout = floats_like("dout", dout, mean.shape, mean.dtype)
    dx = avg_pool2d_backward(w[:, None, None] * dout, pool_cache)
    return dx, (dout * mean).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))


def fully_connected(x, w, b):
    """All inputs to all outputs: x w^T + b. x: (B, ...), laid flat; w: (K, inputs)."""
    x, w, b = floats(x=x, w=w, b=b)
    check_shape("x", x, ("B", *x.shape[1:]))
    flat = x.reshape(len(x), -1)
    check_shape("w", w, ("K", flat.shape[1]), "one column for each number of x")
    check_shape("b", b, (len(w),), "one for each row of w")
    return flat @ w.T + b, (x.shape, flat, w)


def fully_connected_backward(dout, cache):
    """Gradients of `fully_connected`: dx, dw, db. dout: (B, K)."""
    shape, flat, w = cache
    dout = floats_like("dout", dout, (len(flat), len(w)), flat.dtype)
    return (dout @ w).reshape(shape), dout.T @ flat, dout.sum(axis=0)


LENET5 = {
    "C1": (conv2d, conv2d_backward),
    "S2": (subsample, subsample_backward),
    "C3": (conv2d, conv2d_backward),
    "S4": (subsample, subsample_backward),
    "C5": (conv2d, conv2d_backward),
    "F6": (fully_connected, fully_connected_backward),
    "output": (fully_connected, fully_connected_backward),
}


def lenet5(x, p, padding=0):
    """Scores of each class; slide 3. `padding` goes around the images of C1 and C3.

    x: (B, 1, Y, X); p: "C1.w", "C1.b", … for each layer of LENET5. Returns scores:
    (B, classes), and a cache whose entry `name` begins with the output of that layer.
    """
    x, *values = floats(x=x, **p)
    p, cache = dict(zip(p, values)), {}
    for name, (layer, _) in LENET5.items():
        options = {"padding": padding} if name in ("C1", "C3") else {}
        x, layer_cache = layer(x, p[f"{name}.w"], p[f"{name}.b"], **options)
        if name != "output":
            x = np.tanh(x)
        cache[name] = x, layer_cache
    return x, cache


def lenet5_backward(dscores, cache):
    """Gradients of `lenet5`, a dict with the names of p. dscores: (B, classes)."""
    out, _ = cache["output"]
    dp, dx = {}, floats_like("dscores", dscores, out.shape, out.dtype)
    for name, (_, backward) in reversed(LENET5.items()):
        out, layer_cache = cache[name]
        if name != "output":
            dx = dx * (1 - out**2)
        dx, dp[f"{name}.w"], dp[f"{name}.b"] = backward(dx, layer_cache)
    return dp


def lenet5_parameters(rng, classes=10):
    """A starting point for `lenet5`, float32, in the paper's sizes.

    They fit images of 32 × 32 without padding, and of 8 × 8 with padding=4. Subsampling
    starts with w = 2, which keeps the spread of independent responses.
    """
    shapes = {"C1": (6, 1, 5, 5), "S2": (6,), "C3": (16, 6, 5, 5), "S4": (16,)}
    shapes |= {"C5": (120, 16, 5, 5), "F6": (84, 120), "output": (classes, 84)}
    p = {}
    for name, shape in shapes.items():
        w = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        p[f"{name}.w"] = np.full(shape, 2.0) if name in ("S2", "S4") else w
        p[f"{name}.b"] = np.zeros(shape[0])
    return {name: value.astype(np.float32) for name, value in p.items()}


def adam_step(p, dp, memory, rate):
    """One step of Adam on the parameters p, in place. memory: {} before the first."""
    in_place(**p)
    rate = one_number("rate", rate)
    memory["steps"] = t = memory.get("steps", 0) + 1
    for name, value in p.items():
        g = floats_like(name, dp[name], value.shape, value.dtype)
        m, v = memory.get(name, (0.0, 0.0))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        memory[name] = m, v
        value -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
