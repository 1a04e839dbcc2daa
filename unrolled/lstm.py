"""Chapter 7: LSTM.

Generated from chapters/07_lstm.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.clipping import init_scaled
from unrolled.common.arguments import check_shape, floats, floats_like, integers
from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
)
from unrolled.unfolding import readout, readout_backward, rnn_forward, sigmoid

__all__ = [
    "CELLS",
    "LSTM_GATES",
    "Cell",
    "add_cell",
    "cell_named",
    "cell_parameters",
    "coupled_backward",
    "coupled_forward",
    "language_loss",
    "language_loss_backward",
    "last_first",
    "lstm1997_backward",
    "lstm1997_forward",
    "lstm_backward",
    "lstm_forward",
    "lstm_from_torch",
    "lstm_step",
    "lstm_step_backward",
    "run_cell",
    "run_cell_backward",
]


LSTM_GATES = "ifgo"  # torch's order, in which the blocks of W_i, W_h and b are stacked


def _peepholes(W_c, H):
    """W_ci, W_cf, W_co: three vectors (H,) or three matrices (H, H); () without."""
    if W_c is None:
        return ()
    if np.shape(W_c) not in ((3, H), (3 * H, H)):
        raise ValueError(
            f"W_c: shape {(3, H)} (diagonal) or {(3 * H, H)} (full) expected, got {np.shape(W_c)}"
        )
    return np.reshape(W_c, (3, H) if len(W_c) == 3 else (3, H, H))


def _look(c, P):
    """What a gate sees of the cell through its peephole P."""
    return c * P if P.ndim == 1 else c @ P.T


def _look_backward(dz, c, P):
    """Gradients of `_look`: dc and dP. dz, c: (..., H)."""
    if P.ndim == 1:
        return dz * P, (dz * c).reshape(-1, len(P)).sum(axis=0)
    return dz @ P, dz.reshape(-1, len(P)).T @ c.reshape(-1, len(P))


def _check_rows(name, W, gates, H):
    """Raise ValueError unless W has H rows for each gate."""
    came, rest = divmod(len(W), H)
    if rest or came != gates:
        known = {1: "a plain RNN", 3: "a GRU", 4: "an LSTM"}
        guess = f": is this {known[came]}?" if came in known and not rest else ""
        count = f"{came}H" if not rest else f"{len(W)}"
        raise ValueError(f"{name}: {gates}H rows expected with H = {H}, {count} came{guess}")


def _check_cell(x, h, c, W_i, W_h, b, W_c=None, gates=4, steps=True):
    """The arguments as floats of one type; ValueError unless they fit together."""
    states = ("h_0", "c_0") if steps else ("h_prev", "c_prev")
    names = ("x", *states, "W_i", "W_h", "b", "W_c")
    arrays = floats(**dict(zip(names, (x, h, c, W_i, W_h, b, W_c))))
    x, *before, W_i, W_h, b, W_c = arrays
    check_shape("x", x, ("T", "B", "D") if steps else ("B", "D"))
    check_shape("W_i", W_i, (f"{gates}H", "D"))
    check_shape("W_h", W_h, (f"{gates}H", "H"))
    (B, D), H = x.shape[-2:], W_h.shape[1]
    _check_rows("W_h", W_h, gates, H)
    _check_rows("W_i", W_i, gates, H)
    check_shape("W_i", W_i, (gates * H, D), f"D = {D} as in x")
    check_shape("b", b, (gates * H,), "one number for each row of W_h")
    for name, state in zip(states, before):
        if not (steps and (state is None or state.shape == (H,))):
            check_shape(name, state, (B, H), f"B = {B} as in x, H = {H} as in W_h")
    _peepholes(W_c, H)
    return arrays


def lstm_step(x, h_prev, c_prev, W_i, W_h, b, W_c=None):
    """One step of slide 30, gates stacked in the order i, f, g, o.

    x: (B, D); h_prev, c_prev: (B, H); W_i: (4H, D), W_h: (4H, H), b: (4H,); W_c: None,
    (3, H) or (3H, H), peepholes of i, f, o, diagonal or full. Returns (h, c), both
    (B, H), and a cache. Raises ValueError when arguments do not fit together.
    """
    x, h_prev, c_prev, W_i, W_h, b, W_c = _check_cell(
        x, h_prev, c_prev, W_i, W_h, b, W_c, steps=False
    )
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


def _upstream(dout, c):
    """(dh, dc) as floats of one type and of c's shape; zeros for a dc that is None."""
    dh, dc = floats(**dict(zip(("dh", "dc"), dout, strict=True)))
    dh = floats_like("dh", dh, c.shape, c.dtype)
    dc = np.broadcast_to(dh.dtype.type(0), c.shape) if dc is None else dc
    return dh, floats_like("dc", dc, c.shape, c.dtype)


