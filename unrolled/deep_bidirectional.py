"""Chapter 9: Deep and bidirectional networks.

Generated from chapters/09_deep_bidirectional.md; an edit made here is lost. Edit the chapter's
cells tagged `export`, then run `make sync`.
"""

import json
import os
import re
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.clipping import adam, init_orthogonal, init_scaled, train
from unrolled.gru import gru_backward, gru_forward
from unrolled.language_models import (
    Vocabulary,
    bits_per_character,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    generate,
    streams,
    windows,
)
from unrolled.lstm import lstm_backward, lstm_forward
from unrolled.pooling import PADDING, max_over_time, max_over_time_backward
from unrolled.support import progress
from unrolled.unfolding import readout, readout_backward, rnn_forward

__all__ = [
    "CHECKPOINT",
    "RECURRENT",
    "character_gradients",
    "character_parameters",
    "character_split",
    "check_lengths",
    "classifier_parameters",
    "deep_backward",
    "deep_forward",
    "deep_from_torch",
    "deep_language_model",
    "deep_language_model_backward",
    "deep_parameters",
    "direction_backward",
    "direction_forward",
    "held_out_bits",
    "layer_names",
    "load_checkpoint",
    "mean_over_time",
    "mean_over_time_backward",
    "random_windows",
    "reverse_time",
    "reverse_time_backward",
    "save_checkpoint",
    "sequence_classifier",
    "sequence_classifier_backward",
    "summarise",
    "summarise_backward",
    "time_mask",
    "train_with_checkpoints",
    "write_text",
]


def check_lengths(lengths, T, B):
    """The lengths as ints (B,); T everywhere for None.

    Raises ValueError unless there are B ints in 1 … T; they need no order.
    """
    if lengths is None:
        return np.full(B, T)
    lengths = np.asarray(lengths)
    if lengths.shape != (B,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"lengths: {B} ints expected, one for each sequence of the "
            f"batch, got {lengths.dtype} of shape {lengths.shape}"
        )
    wrong = np.flatnonzero((lengths < 1) | (lengths > T))
    if wrong.size:
        raise ValueError(
            f"lengths: 1 … {T} expected, {T} being the steps of the "
            f"padded batch, got {lengths[wrong[0]]} for sequence "
            f"{wrong[0]}"
        )
    return lengths.astype(np.intp)


def time_mask(lengths, T):
    """m: (T, B), True while a sequence lasts: t < lengths[n]."""
    return np.arange(T)[:, None] < lengths


def reverse_time(x, lengths=None):
    """Each sequence from its end to its beginning, the padding left at the end.

    x: (T, B, ...); lengths: (B,), ints in 1 … T, or None for T. Returns an array
    like x, and a cache. Raises ValueError for lengths that cannot be.
    """
    T, B = np.shape(x)[:2]
    lengths, t = check_lengths(lengths, T, B), np.arange(T)[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)  # (T, B)
    return x[source, np.arange(B)], lengths


def reverse_time_backward(dout, lengths):
    """Gradient of `reverse_time`: the same reversal."""
    return reverse_time(dout, lengths)[0]


RECURRENT = {  # forward, backward, states, parameters, blocks of H rows in W_i and W_h
    "rnn": (rnn_forward, rnn_backward, ("h",), ("W_i", "W_h", "b"), 1),
    "lstm": (lstm_forward, lstm_backward, ("h", "c"), ("W_i", "W_h", "b"), 4),
    "gru": (gru_forward, gru_backward, ("h",), ("W_i", "W_h", "b", "b_n"), 3),
}


def _cell(cell):
    if cell not in RECURRENT:
        known = ", ".join(map(repr, RECURRENT))
        raise ValueError(f"cell: one of {known} expected, got {cell!r}")
    return RECURRENT[cell]


