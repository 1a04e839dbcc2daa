"""Chapter 4: Language models.

Generated from chapters/04_language_models.md; an edit made here is lost. Edit the chapter's cells
tagged `export`, then run `make sync`.
"""

import re
from collections import Counter

import numpy as np

from unrolled.common.arguments import (
    booleans,
    check_shape,
    floats,
    floats_like,
    integers,
    one_integer,
    one_number,
)

__all__ = [
    "END",
    "START",
    "UNKNOWN",
    "Vocabulary",
    "bigram",
    "bits_per_character",
    "cross_entropy",
    "cross_entropy_backward",
    "embed",
    "embed_backward",
    "generate",
    "log_softmax",
    "log_softmax_backward",
    "next_distribution",
    "perplexity",
    "sample",
    "sequence_log_prob",
    "sequence_log_prob_backward",
    "softmax",
    "softmax_backward",
    "split_sentences",
    "streams",
    "token_log_probs",
    "token_log_probs_backward",
    "tokenise",
    "unigram",
    "windows",
]


START, END, UNKNOWN = "□", "■", "◇"


def split_sentences(text):
    """The sentences of a text in order, each once, with single spaces."""
    parts = re.split(r"(?<=[.!?:;])\s+|\n\s*\n", text)
    sentences = (" ".join(part.split()) for part in parts)
    return list(dict.fromkeys(sentence for sentence in sentences if sentence))


def tokenise(sentence, level):
    """The tokens of a sentence: words and punctuation marks, or characters."""
    if level not in ("word", "character"):
        raise ValueError(f"level: 'word' or 'character' expected, got {level!r}")
    return re.findall(r"\w+|[^\w\s]", sentence) if level == "word" else list(sentence)


class Vocabulary:
    """Tokens and their numbers: □ is 0, ■ is 1, ◇ is 2, the others follow in order.

    Raises ValueError where the sentences hold no token, or for another level."""

    start, end, unknown = range(3)

    def __init__(self, sentences, level="word", least=1):
        counts = Counter(t for line in sentences for t in tokenise(line, level))
        if not counts:
            raise ValueError("sentences: text with at least one token expected")
        known = {token for token, count in counts.items() if count >= least}
        special, self.level = [START, END, UNKNOWN], level
        self.tokens = special + sorted(known - set(special))
        self.numbers = {token: n for n, token in enumerate(self.tokens) if n > 1}

    def __len__(self):
        return len(self.tokens)

    def encode(self, sentence):
        """□, the tokens of the sentence, ■, as numbers: (T+2,), int64."""
        found = map(self.numbers.get, tokenise(sentence, self.level))
        inner = [self.unknown if number is None else number for number in found]
        return np.array([self.start, *inner, self.end])

    def decode(self, numbers):
        """Back to text, without □ and ■."""
        numbers = integers("numbers", numbers, len(self)) if np.size(numbers) else ()
        inner = [self.tokens[n] for n in np.ravel(numbers) if n > self.end]
        return (" " if self.level == "word" else "").join(inner)


def embed(X, tokens):
    """The rows of X that belong to the tokens (slide 20).

    X: (V, D), tokens: (...), ints in 0 … V-1. Returns (..., D) and a cache. Raises
    ValueError for a token outside the vocabulary.
    """
    X = floats(X=X)
    check_shape("X", X, "VD")
    tokens = integers("tokens", tokens, len(X))
    return X[tokens], (X, tokens)


def _scores(z):
    """z: (..., V) as floats, or ValueError."""
    z = floats(z=z)
    check_shape("z", z, (*z.shape[:-1], "V"))
    return z


def softmax(z):
    """Probabilities from scores along the last axis, eq. (12). z: (..., V)."""
    z = _scores(z)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def log_softmax(z):
    """log softmax(z), without ever taking the logarithm of 0. z: (..., V)."""
    z = _scores(z)
    shifted = z - z.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_p, log_p


def token_log_probs(z, targets, mask=None):
    """log P of each target under softmax(z): the factors of eq. (11), as logarithms.

    z: (..., V), targets: (...), ints in 0 … V-1; mask: (...), bool, False where nothing
    is predicted: 0 there, whatever the target. Returns (...) and a cache. Raises
    ValueError for a target outside the vocabulary, or shapes that do not fit.
    """
    log_p, _ = log_softmax(z)
    *places, V = log_p.shape
    mask = np.ones(places, bool) if mask is None else booleans("mask", mask, places)
    targets = integers("targets", targets, V, where=mask)
    chosen = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    return np.where(mask, chosen, 0), (log_p, targets, mask)


