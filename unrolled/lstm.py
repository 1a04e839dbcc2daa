"""Chapter 7: LSTM.

Generated from chapters/07_lstm.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.clipping import init_scaled, train
from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    perplexity,
    windows,
)
from unrolled.unfolding import readout, readout_backward, rnn_forward, sigmoid

__all__ = [
    "RUN",
    "adding_error",
    "adding_gradients",
    "adding_problem",
    "cell_parameters",
    "coupled_backward",
    "coupled_forward",
    "language_gradients",
    "language_loss",
    "language_parameters",
    "lstm1997_backward",
    "lstm1997_forward",
    "lstm_backward",
    "lstm_forward",
    "lstm_from_torch",
    "lstm_step",
    "lstm_step_backward",
    "read_sequence",
    "sequence_gradients",
    "sequence_perplexity",
    "train_language",
]


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


def _expect(name, value, shape, why):
    """Raise ValueError unless `value` has the shape."""
    if np.shape(value) != shape:
        got = np.shape(value)
        raise ValueError(f"{name}: shape {shape} expected ({why}), got {got}")


def _check_rows(name, W, gates, H):
    """Raise ValueError unless W has H rows for each gate."""
    came, rest = divmod(len(W), H)
    if rest or came != gates:
        known = {1: "a plain RNN", 3: "a GRU", 4: "an LSTM"}
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
    """Gradients of `lstm_step`: dx, dh_prev, dc_prev, dW_i, dW_h, db (and dW_c).

    dout: (dh, dc), both (B, H): what later steps and losses ask of h and of c.
    """
    (dh, dc), (x, h_prev, c_prev, W_i, W_h, W_c, P, i, f, g, o, c) = dout, cache
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


def _prepare(x, W_i, W_h, b):
    """W_i x + b of all steps: (4, T, B, H), and W_h: (4, H, H); i, f, o halved."""
    (T, B, D), H, kind = x.shape, W_h.shape[1], np.result_type(x, W_i, W_h, b)
    half = np.array([0.5, 0.5, 1, 0.5], kind)[:, None, None]
    by_gate = (half * W.reshape(4, H, -1) for W in (W_i, W_h, b))
    W_x, W, bias = (np.ascontiguousarray(np.swapaxes(A, 1, 2)) for A in by_gate)
    z = np.matmul(x.reshape(T * B, D), W_x)  # (4, T B, H)
    return np.add(z, bias, out=z).reshape(4, T, B, H), W


def _open(gates, c, P):
    """σ of gates that hold z/2, in place, after a look at c through the peepholes."""
    for gate, peephole in zip(gates, P):
        gate += _look(c, peephole) / 2
    np.tanh(gates, out=gates)
    gates += 1
    gates *= gates.dtype.type(0.5)


def lstm_forward(x, h_0, c_0, W_i, W_h, b, W_c=None):
    """All steps of slide 30, gates stacked in torch's order i, f, g, o.

    x: (T, B, D); h_0, c_0: (B, H), or (H,) for one state that the batch shares, or None
    for zeros; W_i: (4H, D), W_h: (4H, H), b: (4H,); W_c: None, or peepholes of i, f, o,
    (3, H) diagonal or (3H, H) full. Returns (h, c), both (T+1, B, H), h[0] = h_0 and
    c[0] = c_0, and a cache. Raises ValueError when arguments do not fit together.
    """
    _check_cell(x, h_0, c_0, W_i, W_h, b)
    (T, B, _), H, P = x.shape, W_h.shape[1], _peepholes(W_c, W_h.shape[1])
    z, W = _prepare(x, W_i, W_h, b)
    h, c = np.empty((2, T + 1, B, H), z.dtype)
    h[0], c[0] = 0 if h_0 is None else h_0, 0 if c_0 is None else c_0
    tanh_c, new = np.empty_like(h[1:]), np.empty_like(h[0])
    moved = np.empty_like(z[:, 0])
    for t in range(T):
        i, f, g, o = z_t = z[:, t]  # views, each (B, H) in one piece
        z_t += np.matmul(h[t], W, out=moved)
        _open(z_t[:2], c[t], P[:2])
        np.tanh(g, out=g)
        np.multiply(f, c[t], out=c[t + 1])
        c[t + 1] += np.multiply(i, g, out=new)
        _open(z_t[3:], c[t + 1], P[2:])
        np.multiply(o, np.tanh(c[t + 1], out=tanh_c[t]), out=h[t + 1])
    return (h, c), (x, h_0, c_0, W_i, W_h, W_c, h, c, z, tanh_c)


def _upstream(dout, h):
    """(dh, dc), both of the shape of h, with zeros for a dc that is None."""
    dh, dc = dout
    _expect("dh", dh, h.shape, "that of h")
    if dc is None:
        return dh, np.broadcast_to(h.dtype.type(0), h.shape)
    _expect("dc", dc, h.shape, "that of c")
    return dh, dc


def _look_back(dc, dgates, P):
    """Add to dc, in place, what gates ask of it through their peepholes."""
    for dz, peephole in zip(dgates, P):
        dc += _look_backward(dz, dc, peephole)[0]


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
    looks = zip((0, 1, 3), (c[:-1], c[:-1], c[1:]), _peepholes(W_c, H))
    dP = [_look_backward(dz[:, :, gate], seen, P)[1] for gate, seen, P in looks]
    return *grads, np.reshape(dP, np.shape(W_c))


def lstm_backward(dout, cache):
    """Gradients of `lstm_forward`: dx, dh_0, dc_0, dW_i, dW_h, db (and dW_c).

    dout: (dh, dc), both (T+1, B, H), what the losses ask of each h and c themselves; dc
    may be None. Raises ValueError for a wrong shape.
    """
    _, _, _, _, W_h, W_c, h, c, z, tanh_c = cache
    (dh, dc), (_, T, B, H) = _upstream(dout, h), z.shape
    W, P, dz = W_h.reshape(4, H, H), _peepholes(W_c, H), np.empty((T, B, 4, H), h.dtype)
    dz_i, dz_f, dz_g, dz_o = dz_t = np.empty_like(z[:, 0])
    moved, new, dh_t, dc_t = np.empty_like(dz_t), np.empty_like(dz_i), +dh[T], +dc[T]
    for t in reversed(range(T)):
        i, f, g, o = z[:, t]
        np.subtract(1, z[:, t], out=dz_t)
        dz_o *= h[t + 1]
        dz_o *= dh_t  # dh tanh(c) o (1 - o)
        np.subtract(o, np.multiply(h[t + 1], tanh_c[t], out=new), out=new)
        dc_t += np.multiply(new, dh_t, out=new)  # dh o (1 - tanh²(c))
        _look_back(dc_t, dz_t[3:], P[2:])
        dz_i *= np.multiply(i, g, out=new)  # g i (1 - i)
        np.subtract(i, np.multiply(new, g, out=new), out=dz_g)  # i (1 - g²)
        dz_f *= np.multiply(f, c[t], out=new)  # c_prev f (1 - f)
        dz_t[:3] *= dc_t
        dc_t *= f
        _look_back(dc_t, dz_t[:2], P[:2])
        dz[t] = np.swapaxes(dz_t, 0, 1)
        np.add.reduce(np.matmul(dz_t, W, out=moved), axis=0, out=dh_t)
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


def _without_forget(W, fill=0.0):
    """Blocks i, g, o of the 1997 cell, with a block of `fill` for f."""
    i, g, o = np.split(W, 3)
    return np.concatenate([i, np.full_like(i, fill), g, o])


def lstm1997_forward(x, h_0, c_0, W_i, W_h, b):
    """The cell without a forget gate: c = c_prev + i g; blocks in the order i, g, o.

    W_i: (3H, D), W_h: (3H, H), b: (3H,); all else as in `lstm_forward`.
    """
    _check_cell(x, h_0, c_0, W_i, W_h, b, gates=3)
    weights = _without_forget(W_i), _without_forget(W_h), _without_forget(b, np.inf)
    return lstm_forward(x, h_0, c_0, *weights)


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
    _check_cell(x, h_0, c_0, W_i, W_h, b, gates=3)
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


RUN = {
    1: (rnn_forward, rnn_backward),
    3: (lstm1997_forward, lstm1997_backward),
    4: (lstm_forward, lstm_backward),
}  # by the rows of W_h, in units of H


def read_sequence(params, x, state=None):
    """States of the network that `params` holds: an RNN, a 1997 cell or an LSTM.

    params: W_i, W_h, b; the rows of W_h, H, 3H or 4H, tell which. state: (h,) or (h, c)
    to begin with. Returns h: (T+1, B, H), the last state, and a cache.
    """
    weights = [params[name] for name in ("W_i", "W_h", "b")]
    rows, H = weights[1].shape
    gates, before = rows / H, state or (None,) * (1 if rows == H else 2)
    if gates not in RUN:
        raise ValueError(f"W_h: H, 3H or 4H rows expected with H = {H}, got {rows}")
    out, cache = RUN[gates][0](x, *before, *weights)
    states = (out,) if gates == 1 else out
    return states[0], tuple(s[-1] for s in states), (gates, cache)


def sequence_gradients(dh, cache):
    """dx, and {name: gradient} for `read_sequence`'s parameters. dh: (T+1, B, H)."""
    gates, inner = cache
    dx, *_, dW_i, dW_h, db = RUN[gates][1](dh if gates == 1 else (dh, None), inner)
    return dx, {"W_i": dW_i, "W_h": dW_h, "b": db}


