"""Right answers to lab 05, written differently from the solution: a check must accept them all."""

import numpy as np
import torch

from unrolled.bptt import rnn_backward, rnn_forward_accumulation, sum_over_paths, truncated_backward
from unrolled.language_models import cross_entropy, cross_entropy_backward, embed, embed_backward
from unrolled.unfolding import rnn_forward


# --------------------------------------------------------------------------- output_gradient
def by_loops(h, z, y):
    dW_o = [[0.0] * h.shape[1] for _ in range(z.shape[1])]
    for h_t, z_t, y_t in zip(h, z, y):
        total = sum(np.exp(s) for s in z_t)
        for v in range(len(z_t)):
            for k in range(len(h_t)):
                dW_o[v][k] += (np.exp(z_t[v]) / total - (v == y_t)) * h_t[k]
    return dW_o


def by_cross_entropy(states, scores, words):
    dz = cross_entropy_backward(1.0, cross_entropy(scores, words)[1])
    return sum(np.outer(row, state) for row, state in zip(dz, states))


# --------------------------------------------------------------------------- gradient_by_start
def by_all_paths(v, J, U):
    G = np.zeros((len(v), U.shape[2]))
    for i in range(len(v)):
        for t in range(i, len(v)):
            row = v[t]
            for j in range(t, i, -1):
                row = row @ J[j]
            G[i] += row @ U[i]
    return G


def by_columns(v, J, U):
    """Carry all columns of U forward from each start."""
    T = len(v)
    G = []
    for i in range(T):
        carried, share = U[i], v[i] @ U[i]
        for t in range(i + 1, T):
            carried = J[t] @ carried
            share = share + v[t] @ carried
        G.append(share)
    return G


# --------------------------------------------------------------------------- tied_gradient
def by_one_hot(tokens, dx, dz, h):
    V = dz.shape[2]
    e = np.eye(V)[tokens]
    return np.tensordot(e, dx, ((0, 1), (0, 1))) + np.tensordot(dz, h, ((0, 1), (0, 1)))


def by_places(tokens, dx, dz, h):
    dX = np.zeros((dz.shape[2], h.shape[2]))
    for place in np.ndindex(tokens.shape):
        dX[tokens[place]] += dx[place]
        dX += np.outer(dz[place], h[place])
    return dX


def by_the_embedding(tokens, dx, dz, h):
    flat = dz.reshape(-1, dz.shape[2])
    lookup = embed_backward(dx, embed(np.zeros((flat.shape[1], h.shape[2])), tokens)[1])
    return lookup + flat.T @ h.reshape(len(flat), -1)


# --------------------------------------------------------------------------- base_gradient
def by_autograd(x, h_0, W_i, W_h, b, dh_T):
    start = torch.tensor(h_0, requires_grad=True)
    h = start.expand(x.shape[1], -1)
    x, W_i, W_h, b = map(torch.tensor, (x, W_i, W_h, b))
    for x_t in x:
        h = torch.tanh(x_t @ W_i.T + h @ W_h.T + b)
    h.backward(torch.tensor(dh_T))
    return start.grad


def by_jacobians(x, h_0, W_i, W_h, b, dh_T):
    total = np.zeros_like(h_0)
    for n in range(x.shape[1]):
        h, J = h_0, np.eye(len(h_0))
        for x_t in x[:, n]:
            h = np.tanh(W_i @ x_t + W_h @ h + b)
            J = np.diag(1 - h**2) @ W_h @ J
        total += J.T @ dh_T[n]
    return total


def by_forward(x, h_0, W_i, W_h, b, dh_T):
    def upstream(t, h):
        return dh_T if t == len(x) else np.zeros_like(h)

    return rnn_forward_accumulation(x, h_0, W_i, W_h, b, upstream)[0]


# --------------------------------------------------------------------------- leaky_gradient
def leaky_by_autograd(dh, x, h_0, W_i, W_h, b, alpha):
    W, start = torch.tensor(W_h, requires_grad=True), torch.tensor(h_0, requires_grad=True)
    h, (x, dh, W_i, b) = start, map(torch.tensor, (x, dh, W_i, b))
    total = 0
    for x_t, d in zip(x, dh):
        h = (1 - alpha) * h + alpha * torch.tanh(x_t @ W_i.T + h @ W.T + b)
        total = total + (d * h).sum()
    total.backward()
    return W.grad, start.grad