def sequence_log_prob(z, targets, mask=None):
    """log P of each sequence, eq. (11): z: (T, B, V), targets: (T, B) -> (B,)."""
    chosen, cache = token_log_probs(z, targets, mask)
    return chosen.sum(axis=0), cache


def cross_entropy(z, targets, mask=None):
    """ℓ = -Σ log P(target), the SUM over all positions that the mask leaves on.

    z: (..., V), targets: (...). Returns a number and a cache.
    """
    chosen, cache = token_log_probs(z, targets, mask)
    return -chosen.sum(), cache


def softmax_backward(dp, p):
    """dz_j = p_j (dp_j - Σ_i dp_i p_i). dp: (..., V)."""
    dp = floats_like("dp", dp, p.shape, p.dtype)
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def log_softmax_backward(dlog_p, log_p):
    """dz_j = dlog_p_j - p_j Σ_i dlog_p_i. dlog_p: (..., V)."""
    dlog_p = floats_like("dlog_p", dlog_p, log_p.shape, log_p.dtype)
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=-1, keepdims=True)


def token_log_probs_backward(dout, cache):
    """dz = dout (onehot(target) - p), and 0 where masked. dout: (...)."""
    log_p, targets, mask = cache
    dout = floats_like("dout", dout, targets.shape, log_p.dtype)
    dout, at = (dout * mask)[..., None], targets[..., None]
    dz = -dout * np.exp(log_p)  # (..., V)
    at_target = np.take_along_axis(dz, at, axis=-1) + dout
    np.put_along_axis(dz, at, at_target, axis=-1)
    dz[~mask] = 0  # even where the score is not finite
    return dz


def sequence_log_prob_backward(dout, cache):
    """Gradient of `sequence_log_prob`. dout: (B,). Returns dz: (T, B, V)."""
    log_p, targets, _ = cache
    dout = floats_like("dout", dout, targets.shape[1:], log_p.dtype)
    everywhere = np.broadcast_to(dout, targets.shape)
    return token_log_probs_backward(everywhere, cache)


def cross_entropy_backward(dl, cache):
    """dz = dl (p - onehot(target)). dl: a number. Returns (..., V)."""
    log_p, targets, _ = cache
    everywhere = np.full(targets.shape, -one_number("dl", dl), log_p.dtype)
    return token_log_probs_backward(everywhere, cache)


def embed_backward(dout, cache):
    """dX: each row adds up the gradients of all places of its token. dout: (..., D)."""
    X, tokens = cache
    dout = floats_like("dout", dout, (*tokens.shape, X.shape[1]), X.dtype)
    dX = np.zeros(X.shape, dout.dtype)
    np.add.at(dX, tokens, dout)
    return dX


def _total(log_probs, name, counts):
    """Σ log P / Σ counts; raises ValueError for nothing to count, or a P above 1."""
    log_probs, counts = floats(**{"log_probs": log_probs, name: counts})
    total, log_p = np.sum(counts), np.sum(log_probs)
    if not total >= 1:
        raise ValueError(f"{name}: at least 1 in total expected, got {total}")
    if log_p > 1e-6 * total:  # more than rounding
        raise ValueError(f"log_probs: at most 0 in total expected, got {log_p}")
    return log_p / total


def perplexity(log_probs, tokens):
    """exp(-Σ log P / Σ tokens): natural logarithms, and how many tokens they are of.

    Both are numbers or arrays, one entry per sentence or batch.
    """
    return float(np.exp(-_total(log_probs, "tokens", tokens)))


def bits_per_character(log_probs, characters):
    """-Σ log₂ P / Σ characters, from natural logarithms."""
    return float(-_total(log_probs, "characters", characters) / np.log(2))


def _check_options(z, temperature, top_k, top_p):
    """z in float64 and the options; ValueError where there is no distribution."""
    z = floats(z=z).astype(float)
    check_shape("z", z, "V")
    if np.isnan(z).any() or z.max() in (-np.inf, np.inf):
        raise ValueError(
            "z: finite scores expected, or -inf but not for all, "
            f"got {z[np.isnan(z) | (z == z.max())][0]}"
        )
    if temperature == 0:
        raise ValueError(
            "temperature: a number above 0 expected, got 0; for the most probable token use top_k=1"
        )
    temperature = one_number("temperature", temperature, above=0)
    top_k = None if top_k is None else one_integer("top_k", top_k, least=1)
    top_p = None if top_p is None else one_number("top_p", top_p, above=0)
    if top_p is not None and top_p > 1:
        raise ValueError(f"top_p: a number of at most 1 expected, got {top_p}")
    return z, temperature, top_k, top_p


