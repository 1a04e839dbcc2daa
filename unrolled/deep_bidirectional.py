"""Chapter 9: Deep and bidirectional networks.

Generated from chapters/09_deep_bidirectional.md; an edit made here is lost. Edit the chapter's
cells tagged `export`, then run `make sync`.
"""

import re

import numpy as np

from unrolled.clipping import init_orthogonal, init_scaled
from unrolled.common.arguments import check_shape, floats, floats_like, integers, one_integer
from unrolled.gru import GRU
from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
)
from unrolled.lstm import cell_named, run_cell, run_cell_backward
from unrolled.pooling import PADDING, max_over_time, max_over_time_backward
from unrolled.unfolding import readout, readout_backward

__all__ = [
    "check_lengths",
    "deep_backward",
    "deep_forward",
    "deep_from_torch",
    "deep_language_model",
    "deep_language_model_backward",
    "deep_parameters",
    "direction_backward",
    "direction_forward",
    "layer_names",
    "mean_over_time",
    "mean_over_time_backward",
    "reverse_time",
    "reverse_time_backward",
    "sequence_classifier",
    "sequence_classifier_backward",
    "summarise",
    "summarise_backward",
    "time_mask",
]


def check_lengths(lengths, T, B):
    """The lengths as ints (B,); T everywhere for None.

    Raises ValueError unless there are B ints in 1 … T; they need no order.
    """
    if lengths is None:
        return np.full(B, T)
    lengths = integers("lengths", lengths)
    check_shape("lengths", lengths, (B,), "one for each sequence of the batch")
    wrong = np.flatnonzero((lengths < 1) | (lengths > T))
    if wrong.size:
        raise ValueError(
            f"lengths: 1 … {T} expected, {T} being the steps of the "
            f"padded batch, got {lengths[wrong[0]]} for sequence "
            f"{wrong[0]}"
        )
    return lengths


def time_mask(lengths, T):
    """m: (T, B), True while a sequence lasts: t < lengths[n]."""
    T = one_integer("T", T, least=1)
    return np.arange(T)[:, None] < integers("lengths", lengths)


def reverse_time(x, lengths=None):
    """Each sequence from its end to its beginning, the padding left at the end.

    x: (T, B, ...); lengths: (B,), ints in 1 … T, or None for T. Returns an array
    like x, and a cache. Raises ValueError for lengths that cannot be.
    """
    x = floats(x=x)
    if x.ndim < 2:
        raise ValueError(f"x: shape (T, B, ...) expected, got {x.shape}")
    T, B = x.shape[:2]
    lengths, t = check_lengths(lengths, T, B), np.arange(T)[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)  # (T, B)
    return x[source, np.arange(B)], (lengths, x.shape, x.dtype)


def reverse_time_backward(dout, cache):
    """Gradient of `reverse_time`: the same reversal."""
    lengths, shape, kind = cache
    return reverse_time(floats_like("dout", dout, shape, kind), lengths)[0]


def direction_forward(x, params, start=None, lengths=None, cell="lstm", reverse=False, **options):
    """One layer in one direction.

    x: (T, B, D), padded at the end; params, start, cell, options: as in `run_cell`.
    Returns (y, last), cache: y: (T, B, H), 0 past each length; last: (B, H) for each
    state, what it is when the sequence has been read.
    """
    x = floats(x=x)
    check_shape("x", x, ("T", "B", "D"))
    T, B, _ = x.shape
    lengths = check_lengths(lengths, T, B)
    mask = time_mask(lengths, T)[..., None]  # (T, B, 1)
    x = np.where(mask, x, 0)
    x, turn = reverse_time(x, lengths) if reverse else (x, None)
    states, inner = run_cell(x, params, start, cell, **options)  # (T+1, B, H) each
    last = tuple(state[lengths, np.arange(B)] for state in states)
    y = np.where(mask, states[0][1:], 0)
    y, turn_y = reverse_time(y, lengths) if reverse else (y, None)
    return (y, last), (inner, mask, lengths, turn, turn_y, y, last)


def layer_names(p):
    """[["1f", "1b"], ["2f", "2b"], …], the layers and directions of the dict p.

    Raises ValueError when a layer or a direction is missing.
    """
    found = {match[1] for name in p if (match := re.fullmatch(r"(\d+[fb])\.\w+", name))}
    K = max((int(name[:-1]) for name in found), default=0)
    ways = "fb" if any(name.endswith("b") for name in found) else "f"
    names = [[f"{k}{way}" for way in ways] for k in range(1, K + 1)]
    missing = sorted(set(sum(names, ["1f"])) - found)
    if missing or len(found) > sum(map(len, names)):
        lacks = f" without {missing[0]}" if missing else ""
        raise ValueError(
            "p: layers from 1 on, all with the same directions, expected, "
            f"got {sorted(found)}{lacks}"
        )
    return names


