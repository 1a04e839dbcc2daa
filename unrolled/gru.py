"""Chapter 8: GRU.

Generated from chapters/08_gru.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

from functools import partial

import numpy as np

from unrolled.common.arguments import check_shape, floats, floats_like, one_integer
from unrolled.lstm import Cell, add_cell, cell_named, last_first
from unrolled.unfolding import sigmoid

__all__ = [
    "GRU",
    "GRU_BEFORE",
    "GRU_GATES",
    "RESETS",
    "gru_backward",
    "gru_forward",
    "gru_from_torch",
    "gru_step",
    "gru_step_backward",
    "parameter_count",
    "units_within",
]


GRU_GATES = "rzn"  # torch's order, in which the blocks of W_i, W_h and b are stacked
RESETS = ("after", "before")  # where the reset gate acts: after the product, or before


def _check_gates(name, W, shape):
    """Raise ValueError unless W has `shape`; its first axis holds the gates r, z, n."""
    got, rows = np.shape(W), shape[0]
    if got[:1] != shape[:1] and got:
        H = rows // 3
        other = {H: "a plain RNN", 4 * H: "an LSTM"}.get(got[0])
        ask = f": is this {other}?" if other else ""
        raise ValueError(
            f"{name}: 3H = {rows} rows expected, H each for r, z, n, {got[0]} came{ask}"
        )
    if got != shape:
        raise ValueError(f"{name}: shape {shape} expected, got {got}")


def _check_gru(x, before, W_i, W_h, b, b_n, reset, steps):
    """The arguments as floats of one type; ValueError unless they fit together."""
    if reset not in RESETS:
        known = ", ".join(map(repr, RESETS))
        raise ValueError(f"reset: one of {known} expected, got {reset!r}")
    state = "h_0" if steps else "h_prev"
    names = ("x", state, "W_i", "W_h", "b", "b_n")
    arrays = floats(**dict(zip(names, (x, before, W_i, W_h, b, b_n))))
    x, before, W_i, W_h, b, b_n = arrays
    check_shape("x", x, ("T", "B", "D") if steps else ("B", "D"))
    check_shape("W_h", W_h, ("3H", "H"))
    (B, D), H = x.shape[-2:], W_h.shape[1]
    for name, W, shape in (("W_h", W_h, (3 * H, H)), ("W_i", W_i, (3 * H, D)), ("b", b, (3 * H,))):
        _check_gates(name, W, shape)
    check_shape("b_n", b_n, (H,))
    if not (steps and (before is None or before.shape == (H,))):
        check_shape(state, before, (B, H), f"B = {B} as in x, H = {H} as in W_h")
    return arrays


def gru_step(x, h_prev, W_i, W_h, b, b_n, reset="after"):
    """One step: h = (1 - z) n + z h_prev, with gates r, z and candidate n.

    x: (B, D), h_prev: (B, H), W_i: (3H, D), W_h: (3H, H), b: (3H,), rows in the order
    r, z, n; b_n: (H,), the inner bias of n. reset: "after" the product with W_hn, as in
    torch, or "before" it, as in Cho et al. (2014). Returns h: (B, H) and a cache.
    """
    x, h_prev, W_i, W_h, b, b_n = _check_gru(x, h_prev, W_i, W_h, b, b_n, reset, steps=False)
    (W_hr, W_hz, W_hn), H = np.split(W_h, 3), len(b_n)
    a_r, a_z, a_n = np.split(x @ W_i.T + b, [H, 2 * H], axis=1)  # (B, H) each
    r, z = sigmoid(a_r + h_prev @ W_hr.T), sigmoid(a_z + h_prev @ W_hz.T)
    if reset == "after":
        s = h_prev @ W_hn.T + b_n  # (B, H)
        n = np.tanh(a_n + r * s)
    else:
        s = r * h_prev  # (B, H)
        n = np.tanh(a_n + s @ W_hn.T + b_n)
    return (1 - z) * n + z * h_prev, (x, h_prev, W_i, W_h, r, z, n, s, reset)


def gru_step_backward(dh, cache):
    """Gradients of `gru_step`: dx, dh_prev, dW_i, dW_h, db, db_n. dh: (B, H)."""
    x, h_prev, W_i, W_h, r, z, n, s, reset = cache
    dh = floats_like("dh", dh, n.shape, n.dtype)
    W_hr, W_hz, W_hn = np.split(W_h, 3)
    da_z = dh * (h_prev - n) * z * (1 - z)
    da_n = dh * (1 - z) * (1 - n**2)
    if reset == "after":
        ds = da_n * r
        da_r = da_n * s * r * (1 - r)
        dh_n, dW_hn, db_n = ds @ W_hn, ds.T @ h_prev, ds.sum(axis=0)
    else:
        ds = da_n @ W_hn
        da_r = ds * h_prev * r * (1 - r)
        dh_n, dW_hn, db_n = ds * r, da_n.T @ s, da_n.sum(axis=0)
    dh_prev = dh * z + dh_n + da_r @ W_hr + da_z @ W_hz
    da = np.hstack([da_r, da_z, da_n])  # (B, 3H)
    dW_h = np.vstack([da_r.T @ h_prev, da_z.T @ h_prev, dW_hn])
    return da @ W_i, dh_prev, da.T @ x, dW_h, da.sum(axis=0), db_n


def _by_gate(W, H):
    """The transposed gates of W one by one, (3, …, H), with those of r and z halved."""
    half = np.array([1 if gate == "n" else 0.5 for gate in GRU_GATES], W.dtype)
    halved = half[:, None, None] * W.reshape(3, H, -1)
    return np.ascontiguousarray(halved.swapaxes(1, 2))


def _prepare(x, h_0, W_i, W_h, b):
    """States (T+1, B, H); (T, 5, B, H), first W_i x + b; and W_h^T, gate by gate."""
    (T, B, _), H = x.shape, W_h.shape[1]
    h, kept = np.empty((T + 1, B, H), x.dtype), np.empty((T, 5, B, H), x.dtype)
    h[0] = 0 if h_0 is None else h_0
    np.matmul(x[:, None], _by_gate(W_i, H), out=kept[:, :3])
    kept[:, :3] += _by_gate(b, H)
    return h, kept, _by_gate(W_h, H)


def gru_forward(x, h_0, W_i, W_h, b, b_n, reset="after"):
    """All steps of `gru_step`: h[t+1] = (1 - z) n + z h[t].

    x: (T, B, D); h_0: (B, H), or (H,) for one state that the batch shares, or None for
    zeros; W_i, W_h, b, b_n, reset as there. Returns h: (T+1, B, H) with h[0] = h_0, and
    a cache. Raises ValueError when arguments do not fit together.
    """
    x, h_0, W_i, W_h, b, b_n = _check_gru(x, h_0, W_i, W_h, b, b_n, reset, steps=True)
    h, kept, W = _prepare(x, h_0, W_i, W_h, b)
    a, known = np.empty_like(kept[0, :3]), 3 if reset == "after" else 2
    for t in range(len(x)):
        rz, (r, z, n, m, u) = kept[t, :2], kept[t]
        np.matmul(h[t], W[:known], out=a[:known])
        rz += a[:2]
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset == "after":
            a[2] += b_n
            n += np.multiply(r, a[2], out=m)
        else:
            n += np.matmul(np.multiply(r, h[t], out=m), W[2], out=a[2])
            n += b_n
        np.tanh(n, out=n)
        np.subtract(h[t], n, out=u)
        u *= z
        np.add(u, n, out=h[t + 1])  # z (h - n) + n = (1 - z) n + z h
    return h, (x, h_0, W_i, W_h, h, kept, reset)


def _slopes(kept, out):
    """What q is multiplied by in g and da_r, and δ in da_z and da_n.

    kept: (steps, 5, B, H); out, which is filled: (steps, 4, B, H).
    """
    r, z, n, m, u = kept.swapaxes(0, 1)
    of_g, of_r, of_z, of_n = out.swapaxes(0, 1)
    of_g[:] = r
    np.subtract(1, r, out=of_r)
    of_r *= m  # (1 - r) m
    np.subtract(1, z, out=of_z)
    np.subtract(1, np.multiply(n, n, out=of_n), out=of_n)
    of_n *= of_z  # (1 - z) (1 - n²)
    of_z *= u  # (1 - z) u


def _walk_back(dh, cache):
    """g, da_r, da_z, da_n of all steps, (T, B, 4H), and what reaches h_0: (B, H)."""
    _, _, _, W_h, _, kept, reset = cache
    T, _, B, H = kept.shape
    W = np.roll(W_h, H, axis=0)  # W_hn, W_hr, W_hz
    d, delta = np.empty((T, B, 4 * H), dh.dtype), dh[T].copy()
    slopes, part = np.empty((8, 4, B, H), dh.dtype), np.empty((4, B, H), dh.dtype)
    g, da_n, by_q, by_delta, back = part[0], part[3], part[:2], part[2:], +delta
    for s in last_first(T):
        _slopes(kept[s], slopes[: s.stop - s.start])
        for t in reversed(range(s.start, s.stop)):
            slope = slopes[t - s.start]
            np.multiply(slope[2:], delta, out=by_delta)
            q = da_n if reset == "after" else np.matmul(da_n, W[:H], out=back)
            np.multiply(slope[:2], q, out=by_q)
            d[t].reshape(B, 4, H)[:] = part.swapaxes(0, 1)
            delta *= kept[t, 1]  # z
            if reset == "after":
                delta += np.matmul(d[t, :, : 3 * H], W, out=back)
            else:
                delta += np.matmul(d[t, :, H : 3 * H], W[H:], out=back)
                delta += g
            delta += dh[t]
    return d, delta


def gru_backward(dh, cache):
    """Gradients of `gru_forward`: dx, dh_0, dW_i, dW_h, db, db_n.

    dh: (T+1, B, H), the gradient each state gets from outside the recursion, dh[0] for
    h_0; dh_0 has the shape of h_0, (B, H) if that was None. Raises ValueError when dh
    has not the shape of h.
    """
    x, h_0, W_i, _, h, kept, reset = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    d, dh_0 = _walk_back(dh, cache)
    (T, B, D), H = x.shape, h.shape[2]
    rows, h_prev = d.reshape(T * B, 4 * H), h[:-1].reshape(T * B, H)
    g, da = rows[:, :H], rows[:, H:]  # da: (T B, 3H), in the order r, z, n
    if reset == "after":
        dW_h = np.roll(rows[:, : 3 * H].T @ h_prev, -H, axis=0)
        db_n = g.sum(axis=0)
    else:
        dW_hn = da[:, 2 * H :].T @ kept[:, 3].reshape(T * B, H)
        dW_h = np.vstack([da[:, : 2 * H].T @ h_prev, dW_hn])
        db_n = da[:, 2 * H :].sum(axis=0)
    dW_i, dx = da.T @ x.reshape(T * B, D), (da @ W_i).reshape(T, B, D)
    dh_0 = dh_0.sum(axis=0) if np.ndim(h_0) == 1 else dh_0
    return dx, dh_0, dW_i, dW_h, da.sum(axis=0), db_n


def gru_from_torch(module):
    """W_i, W_h, b, b_n of a torch.nn.GRU of one layer, or a GRUCell, as copies.

    Of torch's two biases, those of r and z are added up. x is (T, B, D) for
    `gru_forward`, whatever the module's batch_first says. Raises ValueError for another
    kind of module, for several layers, and for two directions.
    """
    kind = getattr(module, "mode", type(module).__name__)
    if kind not in ("GRU", "GRUCell"):
        raise ValueError(f"module: a torch.nn.GRU expected, got {kind}")
    if getattr(module, "num_layers", 1) != 1:
        raise ValueError(f"module: one layer expected, got {module.num_layers}")
    if getattr(module, "bidirectional", False):
        raise ValueError("module: one direction expected, got a bidirectional GRU")
    end = "_l0" if kind == "GRU" else ""
    names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * module.bias
    arrays = [getattr(module, name + end).detach().numpy().copy() for name in names]
    W_i, W_h, *biases = arrays
    b, inner = biases or (np.zeros_like(W_i[:, 0]), np.zeros_like(W_i[:, 0]))
    H = W_h.shape[1]
    b[: 2 * H] += inner[: 2 * H]
    return W_i, W_h, b, inner[2 * H :]


_SHARED = {"gates": GRU_GATES, "keeps": "z", "parameters": ("W_i", "W_h", "b", "b_n")}
GRU = add_cell("gru", Cell(gru_forward, gru_backward, **_SHARED))
GRU_BEFORE = add_cell(
    "gru before", Cell(partial(gru_forward, reset="before"), gru_backward, **_SHARED)
)


def parameter_count(cell, D, H):
    """Parameters of a recurrent layer: H (D + H + 1) a block, and b_n for a GRU.

    cell: a name in CELLS. Raises ValueError for an unknown cell.
    """
    D, H = one_integer("D", D, least=1), one_integer("H", H, least=1)
    known = cell_named(cell)
    return len(known.gates) * H * (D + H + 1) + H * ("b_n" in known.parameters)


def units_within(cell, budget, D, per_unit=0):
    """The most units within a budget, when each costs `per_unit` numbers elsewhere."""
    H = 0
    while parameter_count(cell, D, H + 1) + (H + 1) * per_unit <= budget:
        H += 1
    if H == 0:
        raise ValueError(f"budget: enough for one unit expected, got {budget}")
    return H