def direction_forward(x, start, weights, lengths=None, cell="rnn", reverse=False, **options):
    """One layer in one direction.

    x: (T, B, D), padded at the end; start: a tuple, h_0 or h_0 and c_0 as the cell
    takes them, or None; weights: the cell's, in its order; options go to the cell.
    Returns (y, last), cache: y: (T, B, H), 0 past each length; last: (B, H) for each
    state, what it is when the sequence has been read.
    """
    forward, _, states, _, _ = _cell(cell)
    if np.ndim(x) != 3:
        raise ValueError(f"x: shape (T, B, D) expected, got {np.shape(x)}")
    T, B, _ = np.shape(x)
    lengths = check_lengths(lengths, T, B)
    mask = time_mask(lengths, T)[..., None]  # (T, B, 1)
    x = np.where(mask, x, 0)
    x = reverse_time(x, lengths)[0] if reverse else x
    start = (None,) * len(states) if start is None else start
    out, inner = forward(x, *start, *weights, **options)
    found = out if isinstance(out, tuple) else (out,)  # (T+1, B, H) each
    last = tuple(state[lengths, np.arange(B)] for state in found)
    y = np.where(mask, found[0][1:], 0)
    y = reverse_time(y, lengths)[0] if reverse else y
    return (y, last), (inner, mask, lengths, cell, reverse)


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


def _weights(p, name, parameters):
    missing = [w for w in parameters if f"{name}.{w}" not in p]
    if missing:
        raise ValueError(f"p: {name}.{missing[0]} expected, is missing")
    return [p[f"{name}.{w}"] for w in parameters]


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


def deep_forward(x, p, lengths=None, start=None, cell="rnn", **options):
    """K layers in one or two directions, over padded sequences.

    x: (T, B, D); p: "1f.W_i", …, and any other names, which are not looked at;
    lengths: (B,), ints in 1 … T in any order, or None; start: None for zeros, or a
    tuple of an (N, B, H) for each state of the cell, N layers times directions.
    Returns (y, last), cache: y: (T, B, H) or (T, B, 2H), the top layer's, 0 past each
    length; last: a tuple of (N, B, H). Raises ValueError when arguments do not fit.
    """
    names, (_, _, states, parameters, _) = layer_names(p), _cell(cell)
    H = np.shape(p.get("1f.W_h", [[]]))[-1]
    _check_start(start, sum(map(len, names)), np.shape(x)[1:2], H, states)
    y, caches, finals = x, [], []
    for layer in names:
        halves = []
        for name in layer:
            first = None if start is None else tuple(s[len(caches)] for s in start)
            (half, last), cache = direction_forward(
                y,
                first,
                _weights(p, name, parameters),
                lengths,
                cell,
                name.endswith("b"),
                **options,
            )
            halves.append(half)
            caches.append(cache)
            finals.append(last)
        y = np.concatenate(halves, axis=-1)
    return (y, tuple(map(np.stack, zip(*finals)))), (names, caches, parameters, start)


def deep_parameters(rng, D, H, layers=1, bidirectional=False, cell="rnn"):
    """Starting values for `deep_forward`, float32, by name."""
    *_, parameters, blocks = _cell(cell)
    p, ways = {}, "fb" if bidirectional else "f"
    for k in range(1, layers + 1):
        for way in ways:
            W_h = [init_orthogonal(rng, H, H) for _ in range(blocks)]
            new = {
                "W_i": init_scaled(rng, blocks * H, D),
                "W_h": np.concatenate(W_h),
                "b": np.zeros(blocks * H),
                "b_n": np.zeros(H),
            }
            if cell == "lstm":
                new["b"][H : 2 * H] = 1.0  # i, f, g, o: the forget gates start open
            p |= {f"{k}{way}.{w}": new[w].astype("float32") for w in parameters}
        D = len(ways) * H
    return p