def _prepare(x, p, start, cell):
    """x, the layers' arrays of p by name, and start as a list, floats of one type."""
    used = [
        f"{name}.{w}"
        for layer in layer_names(p)
        for name in layer
        for w in cell_named(cell).parameters
    ]
    missing = [name for name in used if name not in p]
    if missing:
        raise ValueError(f"p: {missing[0]} expected, is missing")
    given = {"x": x} | {name: p[name] for name in used}
    given |= {f"start {i}": s for i, s in enumerate(start or ())}
    x, *arrays = floats(**given)
    check_shape("x", x, ("T", "B", "D"))
    start = None if start is None else arrays[len(used) :]
    return x, dict(zip(used, arrays)), start


def _check_start(start, N, B, H, states):
    """Raise ValueError unless start is None or holds an (N, B, H) for each state."""
    if start is None:
        return
    several = isinstance(start, (tuple, list))
    shapes = [np.shape(s) for s in start] if several else f"one of {np.shape(start)}"
    if shapes != [(N, *B, H)] * len(states):
        raise ValueError(
            f"start: a tuple of {len(states)} arrays {(N, *B, H)} "
            "expected (layers times directions, batch, units), "
            f"got {shapes}"
        )


def deep_forward(x, p, lengths=None, start=None, cell="lstm", **options):
    """K layers in one or two directions, over padded sequences.

    x: (T, B, D); p: "1f.W_i", …, and any other names, which are not looked at;
    lengths: (B,), ints in 1 … T in any order, or None; start: None for zeros, or a
    tuple of an (N, B, H) for each state of the cell, N layers times directions.
    Returns (y, last), cache: y: (T, B, H) or (T, B, 2H), the top layer's, 0 past each
    length; last: a tuple of (N, B, H). Raises ValueError when arguments do not fit.
    """
    names, known = layer_names(p), cell_named(cell)
    several = start is None or isinstance(start, (tuple, list))
    x, p, start = _prepare(x, p, start if several else (start,), cell)
    H = p["1f.W_h"].shape[-1]
    given = start if several else start[0]
    _check_start(given, sum(map(len, names)), x.shape[1:2], H, known.states)
    y, caches, finals = x, [], []
    for layer in names:
        halves = []
        for name in layer:
            first = None if start is None else tuple(s[len(caches)] for s in start)
            params = {w: p[f"{name}.{w}"] for w in known.parameters}
            (half, last), cache = direction_forward(
                y, params, first, lengths, cell, name.endswith("b"), **options
            )
            halves.append(half)
            caches.append(cache)
            finals.append(last)
        y = np.concatenate(halves, axis=-1)
    last = tuple(map(np.stack, zip(*finals)))
    return (y, last), (names, caches, y, last)


def deep_parameters(D, H, rng, layers=1, bidirectional=False, cell="lstm"):
    """Starting values for `deep_forward`, float32, by name."""
    known, layers = cell_named(cell), one_integer("layers", layers, least=1)
    blocks, p, ways = len(known.gates), {}, "fb" if bidirectional else "f"
    for k in range(1, layers + 1):
        for way in ways:
            W_h = [init_orthogonal(H, H, rng) for _ in known.gates]
            b = [np.full(H, 1.0 * (gate == "f")) for gate in known.gates]
            new = {
                "W_i": init_scaled(blocks * H, D, rng),
                "W_h": np.concatenate(W_h),
                "b": np.concatenate(b),
                "b_n": np.zeros(H),
            }
            p |= {f"{k}{way}.{w}": new[w].astype("float32") for w in known.parameters}
        D = len(ways) * H
    return p


def _upstream(dout, y, last):
    """(dy, dlast) as floats of one type, shaped as y and last; zeros for None."""
    dy, dlast = dout
    dlast = [np.zeros_like(s) for s in last] if dlast is None else list(dlast)
    if len(dlast) != len(last):
        raise ValueError(f"dlast: {len(last)} arrays expected, got {len(dlast)}")
    dy = floats_like("dy", dy, y.shape, y.dtype)
    dlast = [floats_like("dlast", d, s.shape, y.dtype) for d, s in zip(dlast, last)]
    kind = np.result_type(dy, *dlast)
    return dy.astype(kind, copy=False), [d.astype(kind, copy=False) for d in dlast]


def direction_backward(dout, cache):
    """Gradients of `direction_forward`: dx, a dict for params, a tuple for start.

    dout: (dy, dlast), dy: (T, B, H), dlast: an array (B, H) for each state, or None.
    """
    inner, mask, lengths, turn, turn_y, y, last = cache
    dy, dlast = _upstream(dout, y, last)
    dy = dy if turn_y is None else reverse_time_backward(dy, turn_y)
    T, B, H = y.shape
    d = np.zeros((len(last), T + 1, B, H), dy.dtype)
    d[0, 1:] = np.where(mask, dy, 0)
    d[:, lengths, np.arange(B)] += np.stack(dlast)
    dx, dstart, dparams = run_cell_backward(tuple(d), inner)
    dx = dx if turn is None else reverse_time_backward(dx, turn)
    return dx, dparams, dstart


