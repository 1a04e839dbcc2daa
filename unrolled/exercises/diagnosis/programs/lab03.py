"""Right answers to lab 03, written as a student would write them; see `variants.programs`."""

import numpy as np

from unrolled.exercises.lab03 import black_box
from unrolled.unfolding import readout, rnn_forward


def sigmoid_and_log(x):
    e = np.exp(-np.abs(x))  # in (0, 1]
    s = np.where(x >= 0, 1, e) / (1 + e)
    log_s = np.minimum(x, 0) - np.log(1 + e)
    return s, log_s


def dream(x, W_1, W_2, W_3, steps):
    h = np.zeros(len(W_2))
    for x_t in x:
        h = 1 / (1 + np.exp(-(W_1 @ x_t + W_2 @ h)))
    guesses = [W_3 @ h]
    for _ in range(steps - 1):
        h = 1 / (1 + np.exp(-(W_1 @ guesses[-1] + W_2 @ h)))
        guesses.append(W_3 @ h)
    return np.array(guesses)


def filter_network(x, beta, alpha):
    p = len(alpha)
    W_i, b = np.eye(p + 1, 1), np.zeros(p + 1)  # only the first unit hears x
    W_h = np.eye(p + 1, k=-1)  # the others take what their neighbour held
    W_h[0, :p] = alpha
    W_o = beta[None]
    h, _ = rnn_forward(x[:, None, None], None, W_i, W_h, b, "identity")
    return readout(h[1:], W_o)[0][:, 0, 0]


def unfold_linear(W, u):
    _T, H = u.shape
    A, c = np.eye(H), np.zeros(H)
    for u_t in u:
        A, c = W @ A, W @ c + u_t
    return A, c


def last_states(x, lengths, h_0, W_i, W_h, b):
    T, B, _ = x.shape
    h = np.tile(h_0, (B, 1))
    for t in range(T):
        stepped = np.tanh(x[t] @ W_i.T + h @ W_h.T + b)
        h = np.where((t < lengths)[:, None], stepped, h)  # beyond its end a state stays
    return h


def reach(kind, x):
    before, back, ahead = black_box(kind, x), 0, 0
    for s in range(len(x)):
        changed = x.copy()
        changed[s] += 1.0
        for t in np.flatnonzero(black_box(kind, changed) != before):
            back, ahead = max(back, t - s), max(ahead, s - t)
    return int(back), int(ahead)


def count_modulo(k):
    W_o = np.array([[1.0, -k]])
    W_i = np.ones((2, 1))
    W_h = np.concatenate([W_o, W_o])
    b = np.array([0.0, 1.0 - k])
    return W_i, W_h, b, W_o


PROGRAMS = {
    "sigmoid_and_log": (sigmoid_and_log,),
    "dream": (dream,),
    "filter_network": (filter_network,),
    "unfold_linear": (unfold_linear,),
    "last_states": (last_states,),
    "reach": (reach,),
    "count_modulo": (count_modulo,),
}
