"""Right answers to lab 04, written as a student would write them; see `variants.programs`."""

from itertools import pairwise

import numpy as np


def score_gradient(z, y):
    e = np.exp(z - z.max())
    p = e / e.sum()
    one_hot = np.zeros(len(z))
    one_hot[y] = 1.0
    return p - one_hot


def inputs_and_targets(words, lengths, start, end):
    B, L = words.shape
    inputs = np.full((L + 1, B), end)
    targets = np.full((L + 1, B), end)
    inputs[0] = start
    for b in range(B):
        n = lengths[b]
        inputs[1 : n + 1, b] = words[b, :n]
        targets[:n, b] = words[b, :n]
    mask = np.arange(L + 1)[:, None] <= lengths
    return inputs, targets, mask


def sentence_log_prob(words, X, W_i, W_h, b, W_o):
    log_p, h, last = 0.0, np.zeros(len(b)), 0
    for token in [*words, 1]:
        x = X[last]
        h = np.tanh(W_i @ x + W_h @ h + b)
        z = W_o @ h
        z = z - z.max()
        log_p += z[token] - np.log(np.exp(z).sum())
        last = token
    return log_p


def sentence_log_prob_by_softmax(words, X, W_i, W_h, b, W_o):
    h, terms = np.zeros(len(b)), []
    read, scored = [0, *words], [*words, 1]
    for last, token in zip(read, scored, strict=True):
        h = np.tanh(W_i @ X[last] + W_h @ h + b)
        z = W_o @ h
        e = np.exp(z - z.max())
        p = e / e.sum()
        terms.append(np.log(p[token]))
    return np.sum(terms)


def corpus_scores(log2_probs, lengths, characters):
    inside = np.arange(len(log2_probs))[:, None] < lengths
    total = log2_probs[inside].sum()
    tokens = lengths.sum()
    return 2 ** (-total / tokens), -total / characters


def corpus_scores_by_sentence(log2_probs, lengths, characters):
    total, tokens = 0.0, 0
    for b in range(len(lengths)):
        n = lengths[b]
        total += log2_probs[:n, b].sum()
        tokens += n
    mean = total / tokens
    return 2**-mean, -total / characters


def draw_batch(z, u, temperature, top_k, top_p):
    tokens, log_q = np.zeros(len(z), dtype=int), np.zeros(len(z))
    for b in range(len(z)):
        e = np.exp((z[b] - z[b].max()) / temperature)
        order = np.argsort(-e)[:top_k]
        kept = e[order] / e[order].sum()
        stays = np.cumsum(kept) - kept < top_p
        q = np.zeros(z.shape[1])
        q[order[stays]] = kept[stays] / kept[stays].sum()
        tokens[b] = np.flatnonzero(np.cumsum(q) > u[b])[0]
        log_q[b] = np.log(q[tokens[b]])
    return tokens, log_q


def draw_batch_unmasked(z, u, temperature, top_k, top_p):
    tokens, log_q = np.zeros(len(z), dtype=int), np.zeros(len(z))
    for b in range(len(z)):
        e = np.exp((z[b] - z[b].max()) / temperature)
        p = e / e.sum()
        order = np.argsort(-p)
        p[order[top_k:]] = 0.0
        p = p / p.sum()
        before = 0.0
        q = np.zeros(len(p))
        for v in order:
            if before < top_p:
                q[v] = p[v]
            before += p[v]
        q = q / q.sum()
        tokens[b] = np.flatnonzero(np.cumsum(q) > u[b])[0]
        log_q[b] = np.log(q[tokens[b]])
    return tokens, log_q


def kneser_ney(tokens, V, d):
    c = np.zeros((V, V))
    for v, w in pairwise(tokens):
        c[v, w] += 1
    m = (c > 0).sum(axis=0)
    p_cont = m / m.sum()
    P = np.tile(p_cont, (V, 1))
    for v in range(V):
        c_v = c[v].sum()
        if c_v > 0:
            n_v = np.count_nonzero(c[v])
            P[v] = (np.maximum(c[v] - d, 0) + d * n_v * p_cont) / c_v
    return P


def kneser_ney_at_once(tokens, V, d):
    c = np.zeros((V, V))
    for i in range(len(tokens) - 1):
        c[tokens[i], tokens[i + 1]] += 1
    m, n = (c > 0).sum(axis=0), (c > 0).sum(axis=1, keepdims=True)
    p_cont = m / m.sum()
    c_v = c.sum(axis=1, keepdims=True)
    P = (np.maximum(c - d, 0) + d * n * p_cont) / np.maximum(c_v, 1)
    return np.where(c_v > 0, P, p_cont)


def kneser_ney_by_rows(tokens, V, d):
    c = np.zeros((V, V))
    for i in range(1, len(tokens)):
        c[tokens[i - 1], tokens[i]] += 1
    m, n, c_v = (c > 0).sum(axis=0), (c > 0).sum(axis=1), c.sum(axis=1)
    p_cont = m / m.sum()
    P = (np.maximum(c - d, 0) + d * n[:, None] * p_cont) / np.maximum(c_v, 1)[:, None]
    P[c_v == 0] = p_cont
    return P


def score_gradient_by_logarithm(z, y):
    largest = z.max()
    log_p = z - largest - np.log(np.sum(np.exp(z - largest)))
    dz = np.exp(log_p)
    dz[y] -= 1
    return dz


def inputs_and_targets_by_mask(words, lengths, start, end):
    B, L = words.shape
    steps = np.arange(L + 1)[:, None]
    begin, close = np.full((1, B), start), np.full((1, B), end)
    inputs = np.where(steps <= lengths, np.concatenate([begin, words.T]), end)
    targets = np.where(steps < lengths, np.concatenate([words.T, close]), end)
    return inputs, targets, steps <= lengths


PROGRAMS = {
    "score_gradient": (score_gradient, score_gradient_by_logarithm),
    "inputs_and_targets": (inputs_and_targets, inputs_and_targets_by_mask),
    "sentence_log_prob": (sentence_log_prob, sentence_log_prob_by_softmax),
    "corpus_scores": (corpus_scores, corpus_scores_by_sentence),
    "draw_batch": (draw_batch, draw_batch_unmasked),
    "kneser_ney": (kneser_ney, kneser_ney_at_once, kneser_ney_by_rows),
}

HOLDS = {
    "corpus_scores": {
        "n": "a sentence's length",
    },
    "score_gradient": {
        "p": "the probabilities",
        "one_hot": "1 at `y`, 0 elsewhere",
    },
    "sentence_log_prob": {
        "h": "the state",
        "last": "the token that is read",
        "x": "the row of `X` that is read",
        "z": "the scores",
        "p": "the probabilities",
        "log_p": "the sum of the log probabilities",
    },
    "draw_batch": {
        "p": "the probabilities",
    },
    "kneser_ney": {
        "p_cont": "the continuation probabilities",
        "c_v": "how many pairs begin with v",
        "n_v": "how many different tokens follow v",
        "c": "the counts of pairs",
    },
}
