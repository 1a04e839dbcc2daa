"""Chapter 8: GRU.

Generated from chapters/08_gru.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.clipping import init_orthogonal, init_scaled
from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    windows,
)
from unrolled.lstm import adding_problem, lstm_backward, lstm_forward
from unrolled.unfolding import readout, readout_backward, rnn_forward, sigmoid

__all__ = [
    "CELLS",
    "RESETS",
    "adding_forever",
    "adding_parameters",
    "adding_task",
    "gru_backward",
    "gru_forward",
    "gru_from_torch",
    "gru_step",
    "gru_step_backward",
    "layer_parameters",
    "parameter_count",
    "read_text",
    "run_cell",
    "text_gradients",
    "text_parameters",
    "text_perplexity",
    "units_within",
]


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
    """Raise ValueError unless inputs, the state before them and parameters fit."""
    if reset not in RESETS:
        known = ", ".join(map(repr, RESETS))
        raise ValueError(f"reset: one of {known} expected, got {reset!r}")
    axes, state = ("(T, B, D)", "h_0") if steps else ("(B, D)", "h_prev")
    if np.ndim(x) != 2 + steps or 0 in np.shape(x):
        raise ValueError(f"x: shape {axes} expected, none of them 0, got {np.shape(x)}")
    if np.ndim(W_h) != 2:
        raise ValueError(f"W_h: shape (3H, H) expected, got {np.shape(W_h)}")
    (B, D), H = np.shape(x)[-2:], np.shape(W_h)[1]
    for name, W, shape in (("W_h", W_h, (3 * H, H)), ("W_i", W_i, (3 * H, D)), ("b", b, (3 * H,))):
        _check_gates(name, W, shape)
    if np.shape(b_n) != (H,):
        raise ValueError(f"b_n: shape ({H},) expected, got {np.shape(b_n)}")
    allowed = [(B, H)] + [(H,)] * steps
    if np.shape(before) not in allowed and not (steps and before is None):
        raise ValueError(f"{state}: shape {(B, H)} expected, got {np.shape(before)}")


def gru_step(x, h_prev, W_i, W_h, b, b_n, reset="after"):
    """One step: h = (1 - z) n + z h_prev, with gates r, z and candidate n.

    x: (B, D), h_prev: (B, H), W_i: (3H, D), W_h: (3H, H), b: (3H,), rows in the order
    r, z, n; b_n: (H,), the inner bias of n. reset: "after" the product with W_hn, as in
    torch, or "before" it, as in Cho et al. (2014). Returns h: (B, H) and a cache.
    """
    _check_gru(x, h_prev, W_i, W_h, b, b_n, reset, steps=False)
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


def _halved(W, dtype):
    """The gates of W apart, (3, H, …), with those of r and z halved."""
    half = np.array([0.5, 0.5, 1], dtype).reshape(3, *[1] * np.ndim(W))
    return half * np.reshape(W, (3, len(W) // 3, *np.shape(W)[1:]))


def _prepare(x, h_0, W_i, W_h, b):
    """States (T+1, B, H); (5, T, B, H), first W_i x + b; and W_h^T, gate by gate."""
    (T, B, D), H = x.shape, W_h.shape[1]
    dtype = np.result_type(x, W_i, W_h, b, np.float32)
    h, kept = np.empty((T + 1, B, H), dtype), np.empty((5, T, B, H), dtype)
    h[0] = 0 if h_0 is None else h_0
    U, W = (_halved(V, dtype).swapaxes(1, 2) for V in (W_i, W_h))
    np.matmul(x.reshape(T * B, D), U, out=kept[:3].reshape(3, T * B, H))
    kept[:3] += _halved(b, dtype)[:, None, None]
    return h, kept, np.ascontiguousarray(W)


def gru_forward(x, h_0, W_i, W_h, b, b_n, reset="after"):
    """All steps of `gru_step`: h[t+1] = (1 - z) n + z h[t].

    x: (T, B, D); h_0: (B, H), or (H,) for one state that the batch shares, or None for
    zeros; W_i, W_h, b, b_n, reset as there. Returns h: (T+1, B, H) with h[0] = h_0, and
    a cache. Raises ValueError when arguments do not fit together.
    """
    _check_gru(x, h_0, W_i, W_h, b, b_n, reset, steps=True)
    h, kept, W = _prepare(x, h_0, W_i, W_h, b)
    a, known = np.empty_like(kept[:3, 0]), 3 if reset == "after" else 2
    for t in range(len(x)):
        rz, (r, z, n, m, u) = kept[:2, t], kept[:, t]
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
        np.multiply(z, np.subtract(h[t], n, out=u), out=u)
        np.add(u, n, out=h[t + 1])  # z (h - n) + n = (1 - z) n + z h
    return h, (x, h_0, W_i, W_h, h, kept, reset)


def _walk_back(dh, cache):
    """g, da_r, da_z, da_n of all steps, (4, T, B, H), and what reaches h_0: (B, H)."""
    _, _, _, W_h, h, kept, reset = cache
    W = np.roll(W_h.reshape(3, *h.shape[2:], -1), 1, axis=0)  # W_hn, W_hr, W_hz
    d, parts = np.empty_like(kept[:4]), np.empty_like(kept[:4, 0])
    delta = dh[-1].astype(h.dtype)  # (B, H)
    for t in reversed(range(kept.shape[1])):
        (r, z, n, m, u), (g, da_r, da_z, da_n) = kept[:, t], d[:, t]
        delta -= np.multiply(delta, z, out=parts[3])  # δ (1 - z)
        np.multiply(delta, u, out=da_z)
        np.multiply(delta, np.multiply(n, n, out=da_n), out=da_n)
        np.subtract(delta, da_n, out=da_n)
        q = da_n if reset == "after" else np.matmul(da_n, W[0], out=parts[1])
        np.multiply(q, r, out=g)
        np.multiply(np.subtract(q, g, out=da_r), m, out=da_r)
        if reset == "after":
            np.matmul(d[:3, t], W, out=parts[:3])
        else:
            np.matmul(d[1:3, t], W[1:], out=parts[1:3])
            parts[0] = g
        np.add(parts[0], parts[1], out=delta)
        for part in (parts[2], parts[3], dh[t]):
            delta += part
    return d, delta


def gru_backward(dh, cache):
    """Gradients of `gru_forward`: dx, dh_0, dW_i, dW_h, db, db_n.

    dh: (T+1, B, H), the gradient each state gets from outside the recursion, dh[0] for
    h_0; dh_0 has the shape of h_0, (B, H) if that was None. Raises ValueError when dh
    has not the shape of h.
    """
    x, h_0, W_i, _, h, kept, reset = cache
    if np.shape(dh) != h.shape:
        raise ValueError(f"dh: shape {h.shape} expected, as h_0 … h_T have, got {np.shape(dh)}")
    d, dh_0 = _walk_back(dh, cache)
    (T, B, D), H = x.shape, h.shape[2]
    g, *da = d.reshape(4, T * B, H)
    h_prev, m = h[:-1].reshape(T * B, H), kept[3].reshape(T * B, H)
    left, right = (g, h_prev) if reset == "after" else (da[2], m)
    dW_h = np.vstack([da[0].T @ h_prev, da[1].T @ h_prev, left.T @ right])
    dW_i = np.vstack([a.T @ x.reshape(T * B, D) for a in da])
    dx = sum(a @ W for a, W in zip(da, np.split(W_i, 3))).reshape(T, B, D)
    dh_0 = dh_0.sum(axis=0) if np.ndim(h_0) == 1 else dh_0
    db = np.hstack([a.sum(axis=0) for a in da])
    return dx, dh_0, dW_i, dW_h, db, left.sum(axis=0)


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


CELLS = {"RNN": 1, "LSTM": 4, "GRU": 3, "GRU before": 3}  # blocks


def parameter_count(cell, D, H):
    """Parameters of a recurrent layer: H (D + H + 1) a block, and b_n for a GRU.

    Raises ValueError for an unknown cell.
    """
    if cell not in CELLS:
        known = ", ".join(map(repr, CELLS))
        raise ValueError(f"cell: one of {known} expected, got {cell!r}")
    return CELLS[cell] * H * (D + H + 1) + H * cell.startswith("GRU")


def units_within(cell, budget, D, per_unit=0):
    """The most units the budget buys, when each costs `per_unit` numbers elsewhere."""
    H = 0
    while parameter_count(cell, D, H + 1) + (H + 1) * per_unit <= budget:
        H += 1
    if H == 0:
        raise ValueError(f"budget: enough for one unit expected, got {budget}")
    return H


def run_cell(cell, params, x, state=None):
    """States h: (T+1, B, H), the last state, and a function dh -> (dx, {name: grad}).

    cell: a name in CELLS; params: W_i, W_h, b, and b_n for a GRU; state: the last state
    that an earlier call returned, or None.
    """
    parameter_count(cell, 1, 1)  # it refuses unknown cells
    names = [name for name in ("W_i", "W_h", "b", "b_n") if name in params]
    weights = [params[name] for name in names]
    if cell == "RNN":
        h, cache = rnn_forward(x, state, *weights)
        last, back = h[-1], lambda dh: rnn_backward(dh, cache)
    elif cell == "LSTM":
        (h, c), cache = lstm_forward(x, *(state or (None, None)), *weights)
        last, back = (h[-1], c[-1]), lambda dh: lstm_backward((dh, None), cache)
    else:
        reset = "before" if cell == "GRU before" else "after"
        h, cache = gru_forward(x, state, *weights, reset)
        last, back = h[-1], lambda dh: gru_backward(dh, cache)

    def backward(dh):
        dx, *grads = back(dh)
        return dx, dict(zip(names, grads[-len(names) :]))

    return h, last, backward


def layer_parameters(cell, D, H, rng):
    """Random float32 parameters of a layer; the bias of the gate that keeps is 1."""
    blocks = range(CELLS[cell])
    params = {
        "W_i": np.vstack([init_scaled(rng, H, D) for _ in blocks]),
        "W_h": np.vstack([init_orthogonal(rng, H, H) for _ in blocks]),
        "b": np.zeros(CELLS[cell] * H),
    }
    if cell != "RNN":
        params["b"][H : 2 * H] = 1  # f of i, f, g, o, and z of r, z, n
    if cell.startswith("GRU"):
        params["b_n"] = np.zeros(H)
    return {name: array.astype("float32") for name, array in params.items()}


def read_text(cell, params, batch, state=None):
    """Loss per token of a window, the last state, and a function () -> gradients.

    batch: (tokens, targets), both (T, B); nobody asks for the start token.
    """
    (tokens, targets), mask = batch, batch[1] != Vocabulary.start
    x, embedded = embed(params["X"], tokens)
    h, last, through = run_cell(cell, params, x, state)
    scores, read = readout(h[1:], params["W_o"])
    loss, judged = cross_entropy(scores, targets, mask)

    def gradients():
        dh = np.zeros_like(h)
        dscores = cross_entropy_backward(1 / mask.sum(), judged)
        dh[1:], dW_o = readout_backward(dscores, read)
        dx, grads = through(dh)
        return grads | {"X": embed_backward(dx, embedded), "W_o": dW_o}

    return loss / mask.sum(), last, gradients


def text_gradients(cell):
    """gradients(params, batch) for `train`; the state is carried between batches."""
    carried = None

    def gradients(params, batch):
        nonlocal carried
        loss, carried, back = read_text(cell, params, batch, carried)
        return loss, back()

    return gradients


def text_perplexity(cell, params, stream, T=64):
    """Perplexity on a stream (L, B), its state carried along."""
    state, total, count = None, 0.0, 0
    for batch in windows(stream, T):
        loss, state, _ = read_text(cell, params, batch, state)
        asked = np.sum(batch[1] != Vocabulary.start)
        total, count = total + loss * asked, count + asked
    return float(np.exp(total / count))


def adding_task(cell):
    """gradients(params, batch) for `train`: mean squared error of the sum."""

    def gradients(params, batch):
        x, y = batch
        h, _, through = run_cell(cell, params, x)
        answers, read = readout(h[-1], params["W_o"], params["b_o"])  # (B, 1)
        error, dh = answers[:, 0] - y, np.zeros_like(h)
        dh[-1], dW_o, db_o = readout_backward(2 * error[:, None] / len(y), read)
        return np.mean(error**2), through(dh)[1] | {"W_o": dW_o, "b_o": db_o}

    return gradients


def adding_forever(T, B, rng):
    """Batches of the adding problem in float32, without end."""
    while True:
        x, y = adding_problem(T, B, rng)
        yield x.astype("float32"), y.astype("float32")


def text_parameters(cell, V, rng, budget=40_000, D=32):
    """Parameters of a language model of at most `budget` numbers, float32."""
    H = units_within(cell, budget - V * D, D, per_unit=V)
    embedding = rng.standard_normal((V, D)).astype("float32")
    return layer_parameters(cell, D, H, rng) | {
        "X": embedding,
        "W_o": np.zeros((V, H), "float32"),
    }


def adding_parameters(cell, rng, budget=3_400):
    """Parameters for the adding problem, at most `budget` numbers, float32."""
    H = units_within(cell, budget - 1, 2, per_unit=1)
    return layer_parameters(cell, 2, H, rng) | {
        "W_o": init_scaled(rng, 1, H).astype("float32"),
        "b_o": np.ones(1, "float32"),
    }
