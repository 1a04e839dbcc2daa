"""Chapter 2: Pooling.

Generated from chapters/02_pooling.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

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
    "classify",
    "encode_names",
    "fully_connected",
    "fully_connected_backward",
    "hold_out",
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
    "similar_lengths",
    "softmax_loss",
    "softmax_loss_backward",
    "subsample",
    "subsample_backward",
    "textcnn",
    "textcnn_backward",
    "textcnn_parameters",
    "train_epoch",
]


def _taps(x, n, stride, padding):
    """The slice of the padded last axis that each of the n taps of a window reads."""
    if np.ndim(x) < 1 or 0 in np.shape(x):
        raise ValueError(f"x: at least one sample expected, got shape {np.shape(x)}")
    stride = n if stride is None else stride
    length = output_length(x.shape[-1], n, stride, padding)
    if padding > n // 2:
        raise ValueError(
            f"padding: at most {n // 2} expected, half the window of {n}, got {padding}"
        )
    reach = stride * (length - 1) + 1
    return [slice(j, j + reach, stride) for j in range(n)]


def _padded(x, padding, value):
    """The last axis with `padding` values on either side."""
    sides = [(0, 0)] * (x.ndim - 1) + [(padding, padding)]
    return np.pad(x, sides, constant_values=value) if padding else x


def max_pool1d(x, n, stride=None, padding=0):
    """The largest of each window of n samples; slide 6.

    x: (B, C, L); stride: n unless given; padding: at most n/2 of -inf on either side.
    Returns out: (B, C, L_out), and a cache. Raises ValueError when no window fits.
    """
    taps, xp = _taps(x, n, stride, padding), _padded(x, padding, -np.inf)
    out = xp[..., taps[0]].copy()
    for S in taps[1:]:
        np.maximum(out, xp[..., S], out=out)
    return out, (xp, out, taps, padding)


def avg_pool1d(x, n, stride=None, padding=0):
    """The mean of each window, padded with zeros that count; as `max_pool1d`."""
    taps, xp = _taps(x, n, stride, padding), _padded(x, padding, 0.0)
    return sum(xp[..., S] for S in taps) / n, (xp.shape, taps, padding)


def min_pool1d(x, n, stride=None, padding=0):
    """The smallest of each window: -max(-x); as `max_pool1d`."""
    out, cache = max_pool1d(-x, n, stride, padding)
    return -out, cache


def max_pool1d_backward(dout, cache):
    """Gradient of `max_pool1d`: dx at each first maximum. dout: (B, C, L_out)."""
    xp, out, taps, padding = cache
    dxp, unpaid = np.zeros(xp.shape, dout.dtype), np.ones(out.shape, dtype=bool)
    for S in taps:
        wins = unpaid & (xp[..., S] == out)
        dxp[..., S] += dout * wins
        unpaid &= ~wins
    return dxp[..., padding : xp.shape[-1] - padding]


def avg_pool1d_backward(dout, cache):
    """Gradient of `avg_pool1d`: each window shares dout/n. dout: (B, C, L_out)."""
    shape, taps, padding = cache
    dxp, share = np.zeros(shape, dout.dtype), dout / len(taps)
    for S in taps:
        dxp[..., S] += share
    return dxp[..., padding : shape[-1] - padding]


def min_pool1d_backward(dout, cache):
    """Gradient of `min_pool1d`: dx at each first minimum. dout: (B, C, L_out)."""
    return max_pool1d_backward(dout, cache)


def _both_axes(pool, x, n, stride, padding):
    """Pool the last axis, then the one before. Options: a number, or a pair."""
    options = (n, stride, padding)
    pairs = [v if isinstance(v, (tuple, list)) else (v, v) for v in options]
    rows, columns = zip(*pairs)
    if np.ndim(x) != 4:
        raise ValueError(f"x: 4 axes expected, (B, C, Y, X), got shape {np.shape(x)}")
    out, cache_x = pool(x, *columns)
    out, cache_y = pool(out.swapaxes(2, 3), *rows)
    return out.swapaxes(2, 3), (cache_y, cache_x)


def _back_through_both(backward, dout, cache):
    cache_y, cache_x = cache
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
    shape = len(x), x.shape[2]
    if np.shape(mask) != shape or mask.dtype != bool:
        raise ValueError(
            f"mask: booleans of shape {shape} expected, got {mask.dtype} of shape {np.shape(mask)}"
        )
    if not mask.any(axis=1).all():
        row = np.flatnonzero(~mask.any(axis=1))[0]
        raise ValueError(
            f"mask: at least one True in each row expected, row {row} has "
            "none; is the sequence shorter than the window?"
        )
    winner = np.where(mask[:, None], x, -np.inf).argmax(axis=2)[..., None]  # (B, K, 1)
    return np.take_along_axis(x, winner, axis=2)[..., 0], (x.shape, winner)


def max_over_time_backward(dout, cache):
    """Gradient of `max_over_time`: dx at the first winner. dout: (B, K)."""
    shape, winner = cache
    dx = np.zeros(shape, dout.dtype)
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


def _check_ids(ids, V):
    """Raise ValueError unless ids: (B, L) are integers below V, no row all padding."""
    if np.ndim(ids) != 2 or 0 in ids.shape or ids.dtype.kind not in "iu":
        raise ValueError(f"ids: integers of shape (B, L) expected, got {np.shape(ids)}")
    if ids.min() < 0 or ids.max() >= V:
        raise ValueError(f"ids: numbers from 0 to {V - 1} expected, got {ids.min()} to {ids.max()}")
    if not (ids != PADDING).any(axis=1).all():
        row = np.flatnonzero((ids == PADDING).all(axis=1))[0]
        raise ValueError(f"ids: no row that is all padding expected, got row {row}")


def _check_labels(labels, scores):
    """Raise ValueError unless labels: (B,) are columns of scores: (B, classes)."""
    B, classes = scores.shape
    if np.shape(labels) != (B,):
        raise ValueError(f"labels: shape {(B,)} expected, got {np.shape(labels)}")
    if np.min(labels) < 0 or np.max(labels) >= classes:
        raise ValueError(
            f"labels: classes from 0 to {classes - 1} expected, got "
            f"{np.min(labels)} to {np.max(labels)}"
        )


def textcnn(ids, p, groups=1, drop=None):
    """Scores of each class; slide 7. Kim's network has groups=1, the slide's groups=D.

    ids: (B, L), integers, padded with 0. p: E: (V, D); for i = 1, 2, 3 filters w_i:
    (K_i, D/groups, n_i) and b_i: (K_i); W_o: (classes, K_1+K_2+K_3), b_o: (classes).
    drop: (B, K_1+K_2+K_3), factors on the maxima while training (Kim's dropout).
    Returns scores: (B, classes) and a cache. Raises ValueError when an id is not in E,
    or a sequence is empty or shorter than a window.
    """
    _check_ids(ids, len(p["E"]))
    ids = ids[:, (ids != PADDING).any(axis=0)]  # columns that are all padding cost time
    mask = ids != PADDING
    x = p["E"][ids].swapaxes(1, 2)  # (B, D, L)
    pooled, caches = [], []
    for i in "123":
        c, conv_cache = conv1d(x, p[f"w{i}"], p[f"b{i}"], groups=groups)
        last = p[f"w{i}"].shape[2] - 1
        u, pool_cache = max_over_time(c, mask[:, last:])  # (B, K_i)
        pooled.append(u)
        caches.append((conv_cache, pool_cache))
    z = np.tanh(np.concatenate(pooled, axis=1))  # (B, K_1+K_2+K_3)
    kept = z if drop is None else z * drop
    return kept @ p["W_o"].T + p["b_o"], (ids, p, z, kept, drop, caches)


def textcnn_backward(dscores, cache):
    """Gradients of `textcnn`, a dict with the names of p. dscores: (B, classes)."""
    ids, p, z, kept, drop, caches = cache
    dp = {"E": np.zeros_like(p["E"])}
    dz = (dscores @ p["W_o"]) * (1.0 if drop is None else drop)
    du = dz * (1 - z**2)  # (B, K_1+K_2+K_3)
    dx, start = 0.0, 0
    for i, (conv_cache, pool_cache) in zip("123", caches):
        K = len(p[f"b{i}"])
        dc = max_over_time_backward(du[:, start : start + K], pool_cache)
        dx_i, dp[f"w{i}"], dp[f"b{i}"] = conv1d_backward(dc, conv_cache)
        dx, start = dx + dx_i, start + K
    np.add.at(dp["E"], ids, dx.swapaxes(1, 2))
    return dp | {"W_o": dscores.T @ kept, "b_o": dscores.sum(axis=0)}


def softmax_loss(scores, labels):
    """Mean of -log P(label) over the batch, P the softmax of the scores.

    scores: (B, classes); labels: (B,), integers. Returns the loss, and a cache. Raises
    ValueError when a label is no class.
    """
    _check_labels(labels, scores)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_P = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_P[np.arange(len(labels)), labels].mean(), (log_P, labels)


def softmax_loss_backward(dloss, cache):
    """Gradient of `softmax_loss`: dscores = (P - onehot) dloss / B."""
    log_P, labels = cache
    dscores = np.exp(log_P)
    dscores[np.arange(len(labels)), labels] -= 1
    return dscores * (dloss / len(labels))


def textcnn_parameters(rng, V, classes, D=32, K=96, windows=(2, 3, 4), groups=1):
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
    mean, cache = avg_pool2d(x, 2)
    return w[:, None, None] * mean + b[:, None, None], (mean, w, cache)


def subsample_backward(dout, cache):
    """Gradients of `subsample`: dx, dw, db. dout: (B, C, Y//2, X//2)."""
    mean, w, pool_cache = cache
    dx = avg_pool2d_backward(w[:, None, None] * dout, pool_cache)
    return dx, (dout * mean).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))