def lstm_step_backward(dout, cache):
    """Gradients of `lstm_step`: dx, dh_prev, dc_prev, dW_i, dW_h, db (and dW_c).

    dout: (dh, dc), both (B, H): the gradients of h and c from losses and later steps.
    """
    x, h_prev, c_prev, W_i, W_h, W_c, P, i, f, g, o, c = cache
    dh, dc = _upstream(dout, c)
    tanh_c = np.tanh(c)
    dz_o = dh * tanh_c * o * (1 - o)
    seen, dP_o = _look_backward(dz_o, c, P[2])
    dc = dc + dh * o * (1 - tanh_c**2) + seen  # the whole gradient of c_t
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


def _scale(gates, kind):
    """s of each gate: (gates, 1, 1)."""
    return np.array([1 if gate == "g" else 0.5 for gate in gates], kind)[:, None, None]


def _prepare(x, W_i, W_h, b, gates=LSTM_GATES):
    """s (W_i x + b) of all steps: (T, gates, B, H), and s W_h: (gates, H, H)."""
    s, shape = _scale(gates, x.dtype), (len(gates), W_h.shape[1], -1)
    W_x, W, bias = (
        np.ascontiguousarray((s * A.reshape(shape)).swapaxes(1, 2)) for A in (W_i, W_h, b)
    )
    z = np.matmul(x[:, None], W_x)
    z += bias
    return z, W


def _open(gates, s, rest):
    """(1 - s) + s tanh of gates that hold s z, in place; rest: 1 - s."""
    np.tanh(gates, out=gates)
    gates *= s
    gates += rest


def _walk(z, W, h_0, c_0, P):
    """h, c: (T+1, B, H) and tanh(c): (T, B, H); z becomes the gates."""
    h, c = np.empty((2, len(z) + 1, *z.shape[2:]), z.dtype)
    h[0], c[0] = 0 if h_0 is None else h_0, 0 if c_0 is None else c_0
    s = np.broadcast_to(_scale(LSTM_GATES, z.dtype), z.shape[1:]).copy()
    tanh_c, moved, rest = np.empty_like(h[1:]), np.empty_like(z[0]), 1 - s
    for t in range(len(z)):
        i, f, g, o = z_t = z[t]  # views, each (B, H) in one piece
        z_t += np.matmul(h[t], W, out=moved)
        if len(P):
            i += _look(c[t], P[0]) / 2
            f += _look(c[t], P[1]) / 2
            _open(z_t[:3], s[:3], rest[:3])
        else:
            _open(z_t, s, rest)
        c_t = np.multiply(f, c[t], out=c[t + 1])
        c_t += np.multiply(i, g, out=moved[0])
        if len(P):
            o += _look(c_t, P[2]) / 2
            _open(o, s[3], rest[3])
        np.multiply(o, np.tanh(c_t, out=tanh_c[t]), out=h[t + 1])
    return h, c, tanh_c


def lstm_forward(x, h_0, c_0, W_i, W_h, b, W_c=None):
    """All steps of slide 30, gates stacked in torch's order i, f, g, o.

    x: (T, B, D); h_0, c_0: (B, H), or (H,) for one state that the batch shares, or None
    for zeros; W_i: (4H, D), W_h: (4H, H), b: (4H,); W_c: None, or peepholes of i, f, o,
    (3, H) diagonal or (3H, H) full. Returns (h, c), both (T+1, B, H), h[0] = h_0 and
    c[0] = c_0, and a cache. Raises ValueError when arguments do not fit together.
    """
    x, h_0, c_0, W_i, W_h, b, W_c = _check_cell(x, h_0, c_0, W_i, W_h, b, W_c)
    z, W = _prepare(x, W_i, W_h, b)
    h, c, tanh_c = _walk(z, W, h_0, c_0, _peepholes(W_c, W_h.shape[1]))
    return (h, c), (x, h_0, c_0, W_i, W_h, W_c, h, c, z, tanh_c)


