"""Right answers to lab 03, written differently from the solution: a check must accept them all."""

from functools import reduce

import numpy as np
import torch

from unrolled.exercises.lab03 import black_box
from unrolled.unfolding import elman_forward, rnn_forward, rnn_step, sigmoid


# --------------------------------------------------------------------------- sigmoid and logarithm
def by_tanh_and_logaddexp(x):
    return (1 + np.tanh(x / 2)) / 2, -np.logaddexp(0, -x)


def by_cases(x):
    s, log_s = [], []
    for value in x:
        e = np.exp(-abs(value))
        s.append(1 / (1 + e) if value >= 0 else e / (1 + e))
        log_s.append((0 if value >= 0 else value) - np.log1p(e))
    return s, log_s


def by_torch(x):
    x = torch.tensor(x)
    return torch.sigmoid(x), torch.nn.functional.logsigmoid(x)


# --------------------------------------------------------------------------- dream
def by_the_chapter(x, W_1, W_2, W_3, steps):
    for _ in range(steps):
        guess, _ = elman_forward(x[:, None], None, W_1, W_2, W_3)
        x = np.vstack([x, guess[-1]])
    return x[-steps:]


def by_rows_and_one_loop(x, W_1, W_2, W_3, steps):
    h, guesses = np.zeros((1, len(W_2))), []
    for t in range(len(x) + steps - 1):
        read = x[t : t + 1] if t < len(x) else guesses[-1]
        h = sigmoid(read @ W_1.T + h @ W_2.T)
        guesses.append(h @ W_3.T)
    return np.concatenate(guesses[-steps:])


# --------------------------------------------------------------------------- filter
def by_the_difference_equation(x, beta, alpha):
    y = np.zeros_like(x)
    for t in range(len(x)):
        y[t] = sum(beta[k] * x[t - k] for k in range(len(beta)) if t >= k)
        y[t] += sum(alpha[k] * y[t - 1 - k] for k in range(len(alpha)) if t >= k + 1)
    return y


def by_old_inputs_and_outputs(x, beta, alpha):
    """Direct form I: a state of p old inputs and p old outputs."""
    p = len(alpha)
    inputs, outputs, y = np.zeros(p), np.zeros(p), []
    for x_t in x:
        y.append(beta[0] * x_t + beta[1:] @ inputs + alpha @ outputs)
        inputs = np.concatenate([[x_t], inputs[:-1]])
        outputs = np.concatenate([y[-1:], outputs[:-1]])
    return y


def by_reversed_state(x, beta, alpha):
    """The same network with the newest number last."""
    p = len(alpha)
    W_h = np.eye(p + 1, k=1)
    W_h[-1, 1:] = alpha[::-1]
    W_i = np.eye(p + 1)[:, -1:]
    h, _ = rnn_forward(x[:, None, None], None, W_i, W_h, np.zeros(p + 1), "identity")
    return h[1:, 0] @ beta[::-1]


# --------------------------------------------------------------------------- linear unfolding
def by_powers(W, u):
    T = len(u)
    powers = [np.linalg.matrix_power(W, k) for k in range(T + 1)]
    return powers[T], sum(powers[T - 1 - t] @ u[t] for t in range(T))


def by_reduce(W, u):
    def after(map_, u_t):
        return W @ map_[0], W @ map_[1] + u_t

    return reduce(after, u, (np.eye(len(W)), np.zeros(len(W))))


def by_halves(W, u):
    """Maps compose: those of two halves make that of the whole."""
    if len(u) == 1:
        return W, u[0]
    half = len(u) // 2
    (A, c), (later, d) = by_halves(W, u[:half]), by_halves(W, u[half:])
    return later @ A, later @ c + d


# --------------------------------------------------------------------------- different lengths
def by_picking(x, lengths, h_0, W_i, W_h, b):
    h, _ = rnn_forward(x, h_0, W_i, W_h, b)
    return h[lengths, np.arange(x.shape[1])]


def by_one_sequence_after_another(x, lengths, h_0, W_i, W_h, b):
    last = []
    for n, length in enumerate(lengths):
        h = h_0
        for x_t in x[:length, n]:
            h = np.tanh(W_i @ x_t + W_h @ h + b)
        last.append(h)
    return last


def by_steps_that_shrink(x, lengths, h_0, W_i, W_h, b):
    h = np.tile(h_0, (len(lengths), 1))
    for t, x_t in enumerate(x[: lengths.max()]):
        alive = lengths > t
        h[alive], _ = rnn_step(x_t[alive], h[alive], W_i, W_h, b)
    return h


# --------------------------------------------------------------------------- reach
def by_a_matrix(kind, x):
    before = black_box(kind, x)
    moved = np.array([black_box(kind, x + row) != before for row in np.eye(len(x))])  # (s, t)
    s, t = np.nonzero(moved)
    return (t - s).max(), max((s - t).max(), 0)


def by_what_is_not_a_number(kind, x):
    """A nan spoils every output that reads it."""
    distances = []
    for s in range(len(x)):
        spoiled = np.isnan(black_box(kind, np.where(np.arange(len(x)) == s, np.nan, x)))
        distances += list(np.flatnonzero(spoiled) - s)
    return [max(distances), max(-min(distances), 0)]


# --------------------------------------------------------------------------- counting
def by_scaled_units(k):
    """A second unit k times as loud, taken away once."""
    return [[1.0], [k]], [[1.0, -1.0], [k, -k]], [0.0, k * (1.0 - k)], [[1.0, -1.0]]


def by_units_exchanged(k):
    """In ints: the unit that takes away comes first."""
    return np.ones((2, 1), int), np.array([[-k, 1]] * 2), np.array([1 - k, 0]), np.array([[-k, 1]])


ALTERNATIVES = {
    "sigmoid_and_log": (by_tanh_and_logaddexp, by_cases, by_torch),
    "dream": (by_the_chapter, by_rows_and_one_loop),
    "filter_network": (by_the_difference_equation, by_old_inputs_and_outputs, by_reversed_state),
    "unfold_linear": (by_powers, by_reduce, by_halves),
    "last_states": (by_picking, by_one_sequence_after_another, by_steps_that_shrink),
    "reach": (by_a_matrix, by_what_is_not_a_number),
    "count_modulo": (by_scaled_units, by_units_exchanged),
}