def direction_backward(dout, cache):
    """Gradients of `direction_forward`: dx, then a tuple for start, one for weights.

    dout: (dy, dlast), dy: (T, B, H), dlast: an array (B, H) for each state, or None.
    """
    (dy, dlast), (inner, mask, lengths, cell, reverse) = dout, cache
    _, backward, states, _, _ = RECURRENT[cell]
    dy = reverse_time_backward(dy, lengths) if reverse else dy
    T, B, H = dy.shape
    d = np.zeros((len(states), T + 1, B, H), dy.dtype)
    d[0, 1:] = np.where(mask, dy, 0)
    if dlast is not None:
        d[:, lengths, np.arange(B)] += np.stack(dlast)
    dx, *rest = backward(tuple(d) if len(states) > 1 else d[0], inner)
    dx = reverse_time_backward(dx, lengths) if reverse else dx
    return dx, tuple(rest[: len(states)]), tuple(rest[len(states) :])


def deep_backward(dout, cache):
    """Gradients of `deep_forward`: dx; dp by name; dstart, a tuple of (N, B, H).

    dout: (dy, dlast), in the shapes of y and last; dlast may be None.
    """
    (dx, dlast), (names, caches, parameters, _) = dout, cache
    dp, dstart, i = {}, [None] * len(caches), len(caches)
    for layer in reversed(names):
        halves, dx = np.split(dx, len(layer), axis=-1), 0.0
        i -= len(layer)
        for at, (name, dy) in enumerate(zip(layer, halves), start=i):
            ends = None if dlast is None else [d[at] for d in dlast]
            more, dstart[at], grads = direction_backward((dy, ends), caches[at])
            dx = dx + more
            dp |= {f"{name}.{w}": g for w, g in zip(parameters, grads)}
    return dx, dp, tuple(map(np.stack, zip(*dstart)))


