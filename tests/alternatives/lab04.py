"""Right answers to lab 04, written differently from the solution: a check must accept them all."""

import numpy as np
import torch

from unrolled.language_models import (
    bits_per_character,
    cross_entropy,
    cross_entropy_backward,
    log_softmax,
    next_distribution,
    perplexity,
    sequence_log_prob,
)
from unrolled.unfolding import readout, rnn_forward


# --------------------------------------------------------------------------- score_gradient
def by_the_chapter(z, y):
    _, cache = cross_entropy(z, np.int64(y))
    return cross_entropy_backward(1.0, cache)


def by_autograd(z, y):
    z = torch.tensor(z, requires_grad=True)
    (-z.log_softmax(0)[y]).backward()
    return z.grad


def by_log_sum_exp(scores, token):
    return list(np.exp(scores - np.logaddexp.reduce(scores)) - np.eye(len(scores))[token])


# --------------------------------------------------------------------------- inputs_and_targets
def by_where(words, lengths, start, end):
    B, L = words.shape
    steps = np.arange(L)[:, None]
    inner = np.where(steps < lengths, words.T, end)
    row = np.ones((1, B), dtype=int)
    mask = np.vstack([row > 0, steps < lengths])
    return np.vstack([start * row, inner]), np.vstack([inner, end * row]), mask


def by_lists(words, lengths, start, end):
    L, rows = words.shape[1], [w[:n] for w, n in zip(words.tolist(), lengths)]
    inputs = [[start, *row, *[end] * (L - len(row))] for row in rows]
    targets = [[*row, *[end] * (L + 1 - len(row))] for row in rows]
    mask = [[step <= len(row) for step in range(L + 1)] for row in rows]
    return tuple(np.array(a).T for a in (inputs, targets, mask))


# --------------------------------------------------------------------------- sentence_log_prob
def by_forward(words, X, W_i, W_h, b, W_o):
    inputs, targets = np.array([0, *words]), np.array([*words, 1])
    h, _ = rnn_forward(X[inputs][:, None], None, W_i, W_h, b)
    z, _ = readout(h[1:], W_o)
    return sequence_log_prob(z, targets[:, None])[0][0]


def by_logarithms_of_softmax(words, X, W_i, W_h, b, W_o):
    h, said_so_far = np.zeros(len(b)), []
    for read, said in zip([0, *words], [*words, 1]):
        h = np.tanh(np.einsum("hd,d->h", W_i, X[read]) + np.einsum("hk,k->h", W_h, h) + b)
        e = np.exp(W_o @ h)
        said_so_far.append(np.log(e[said] / e.sum()))
    return sum(said_so_far)


def by_recursion(words, X, W_i, W_h, b, W_o, last=0, h=0.0):
    h = np.tanh(X[last] @ W_i.T + (W_h @ h if np.ndim(h) else 0) + b)
    log_p, _ = log_softmax(W_o @ h)
    if len(words) == 0:
        return log_p[1]
    rest = by_recursion(words[1:], X, W_i, W_h, b, W_o, words[0], h)
    return log_p[words[0]] + rest


# --------------------------------------------------------------------------- corpus_scores
def by_sentences(log2_probs, lengths, characters):
    total = sum(log2_probs[:n, b].sum() for b, n in enumerate(lengths))
    return [2.0 ** (-total / sum(lengths)), float(-total / characters)]


def by_natural_logarithms(log2_probs, lengths, characters):
    natural = np.log(2) * np.array([log2_probs[:n, b].sum() for b, n in enumerate(lengths)])
    return perplexity(natural, lengths), bits_per_character(natural, characters)


def by_geometric_mean(log2_probs, lengths, characters):
    tokens = np.concatenate([log2_probs[:n, b] for b, n in enumerate(lengths)])
    return np.prod((2.0**-tokens) ** (1 / len(tokens))), -tokens.sum() / characters


# --------------------------------------------------------------------------- draw_batch
def by_next_distribution(z, u, temperature, top_k, top_p):
    q = np.array([next_distribution(row, temperature, top_k, top_p) for row in z])
    tokens = np.array([np.searchsorted(np.cumsum(r), x, side="right") for r, x in zip(q, u)])
    return tokens, np.log(q[np.arange(len(q)), tokens])


def by_the_whole_batch(z, u, temperature, top_k, top_p):
    rows = np.arange(len(z))[:, None]
    order = np.argsort(-z, axis=1)[:, :top_k]
    kept = np.exp(log_softmax(z[rows, order] / temperature)[0])
    kept = kept * (np.cumsum(kept, axis=1) - kept < top_p)
    q = np.zeros_like(z)
    q[rows, order] = kept / kept.sum(axis=1, keepdims=True)
    tokens = (np.cumsum(q, axis=1) > u[:, None]).argmax(axis=1)
    return tokens, np.log(q[rows[:, 0], tokens])


def by_adding_until_it_is_enough(z, u, temperature, top_k, top_p):
    tokens, log_q = [], []
    for scores, x in zip(z / temperature, u):
        p = np.exp(scores - max(scores)) / np.exp(scores - max(scores)).sum()
        best = sorted(range(len(p)), key=lambda i: -p[i])[:top_k]
        whole, nucleus, total = sum(p[i] for i in best), [], 0.0
        for i in best:
            if total >= top_p:
                break
            nucleus.append(i)
            total += p[i] / whole
        mass, at = sum(p[i] for i in nucleus), 0.0
        for i in sorted(nucleus):
            at += p[i] / mass
            if at > x:
                break
        tokens.append(i)
        log_q.append(np.log(p[i] / mass))
    return np.array(tokens), np.array(log_q)


# --------------------------------------------------------------------------- kneser_ney
def by_add_at(tokens, V, d):
    c = np.zeros((V, V))
    np.add.at(c, (tokens[:-1], tokens[1:]), 1)
    kinds = c > 0
    cont = kinds.sum(axis=0) / kinds.sum()
    total = c.sum(axis=1, keepdims=True)
    rows = c - d * kinds + d * kinds.sum(axis=1, keepdims=True) * cont
    return np.where(total > 0, rows / np.maximum(total, 1), cont)


def by_sets(tokens, V, d):
    pairs = list(zip(tokens.tolist()[:-1], tokens.tolist()[1:]))
    before = [len({v for v, w in pairs if w == x}) for x in range(V)]
    cont = [m / len(set(pairs)) for m in before]
    P = []
    for v in range(V):
        after = [w for x, w in pairs if x == v]
        freed = d * len(set(after))
        row = [max(after.count(w) - d, 0) + freed * cont[w] for w in range(V)]
        P.append([p / len(after) for p in row] if after else cont)
    return P


ALTERNATIVES = {
    "score_gradient": (by_the_chapter, by_autograd, by_log_sum_exp),
    "inputs_and_targets": (by_where, by_lists),
    "sentence_log_prob": (by_forward, by_logarithms_of_softmax, by_recursion),
    "corpus_scores": (by_sentences, by_natural_logarithms, by_geometric_mean),
    "draw_batch": (by_next_distribution, by_the_whole_batch, by_adding_until_it_is_enough),
    "kneser_ney": (by_add_at, by_sets),
}
