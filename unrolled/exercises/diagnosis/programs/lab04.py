"""Right answers to lab 04, written as a student would write them; see `variants.programs`."""

import itertools

import numpy as np


def score_gradient(z, y):
    e = np.exp(z - z.max())
    dz = e / e.sum()
    dz[y] -= 1
    return dz


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
        h = np.tanh(W_i @ X[last] + W_h @ h + b)
        z = W_o @ h
        z = z - z.max()
        log_p += z[token] - np.log(np.exp(z).sum())
        last = token
    return log_p


def corpus_scores(log2_probs, lengths, characters):
    inside = np.arange(len(log2_probs))[:, None] < lengths
    total = log2_probs[inside].sum()
    return 2 ** (-total / lengths.sum()), -total / characters


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


def kneser_ney(tokens, V, d):
    counts = np.zeros((V, V))
    for v, w in itertools.pairwise(tokens):
        counts[v, w] += 1
    before = (counts > 0).sum(axis=0)
    P = np.tile(before / before.sum(), (V, 1))
    for v in range(V):
        total = counts[v].sum()
        if total > 0:
            freed = d * np.count_nonzero(counts[v])
            P[v] = (np.maximum(counts[v] - d, 0) + freed * P[v]) / total
    return P


PROGRAMS = {
    "score_gradient": (score_gradient,),
    "inputs_and_targets": (inputs_and_targets,),
    "sentence_log_prob": (sentence_log_prob,),
    "corpus_scores": (corpus_scores,),
    "draw_batch": (draw_batch,),
    "kneser_ney": (kneser_ney,),
}