def leaky_by_jacobians(dh, x, h_0, W_i, W_h, b, alpha):
    (T, B, H), eye = dh.shape, np.eye(len(b))
    dW_h, dh_0 = np.zeros((H, H)), np.zeros((B, H))
    for n in range(B):
        h, S, R = h_0[n], np.zeros((H, H, H)), eye
        for t in range(T):
            f = np.tanh(W_i @ x[t, n] + W_h @ h + b)
            slope = alpha * (1 - f**2)
            J = (1 - alpha) * eye + slope[:, None] * W_h
            S = np.einsum("kj,jrm->krm", J, S) + (slope[:, None] * eye)[:, :, None] * h
            R, h = J @ R, (1 - alpha) * h + alpha * f
            dW_h += np.einsum("k,krm->rm", dh[t, n], S)
            dh_0[n] += dh[t, n] @ R
    return dW_h, dh_0


# --------------------------------------------------------------------------- truncated_gradient
def by_windows(x, v, W_i, W_h, b, k1, k2):
    states, _ = rnn_forward(x, None, W_i, W_h, b)
    total = np.zeros_like(W_h)
    for s in range(0, len(x), k1):
        e = min(s + k1, len(x))
        begin = max(0, e - k2)
        h, cache = rnn_forward(x[begin:e], states[begin], W_i, W_h, b)
        dh = np.zeros_like(h)
        dh[s - begin + 1 :] = v[s:e]
        total += sum_over_paths(dh, cache)[3]
    return total, states[-1]


def by_pairs(x, v, W_i, W_h, b, k1, k2):
    """Loss by loss: where its block ends decides how far it reaches."""
    h, _ = rnn_forward(x, None, W_i, W_h, b)
    T, dW_h = len(x), np.zeros_like(W_h)
    for t in range(T):
        e = min((t // k1 + 1) * k1, T)
        g = v[t]
        for i in range(t, max(0, e - k2) - 1, -1):
            q = g * (1 - h[i + 1] ** 2)
            dW_h += q.T @ h[i]
            g = q @ W_h
    return dW_h, h[T]


# --------------------------------------------------------------------------- online_gradient
def online_by_bptt(x, v, w, W_i):
    h, cache = rnn_forward(x[:, None], None, W_i, np.diag(w), np.zeros(len(w)))
    dh = np.zeros_like(h)
    dh[1:, 0] = v
    _, _, dW_i, dW_h, _ = truncated_backward(dh, cache, len(x))
    return np.diagonal(dW_h), dW_i


def online_backward(x, v, w, W_i):
    h = [0 * w]
    for x_t in x:
        h.append(np.tanh(w * h[-1] + W_i @ x_t))
    dw, dW_i, delta = 0 * w, 0 * W_i, 0 * w
    for t in range(len(x) - 1, -1, -1):
        da = (delta + v[t]) * (1 - h[t + 1] ** 2)
        dw, dW_i, delta = dw + da * h[t], dW_i + np.outer(da, x[t]), da * w
    return [dw, dW_i]


def base_by_the_chapter(x, h_0, W_i, W_h, b, dh_T):
    h, cache = rnn_forward(x, np.tile(h_0, (x.shape[1], 1)), W_i, W_h, b)
    dh = np.zeros_like(h)
    dh[-1] = dh_T
    return rnn_backward(dh, cache)[1].sum(axis=0)


ALTERNATIVES = {
    "output_gradient": (by_loops, by_cross_entropy),
    "gradient_by_start": (by_all_paths, by_columns),
    "tied_gradient": (by_one_hot, by_places, by_the_embedding),
    "base_gradient": (by_autograd, by_jacobians, by_forward, base_by_the_chapter),
    "leaky_gradient": (leaky_by_autograd, leaky_by_jacobians),
    "truncated_gradient": (by_windows, by_pairs),
    "online_gradient": (online_by_bptt, online_backward),
}