def deep_backward(dout, cache):
    """Gradients of `deep_forward`: dx; dp by name; dstart, a tuple of (N, B, H).

    dout: (dy, dlast), in the shapes of y and last; dlast may be None.
    """
    names, caches, y, last = cache
    dx, dlast = _upstream(dout, y, last)
    dp, dstart, i = {}, [None] * len(caches), len(caches)
    for layer in reversed(names):
        halves, dx = np.split(dx, len(layer), axis=-1), 0.0
        i -= len(layer)
        for at, (name, dy) in enumerate(zip(layer, halves), start=i):
            ends = [d[at] for d in dlast]
            more, grads, dstart[at] = direction_backward((dy, ends), caches[at])
            dx = dx + more
            dp |= {f"{name}.{w}": g for w, g in grads.items()}
    return dx, dp, tuple(map(np.stack, zip(*dstart)))


def _refuse_module(module, activation):
    """Raise ValueError unless the module has a counterpart here."""
    kind = type(module).__name__
    if kind not in ("RNN", "LSTM", "GRU"):
        raise ValueError(f"module: a torch.nn.RNN, LSTM or GRU expected, got {kind}")
    if module.proj_size:
        raise ValueError(f"module: proj_size=0 expected, got {module.proj_size}")
    nonlinearity = getattr(module, "nonlinearity", activation)
    if nonlinearity != activation:
        raise ValueError(
            f"activation: {nonlinearity!r} expected, as in the module, "
            f"here and in deep_forward, got {activation!r}"
        )


def deep_from_torch(module, activation="tanh"):
    """The dict p of a torch.nn.RNN, LSTM or GRU, biases of 0 where it has none.

    activation: what an RNN's nonlinearity is; `deep_forward` has to be told as well.
    Raises ValueError for another one, for projections and for other modules.
    """
    _refuse_module(module, activation)
    known, p = cell_named(type(module).__name__.lower()), {}
    for k in range(module.num_layers):
        for way, end in (("f", ""), ("b", "_reverse"))[: 1 + module.bidirectional]:
            kinds = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * module.bias
            W_i, W_h, *biases = (
                getattr(module, f"{name}_l{k}{end}").detach().numpy().copy() for name in kinds
            )
            b, inner = biases or np.zeros((2, len(W_i)), W_i.dtype)
            if known is GRU:
                n = slice(2 * module.hidden_size, None)
                p[f"{k + 1}{way}.b_n"] = inner[n].copy()
                inner[n] = 0
            p |= {f"{k + 1}{way}.W_i": W_i, f"{k + 1}{way}.W_h": W_h, f"{k + 1}{way}.b": b + inner}
    return p


def mean_over_time(y, lengths=None):
    """Mean of each sequence over its own steps. y: (T, B, S) -> (B, S), and a cache."""
    y = floats(y=y)
    check_shape("y", y, ("T", "B", "S"))
    lengths = check_lengths(lengths, *y.shape[:2])
    share = time_mask(lengths, len(y)) / lengths  # m / T_n
    share = share.astype(y.dtype)[..., None]  # (T, B, 1)
    return (y * share).sum(axis=0), (share, y.shape)


def mean_over_time_backward(dout, cache):
    """Gradient of `mean_over_time`. dout: (B, S) -> (T, B, S)."""
    share, shape = cache
    return floats_like("dout", dout, shape[1:], share.dtype) * share


def summarise(y, last, lengths, how="max"):
    """One vector for each sequence, by how: "last", "mean", "max". (B, S), and a cache.

    y, last: from `deep_forward`. Of the last states the top layer's h count.
    """
    named = {f"last {i}": state for i, state in enumerate(last)}
    y, *last = floats(y=y, **named) if named else [floats(y=y)]
    check_shape("y", y, ("T", "B", "S"))
    lengths = check_lengths(lengths, *y.shape[:2])
    if how == "last":
        ways = y.shape[-1] // last[0].shape[-1]
        return np.concatenate(last[0][-ways:], axis=-1), (how, y, last, ways)
    if how == "mean":
        s, inner = mean_over_time(y, lengths)
    elif how == "max":
        mask = time_mask(lengths, len(y)).T  # (B, T)
        s, inner = max_over_time(y.transpose(1, 2, 0), mask)
    else:
        raise ValueError(f"how: 'last', 'mean' or 'max' expected, got {how!r}")
    return s, (how, y, last, inner)