def fully_connected(x, w, b):
    """All inputs to all outputs: x w^T + b. x: (B, ...), laid flat; w: (K, inputs)."""
    flat = x.reshape(len(x), -1)
    return flat @ w.T + b, (x.shape, flat, w)


def fully_connected_backward(dout, cache):
    """Gradients of `fully_connected`: dx, dw, db. dout: (B, K)."""
    shape, flat, w = cache
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
    cache = {}
    for name, (layer, _) in LENET5.items():
        options = {"padding": padding} if name in ("C1", "C3") else {}
        x, layer_cache = layer(x, p[f"{name}.w"], p[f"{name}.b"], **options)
        if name != "output":
            x = np.tanh(x)
        cache[name] = x, layer_cache
    return x, cache


def lenet5_backward(dscores, cache):
    """Gradients of `lenet5`, a dict with the names of p. dscores: (B, classes)."""
    dp, dx = {}, dscores
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
    memory["steps"] = t = memory.get("steps", 0) + 1
    for name, value in p.items():
        m, v = memory.get(name, (0.0, 0.0))
        m, v = 0.9 * m + 0.1 * dp[name], 0.999 * v + 0.001 * dp[name] ** 2
        memory[name] = m, v
        value -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def hold_out(count, rng, share=0.2):
    """Random indices of the examples to train on, and of the share held out."""
    order = rng.permutation(count)
    return order[round(share * count) :], order[: round(share * count)]


def similar_lengths(lengths, size, rng):
    """Indices in batches of at most `size`, like lengths together, in random order."""
    order = np.lexsort((rng.random(len(lengths)), lengths))
    batches = np.array_split(order, -(-len(order) // size))
    return [batches[k] for k in rng.permutation(len(batches))]


def train_epoch(network, p, memory, x, labels, batches, rate):
    """One Adam step a batch. network: (forward, backward). Returns the mean loss."""
    forward, backward = network
    losses = []
    for batch in batches:
        scores, cache = forward(x[batch], p)
        loss, loss_cache = softmax_loss(scores, labels[batch])
        dp = backward(softmax_loss_backward(1.0, loss_cache), cache)
        adam_step(p, dp, memory, rate)
        losses.append(loss)
    return float(np.mean(losses))


def classify(forward, p, x, size=128):
    """The class with the largest score for each example, `size` of them at a time."""
    parts = [x[i : i + size] for i in range(0, len(x), size)]
    return np.concatenate([forward(part, p)[0].argmax(axis=1) for part in parts])