def last_first(T, length=8):
    """Slices of `length` steps that cover the steps 0 … T-1, the last steps first."""
    for end in range(T, 0, -length):
        yield slice(max(0, end - length), end)


def _slopes(z, h, c_prev, tanh_c, out):
    """What dc is multiplied by in dz of i, f, g, and dh in dz of o and in dc.

    z: (steps, 4, B, H), the gates; h, c_prev, tanh_c: (steps, B, H); out, which is
    filled: (steps, 5, B, H).
    """
    i, f, g, o = z.swapaxes(0, 1)
    of_i, of_f, of_g, of_o, of_c = out.swapaxes(0, 1)
    np.subtract(1, z, out=out[:, :4])
    np.multiply(i, g, out=of_g)
    of_i *= of_g  # g i (1 - i)
    of_f *= f
    of_f *= c_prev  # c_prev f (1 - f)
    of_g *= g
    np.subtract(i, of_g, out=of_g)  # i (1 - g²)
    of_o *= h  # tanh(c) o (1 - o)
    np.subtract(o, np.multiply(h, tanh_c, out=of_c), out=of_c)  # o (1 - tanh²(c))


def _look_back(dc, dgates, P):
    """Add to dc, in place, what comes back from gates through their peepholes."""
    for dz, peephole in zip(dgates, P):
        dc += _look_backward(dz, dc, peephole)[0]  # its dP, which needs c, is unused


def _all_gradients(dz, dh_0, dc_0, cache):
    """From dz: (T, B, 4, H), for all steps at once: one product for each array."""
    x, h_0, c_0, W_i, W_h, W_c, h, c, *_ = cache
    (T, B, D), H = x.shape, W_h.shape[1]
    rows = dz.reshape(T * B, 4 * H)
    states = [
        d.sum(axis=0) if np.ndim(given) == 1 else d  # the batch shares it
        for d, given in ((dh_0, h_0), (dc_0, c_0))
    ]
    grads = (
        (rows @ W_i).reshape(T, B, D),
        *states,
        rows.T @ x.reshape(T * B, D),
        rows.T @ h[:-1].reshape(T * B, H),
        rows.sum(axis=0),
    )
    if W_c is None:
        return grads
    looks = zip("ifo", (c[:-1], c[:-1], c[1:]), _peepholes(W_c, H))
    dP = [_look_backward(dz[:, :, LSTM_GATES.index(gate)], seen, P)[1] for gate, seen, P in looks]
    return *grads, np.reshape(dP, np.shape(W_c))


def lstm_backward(dout, cache):
    """Gradients of `lstm_forward`: dx, dh_0, dc_0, dW_i, dW_h, db (and dW_c).

    dout: (dh, dc), both (T+1, B, H), the losses' own gradients of each h and c; dc may
    be None. Raises ValueError for a wrong shape.
    """
    _, _, _, _, W_h, W_c, h, c, z, tanh_c = cache
    (dh, dc), (T, _, B, H) = _upstream(dout, h), z.shape
    dz, P = np.empty((T, B, 4, H), dh.dtype), _peepholes(W_c, H)
    slopes, part = np.empty((8, 5, B, H), dh.dtype), np.empty((5, B, H), dh.dtype)
    by_c, by_h, dz_t = part[:3], part[3:], part[:4].swapaxes(0, 1)
    rows, dh_t, dc_t = dz.reshape(T, B, 4 * H), dh[T].copy(), dc[T].copy()
    for s in last_first(T):
        _slopes(z[s], h[1:][s], c[s], tanh_c[s], slopes[: s.stop - s.start])
        for t in reversed(range(s.start, s.stop)):
            slope = slopes[t - s.start]
            np.multiply(slope[3:], dh_t, out=by_h)
            dc_t += part[4]
            _look_back(dc_t, part[3:4], P[2:])
            np.multiply(slope[:3], dc_t, out=by_c)
            dc_t *= z[t, 1]  # f
            _look_back(dc_t, part[:2], P[:2])
            dz[t] = dz_t
            np.matmul(rows[t], W_h, out=dh_t)
            dh_t += dh[t]
            dc_t += dc[t]
    return _all_gradients(dz, dh_t, dc_t, cache)


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


def _with_forget(W, fill=0.0):
    """Blocks i, g, o of the 1997 cell, (3, …), with a block of `fill` for f: (4, …)."""
    i, g, o = W
    return np.stack([i, np.full_like(i, fill), g, o])


