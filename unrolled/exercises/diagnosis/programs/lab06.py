"""Right answers to lab 06, written as a student would write them; see `variants.programs`."""

import numpy as np


def joint_norm(dW_h, dW_i, db, dW_o):
    return float(np.sqrt(sum(np.sum(g**2) for g in (dW_h, dW_i, db, dW_o))))


def clip_each(dW, db, tau):
    total_W, total_b = np.zeros(dW.shape[1:]), np.zeros(db.shape[1:])
    for W, b in zip(dW, db):
        norm = np.sqrt(np.sum(W**2) + np.sum(b**2))
        factor = tau / norm if norm > tau else 1.0
        total_W += factor * W
        total_b += factor * b
    return total_W / len(dW), total_b / len(dW)


def backward_norms(delta, h, W_h):
    T = len(h) - 1
    norms = np.zeros(T + 1)
    norms[0] = np.linalg.norm(delta)
    v = delta
    for k in range(T):
        v = W_h.T @ ((1 - h[T - k] ** 2) * v)
        norms[k + 1] = np.linalg.norm(v)
    return norms


def vanishing_lag(W_h, gamma, epsilon):
    step = gamma * np.linalg.norm(W_h, 2)
    if step >= 1:
        return -1
    return int(np.ceil(np.log(epsilon) / np.log(step)))


def counterexample(rho, s, k):
    c = s - rho**2 / s
    W = np.array([[rho, c], [0.0, rho]])
    return W, float(np.linalg.norm(np.linalg.matrix_power(W, k), 2))


def orthogonal_gates(A, gates, gain):
    H, blocks = A.shape[1], []
    for g in range(gates):
        Q, R = np.linalg.qr(A[g * H : (g + 1) * H])
        blocks.append(gain * Q * np.sign(np.diag(R)))
    return np.concatenate(blocks)


PROGRAMS = {
    "joint_norm": (joint_norm,),
    "clip_each": (clip_each,),
    "backward_norms": (backward_norms,),
    "vanishing_lag": (vanishing_lag,),
    "counterexample": (counterexample,),
    "orthogonal_gates": (orthogonal_gates,),
}