def next_distribution(z, temperature=1.0, top_k=None, top_p=None):
    """The distribution a token is drawn from. z: (V,) scores. Returns p: (V,).

    Temperature first, then top-k, then the nucleus of what is left. top_k=1 is greedy.
    Raises ValueError for temperature <= 0, top_k < 1, top_p outside (0, 1], and for
    scores that are NaN, inf or all -inf. p is float64, whatever z is.
    """
    z, temperature, top_k, top_p = _check_options(z, temperature, top_k, top_p)
    with np.errstate(over="ignore"):  # to -inf, however low the temperature
        p, _ = softmax((z - z.max()) / temperature)
    order = np.argsort(-p, kind="stable")[:top_k]  # the most probable first
    kept = p[order] / p[order].sum()
    if top_p is not None:
        before = np.cumsum(kept) - kept  # what the more probable ones have together
        order, kept = order[before < top_p], kept[before < top_p]
    out = np.zeros_like(p)
    out[order] = kept / kept.sum()
    return out


def sample(z, rng, **options):
    """Draw one token from scores z: (V,). Options are those of `next_distribution`."""
    p = next_distribution(z, **options)
    return int(rng.choice(len(p), p=p))


def generate(step, state, start, end, rng, longest=200, **options):
    """Tokens drawn one after the other, until `end` or `longest` of them; a list.

    step(token, state) -> (z, state) reads a token and scores the next.
    """
    token, tokens = start, []
    while len(tokens) < longest:
        z, state = step(token, state)
        token = sample(z, rng, **options)
        if token == end:
            break
        tokens.append(token)
    return tokens


def unigram(targets, V, alpha=1.0):
    """P(w) = (count of w + α) / (N + α V): (V,). Raises ValueError unless α > 0."""
    V, alpha = one_integer("V", V, least=1), one_number("alpha", alpha, above=0)
    targets = integers("targets", targets, V)
    counts = np.bincount(np.ravel(targets), minlength=V) + alpha
    return counts / counts.sum()


def bigram(inputs, targets, V, kappa=20.0):
    """P(w | v), counts smoothed with κ draws from the unigram: (V, V), row v, column w.

    inputs, targets: two int arrays of one shape, each target the token after its input.
    Raises ValueError unless κ > 0 and all tokens are in 0 … V-1.
    """
    V, kappa = one_integer("V", V, least=1), one_number("kappa", kappa, above=0)
    inputs, targets = integers("inputs", inputs, V), integers("targets", targets, V)
    check_shape("targets", targets, inputs.shape, "a target for each input")
    counts = np.zeros((V, V))
    np.add.at(counts, (np.ravel(inputs), np.ravel(targets)), 1)
    counts += kappa * unigram(targets, V)
    return counts / counts.sum(axis=1, keepdims=True)


def streams(tokens, batch):
    """A text cut into `batch` pieces of equal length, side by side: (L, batch).

    tokens: (N,), with N >= 2 batch. The last N - L·batch tokens are dropped. Raises
    ValueError when the text is too short.
    """
    tokens, batch = integers("tokens", tokens), one_integer("batch", batch)
    check_shape("tokens", tokens, "N")
    L = len(tokens) // max(batch, 1)
    if batch < 1 or L < 2:
        raise ValueError(
            f"batch: 1 … {len(tokens) // 2} pieces expected for a text of "
            f"{len(tokens)} tokens, got {batch}"
        )
    return np.ascontiguousarray(np.reshape(tokens[: L * batch], (batch, L)).T)


def windows(stream, T):
    """(inputs, targets), each (T, B), along the stream: targets come one step later.

    The last window may be shorter. Together the targets are stream[1:].
    """
    stream, T = integers("stream", stream), one_integer("T", T, least=1)
    check_shape("stream", stream, "LB")
    for first in range(0, len(stream) - 1, T):
        last = min(first + T, len(stream) - 1)
        yield stream[first:last], stream[first + 1 : last + 1]