def lstm1997_forward(x, h_0, c_0, W_i, W_h, b):
    """The cell without a forget gate: c = c_prev + i g; blocks in the order i, g, o.

    W_i: (3H, D), W_h: (3H, H), b: (3H,); all else as in `lstm_forward`.
    """
    x, h_0, c_0, W_i, W_h, b, _ = _check_cell(x, h_0, c_0, W_i, W_h, b, gates=3)
    z, W = _prepare(x, W_i, W_h, b, "igo")
    z = np.ascontiguousarray(_with_forget(z.swapaxes(0, 1), np.inf).swapaxes(0, 1))
    h, c, tanh_c = _walk(z, _with_forget(W), h_0, c_0, ())
    H = W_h.shape[1]
    W_i, W_h = (_with_forget(A.reshape(3, H, -1)).reshape(4 * H, -1) for A in (W_i, W_h))
    return (h, c), (x, h_0, c_0, W_i, W_h, None, h, c, z, tanh_c)


def lstm1997_backward(dout, cache):
    """Gradients of `lstm1997_forward`: those of `lstm_forward`, without f's block."""
    *states, dW_i, dW_h, db = lstm_backward(dout, cache)
    parts = (np.split(dW, 4) for dW in (dW_i, dW_h, db))
    return *states, *(np.concatenate([i, g, o]) for i, _, g, o in parts)


def _check_computed(computed):
    if computed not in ("f", "i"):
        raise ValueError(
            f"computed: 'f' (then i = 1 - f) or 'i' (then f = 1 - i) expected, got {computed!r}"
        )


def coupled_forward(x, h_0, c_0, W_i, W_h, b, computed="f"):
    """Coupled gates: blocks `computed`, g, o; the other gate is 1 minus the computed.

    computed: "f" (then i = 1 - f) or "i" (then f = 1 - i, as in ONNX). W_i: (3H, D),
    W_h: (3H, H), b: (3H,); all else as in `lstm_forward`.
    """
    _check_computed(computed)
    x, h_0, c_0, W_i, W_h, b, _ = _check_cell(x, h_0, c_0, W_i, W_h, b, gates=3)
    weights = []
    for W in (W_i, W_h, b):
        gate, g, o = np.split(W, 3)
        i, f = (-gate, gate) if computed == "f" else (gate, -gate)
        weights.append(np.concatenate([i, f, g, o]))
    out, cache = lstm_forward(x, h_0, c_0, *weights)
    return out, (cache, computed)


def coupled_backward(dout, cache):
    """Gradients of `coupled_forward`: its gate gets df - di, or di - df."""
    inner, computed = cache
    *states, dW_i, dW_h, db = lstm_backward(dout, inner)
    sign = 1 if computed == "f" else -1
    parts = (np.split(dW, 4) for dW in (dW_i, dW_h, db))
    return *states, *(np.concatenate([sign * (f - i), g, o]) for i, f, g, o in parts)


class Cell(NamedTuple):
    """A recurrent cell: forward(x, *states, *parameters), and what these are."""

    forward: Callable
    backward: Callable
    gates: str  # a letter for each block of H rows in W_i, W_h and b, in their order
    keeps: str = ""  # the gate that keeps the state, whose bias starts above 0
    states: tuple = ("h",)
    parameters: tuple = ("W_i", "W_h", "b")


CELLS = {
    "rnn": Cell(rnn_forward, rnn_backward, "h"),
    "lstm1997": Cell(lstm1997_forward, lstm1997_backward, "igo", states=("h", "c")),
    "lstm": Cell(lstm_forward, lstm_backward, LSTM_GATES, keeps="f", states=("h", "c")),
}


def add_cell(name, cell):
    """Enter a Cell in the table CELLS under a name; returns the Cell."""
    CELLS[name] = cell
    return cell


def cell_named(cell):
    """The entry of CELLS. Raises ValueError for a name that is not in it."""
    if cell not in CELLS:
        known = ", ".join(map(repr, CELLS))
        raise ValueError(f"cell: one of {known} expected, got {cell!r}")
    return CELLS[cell]


