"""Right answers to lab 03, written as a student would write them; see `variants.programs`."""

import numpy as np

from unrolled.exercises.lab03 import black_box
from unrolled.unfolding import readout, rnn_forward, sigmoid


def sigmoid_and_log(x):
    e = np.exp(-np.abs(x))
    s = np.where(x >= 0, 1, e) / (1 + e)
    log_s = np.minimum(x, 0) - np.log1p(e)
    return s, log_s


def dream(x, W_1, W_2, W_3, steps):
    h = np.zeros(len(W_2))
    for x_t in x:
        h = sigmoid(W_1 @ x_t + W_2 @ h)
    guesses = []
    for _ in range(steps):
        guess = W_3 @ h
        guesses.append(guess)
        h = sigmoid(W_1 @ guess + W_2 @ h)
    return np.array(guesses)


def filter_network(x, beta, alpha):
    p = len(alpha)
    W_i, b = np.eye(p + 1, 1), np.zeros(p + 1)
    W_h = np.eye(p + 1, k=-1)
    W_h[0, :p] = alpha
    W_o = beta[None]
    h, _ = rnn_forward(x[:, None, None], None, W_i, W_h, b, "identity")
    return readout(h[1:], W_o)[0][:, 0, 0]


def filter_network_by_equation(x, beta, alpha):
    p = len(alpha)
    v, y = np.zeros(len(x) + p), np.zeros(len(x))
    for t in range(len(x)):
        now = t + p
        v[now] = x[t]
        for j in range(p):
            v[now] += alpha[j] * v[now - 1 - j]
        y[t] = beta[0] * v[now]
        for j in range(p):
            y[t] += beta[j + 1] * v[now - 1 - j]
    return y


def unfold_linear(W, u):
    T, H = u.shape
    A, c = np.eye(H), np.zeros(H)
    for t in range(T):
        A, c = W @ A, W @ c + u[t]
    return A, c


def unfold_linear_by_powers(W, u):
    T, H = u.shape
    A, c = np.linalg.matrix_power(W, T), np.zeros(H)
    for t in range(T):
        c += np.linalg.matrix_power(W, T - 1 - t) @ u[t]
    return A, c


def last_states(x, lengths, h_0, W_i, W_h, b):
    h = np.tile(h_0, (x.shape[1], 1))
    for t in range(len(x)):
        stepped = np.tanh(x[t] @ W_i.T + h @ W_h.T + b)
        h = np.where((t < lengths)[:, None], stepped, h)
    return h


def last_states_by_index(x, lengths, h_0, W_i, W_h, b):
    T, B, _ = x.shape
    h = np.zeros((T + 1, B, len(h_0)))
    h[0] = h_0
    for t in range(T):
        h[t + 1] = np.tanh(x[t] @ W_i.T + h[t] @ W_h.T + b)
    return h[lengths, np.arange(B)]


def last_states_by_sequence(x, lengths, h_0, W_i, W_h, b):
    last = np.zeros((x.shape[1], len(h_0)))
    for n in range(len(lengths)):
        h = h_0
        for t in range(lengths[n]):
            h = np.tanh(W_i @ x[t, n] + W_h @ h + b)
        last[n] = h
    return last


def reach(kind, x):
    before, back, ahead = black_box(kind, x), 0, 0
    for s in range(len(x)):
        changed = x.copy()
        changed[s] += 1.0
        moved = np.flatnonzero(black_box(kind, changed) != before)
        for t in moved:
            back, ahead = max(back, t - s), max(ahead, s - t)
    return int(back), int(ahead)


def count_modulo(k):
    W_o = np.array([[1.0, -k]])
    W_i = np.ones((2, 1))
    W_h = np.concatenate([W_o, W_o])
    b = np.array([0.0, 1.0 - k])
    return W_i, W_h, b, W_o


def count_modulo_by_number(k):
    W_i, W_h, b, W_o = np.zeros((2, 1)), np.zeros((2, 2)), np.zeros(2), np.zeros((1, 2))
    W_i[0, 0] = 1.0
    W_i[1, 0] = 1.0
    W_h[0, 0] = 1.0
    W_h[0, 1] = -k
    W_h[1, 0] = 1.0
    W_h[1, 1] = -k
    b[1] = 1.0 - k
    W_o[0, 0] = 1.0
    W_o[0, 1] = -k
    return W_i, W_h, b, W_o


PROGRAMS = {
    "sigmoid_and_log": (sigmoid_and_log,),
    "dream": (dream,),
    "filter_network": (filter_network, filter_network_by_equation),
    "unfold_linear": (unfold_linear, unfold_linear_by_powers),
    "last_states": (last_states, last_states_by_index, last_states_by_sequence),
    "reach": (reach,),
    "count_modulo": (count_modulo, count_modulo_by_number),
}

HOLDS = {
    "dream": {
        "h": "the state",
    },
    "last_states": {
        "h": "the states",
    },
    "filter_network": {
        "v": "the numbers that are kept, `x` plus those fed back",
    },
}
