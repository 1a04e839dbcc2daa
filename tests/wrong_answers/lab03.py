"""Wrong answers to lab 3, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np

from unrolled.exercises.lab03 import black_box


def sigma(z):
    return 1 / (1 + np.exp(-z))


def dreamt(x, W_1, W_2, W_3, steps, squash=sigma, out=np.array, first=0.0, own=True, fresh=False):
    h = np.full(len(W_2), first)
    for x_t in x:
        h = squash(W_1 @ x_t + W_2 @ h)
    guesses = [out(W_3 @ h)]
    for _ in range(steps - 1):
        h = np.zeros(len(W_2)) if fresh else h
        h = squash(W_1 @ (guesses[-1] if own else x[-1]) + W_2 @ h)
        guesses.append(out(W_3 @ h))
    return np.array(guesses)


def filtered(x, beta, alpha, sign=1.0, first=1, use=None):
    y = np.zeros(len(x))
    for t in range(len(x)):
        y[t] = sum(b * x[t - k] for k, b in enumerate(beta[:use]) if t >= k)
        y[t] += sign * sum(a * y[t - k] for k, a in enumerate(alpha, first) if t >= k > 0)
    return y


def states(x, h, W_i, W_h, b, squash=np.tanh):
    out = [np.broadcast_to(h, (x.shape[1], len(b)))]
    for x_t in x:
        out.append(squash(x_t @ W_i.T + out[-1] @ W_h.T + b))
    return np.array(out)


def by_value(x, lengths, h_0, W_i, W_h, b):
    """Padding found by its zeros."""
    found = np.array([np.flatnonzero(x[:, n].any(axis=1))[-1] + 1 for n in range(x.shape[1])])
    return states(x, h_0, W_i, W_h, b)[found, np.arange(len(found))]


def from_the_start(x, lengths, h_0, W_i, W_h, b):
    """Every step begins at h_0."""
    last = np.array([x[n - 1, i] for i, n in enumerate(lengths)])
    return np.tanh(last @ W_i.T + h_0 @ W_h.T + b)


def probed(kind, x, change, where=range, base=None, far=max):
    base = x if base is None else base(x)
    before, back, ahead = black_box(kind, base), [0], [0]
    for s in where(len(x)):
        changed = base.copy()
        changed[s] = change(changed[s])
        moved = np.flatnonzero(black_box(kind, changed) != before)
        back += [int(t - s) for t in moved if t >= s]
        ahead += [int(s - t) for t in moved if t <= s]
    return far(back), far(ahead)


def moved_outputs(kind, x):
    before, most = black_box(kind, x), (0, 0)
    for s in range(len(x)):
        changed = x + (np.arange(len(x)) == s)
        moved = np.flatnonzero(black_box(kind, changed) != before)
        counts = int((moved > s).sum()), int((moved < s).sum())
        most = tuple(map(max, most, counts))
    return most


def counter(k, rows, b, out):
    return np.ones((2, 1)), np.array(rows, float), np.array(b, float), np.array([out], float)


WRONG = {
    "sigmoid_and_log": {
        "logarithm afterwards": lambda x: (sigma(x), np.log(sigma(x))),
        "naive exponential": lambda x: (np.exp(x) / (1 + np.exp(x)), -np.log(1 + np.exp(-x))),
        "clipped": lambda x: (sigma(np.clip(x, -50, 50)), np.log(sigma(np.clip(x, -50, 50)))),
        "a small number added": lambda x: (sigma(x), np.log(sigma(x) + 1e-12)),
        "rounded to 1": lambda x: (
            sigma(x),
            np.where(x >= 0, np.log(sigma(x)), x - np.log1p(np.exp(-np.abs(x)))),
        ),
        "other half": lambda x: (sigma(-x), -np.logaddexp(0, x)),
        "base 2": lambda x: (sigma(x), -np.logaddexp(0, -x) / np.log(2)),
        "tanh": lambda x: (np.tanh(x), np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))),
    },
    "dream": {
        "same input again": lambda *a: dreamt(*a, own=False),
        "state forgotten": lambda *a: dreamt(*a, fresh=True),
        "tanh": lambda *a: dreamt(*a, squash=np.tanh),
        "squashed twice": lambda *a: dreamt(*a, out=sigma),
        "begins at one half": lambda *a: dreamt(*a, first=0.5),
        "begins with x_T": lambda x, W_1, W_2, W_3, steps: np.vstack(
            [x[-1:], dreamt(x, W_1, W_2, W_3, steps)[:-1]]
        ),
        "W_2 turned": lambda x, W_1, W_2, W_3, steps: dreamt(x, W_1, W_2.T, W_3, steps),
    },
    "filter_network": {
        "minus the feedback": lambda x, beta, alpha: filtered(x, beta, alpha, -1.0),
        "feedback late": lambda x, beta, alpha: filtered(x, beta, alpha, first=2),
        "last beta unused": lambda x, beta, alpha: filtered(x, beta, alpha, use=-1),
        "no memory of x": lambda x, beta, alpha: filtered(x, beta, alpha, use=1),
        "betas alone": lambda x, beta, alpha: np.convolve(x, beta)[: len(x)],
        "squashed": lambda x, beta, alpha: np.tanh(filtered(x, beta, alpha)),
    },
    "unfold_linear": {
        "powers of numbers": lambda W, u: (
            W ** len(u),
            sum(W ** (len(u) - 1 - t) @ u[t] for t in range(len(u))),
        ),
        "identity for A": lambda W, u: (np.eye(len(W)), u.sum(axis=0)),
        "one power more": lambda W, u: (
            np.linalg.matrix_power(W, len(u) + 1),
            sum(np.linalg.matrix_power(W, len(u) - 1 - t) @ u[t] for t in range(len(u))),
        ),
        "oldest untouched": lambda W, u: (
            np.linalg.matrix_power(W, len(u)),
            sum(np.linalg.matrix_power(W, t) @ u[t] for t in range(len(u))),
        ),
        "W turned": lambda W, u: (
            np.linalg.matrix_power(W.T, len(u)),
            sum(np.linalg.matrix_power(W.T, len(u) - 1 - t) @ u[t] for t in range(len(u))),
        ),
        "only c": lambda W, u: u.sum(axis=0),
    },
    "last_states": {
        "padding by its zeros": by_value,
        "always from h_0": from_the_start,
        "the very last": lambda x, n, h, W_i, W_h, b: states(x, h, W_i, W_h, b)[-1],
        "one early": lambda x, n, h, W_i, W_h, b: states(x, h, W_i, W_h, b)[
            n - 1, np.arange(len(n))
        ],
        "sigmoid": lambda x, n, h, W_i, W_h, b: states(x, h, W_i, W_h, b, sigma)[
            n, np.arange(len(n))
        ],
        "b ignored": lambda x, n, h, W_i, W_h, b: states(x, h, W_i, W_h, 0 * b)[
            n, np.arange(len(n))
        ],
        "starts at 0": lambda x, n, h, W_i, W_h, b: states(x, 0 * h, W_i, W_h, b)[
            n, np.arange(len(n))
        ],
    },
    "reach": {
        "changed by too little": lambda kind, x: probed(kind, x, lambda v: v + 1e-9),
        "set to zero": lambda kind, x: probed(kind, x, lambda v: 0.0),
        "doubled": lambda kind, x: probed(kind, x, lambda v: 2 * v),
        "last one left out": lambda kind, x: probed(
            kind, x, lambda v: v + 1, lambda T: range(T - 1)
        ),
        "first one left out": lambda kind, x: probed(
            kind, x, lambda v: v + 1, lambda T: range(1, T)
        ),
        "from zeros": lambda kind, x: probed(kind, x, lambda v: v + 1, base=np.zeros_like),
        "middle only": lambda kind, x: probed(kind, x, lambda v: v + 1, lambda T: [T // 2]),
        "moved outputs counted": moved_outputs,
        "changed by very little": lambda kind, x: probed(kind, x, lambda v: v + 1e-12),
        "both ends only": lambda kind, x: probed(kind, x, lambda v: v + 1, lambda T: (0, T - 1)),
    },
    "count_modulo": {
        "no second unit": lambda k: counter(k, [[1, 0], [1, 0]], [0, 0], [1, 0]),
        "kink at k": lambda k: counter(k, [[1, -k], [1, -k]], [0, -k], [1, -k]),
        "takes one": lambda k: counter(k, [[1, -1], [1, -1]], [0, 1 - k], [1, -1]),
        "rows apart": lambda k: counter(k, [[1, 0], [0, -k]], [0, 1 - k], [1, -k]),
        "bias up": lambda k: counter(k, [[1, -k], [1, -k]], [0, k - 1], [1, -k]),
        "reads the first unit": lambda k: counter(k, [[1, -k], [1, -k]], [0, 1 - k], [1, 0]),
        "turned": lambda k: counter(k, [[1, 1], [-k, -k]], [0, 1 - k], [1, -k]),
    },
}