def run_cell(x, params, start=None, cell="lstm", **options):
    """All steps of a cell: a tuple of states, each (T+1, B, H), and a cache.

    x: (T, B, D); params: the cell's, by name; start: a tuple, (h_0,) or (h_0, c_0), or
    None for zeros; options go to the cell. Raises ValueError when they do not fit.
    """
    forward, _, _, _, states, names = cell_named(cell)
    missing = [name for name in names if name not in params]
    if missing:
        raise ValueError(f"params: {missing[0]} expected, is missing")
    start = (None,) * len(states) if start is None else tuple(start)
    if len(start) != len(states):
        raise ValueError(f"start: {len(states)} arrays expected, got {len(start)}")
    out, inner = forward(x, *start, *(params[name] for name in names), **options)
    return out if isinstance(out, tuple) else (out,), (cell, inner)


def run_cell_backward(dstates, cache):
    """Gradients of `run_cell`: dx, a tuple for start, {name: gradient} for params.

    dstates: a tuple like the states; of (dh, dc) the dc may be left out.
    """
    cell, inner = cache
    _, backward, _, _, states, names = CELLS[cell]
    n = len(states)
    dstates = (*dstates, *(None,) * (n - len(dstates)))
    dx, *rest = backward(dstates if n > 1 else dstates[0], inner)
    return dx, tuple(rest[:n]), dict(zip(names, rest[n:]))


def cell_parameters(cell, D, H, rng, keep=1.0, start=init_scaled, enter=0.0):
    """Parameters for `run_cell`, float32: Gaussian blocks, zero biases but for two.

    cell: a name in CELLS; keep: the bias of the gate that keeps the state, f in an
    LSTM; enter: that of the input gate; start: makes the blocks of W_h; b_n is a
    GRU's, in chapter 8. Raises ValueError for an unknown cell.
    """
    _, _, gates, keeps, _, names = cell_named(cell)
    biases = {"i": enter, keeps: keep}
    params = {
        "W_i": [init_scaled(H, D, rng) for _ in gates],
        "W_h": [start(H, H, rng) for _ in gates],
        "b": [np.full(H, biases.get(gate, 0.0)) for gate in gates],
        "b_n": [np.zeros(H)],
    }
    return {name: np.concatenate(params[name]).astype("float32") for name in names}


def language_loss(params, tokens, targets, start=None, cell="lstm"):
    """ℓ = Σ_t L_t of a language model, and its last states, a tuple; and a cache.

    params: X: (V, D), W_o: (V, H) and those of `run_cell`; tokens, targets: (T, B),
    ints in 0 … V-1, where nobody asks for the start token; start: as in `run_cell`.
    Returns (ℓ, last), cache. Raises ValueError when arguments do not fit together.
    """
    missing = {"X", "W_o"} - set(params)
    if missing:
        raise ValueError(f"params: {min(missing)} expected, is missing")
    before = {f"start {i}": state for i, state in enumerate(start or ())}
    made = floats(**params, **before)
    params, start = dict(zip(params, made)), made[len(params) :] if before else None
    tokens = integers("tokens", tokens, len(params["X"]))
    targets = integers("targets", targets, len(params["X"]))
    x, embedded = embed(params["X"], tokens)
    states, unrolled = run_cell(x, params, start, cell)
    z, read = readout(states[0][1:], params["W_o"])
    loss, judged = cross_entropy(z, targets, targets != Vocabulary.start)
    last = tuple(state[-1] for state in states)
    return (loss, last), (embedded, unrolled, read, judged, states, list(params))


def language_loss_backward(dout, cache):
    """{name: gradient} of `language_loss` for all its parameters.

    dout: (dℓ, dlast), dlast a tuple like the last states, or None: what a later part of
    the text sends back.
    """
    (dloss, dlast), (embedded, unrolled, read, judged, states, names) = dout, cache
    h = states[0]
    dlast = [floats_like("dlast", d, h[-1].shape, h.dtype) for d in dlast or ()]
    dstates = np.zeros((len(states), *h.shape), np.result_type(h, *dlast))
    dz = cross_entropy_backward(dloss, judged).astype(dstates.dtype)
    dh, dW_o = readout_backward(dz, read)
    dstates[0, 1:] = dh  # no loss looks at h_0
    for d, more in zip(dstates, dlast):
        d[-1] += more
    dx, _, grads = run_cell_backward(tuple(dstates), unrolled)
    grads |= {"X": embed_backward(dx, embedded), "W_o": dW_o}
    return {name: grads[name] for name in names if name in grads}
