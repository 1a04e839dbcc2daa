"""Chapter 1: Convolution.

Generated from chapters/01_convolution.md; an edit made here is lost. Edit the chapter's cells
tagged `export`, then run `make sync`.
"""

import numpy as np

from unrolled.common.arguments import check_shape, floats, floats_like, one_integer, one_or_two

__all__ = [
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "correlate",
    "correlate_backward",
    "output_length",
    "toeplitz",
]


def _window(m, T):
    """The length of the filter m: (n,); ValueError if it exceeds a signal of T."""
    check_shape("m", m, "n")
    if len(m) > T:
        raise ValueError(
            f"m: a window of at most {T} expected, as the signal is long, got {len(m)}"
        )
    return len(m)


def correlate(x, m):
    """Slide the filter m along the signal x: c_j = m·x_{j:j+n-1}, slide 4, eq. (1).

    x: (T,), m: (n,) with n <= T. Returns c: (T-n+1,), and a cache for the backward
    pass. Raises ValueError when x or m is no vector, or m is longer than x.
    """
    x, m = floats(x=x, m=m)
    check_shape("x", x, "T")
    T, n = len(x), _window(m, len(x))
    c = np.array([m @ x[j : j + n] for j in range(T - n + 1)])  # (T-n+1,)
    return c, (x, m)


def toeplitz(m, T):
    """The matrix M with M x = correlate(x, m) for every x: (T,); slide 8.

    m: (n,) with n <= T. Returns M: (T-n+1, T), M[j, j+k] = m[k] and zero elsewhere.
    Raises ValueError when m is no vector, or longer than the signal.
    """
    m, T = floats(m=m), one_integer("T", T, least=1)
    n = _window(m, T)
    return sum(m[k] * np.eye(T - n + 1, T, k, m.dtype) for k in range(n))


def correlate_backward(dc, cache):
    """Gradients of `correlate`: dx = M^T dc, dm_k = Σ_j dc_j x_{j+k-1} (slides 4, 8).

    dc: (T-n+1,). Returns dx: (T,), dm: (n,). Raises ValueError for another shape.
    """
    x, m = cache
    n = len(m)
    dc = floats_like("dc", dc, (len(x) - n + 1,), x.dtype)
    dx, dm = np.zeros(len(x), dc.dtype), np.zeros(n, dc.dtype)
    for j in range(len(dc)):
        dx[j : j + n] += dc[j] * m
        dm += dc[j] * x[j : j + n]
    return dx, dm


def _geometry(stride, padding, dilation):
    """The three options as Python's integers, or ValueError."""
    s, p = one_integer("stride", stride, least=1), one_integer("padding", padding)
    return s, p, one_integer("dilation", dilation, least=1)


def output_length(L, n, stride=1, padding=0, dilation=1):
    """Responses of a window n on L samples: ⌊(L + 2p - d(n-1) - 1) / s⌋ + 1.

    Raises ValueError when an argument is not an integer in its range, or when the
    dilated window is longer than the padded signal.
    """
    L, n = one_integer("L", L, least=1), one_integer("n", n, least=1)
    stride, padding, dilation = _geometry(stride, padding, dilation)
    span, room = dilation * (n - 1) + 1, L + 2 * padding
    if span > room:
        raise ValueError(
            f"n: a window of {n} with dilation {dilation} spans {span} "
            f"samples, but the padded signal has {room}; pad more, or "
            "shorten the window"
        )
    return (room - span) // stride + 1


def _slices(n, length, stride, dilation):
    """The samples S_j that tap j reads, for j = 0 … n-1."""
    reach = stride * (length - 1) + 1
    return [slice(j * dilation, j * dilation + reach, stride) for j in range(n)]


def _pad(x, *padding):
    """Zeros on both sides of the last axes, `padding[i]` of them on the i-th."""
    return np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [(p, p) for p in padding])


def _grouped(x, w, groups):
    """Channels split into groups: (B, G, C/G, …) and (G, K/G, C/G, …)."""
    xg = x.reshape(len(x), groups, -1, *x.shape[2:])
    return xg, w.reshape(groups, -1, *w.shape[1:])


def _check_layer(x, w, b, groups, axes):
    """x: (B, C, …), w: (K, C/G, …), b: (K,) as floats, and G; ValueError if unfit."""
    x, w, b = floats(x=x, w=w, b=b)
    groups = one_integer("groups", groups, least=1)
    sides, window = ("L", "n") if axes == 1 else ("YX", ("n_y", "n_x"))
    check_shape("x", x, ("B", "C", *sides))
    check_shape("w", w, ("K", "C/G", *window))
    C, K = x.shape[1], w.shape[0]
    if C % groups or K % groups:
        raise ValueError(
            f"groups: a divisor of {C} channels and {K} filters expected, got {groups!r}"
        )
    if w.shape[1] != C // groups:
        raise ValueError(
            f"w: {C // groups} channels expected (x has {C} in {groups} "
            f"groups), got shape {w.shape}"
        )
    check_shape("b", b, (K,), "one bias a filter")
    return x, w, b, groups


