"""Wrong answers to lab 6, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def norms(*grads):
    return np.array([np.sqrt((g**2).sum()) for g in grads])


def clipped(dW, db, tau, factor=lambda n, tau: np.minimum(1, tau / n), apart=False, mean=True):
    n_W, n_b = np.sqrt((dW**2).sum(axis=(1, 2))), np.sqrt((db**2).sum(axis=1))
    both = np.sqrt(n_W**2 + n_b**2)
    with np.errstate(all="ignore"):
        f_W, f_b = (np.nan_to_num(factor(n, tau), nan=1.0) for n in (n_W, n_b))
        f = np.nan_to_num(factor(both, tau), nan=1.0)
    f_W, f_b = (f_W, f_b) if apart else (f, f)
    end = np.mean if mean else np.sum
    return end(dW * f_W[:, None, None], axis=0), end(db * f_b[:, None], axis=0)


def back(delta, h, W_h, slope=lambda h: 1 - h**2, at=0, turn=True, first="slope", norm=2):
    out, v = [np.linalg.norm(delta, norm)], delta
    for t in range(len(h) - 1, 0, -1):
        s, M = slope(h[t - at]), W_h.T if turn else W_h
        v = M @ (s * v) if first == "slope" else s * (M @ v)
        out.append(np.linalg.norm(v, norm))
    return np.array(out)


def lag(W_h, gamma, epsilon, size=lambda W: np.linalg.norm(W, 2), end=np.ceil, none=-1, more=0):
    q = gamma * size(W_h)
    return none if q >= 1 else int(end(np.log(epsilon) / np.log(q))) + more


def searched(W_h, gamma, epsilon, longest):
    q = gamma * np.linalg.norm(W_h, 2)
    return next((k for k in range(longest) if q**k <= epsilon), -1)


def shear(rho, c, k, size=lambda W, k: np.linalg.norm(np.linalg.matrix_power(W, k), 2)):
    W = np.array([[rho, c], [0.0, rho]])
    return W, float(size(W, k))


def stacked(A, gates, gain, make):
    H = A.shape[1]
    return gain * np.vstack([make(A[g * H : (g + 1) * H]) for g in range(gates)])


def orthogonal(A, signs=np.sign):
    Q, R = np.linalg.qr(A)
    return Q * signs(np.diag(R))


WRONG = {
    "joint_norm": {
        "sum of norms": lambda *g: float(norms(*g).sum()),
        "no root": lambda *g: float((norms(*g) ** 2).sum()),
        "largest": lambda *g: float(norms(*g).max()),
        "mean square": lambda *g: float(np.sqrt(np.mean(norms(*g) ** 2))),
        "three of them": lambda *g: float(np.sqrt((norms(*g[:3]) ** 2).sum())),
        "four numbers": lambda *g: norms(*g),
    },
    "clip_each": {
        "one by one": lambda *a: clipped(*a, apart=True),
        "always": lambda *a: clipped(*a, factor=lambda n, tau: tau / n),
        "the other way": lambda *a: clipped(*a, factor=lambda n, tau: np.maximum(1, tau / n)),
        "sum": lambda *a: clipped(*a, mean=False),
        "squared norm": lambda *a: clipped(*a, factor=lambda n, tau: np.minimum(1, tau / n**2)),
        "with a small number": lambda *a: clipped(
            *a, factor=lambda n, tau: np.minimum(1, tau / (n + 1e-6))
        ),
        "thrown away": lambda *a: clipped(*a, factor=lambda n, tau: 1.0 * (n <= tau)),
        "exchanged": lambda *a: clipped(*a)[::-1],
    },
    "backward_norms": {
        "forward": lambda *a: back(*a, turn=False),
        "slope last": lambda *a: back(*a, first="matrix"),
        "state before": lambda *a: back(*a, at=1),
        "no slope": lambda *a: back(*a, slope=np.ones_like),
        "slope of the activation": lambda *a: back(*a, slope=lambda h: 1 - np.tanh(h) ** 2),
        "largest number": lambda *a: back(*a, norm=np.inf),
        "by time": lambda *a: back(*a)[::-1],
        "logarithms": lambda *a: np.log(back(*a)),
    },
    "vanishing_lag": {
        "one more than rounded down": lambda *a: lag(*a, end=np.floor, more=1),
        "rounded down": lambda *a: lag(*a, end=np.floor),
        "rounded": lambda *a: lag(*a, end=np.round),
        "searched up to 100": lambda *a: searched(*a, 100),
        "eigenvalues": lambda *a: lag(*a, size=lambda W: np.abs(np.linalg.eigvals(W)).max()),
        "Frobenius": lambda *a: lag(*a, size=np.linalg.norm),
        "0 for never": lambda *a: lag(*a, none=0),
        "gamma left out": lambda W, gamma, epsilon: lag(W, 1.0, epsilon),
        "fails at 1": lambda W, gamma, epsilon: (
            -1
            if gamma * np.linalg.norm(W, 2) > 1
            else int(np.ceil(np.log(epsilon) / np.log(gamma * np.linalg.norm(W, 2))))
        ),
    },
    "counterexample": {
        "s in the corner": lambda rho, s, k: shear(rho, s, k),
        "difference": lambda rho, s, k: shear(rho, s - rho, k),
        "Pythagoras": lambda rho, s, k: shear(rho, np.sqrt(s**2 - rho**2), k),
        "power of numbers": lambda rho, s, k: shear(
            rho, s - rho**2 / s, k, lambda W, k: np.linalg.norm(W**k, 2)
        ),
        "largest eigenvalue": lambda rho, s, k: shear(rho, s - rho**2 / s, k, lambda W, k: rho**k),
        "one power less": lambda rho, s, k: shear(
            rho,
            s - rho**2 / s,
            k,
            lambda W, k: np.linalg.norm(np.linalg.matrix_power(W, k - 1), 2),
        ),
    },
    "orthogonal_gates": {
        "all at once": lambda A, gates, gain: gain * orthogonal(A),
        "no signs": lambda *a: stacked(*a, make=lambda A: np.linalg.qr(A)[0]),
        "all positive": lambda *a: stacked(*a, make=lambda A: np.abs(orthogonal(A))),
        "columns of length 1": lambda *a: stacked(*a, make=lambda A: A / np.linalg.norm(A, axis=0)),
        "turned": lambda *a: stacked(*a, make=lambda A: orthogonal(A).T),
        "without gain": lambda A, gates, gain: stacked(A, gates, 1.0, orthogonal),
        "first block for all": lambda A, gates, gain: (
            gain * np.tile(orthogonal(A[: A.shape[1]]), (gates, 1))
        ),
    },
}
