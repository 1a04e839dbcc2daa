"""Chapter 7: LSTM.

Generated from chapters/07_lstm.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.unfolding import sigmoid

__all__ = [
    "adding_problem",
    "lstm_backward",
    "lstm_forward",
    "lstm_from_torch",
    "lstm_step",
    "lstm_step_backward",
]


def _expect(name, value, shape, why):
    """Raise ValueError unless `value` has the shape."""
    if np.shape(value) != shape:
        got = np.shape(value)
        raise ValueError(f"{name}: shape {shape} expected ({why}), got {got}")


def _check_rows(name, W, gates, H):
    """Raise ValueError unless W has H rows for each gate."""
    came, rest = divmod(len(W), H)
    if rest or came != gates:
        known = {1: "a plain RNN", 3: "a GRU, or an LSTM with three gates", 4: "an LSTM"}
        guess = f": is this {known[came]}?" if came in known and not rest else ""
        count = f"{came}H" if not rest else f"{len(W)}"
        raise ValueError(f"{name}: {gates}H rows expected with H = {H}, {count} came{guess}")


def _check_cell(x, h_0, c_0, W_i, W_h, b, gates=4, steps=True):
    """Raise ValueError unless inputs, states and stacked weights fit together."""
    axes, names = "(B, D)", ("h_prev", "c_prev")
    if steps:
        axes, names = "(T, B, D)", ("h_0", "c_0")
    if np.ndim(x) != 2 + steps or 0 in np.shape(x):
        raise ValueError(f"x: shape {axes} expected, none of them 0, got {np.shape(x)}")
    for name, W in (("W_i", W_i), ("W_h", W_h)):
        if np.ndim(W) != 2 or 0 in np.shape(W):
            raise ValueError(f"{name}: a matrix expected, got shape {np.shape(W)}")
    (B, D), H = np.shape(x)[-2:], np.shape(W_h)[1]
    _check_rows("W_h", W_h, gates, H)
    _check_rows("W_i", W_i, gates, H)
    _expect("W_i", W_i, (gates * H, D), f"D = {D} as in x")
    _expect("b", b, (gates * H,), "one number for each row of W_h")
    for name, state in zip(names, (h_0, c_0)):
        if state is not None and not (steps and np.shape(state) == (H,)):
            _expect(name, state, (B, H), f"B = {B} as in x, H = {H} as in W_h")


def _peepholes(W_c, H):
    """W_ci, W_cf, W_co: three vectors (H,) or three matrices (H, H); None without."""
    if W_c is None:
        return None
    if np.shape(W_c) not in ((3, H), (3 * H, H)):
        raise ValueError(
            f"W_c: shape {(3, H)} (diagonal) or {(3 * H, H)} (full) expected, got {np.shape(W_c)}"
        )
    return np.reshape(W_c, (3, H) if len(W_c) == 3 else (3, H, H))


def _look(c, P):
    """What a gate sees of the cell through its peephole."""
    return c * P if P.ndim == 1 else c @ P.T


def _look_backward(dz, c, P):
    """Gradients of `_look`: dc: (..., B, H), and dP, summed over all axes but the last."""
    if P.ndim == 1:
        return dz * P, (dz * c).reshape(-1, len(P)).sum(axis=0)
    return dz @ P, dz.reshape(-1, len(P)).T @ c.reshape(-1, len(P))


def lstm_step(x, h_prev, c_prev, W_i, W_h, b, W_c=None):
    """One step of slide 30, gates stacked in the order i, f, g, o.

    x: (B, D); h_prev, c_prev: (B, H); W_i: (4H, D), W_h: (4H, H), b: (4H,); W_c: None,
    (3, H) or (3H, H), peepholes of i, f, o, diagonal or full. Returns (h, c), both
    (B, H), and a cache. Raises ValueError when arguments do not fit together.
    """
    _check_cell(x, np.asarray(h_prev), np.asarray(c_prev), W_i, W_h, b, steps=False)
    H = W_h.shape[1]
    P = _peepholes(np.zeros((3, H), W_h.dtype) if W_c is None else W_c, H)
    z_i, z_f, z_g, z_o = np.split(x @ W_i.T + h_prev @ W_h.T + b, 4, axis=1)  # (B, H)
    i = sigmoid(z_i + _look(c_prev, P[0]))
    f = sigmoid(z_f + _look(c_prev, P[1]))
    g = np.tanh(z_g)
    c = f * c_prev + i * g
    o = sigmoid(z_o + _look(c, P[2]))
    h = o * np.tanh(c)
    return (h, c), (x, h_prev, c_prev, W_i, W_h, W_c, P, i, f, g, o, c)


def lstm_step_backward(dout, cache):
    """Gradients of `lstm_step`: dx, dh_prev, dc_prev, dW_i, dW_h, db, and dW_c if there.

    dout: (dh, dc), both (B, H): what later steps and losses ask of h and of c.
    """
    (dh, dc), (x, h_prev, c_prev, W_i, W_h, W_c, P, i, f, g, o, c) = dout, cache
    tanh_c = np.tanh(c)
    dz_o = dh * tanh_c * o * (1 - o)
    seen, dP_o = _look_backward(dz_o, c, P[2])
    dc = dc + dh * o * (1 - tanh_c**2) + seen  # all that is asked of c_t
    dz_i = dc * g * i * (1 - i)
    dz_f = dc * c_prev * f * (1 - f)
    dz_g = dc * i * (1 - g**2)
    seen_i, dP_i = _look_backward(dz_i, c_prev, P[0])
    seen_f, dP_f = _look_backward(dz_f, c_prev, P[1])
    dc_prev = dc * f + seen_i + seen_f
    dz = np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1)  # (B, 4H)
    grads = dz @ W_i, dz @ W_h, dc_prev, dz.T @ x, dz.T @ h_prev, dz.sum(axis=0)
    if W_c is None:
        return grads
    return *grads, np.reshape([dP_i, dP_f, dP_o], np.shape(W_c))


def _by_gate(z):
    """The four gates of (T, B, 4H), as views: (4, T, B, H)."""
    return np.moveaxis(z.reshape(*z.shape[:2], 4, -1), 2, 0)


def _sigmoid_of_half(z):
    """(1 + tanh(z)) / 2 = σ(2z), in place."""
    np.tanh(z, out=z)
    z *= z.dtype.type(0.5)
    z += z.dtype.type(0.5)


def lstm_forward(x, h_0, c_0, W_i, W_h, b, W_c=None):
    """All steps of slide 30, gates stacked in torch's order i, f, g, o.

    x: (T, B, D); h_0, c_0: (B, H), or (H,) for one state that the batch shares, or None
    for zeros; W_i: (4H, D), W_h: (4H, H), b: (4H,); W_c: None, or the peepholes of i, f,
    o: (3, H) diagonal, (3H, H) full. Returns (h, c), both (T+1, B, H), with h[0] = h_0
    and c[0] = c_0, and a cache. Raises ValueError when arguments do not fit together.
    """
    _check_cell(x, h_0, c_0, W_i, W_h, b)
    (T, B, D), H, kind = x.shape, W_h.shape[1], np.result_type(x, W_i, W_h, b)
    P, half = _peepholes(W_c, H), np.repeat([0.5, 0.5, 1, 0.5], H).astype(kind)
    z = (x.reshape(T * B, D) @ (half[:, None] * W_i).T).reshape(T, B, 4 * H)
    z += half * b
    W = np.ascontiguousarray((half[:, None] * W_h).T)  # (H, 4H), rows as BLAS reads them
    h, c = np.empty((2, T + 1, B, H), kind)
    h[0], c[0] = 0 if h_0 is None else h_0, 0 if c_0 is None else c_0
    tanh_c, moved, added = np.empty_like(h[1:]), np.empty((B, 4 * H), kind), None
    added = np.empty((B, H), kind)
    for z_t, (i, f, g, o), t in zip(z, np.moveaxis(_by_gate(z), 1, 0), range(T)):
        z_t += np.matmul(h[t], W, out=moved)
        if P is not None:
            i += _look(c[t], P[0]) / 2
            f += _look(c[t], P[1]) / 2
        _sigmoid_of_half(z_t[:, : 2 * H])
        np.tanh(g, out=g)
        np.multiply(f, c[t], out=c[t + 1])
        c[t + 1] += np.multiply(i, g, out=added)
        if P is not None:
            o += _look(c[t + 1], P[2]) / 2
        _sigmoid_of_half(o)
        np.multiply(o, np.tanh(c[t + 1], out=tanh_c[t]), out=h[t + 1])
    return (h, c), (x, h_0, c_0, W_i, W_h, W_c, h, c, z, tanh_c)


def _as_given(d, given):
    """The gradient of an initial state: summed over a batch that shares it: (H,)."""
    return d.sum(axis=0) if np.ndim(given) == 1 else d


def lstm_backward(dout, cache):
    """Gradients of `lstm_forward`: dx, dh_0, dc_0, dW_i, dW_h, db, and dW_c if there.

    dout: (dh, dc), both (T+1, B, H), what the losses ask of each h and c directly, with
    dh[0], dc[0] for the initial states; dc may be None. Raises ValueError for a wrong
    shape.
    """
    (dh, dc), (x, h_0, c_0, W_i, W_h, W_c, h, c, z, tanh_c) = dout, cache
    _expect("dh", dh, h.shape, "that of h")
    if dc is not None:
        _expect("dc", dc, h.shape, "that of c")
    (T, B, D), H, P = x.shape, W_h.shape[1], _peepholes(W_c, W_h.shape[1])
    i, f, g, o = _by_gate(z)
    dz = z - z * z  # σ' of each gate, and what each gate is multiplied by
    dz_i, dz_f, dz_g, dz_o = _by_gate(dz)
    dz_i *= g
    dz_f *= c[:-1]
    np.multiply(i, 1 - g * g, out=dz_g)
    dz_o *= tanh_c
    through = o * (1 - tanh_c * tanh_c)  # ∂h/∂c at a fixed o
    dh_t, dc_t = dh[T].copy(), np.zeros_like(h[0]) if dc is None else dc[T].copy()
    moved = np.empty_like(dh_t)
    for t in reversed(range(T)):
        dz_o[t] *= dh_t
        dc_t += np.multiply(dh_t, through[t], out=moved)
        if P is not None:
            dc_t += _look_backward(dz_o[t], c[t + 1], P[2])[0]
        first = dz[t].reshape(B, 4, H)[:, :3]
        first *= dc_t[:, None]
        dc_t *= f[t]
        if P is not None:
            dc_t += _look_backward(dz_i[t], c[t], P[0])[0]
            dc_t += _look_backward(dz_f[t], c[t], P[1])[0]
        if dc is not None:
            dc_t += dc[t]
        np.matmul(dz[t], W_h, out=dh_t)
        dh_t += dh[t]
    rows = dz.reshape(T * B, 4 * H)
    grads = (
        (rows @ W_i).reshape(T, B, D),
        _as_given(dh_t, h_0),
        _as_given(dc_t, c_0),
        rows.T @ x.reshape(T * B, D),
        rows.T @ h[:-1].reshape(T * B, H),
        rows.sum(axis=0),
    )
    if W_c is None:
        return grads
    looks = (dz_i, c[:-1], P[0]), (dz_f, c[:-1], P[1]), (dz_o, c[1:], P[2])
    return *grads, np.reshape([_look_backward(*look)[1] for look in looks], np.shape(W_c))


def adding_problem(T, B, rng):
    """The adding problem: x (T, B, 2), numbers in (0, 1) and two marks; y (B,), the sum.

    x[..., 0] is uniform, x[..., 1] is 1 at two steps of each sequence, one in its first
    half and one in its second, and 0 elsewhere; y is the sum of the two marked numbers.
    Raises ValueError for T below 2 or B below 1.
    """
    for name, value, least in (("T", T, 2), ("B", B, 1)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name}: an integer >= {least} expected, got {value!r}")
    x = np.zeros((T, B, 2))
    x[:, :, 0] = rng.uniform(size=(T, B))
    n = np.arange(B)
    marked = rng.integers(0, T // 2, B), rng.integers(T // 2, T, B)
    for t in marked:
        x[t, n, 1] = 1
    return x, sum(x[t, n, 0] for t in marked)


def lstm_from_torch(module):
    """W_i: (4H, D), W_h: (4H, H), b: (4H,) of a torch.nn.LSTM, its two biases added.

    Raises ValueError for a module that is no LSTM, is bidirectional, has several
    layers, or has projections.
    """
    kind = type(module).__name__
    if kind != "LSTM":
        raise ValueError(f"module: a torch.nn.LSTM expected, got {kind}")
    for what, came, expected in (
        ("bidirectional", module.bidirectional, False),
        ("num_layers", module.num_layers, 1),
        ("proj_size", module.proj_size, 0),
    ):
        if came != expected:
            raise ValueError(f"module: {what}={expected} expected, got {what}={came}")
    W_i, W_h, *biases = (p.detach().numpy().copy() for p in module.parameters())
    return W_i, W_h, biases[0] + biases[1] if biases else np.zeros_like(W_i[:, 0])
