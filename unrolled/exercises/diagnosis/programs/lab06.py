"""Right answers to lab 06, written as a student would write them; see `variants.programs`."""

import numpy as np


def joint_norm(dW_h, dW_i, db, dW_o):
    total = np.sum(dW_h**2) + np.sum(dW_i**2) + np.sum(db**2) + np.sum(dW_o**2)
    return float(np.sqrt(total))


def clip_each(dW, db, tau):
    B = len(dW)
    total_W, total_b = np.zeros(dW.shape[1:]), np.zeros(db.shape[1:])
    for n in range(B):
        norm = np.sqrt(np.sum(dW[n] ** 2) + np.sum(db[n] ** 2))
        factor = tau / norm if norm > tau else 1.0
        total_W += factor * dW[n]
        total_b += factor * db[n]
    return total_W / B, total_b / B


def backward_norms(delta, h, W_h):
    T = len(h) - 1
    norms = np.zeros(T + 1)
    norms[0] = np.linalg.norm(delta)
    dh_t = delta
    for t in reversed(range(1, T + 1)):
        slope = 1 - h[t] ** 2
        dh_t = (slope * dh_t) @ W_h
        norms[T - t + 1] = np.linalg.norm(dh_t)
    return norms


def vanishing_lag(W_h, gamma, epsilon):
    largest = np.linalg.norm(W_h, 2)
    step = gamma * largest
    if step >= 1:
        return -1
    if step == 0:
        return 1
    lag = np.log(epsilon) / np.log(step)
    return int(np.ceil(lag))


def counterexample(rho, s, k):
    c = s - rho**2 / s
    W = np.array([[rho, c], [0.0, rho]])
    power = np.linalg.matrix_power(W, k)
    size = np.linalg.norm(power, 2)
    return W, float(size)


def orthogonal_gates(A, gates, gain):
    H, blocks = A.shape[1], []
    for g in range(gates):
        Q, R = np.linalg.qr(A[g * H : (g + 1) * H])
        signs = np.sign(np.diag(R))
        blocks.append(gain * (Q * signs))
    return np.concatenate(blocks)


def orthogonal_gates_of_blocks(A, gates, gain):
    blocks = []
    for block in np.split(A, gates):
        Q, R = np.linalg.qr(block)
        blocks.append(Q * np.sign(np.diag(R)))
    return gain * np.concatenate(blocks)


def joint_norm_of_norms(dW_h, dW_i, db, dW_o):
    norms = [np.linalg.norm(g) for g in (dW_h, dW_i, db, dW_o)]
    return float(np.sqrt(np.sum(np.square(norms))))


def clip_each_at_once(dW, db, tau):
    norm = np.sqrt(np.sum(dW**2, axis=(1, 2)) + np.sum(db**2, axis=1))
    factor = np.minimum(1.0, tau / np.maximum(norm, 1e-300))
    clipped_W, clipped_b = dW * factor[:, None, None], db * factor[:, None]
    return clipped_W.mean(axis=0), clipped_b.mean(axis=0)


def vanishing_lag_by_search(W_h, gamma, epsilon):
    step = gamma * np.linalg.norm(W_h, 2)
    if step >= 1:
        return -1
    bound, lag = 1.0, 0
    while bound > epsilon * (1 + 1e-12):
        bound *= step
        lag += 1
    return lag


def counterexample_by_number(rho, s, k):
    W = np.zeros((2, 2))
    W[0, 0] = rho
    W[1, 1] = rho
    W[0, 1] = (s**2 - rho**2) / s
    power = np.eye(2)
    for _ in range(k):
        power = power @ W
    return W, float(np.linalg.norm(power, 2))


PROGRAMS = {
    "joint_norm": (joint_norm, joint_norm_of_norms),
    "clip_each": (clip_each, clip_each_at_once),
    "backward_norms": (backward_norms,),
    "vanishing_lag": (vanishing_lag, vanishing_lag_by_search),
    "counterexample": (counterexample, counterexample_by_number),
    "orthogonal_gates": (orthogonal_gates, orthogonal_gates_of_blocks),
}

HOLDS = {
    "joint_norm": {
        "norms": "the norms of the four",
    },
    "clip_each": {
        "factor": "by what an example is scaled",
    },
    "backward_norms": {
        "dh_t": "the gradient at state t",
        "slope": "the slope of tanh",
    },
    "orthogonal_gates": {
        "Q": "the orthogonal factor of a block",
    },
}
