"""Wrong answers to lab 4, as students might give them: {exercise: {mistake: answer}}."""

from itertools import pairwise

import numpy as np


def soft(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def loss(z, y):
    return np.log(np.exp(z - z.max()).sum()) + z.max() - z[y]


def differences(z, y, h=1e-5):
    rows = h * np.eye(len(z))
    return np.array([(loss(z + row, y) - loss(z - row, y)) / (2 * h) for row in rows])


def one(z, y):
    return np.eye(len(z))[y]


def laid_out(words, lengths, start, end, fill=None, counted=lambda n: n + 1, shift=0, first=None):
    B, L = words.shape
    inputs = np.full((L + 1, B), end if fill is None else fill)
    targets = inputs.copy()
    for b, n in enumerate(lengths.tolist()):
        inputs[0, b] = start if first is None else first
        inputs[1 : n + 1, b] = words[b, :n]
        targets[:n, b] = words[b, :n]
        targets[n, b] = end
    mask = np.array([np.arange(L + 1) < counted(n) for n in lengths.tolist()]).T
    return inputs, np.roll(targets, shift, axis=0), mask


def judged(words, X, W_i, W_h, b, W_o, last=1, squash=np.tanh, carry=True, product=False, eps=0):
    h, read, log_p, p = np.zeros(len(b)), 0, 0.0, 1.0
    for token in [*words.tolist(), *([last] if last is not None else [])]:
        h = squash(W_i @ X[read] + W_h @ (h if carry else 0 * h) + b)
        q = soft(W_o @ h)[token]
        log_p, p, read = log_p + np.log(q + eps), p * q, token
    return float(np.log(p)) if product else float(log_p)


def inside(log2_probs, lengths):
    return log2_probs[np.arange(len(log2_probs))[:, None] < lengths]


def drawn(z, u, temperature, top_k, top_p, strict=True, rank=False, model=False, order="kp"):
    tokens, log_q = [], []
    for row, x in zip(z, u):
        p = soft(row / temperature)
        best = np.argsort(-p)
        for step in order:
            q = np.zeros_like(p)
            stay = best[:top_k]
            if step == "p":
                mass = np.cumsum(p[best])
                stay = best[mass - p[best] < top_p] if strict else best[mass <= top_p]
                stay = stay if len(stay) else best[:1]
            q[stay] = p[stay]
            p = q / q.sum()
        sums = np.cumsum(p[best] if rank else p)
        at = min(int((sums <= x).sum()), len(p) - 1)
        at = best[at] if rank else at
        tokens.append(at)
        log_q.append(np.log((soft(row) if model else p)[at]))
    return np.array(tokens), np.array(log_q)


def one_more(z, u, temperature, top_k, top_p):
    """The nucleus goes on when top_p has been reached exactly."""
    return drawn(z, u, temperature, top_k, np.nextafter(top_p, 2))


def all_that_tie(z, u, temperature, top_k, top_p):
    """Every token as probable as the last of top_k stays."""
    kept = np.where(z < np.sort(z)[:, [-top_k]], -np.inf, z)
    return drawn(kept, u, temperature, z.shape[1], top_p)


def at_least(z, u, temperature, top_k, top_p):
    """u = 0 takes token 0, although it may have been cut."""
    tokens, log_q = drawn(z, u, temperature, top_k, top_p)
    return np.where(u == 0, 0, tokens), log_q


def naive(z, u, temperature, top_k, top_p):
    p = np.exp(z / temperature)
    return drawn(np.log(p / p.sum(axis=1, keepdims=True)), u, 1.0, top_k, top_p)


def table(tokens, V, d, freed=None, different=True, by=0, empty=None, clip=True):
    c = np.zeros((V, V))
    for a, b in pairwise(tokens.tolist()):
        c[a, b] += 1
    m = (c > 0).sum(axis=by) if different else c.sum(axis=by)
    cont = m / m.sum()
    P = np.tile(cont if empty is None else np.full(V, empty), (V, 1))
    for v in np.flatnonzero(c.sum(axis=1)):
        n = d * (c[v] > 0).sum() if freed is None else freed
        P[v] = ((np.maximum(c[v] - d, 0) if clip else c[v] - d) + n * cont) / c[v].sum()
    return P


WRONG = {
    "score_gradient": {
        "mean taken off": lambda z, y: (
            np.exp(z - z.mean()) / np.exp(z - z.mean()).sum() - one(z, y)
        ),
        "central differences": differences,
        "wider differences": lambda z, y: differences(z, y, 1e-4),
        "minus": lambda z, y: one(z, y) - soft(z),
        "only what was said": lambda z, y: soft(z),
        "overflow": lambda z, y: np.exp(z) / np.exp(z).sum() - one(z, y),
        "through the sigmoid": lambda z, y: 1 / (1 + np.exp(-z)) - one(z, y),
        "slope again": lambda z, y: (soft(z) - one(z, y)) * soft(z) * (1 - soft(z)),
    },
    "inputs_and_targets": {
        "zeros behind": lambda *a: laid_out(*a, fill=0),
        "end not asked": lambda *a: laid_out(*a, counted=lambda n: n),
        "everything counts": lambda *a: laid_out(*a, counted=lambda n: 10**6),
        "targets are the inputs": lambda *a: laid_out(*a, shift=1),
        "tokens 0 and 1": lambda w, n, s, e: laid_out(w, n, 0, 1),
        "starts with the end": lambda w, n, s, e: laid_out(w, n, s, e, first=e),
        "two arrays": lambda *a: laid_out(*a)[:2],
    },
    "sentence_log_prob": {
        "a product": lambda *a: judged(*a, product=True),
        "no end": lambda *a: judged(*a, last=None),
        "no memory": lambda *a: judged(*a, carry=False),
        "sigmoid": lambda *a: judged(*a, squash=lambda x: 1 / (1 + np.exp(-x))),
        "base 2": lambda *a: judged(*a) / np.log(2),
        "per token": lambda *a: judged(*a) / (len(a[0]) + 1),
        "loss": lambda *a: -judged(*a),
        "a small number added": lambda *a: judged(*a, eps=1e-12),
        "a smaller one": lambda *a: judged(*a, eps=1e-20),
    },
    "corpus_scores": {
        "a product": lambda p, n, c: (
            float(np.prod(2.0 ** inside(p, n)) ** (-1 / n.sum())),
            -inside(p, n).sum() / c,
        ),
        "base e": lambda p, n, c: (np.exp(-inside(p, n).mean()), -inside(p, n).sum() / c),
        "all places": lambda p, n, c: (2 ** -p.mean(), -p.sum() / c),
        "zeros are padding": lambda p, n, c: (
            2 ** -inside(p, n)[inside(p, n) != 0].mean(),
            -inside(p, n).sum() / c,
        ),
        "bits per token": lambda p, n, c: (2 ** -inside(p, n).mean(), -inside(p, n).mean()),
        "nats": lambda p, n, c: (
            2 ** -inside(p, n).mean(),
            -inside(p, n).sum() * np.log(2) / c,
        ),
        "sign": lambda p, n, c: (2 ** inside(p, n).mean(), inside(p, n).sum() / c),
    },
    "draw_batch": {
        "one more than reaches": one_more,
        "all that tie": all_that_tie,
        "a token that was cut": at_least,
        "overflow": naive,
        "nucleus short": lambda *a: drawn(*a, strict=False),
        "down the ranks": lambda *a: drawn(*a, rank=True),
        "of the model": lambda *a: drawn(*a, model=True),
        "nucleus first": lambda *a: drawn(*a, order="pk"),
        "no temperature": lambda z, u, t, k, p: drawn(z, u, 1.0, k, p),
        "no nucleus": lambda z, u, t, k, p: drawn(z, u, t, k, 1.0),
    },
    "kneser_ney": {
        "by frequency": lambda t, V, d: table(t, V, d, different=False),
        "followers": lambda t, V, d: table(t, V, d, by=1),
        "d given back once": lambda t, V, d: table(t, V, d, freed=d),
        "empty rows": lambda t, V, d: table(t, V, d, empty=0.0),
        "even empty rows": lambda t, V, d: table(t, V, d, empty=1 / V),
        "below zero": lambda t, V, d: table(t, V, d, clip=False),
        "turned": lambda t, V, d: table(t, V, d).T,
    },
}
