"""Chapter 4: Language models.

Generated from chapters/04_language_models.md; an edit made here is lost. Edit the chapter's cells
tagged `export`, then run `make sync`.
"""

import re
from collections import Counter

import numpy as np

from unrolled.unfolding import readout, rnn_forward

__all__ = [
    "END",
    "START",
    "UNKNOWN",
    "Vocabulary",
    "bigram",
    "bits_per_character",
    "check_tokens",
    "cross_entropy",
    "cross_entropy_backward",
    "embed",
    "embed_backward",
    "generate",
    "log_softmax",
    "log_softmax_backward",
    "next_distribution",
    "perplexity",
    "random_network",
    "read_states",
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
    "train_readout",
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


def check_tokens(name, tokens, V):
    """Raise ValueError unless all tokens are ints in 0 … V-1."""
    tokens = np.asarray(tokens)
    if tokens.dtype.kind not in "iu":
        raise ValueError(f"{name}: ints expected, got {tokens.dtype}")
    wrong = tokens[(tokens < 0) | (tokens >= V)]
    if wrong.size:
        raise ValueError(f"{name}: tokens in 0 … {V - 1} expected, got {wrong.flat[0]}")


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
        check_tokens("numbers", numbers, len(self))
        inner = [self.tokens[n] for n in np.ravel(numbers) if n > self.end]
        return (" " if self.level == "word" else "").join(inner)


def embed(X, tokens):
    """The rows of X that belong to the tokens (slide 20).

    X: (V, D), tokens: (...), ints in 0 … V-1. Returns (..., D) and a cache. Raises
    ValueError for a token outside the vocabulary.
    """
    check_tokens("tokens", tokens, len(X))
    return X[tokens], (X, tokens)


def softmax(z):
    """Probabilities from scores along the last axis, eq. (12). z: (..., V)."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def log_softmax(z):
    """log softmax(z), without ever taking the logarithm of 0. z: (..., V)."""
    shifted = z - z.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_p, log_p


def token_log_probs(z, targets, mask=None):
    """log P of each target under softmax(z): the factors of eq. (11), as logarithms.

    z: (..., V), targets: (...), ints in 0 … V-1; mask: (...), bool, False where nothing
    is predicted: 0 there. Returns (...) and a cache. Raises ValueError for a target
    outside the vocabulary, or shapes that do not fit.
    """
    targets, wanted = np.asarray(targets), np.shape(z)[:-1]
    mask = np.ones(wanted, dtype=bool) if mask is None else np.asarray(mask)
    for name, array in (("targets", targets), ("mask", mask)):
        if array.shape != wanted:
            raise ValueError(
                f"{name}: shape {wanted} expected, that of z without its "
                f"last axis, got {array.shape}"
            )
    check_tokens("targets", targets, np.shape(z)[-1])
    log_p, _ = log_softmax(z)
    chosen = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    return np.where(mask, chosen, chosen.dtype.type(0)), (log_p, targets, mask)


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
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def log_softmax_backward(dlog_p, log_p):
    """dz_j = dlog_p_j - p_j Σ_i dlog_p_i. dlog_p: (..., V)."""
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=-1, keepdims=True)


def token_log_probs_backward(dout, cache):
    """dz = dout (onehot(target) - p), and 0 where masked. dout: (...)."""
    log_p, targets, mask = cache
    dout, at = (dout * mask)[..., None], targets[..., None]
    dz = -dout * np.exp(log_p)  # (..., V)
    at_target = np.take_along_axis(dz, at, axis=-1) + dout
    np.put_along_axis(dz, at, at_target, axis=-1)
    return dz


def sequence_log_prob_backward(dout, cache):
    """Gradient of `sequence_log_prob`. dout: (B,). Returns dz: (T, B, V)."""
    everywhere = np.broadcast_to(dout, cache[1].shape)
    return token_log_probs_backward(everywhere, cache)


def cross_entropy_backward(dl, cache):
    """dz = dl (p - onehot(target)). dl: a number. Returns (..., V)."""
    log_p, targets, _ = cache
    everywhere = np.full(targets.shape, -dl, dtype=log_p.dtype)
    return token_log_probs_backward(everywhere, cache)


def embed_backward(dout, cache):
    """dX: each row adds up the gradients of all places of its token. dout: (..., D)."""
    X, tokens = cache
    dX = np.zeros_like(X, dtype=dout.dtype)
    np.add.at(dX, tokens, dout)
    return dX


def _total(log_probs, name, counts):
    """Σ log P / Σ counts; raises ValueError for nothing to count, or a P above 1."""
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
    """Raise ValueError for a distribution that does not exist."""
    if np.ndim(z) != 1 or np.size(z) == 0:
        raise ValueError(f"z: a vector of scores expected, got shape {np.shape(z)}")
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"temperature: a number above 0 expected, got {temperature}; "
            "for the most probable token use top_k=1"
        )
    whole = top_k is None or isinstance(top_k, (int, np.integer))
    if not whole or (top_k is not None and top_k < 1):
        raise ValueError(f"top_k: an int of at least 1 expected, got {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: a number in (0, 1] expected, got {top_p}")


def next_distribution(z, temperature=1.0, top_k=None, top_p=None):
    """The distribution a token is drawn from. z: (V,) scores. Returns p: (V,).

    Temperature first, then top-k, then the nucleus of what is left. top_k=1 is greedy.
    Raises ValueError for temperature <= 0, top_k < 1, top_p outside (0, 1].
    """
    _check_options(z, temperature, top_k, top_p)
    p, _ = softmax(np.asarray(z, dtype=float) / temperature)
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
    return int(rng.choice(len(z), p=next_distribution(z, **options)))


def generate(step, state, rng, start, end, longest=200, **options):
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
    check_tokens("targets", targets, V)
    if not alpha > 0:
        raise ValueError(f"alpha: a number above 0 expected, got {alpha}")
    counts = np.bincount(np.ravel(targets), minlength=V) + alpha
    return counts / counts.sum()


def bigram(inputs, targets, V, kappa=20.0):
    """P(w | v), counts smoothed with κ draws from the unigram: (V, V), row v, column w.

    inputs, targets: two int arrays of one shape, each target the token after its input.
    Raises ValueError unless κ > 0 and all tokens are in 0 … V-1.
    """
    check_tokens("inputs", inputs, V)
    if not kappa > 0:
        raise ValueError(f"kappa: a number above 0 expected, got {kappa}")
    counts = np.zeros((V, V))
    np.add.at(counts, (np.ravel(inputs), np.ravel(targets)), 1)
    counts += kappa * unigram(targets, V)
    return counts / counts.sum(axis=1, keepdims=True)


def streams(tokens, batch):
    """A text cut into `batch` pieces of equal length, side by side: (L, batch).

    tokens: (N,), with N >= 2 batch. The last N - L·batch tokens are dropped. Raises
    ValueError when the text is too short.
    """
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
    if T < 1:
        raise ValueError(f"T: windows of at least 1 step expected, got {T}")
    for first in range(0, len(stream) - 1, T):
        last = min(first + T, len(stream) - 1)
        yield stream[first:last], stream[first + 1 : last + 1]


def random_network(V, rng, D=64, H=256, r=0.5):
    """X: (V, D), W_i: (H, D), W_h: (H, H), b: (H,), float32; r scales W_h."""
    X, W_i = rng.standard_normal((V, D)), rng.standard_normal((H, D)) / np.sqrt(D)
    W_h, b = r * rng.standard_normal((H, H)) / np.sqrt(H), 0.1 * rng.standard_normal(H)
    return [array.astype("float32") for array in (X, W_i, W_h, b)]


def read_states(network, stream, T=64):
    """States, targets and mask at each position of streams: (N, H), (N,), (N,).

    network: (X, W_i, W_h, b); stream: (L, B) from `streams`, so that N = (L-1) B. The
    mask is False where the target is □.
    """
    X, *weights = network
    shape = len(stream) - 1, stream.shape[1], len(weights[0])
    states = np.empty(shape, dtype="float32")
    h, place = None, 0
    for inputs, _ in windows(stream, T):
        every, _ = rnn_forward(embed(X, inputs)[0], h, *weights)
        states[place : place + len(inputs)] = every[1:]
        h, place = every[-1], place + len(inputs)
    targets = stream[1:].ravel()
    return states.reshape(len(targets), -1), targets, targets != Vocabulary.start


def train_readout(states, targets, mask, V, rng, epochs=2, rate=0.7, batch=256):
    """W_o: (V, H) by stochastic gradient descent with momentum on the cross-entropy.

    states, targets, mask: as `read_states` gives them. Starts from zeros.
    """
    W_o = np.zeros((V, states.shape[1]), dtype="float32")
    velocity, steps = np.zeros_like(W_o), epochs * (len(states) // batch)
    for step in range(steps):
        at = rng.integers(len(states), size=batch)
        _, cache = cross_entropy(readout(states[at], W_o)[0], targets[at], mask[at])
        dz = cross_entropy_backward(1 / batch, cache)
        velocity = 0.9 * velocity - rate * (1 - step / steps) * (dz.T @ states[at])
        W_o += velocity
    return W_o