def summarise_backward(ds, cache):
    """Gradients of `summarise`: dy, dlast. ds: (B, S)."""
    how, y, last, inner = cache
    ds = floats_like("ds", ds, y.shape[1:], y.dtype)
    dlast = tuple(np.zeros(state.shape, ds.dtype) for state in last)
    if how == "last":
        dlast[0][-inner:] = np.stack(np.split(ds, inner, axis=-1))
        return np.zeros(y.shape, ds.dtype), dlast
    if how == "mean":
        return mean_over_time_backward(ds, inner), dlast
    return max_over_time_backward(ds, inner).transpose(2, 0, 1), dlast


def _all_floats(p, embedding, start=None):
    """The arrays of a model by name, none missing, and start: floats of one type."""
    missing = [name for name in (embedding, "W_o", "b_o") if name not in p]
    if missing:
        raise ValueError(f"p: {missing[0]} expected, is missing")
    before = {f"start {i}": state for i, state in enumerate(start or ())}
    made = floats(**p, **before)
    return dict(zip(p, made)), made[len(p) :] if before else None


def sequence_classifier(ids, p, how="max", cell="lstm"):
    """Scores of each class for padded sequences of numbers; state-space deck.

    ids: (B, L), ints, padded at the end with 0; p: E: (V, D), the layers' parameters,
    W_o: (classes, S), b_o: (classes,); how: as in `summarise`. Returns (B, classes) and
    a cache. Raises ValueError for an empty sequence, an id that is not in E, and
    padding before the end: the scores would depend on it.
    """
    p, _ = _all_floats(p, "E")
    ids = integers("ids", ids, len(p["E"]))
    check_shape("ids", ids, ("B", "L"))
    lengths = (ids != PADDING).sum(axis=1)
    check_lengths(lengths, ids.shape[1], len(ids))
    inside = (ids.T == PADDING) & time_mask(lengths, ids.shape[1])  # (L, B)
    if inside.any():
        raise ValueError(
            f"ids: padding only at the end expected, got {PADDING} before "
            f"the end of sequence {np.argmax(inside.any(axis=0))}"
        )
    x, embedded = embed(p["E"], ids[:, : lengths.max()].T)  # (T, B, D)
    (y, last), deep = deep_forward(x, p, lengths, cell=cell)
    s, summary = summarise(y, last, lengths, how)
    scores, read = readout(s, p["W_o"], p["b_o"])
    return scores, (embedded, deep, summary, read)


def sequence_classifier_backward(dscores, cache):
    """Gradients of `sequence_classifier`, a dict with the names of p."""
    embedded, deep, summary, read = cache
    ds, dW_o, db_o = readout_backward(dscores, read)
    dx, dp, _ = deep_backward(summarise_backward(ds, summary), deep)
    return dp | {"E": embed_backward(dx, embedded), "W_o": dW_o, "b_o": db_o}


def deep_language_model(p, tokens, targets, start=None, cell="lstm"):
    """ℓ = Σ_t L_t of a stack as language model, and its last states.

    p: X: (V, D), the layers' parameters, W_o: (V, H), b_o: (V,); tokens, targets:
    (T, B), ints in 0 … V-1, where nobody asks for the start token; start: as in
    `deep_forward`. Returns (ℓ, last), cache. Raises ValueError for a p with a backward
    direction.
    """
    if len(layer_names(p)[0]) > 1:
        raise ValueError(
            "p: forward layers only expected in a language model; a "
            "backward direction (1b.…) reads the token that is to be "
            "predicted"
        )
    p, start = _all_floats(p, "X", start)
    tokens = integers("tokens", tokens, len(p["X"]))
    targets = integers("targets", targets, len(p["X"]))
    check_shape("tokens", tokens, ("T", "B"))
    x, embedded = embed(p["X"], tokens)  # (T, B, D)
    (y, last), deep = deep_forward(x, p, start=start, cell=cell)
    z, read = readout(y, p["W_o"], p["b_o"])  # (T, B, V)
    loss, judged = cross_entropy(z, targets, targets != Vocabulary.start)
    return (loss, last), (embedded, deep, read, judged)


def deep_language_model_backward(dout, cache):
    """Gradients of `deep_language_model`, a dict with the names of p.

    dout: (dℓ, dlast), dlast a tuple like the last states, or None.
    """
    (dloss, dlast), (embedded, deep, read, judged) = dout, cache
    dz = cross_entropy_backward(dloss, judged)
    dz = dz.astype(np.result_type(dz, *(floats(dlast=d) for d in dlast or ())))
    dy, dW_o, db_o = readout_backward(dz, read)
    dx, dp, _ = deep_backward((dy, dlast), deep)
    return {"X": embed_backward(dx, embedded)} | dp | {"W_o": dW_o, "b_o": db_o}