def cell_parameters(rng, gates, H, D, forget=1.0, start=init_scaled):
    """W_i, W_h, b for `read_sequence`, float32: Gaussian blocks, b = 0 but for f.

    gates: 1, 3 or 4 blocks of H rows; forget: the bias of f; start: makes W_h's blocks.
    """
    b = np.zeros((gates, H))
    if gates == 4:
        b[1] = forget
    params = {
        "W_i": [init_scaled(rng, H, D) for _ in range(gates)],
        "W_h": [start(rng, H, H) for _ in range(gates)],
        "b": b,
    }
    return {name: np.concatenate(W).astype("float32") for name, W in params.items()}


def adding_problem(T, B, rng):
    """The adding problem: x (T, B, 2), numbers and two marks; y (B,), the marked sum.

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


def adding_gradients(params, batch):
    """Mean squared error of the sum read from the last state, and all gradients."""
    x, y = batch
    h, _, cache = read_sequence(params, x)
    z, read = readout(h[-1], params["W_o"], params["b_o"])
    error, dh = z[:, 0] - y, np.zeros_like(h)
    dh[-1], dW_o, db_o = readout_backward(2 / len(y) * error[:, None], read)
    _, grads = sequence_gradients(dh, cache)
    return np.mean(error**2), grads | {"W_o": dW_o, "b_o": db_o}


def adding_error(T, seed, gates=4, H=16, steps=1500, lr=1e-2, **options):
    """Train on the adding problem; the mean squared error on 500 new sequences.

    options are those of `cell_parameters`. Returns the errors after 0, 100, … steps.
    """
    seeds = np.random.default_rng(seed).spawn(3)
    params = cell_parameters(seeds[0], gates, H, 2, **options)
    params |= {"W_o": init_scaled(seeds[0], 1, H).astype("float32")}
    params |= {"b_o": np.zeros(1, "float32")}

    def batches(rng, B):
        while True:
            yield tuple(a.astype("float32") for a in adding_problem(T, B, rng))

    test = next(batches(seeds[1], 500))
    _, curve = train(
        params,
        adding_gradients,
        batches(seeds[2], 32),
        lr=lr,
        clip=1.0,
        evaluate=lambda params: adding_gradients(params, test)[0],
        steps=steps,
        show=False,
    )
    return curve["held_out"]


def language_loss(params, tokens, targets, state=None):
    """Summed loss of a language model, number of predictions, last state; and a cache.

    params: X, W_o and those of `read_sequence`; tokens, targets: (T, B).
    """
    x, embedded = embed(params["X"], tokens)
    h, state, unrolled = read_sequence(params, x, state)
    z, read = readout(h[1:], params["W_o"])
    mask = targets != Vocabulary.start
    loss, judged = cross_entropy(z, targets, mask)
    return (loss, mask.sum(), state), (embedded, unrolled, read, judged)


def language_gradients(dloss, cache):
    """{name: gradient} of `language_loss` for all its parameters."""
    embedded, unrolled, read, judged = cache
    dh, dW_o = readout_backward(cross_entropy_backward(dloss, judged), read)
    dh = np.concatenate([np.zeros_like(dh[:1]), dh])  # no loss looks at h_0
    dx, grads = sequence_gradients(dh, unrolled)
    return {"X": embed_backward(dx, embedded), **grads, "W_o": dW_o}


def language_parameters(V, D, H, gates, seed):
    """X, W_i, W_h, b and W_o of a language model, float32; W_o starts at zero."""
    rng = np.random.default_rng(seed)
    X, cell = rng.standard_normal((V, D)), cell_parameters(rng, gates, H, D)
    return {"X": X.astype("float32"), **cell, "W_o": np.zeros((V, H), "float32")}


def sequence_perplexity(params, stream, T=64):
    """Perplexity of a language model on a stream (L, B), its state carried along."""
    state, total, counted = None, 0.0, 0
    for tokens, targets in windows(stream, T):
        (loss, count, state), _ = language_loss(params, tokens, targets, state)
        total, counted = total + loss, counted + count
    return perplexity(-total, counted)


def train_language(params, stream, test, steps, T=32, lr=5e-3, every=100, show=True):
    """Adam along a stream (L, B) in windows of T, the state carried: (params, curve).

    test: a stream; curve["held_out"] holds its perplexities at the steps curve["at"].
    """
    carried = {}

    def gradients(params, batch):
        out, cache = language_loss(params, *batch, carried.get("state"))
        loss, count, carried["state"] = out
        return loss / count, language_gradients(1 / count, cache)

    def forever():
        while True:
            yield from windows(stream, T)

    return train(
        params,
        gradients,
        forever(),
        lr=lr,
        clip=1.0,
        steps=steps,
        evaluate=lambda params: sequence_perplexity(params, test),
        every=every,
        show=show,
    )
