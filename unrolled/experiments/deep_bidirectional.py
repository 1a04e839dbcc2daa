"""Experiments of chapter 9: Deep and bidirectional networks.

Generated from chapters/09_deep_bidirectional.md; an edit made here is lost. Edit the chapter's
cells tagged `experiment`, then run `make sync`.
"""

import json
import os
import time
import zipfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from unrolled.clipping import adam, init_scaled, train
from unrolled.common.arguments import one_integer
from unrolled.deep_bidirectional import (
    deep_backward,
    deep_forward,
    deep_language_model,
    deep_language_model_backward,
    deep_parameters,
)
from unrolled.experiments.bptt import held_out_perplexity
from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    generate,
    streams,
)
from unrolled.support import progress
from unrolled.unfolding import readout, readout_backward

__all__ = [
    "CHECKPOINT",
    "adding_stack",
    "adding_stack_gradients",
    "character_gradients",
    "character_parameters",
    "character_split",
    "classifier_parameters",
    "guessed_vowels",
    "held_out_bits",
    "hidden_vowels",
    "load_checkpoint",
    "random_windows",
    "save_checkpoint",
    "train_with_checkpoints",
    "vowel_gradients",
    "write_text",
]


def classifier_parameters(V, classes, rng, D=32, H=48, bidirectional=True, cell="lstm"):
    """Starting values for `sequence_classifier` with one layer, float32."""
    p = {"E": 0.3 * rng.standard_normal((V, D))}
    p |= deep_parameters(D, H, rng, 1, bidirectional, cell)
    S = H * (1 + bidirectional)
    p |= {"W_o": init_scaled(classes, S, rng), "b_o": np.zeros(classes)}
    return {name: value.astype("float32") for name, value in p.items()}


def character_parameters(V, rng, D=32, H=128, layers=1, cell="lstm"):
    """Starting values for `deep_language_model`, float32."""
    p = {"X": 0.3 * rng.standard_normal((V, D))}
    p |= deep_parameters(D, H, rng, layers, cell=cell)
    p |= {"W_o": init_scaled(V, H, rng), "b_o": np.zeros(V)}
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
    """(inputs, targets), each (T, B): B windows of T + 1 tokens from anywhere.

    Raises ValueError for T or B below 1, or a text of less than T + 1 tokens.
    """
    T, B = one_integer("T", T, least=1), one_integer("B", B, least=1)
    if len(tokens) < T + 1:
        raise ValueError(
            f"T: at most {len(tokens) - 1} steps expected for a text of "
            f"{len(tokens)} tokens, got {T}"
        )
    first = rng.integers(len(tokens) - T, size=B)
    drawn = tokens[first + np.arange(T + 1)[:, None]]  # (T+1, B)
    return drawn[:-1], drawn[1:]


def character_gradients(p, batch, cell="lstm"):
    """Mean loss per character, in nats, and all gradients. batch: (inputs, targets)."""
    (loss, _), cache = deep_language_model(p, *batch, cell=cell)
    characters = batch[1].size
    grads = deep_language_model_backward((1 / characters, None), cache)
    return loss / characters, grads


def held_out_bits(p, tokens, cell="lstm", B=16, T=128):
    """Bits per character on a text of N tokens, the states carried along B streams."""
    model = partial(deep_language_model, p, cell=cell)
    return float(np.log2(held_out_perplexity(model, streams(tokens, B), T)))


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
    names = {
        "optimiser": getattr(optimiser, "__name__", "?"),
        "lr": lr,
        "clip": clip,
        "every": every,
        "generator": type(rng.bit_generator).__name__,
    }
    shapes = {f"parameter {n}": f"{a.dtype} {a.shape}" for n, a in params.items()}
    return json.loads(json.dumps((about or {}) | names | shapes, default=str))


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
                f"{str(path)!r} is a checkpoint of another training: {name} is "
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


def hidden_vowels(text):
    """A text's characters as numbers, in lower case, without its vowels.

    Returns (shown, vowels, V): (N,), ints in 0 … V-1, 0 for any vowel; (N,), 0 … 4 for
    a, e, i, o, u, and -1 for all else; and how many characters there are.
    """
    characters = np.array(list(text.lower()))
    vowels = np.select([characters == vowel for vowel in "aeiou"], range(5), -1)
    left = np.where(vowels < 0, characters, "")
    symbols, shown = np.unique(left, return_inverse=True)
    return shown, vowels, len(symbols)


def guessed_vowels(p, shown):
    """The most probable vowel at each place, 0 … 4: (T, B). shown: (T, B)."""
    x, _ = embed(p["E"], shown)
    (y, _), _ = deep_forward(x, p)
    return readout(y, p["W_o"], p["b_o"])[0].argmax(axis=-1)


def vowel_gradients(p, batch):
    """Mean loss of a hidden vowel, in nats, and all gradients.

    batch: (shown, vowels), each (T, B), as from `hidden_vowels`.
    """
    shown, vowels = batch
    x, embedded = embed(p["E"], shown)
    (y, _), deep = deep_forward(x, p)
    z, read = readout(y, p["W_o"], p["b_o"])
    asked = int(np.sum(vowels >= 0))
    loss, judged = cross_entropy(z, np.maximum(vowels, 0), vowels >= 0)
    dz = cross_entropy_backward(1 / asked, judged).astype(z.dtype)
    dy, dW_o, db_o = readout_backward(dz, read)
    dx, dp, _ = deep_backward((dy, None), deep)
    dp |= {"E": embed_backward(dx, embedded), "W_o": dW_o, "b_o": db_o}
    return loss / asked, dp


def adding_stack(layers, rng, budget=3_400):
    """Starting values, float32: the widest LSTM stack within a budget of numbers."""

    def size(H):
        return 4 * H * (H + 3) + (layers - 1) * 4 * H * (2 * H + 1) + H + 1

    H = max(H for H in range(1, 100) if size(H) <= budget)
    p = deep_parameters(2, H, rng, layers)
    W_o = init_scaled(1, H, rng).astype("float32")
    return p | {"W_o": W_o, "b_o": np.zeros(1, "float32")}


def adding_stack_gradients(p, batch):
    """Mean squared error of the sum read from the top layer's end; all gradients."""
    x, y = batch
    (h, _), deep = deep_forward(x, p)
    z, read = readout(h[-1], p["W_o"], p["b_o"])
    error, dh = z[:, 0] - y, np.zeros_like(h)
    dh[-1], dW_o, db_o = readout_backward(2 / len(y) * error[:, None], read)
    _, dp, _ = deep_backward((dh, None), deep)
    return np.mean(error**2), dp | {"W_o": dW_o, "b_o": db_o}