def conv1d(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    """A 1-D convolution layer: Σ_j W_j x[:, S_j] + b; slide 4 with channels, batch.

    x: (B, C, L), w: (K, C/groups, n), b: (K,). Returns out: (B, K, L_out), where
    L_out is `output_length`'s, and a cache for `conv1d_backward`. As in torch, the
    weights are not flipped. Raises ValueError when arguments do not fit together.
    """
    x, w, b, G = _check_layer(x, w, b, groups, axes=1)
    s, p, d = _geometry(stride, padding, dilation)
    length = output_length(x.shape[2], w.shape[2], s, p, d)
    slices = _slices(w.shape[2], length, s, d)
    xg, wg = _grouped(_pad(x, p), w, G)
    out = sum(wg[..., j] @ xg[..., S] for j, S in enumerate(slices))
    out = out.reshape(len(x), len(w), length) + b[:, None]
    return out, (x.shape, out.shape, xg, wg, slices, p)


def conv1d_backward(dout, cache):
    """Gradients of `conv1d`. dout: (B, K, L_out). Returns dx: (B, C, L), dw, db.

    dW_j = Σ_i dout_i x_i[:, S_j]^T and dx_i[:, S_j] += W_j^T dout_i for every tap j.
    Raises ValueError when dout has not the shape of out.
    """
    x_shape, out_shape, xg, wg, slices, p = cache
    dout = floats_like("dout", dout, out_shape, xg.dtype)
    dg = dout.reshape(len(xg), *wg.shape[:2], -1)  # (B, G, K/G, L_out)
    dxg, dwg = np.zeros(xg.shape, dg.dtype), np.empty(wg.shape, dg.dtype)
    for j, S in enumerate(slices):
        dwg[..., j] = (dg @ xg[..., S].swapaxes(-1, -2)).sum(axis=0)
        dxg[..., S] += wg[..., j].swapaxes(-1, -2) @ dg
    dx = dxg[..., p : p + x_shape[2]].reshape(x_shape)
    return dx, dwg.reshape(-1, *wg.shape[2:]), dout.sum(axis=(0, 2))


def conv2d(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    """A 2-D convolution layer: Σ_uv W_uv x[:, R_u, S_v] + b.

    x: (B, C, Y, X), w: (K, C/groups, n_y, n_x), b: (K,). stride, padding and dilation
    are one number or a pair (rows, columns). Returns out: (B, K, Y_out, X_out) and a
    cache. Raises ValueError when arguments do not fit together.
    """
    x, w, b, G = _check_layer(x, w, b, groups, axes=2)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    axes = zip(*(one_or_two(name, value) for name, value in options.items()))
    s, p, d = zip(*(_geometry(*axis) for axis in axes))  # (rows, columns) each
    Y, X = (output_length(*size) for size in zip(x.shape[2:], w.shape[2:], s, p, d))
    rows = _slices(w.shape[2], Y, s[0], d[0])
    columns = _slices(w.shape[3], X, s[1], d[1])
    xg, wg = _grouped(_pad(x, *p), w, G)
    taps = [(u, v, R, S) for u, R in enumerate(rows) for v, S in enumerate(columns)]
    flat = (*xg.shape[:3], Y * X)  # (B, G, C/G, Y·X)
    out = sum(wg[..., u, v] @ xg[..., R, S].reshape(flat) for u, v, R, S in taps)
    out = out.reshape(len(x), len(w), Y, X) + b[:, None, None]
    return out, (x.shape, out.shape, xg, wg, taps, p)


def conv2d_backward(dout, cache):
    """Gradients of `conv2d`. dout: (B, K, Y_out, X_out). Returns dx, dw, db.

    Raises ValueError when dout has not the shape of out.
    """
    x_shape, out_shape, xg, wg, taps, (top, left) = cache
    dout = floats_like("dout", dout, out_shape, xg.dtype)
    (B, _, Y, X), (height, width) = dout.shape, x_shape[2:]
    dg = dout.reshape(B, *wg.shape[:2], Y * X)  # (B, G, K/G, Y·X)
    dxg, dwg = np.zeros(xg.shape, dg.dtype), np.empty(wg.shape, dg.dtype)
    for u, v, R, S in taps:
        window = xg[..., R, S].reshape(*xg.shape[:3], Y * X)  # (B, G, C/G, Y·X)
        dwg[..., u, v] = (dg @ window.swapaxes(-1, -2)).sum(axis=0)
        dwindow = wg[..., u, v].swapaxes(-1, -2) @ dg  # (B, G, C/G, Y·X)
        dxg[..., R, S] += dwindow.reshape(*xg.shape[:3], Y, X)
    dx = dxg[..., top : top + height, left : left + width].reshape(x_shape)
    return dx, dwg.reshape(-1, *wg.shape[2:]), dout.sum(axis=(0, 2, 3))