def deep_from_torch(module):
    """The dict p of a torch.nn.RNN, LSTM or GRU (tanh, without projections)."""
    cell, p = type(module).__name__.lower(), {}
    *_, blocks = _cell(cell)
    for k in range(module.num_layers):
        for way, end in (("f", ""), ("b", "_reverse"))[: 1 + module.bidirectional]:
            W_i, W_h, b, inner = (
                getattr(module, f"{name}_l{k}{end}").detach().numpy().copy()
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            both = np.split(inner, blocks)
            if cell == "gru":
                p[f"{k + 1}{way}.b_n"] = both[2].copy()
                both[2] = np.zeros_like(both[2])
            p |= {
                f"{k + 1}{way}.W_i": W_i,
                f"{k + 1}{way}.W_h": W_h,
                f"{k + 1}{way}.b": b + np.concatenate(both),
            }
    return p


def mean_over_time(y, lengths=None):
    """Mean of each sequence over its own steps. y: (T, B, S) -> (B, S), and a cache."""
    T, B = np.shape(y)[:2]
    lengths = check_lengths(lengths, T, B)
    share = (time_mask(lengths, T) / lengths).astype(y.dtype)[..., None]  # m / T_n
    return (y * share).sum(axis=0), share


def mean_over_time_backward(dout, share):
    """Gradient of `mean_over_time`. dout: (B, S) -> (T, B, S)."""
    return dout * share


def summarise(y, last, lengths, how="max"):
    """One vector for each sequence, by how: "last", "mean", "max". (B, S), and a cache.

    y, last: from `deep_forward`. Of the last states the top layer's h count.
    """
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
    dlast = tuple(map(np.zeros_like, last))
    if how == "last":
        dlast[0][-inner:] = np.stack(np.split(ds, inner, axis=-1))
        return np.zeros_like(y), dlast
    if how == "mean":
        return mean_over_time_backward(ds, inner), dlast
    return max_over_time_backward(ds, inner).transpose(2, 0, 1), dlast


def sequence_classifier(ids, p, how="max", cell="lstm"):
    """Scores of each class for padded sequences of numbers; state-space deck.

    ids: (B, L), ints, padded at the end with 0; p: E: (V, D), the layers' parameters,
    W_o: (classes, S), b_o: (classes,); how: as in `summarise`. Returns (B, classes) and
    a cache. Raises ValueError for an empty sequence or an id that is not in E.
    """
    lengths = (ids != PADDING).sum(axis=1)
    check_lengths(lengths, ids.shape[1], len(ids))
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


def classifier_parameters(rng, V, classes, D=32, H=48, bidirectional=True, cell="lstm"):
    """Starting values for `sequence_classifier` with one layer, float32."""
    p = {"E": 0.3 * rng.standard_normal((V, D))}
    p |= deep_parameters(rng, D, H, 1, bidirectional, cell)
    S = H * (1 + bidirectional)
    p |= {"W_o": init_scaled(rng, classes, S), "b_o": np.zeros(classes)}
    return {name: value.astype("float32") for name, value in p.items()}


def deep_language_model(tokens, targets, p, start=None, cell="lstm"):
    """ℓ = Σ_t L_t of a stack as language model, and its last states.

    tokens, targets: (T, B), ints; p: X: (V, D), the layers' parameters, W_o: (V, H),
    b_o: (V,); start: as in `deep_forward`. Returns (ℓ, last), cache. Raises
    ValueError for a p with a backward direction.
    """
    if len(layer_names(p)[0]) > 1:
        raise ValueError(
            "p: forward layers only expected in a language model; a "
            "backward direction (1b.…) reads the token that is to be "
            "predicted"
        )
    x, embedded = embed(p["X"], tokens)  # (T, B, D)
    (y, last), deep = deep_forward(x, p, start=start, cell=cell)
    z, read = readout(y, p["W_o"], p["b_o"])  # (T, B, V)
    loss, judged = cross_entropy(z, targets)
    return (loss, last), (embedded, deep, read, judged)


def deep_language_model_backward(dloss, cache):
    """Gradients of ℓ of `deep_language_model`, a dict with the names of p."""
    embedded, deep, read, judged = cache
    dy, dW_o, db_o = readout_backward(cross_entropy_backward(dloss, judged), read)
    dx, dp, _ = deep_backward((dy, None), deep)
    return {"X": embed_backward(dx, embedded)} | dp | {"W_o": dW_o, "b_o": db_o}


def character_parameters(rng, V, D=32, H=128, layers=1, cell="lstm"):
    """Starting values for `deep_language_model`, float32."""
    p = {"X": 0.3 * rng.standard_normal((V, D))}
    p |= deep_parameters(rng, D, H, layers, cell=cell)
    p |= {"W_o": init_scaled(rng, V, H), "b_o": np.zeros(V)}
    return {name: value.astype("float32") for name, value in p.items()}


def character_split(text, share=0.1):
    """(vocabulary, training, held out): the last `share` of a text is held out.

    Characters that occur once in the training part become unknown. Raises ValueError
    for a text of less than 1,000 characters.
    """
    known = isinstance(text, str)
    if not known or len(text) < 1000:
        what = f"{len(text):,} characters" if known else type(text).__name__
        raise ValueError(f"text: a string of at least 1,000 characters expected, got {what}")
    cut = len(text) - round(share * len(text))
    vocabulary = Vocabulary([text[:cut]], "character", least=2)
    parts = text[:cut], text[cut:]
    return vocabulary, *(vocabulary.encode(part)[1:-1] for part in parts)


def random_windows(tokens, T, B, rng):
    """(inputs, targets), each (T, B): B windows of T + 1 tokens from anywhere."""
    if len(tokens) <= T + 1:
        raise ValueError(
            f"T: at most {len(tokens) - 2} steps expected for a text of "
            f"{len(tokens)} tokens, got {T}"
        )
    first = rng.integers(len(tokens) - T, size=B)
    drawn = tokens[first + np.arange(T + 1)[:, None]]  # (T+1, B)
    return drawn[:-1], drawn[1:]


def character_gradients(p, batch, cell="lstm"):
    """Mean loss per character, in nats, and all gradients. batch: (inputs, targets)."""
    (loss, _), cache = deep_language_model(*batch, p, cell=cell)
    characters = batch[1].size
    return loss / characters, deep_language_model_backward(1 / characters, cache)


def held_out_bits(p, tokens, cell="lstm", B=16, T=128):
    """Bits per character on a text of N tokens, the states carried along B streams."""
    total, count, state = 0.0, 0, None
    for inputs, targets in windows(streams(tokens, B), T):
        (loss, state), _ = deep_language_model(inputs, targets, p, state, cell)
        total, count = total + float(loss), count + targets.size
    return bits_per_character(-total, count)


def write_text(p, vocabulary, rng, longest=300, cell="lstm", first="\n", **options):
    """A text drawn from the model, character by character; options as in `sample`."""

    def step(token, state):
        x = p["X"][[[token]]]  # (1, 1, D)
        (y, state), _ = deep_forward(x, p, start=state, cell=cell)
        return readout(y[0, 0], p["W_o"], p["b_o"])[0], state

    begin = vocabulary.encode(first)[-2]
    return vocabulary.decode(generate(step, None, begin, vocabulary.end, rng, longest, **options))


CHECKPOINT = 1  # version of the format


def save_checkpoint(path, arrays, metadata):
    """Write {name: array} and a dict for JSON to one file, whole or not at all."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    text = json.dumps({"version": CHECKPOINT} | metadata).encode()
    named = {f"array/{name}": value for name, value in arrays.items()}
    try:
        with open(part, "wb") as file:
            np.savez(file, metadata=np.frombuffer(text, np.uint8), **named)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(path):
    """(arrays, metadata) of a file that `save_checkpoint` wrote.

    Raises FileNotFoundError, or ValueError for a file that is damaged, something else,
    or of another version. Never changes the file.
    """
    faults = (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        metadata = json.loads(arrays.pop("metadata").tobytes())
        version = metadata["version"]
    except FileNotFoundError:
        raise
    except faults as error:
        raise ValueError(
            f"path: a whole checkpoint expected, {str(path)!r} is damaged "
            f"or something else ({error}); it is left as it is"
        ) from error
    if version != CHECKPOINT:
        raise ValueError(
            f"path: a checkpoint of version {CHECKPOINT} expected, "
            f"{str(path)!r} has version {version}"
        )
    return {name[len("array/") :]: value for name, value in arrays.items()}, metadata


def _flatten(params, best, state):
    """Arrays by name. Scalars of the optimiser become 0-dimensional."""
    arrays = {f"params/{name}": a for name, a in params.items()}
    arrays |= {f"best/{name}": a for name, a in best.items()}
    for key, value in state.items():
        parts = key if isinstance(key, tuple) else (key,)
        arrays["/".join(("state", *parts))] = np.asarray(value)
    return arrays


def _unflatten(arrays):
    """params, best and state from `_flatten`; a scalar is a Python number again."""
    out = {"params": {}, "best": {}, "state": {}}
    for name, value in arrays.items():
        kind, *key = name.split("/")
        key = key[0] if len(key) == 1 else tuple(key)
        out[kind][key] = value if value.ndim else value.item()
    return out["params"], out["best"], out["state"]


def _identity(params, about, steps, every, optimiser, lr, clip, rng):
    """What a checkpoint must agree with, as JSON gives it back."""
    if steps < 1 or every < 1:
        raise ValueError(f"steps, every: at least 1 expected, got {steps} and {every}")
    names = {f"parameter {n}": f"{a.dtype} {a.shape}" for n, a in params.items()}
    names |= {
        "optimiser": getattr(optimiser, "__name__", "?"),
        "lr": lr,
        "clip": clip,
        "every": every,
        "generator": type(rng.bit_generator).__name__,
    }
    return json.loads(json.dumps(names | (about or {}), default=str))


def _resume(path, params, identity, rng):
    """params, best, state, curve of the checkpoint, which sets rng; or of step 0."""
    if not Path(path).exists():
        curve = {"loss": [], "norm": [], "at": [], "held_out": [], "seconds": 0.0}
        return params, params, {}, curve | {"best": 0, "least": np.inf, "stopped": ""}
    arrays, metadata = load_checkpoint(path)
    theirs = metadata.get("identity", {})
    for name in [*identity, *theirs]:
        there, here = (d.get(name, "absent") for d in (theirs, identity))
        if there != here:
            raise ValueError(
                f"path: {str(path)!r} is a checkpoint of another training: {name} is "
                f"{there} there and {here} here; it is left as it is, choose another "
                "path or move it away"
            )
    rng.bit_generator.state = metadata["rng"]
    return *_unflatten(arrays), metadata["curve"]


def _keeping(optimiser, state):
    """The optimiser with a state of its own, whatever state it is handed."""
    return lambda params, grads, _, lr: optimiser(params, grads, state, lr)


def _note(params, best, evaluate, curve):
    """The best parameters so far, after judging the present ones."""
    if evaluate is None or curve["stopped"]:
        return best if evaluate else params
    step, held_out = len(curve["loss"]), float(evaluate(params))
    curve["at"].append(step)
    curve["held_out"].append(held_out)
    if not held_out < curve["least"]:
        return best
    curve["least"], curve["best"] = held_out, step
    return params


def _last_line(resumed, curve):
    losses, text = curve["loss"], f"{len(curve['loss'])} steps"
    text += f", {resumed} of them before" if resumed else ""
    text += f": loss {losses[0]:.4g} → {losses[-1]:.4g}" if losses else ""
    if curve["at"]:
        text += f"; held out {curve['least']:.4g} at step {curve['best']}"
    return text + (f"; stopped: {curve['stopped']}" if curve["stopped"] else "")


def train_with_checkpoints(
    path,
    params,
    gradients,
    draw,
    rng,
    steps,
    about=None,
    every=50,
    optimiser=adam,
    lr=3e-3,
    clip=1.0,
    evaluate=None,
    show=True,
):
    """Train for `steps` steps in all, from where the checkpoint at `path` ends.

    gradients, optimiser, lr, clip: as in `train`; draw(rng) -> a batch, by nothing but
    rng; about: a dict of whatever else identifies the training, as the text's digest;
    evaluate(params) -> a number, less is better, asked at each checkpoint, which is
    every `every` steps. Interrupted and called again with the same arguments, it ends
    with the same bits. Returns (best parameters, curve) as `train`; curve["resumed"] is
    the step it began from, curve["seconds"] the time of all steps. Raises ValueError
    for a checkpoint that is damaged, or of another training.
    """
    identity = _identity(params, about, steps, every, optimiser, lr, clip, rng)
    params, best, state, curve = _resume(path, params, identity, rng)
    resumed, line = len(curve["loss"]), progress.Progress(steps, show)
    while len(curve["loss"]) < steps and not curve["stopped"]:
        step, begin = len(curve["loss"]), time.monotonic()
        batches = (draw(rng) for _ in range(min(every - step % every, steps - step)))
        params, part = train(
            params, gradients, batches, _keeping(optimiser, state), lr, clip, show=False
        )
        curve |= {n: curve[n] + part[n] for n in ("loss", "norm", "stopped")}
        curve["seconds"] += time.monotonic() - begin
        best = _note(params, best, evaluate, curve)
        more = {"identity": identity, "rng": rng.bit_generator.state, "curve": curve}
        save_checkpoint(path, _flatten(params, best, state), more)
        line.update(len(curve["loss"]), f"best held out {curve['least']:.4g}")
    line.finish(_last_line(resumed, curve))
    return best, curve | {"resumed": resumed}
