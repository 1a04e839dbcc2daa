"""Right answers to lab 06, written differently from the solution: a check must accept them all."""

import math

import numpy as np
import torch


# --------------------------------------------------------------------------- joint_norm
def by_flattening(dW_h, dW_i, db, dW_o):
    return np.linalg.norm(np.concatenate([np.ravel(g) for g in (dW_h, dW_i, db, dW_o)]))


def by_hypot(dW_h, dW_i, db, dW_o):
    total = 0.0
    for g in (dW_h, dW_i, db, dW_o):
        for number in g.flat:
            total = math.hypot(total, number)
    return total


# --------------------------------------------------------------------------- clip_each
def by_rows(dW, db, tau):
    B, H, D = dW.shape
    rows = np.concatenate([dW.reshape(B, H * D), db], axis=1)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(norms > tau, rows / np.where(norms > 0, norms, 1) * tau, rows)
    mean = rows.mean(axis=0)
    return mean[: H * D].reshape(H, D), mean[H * D :]


def by_denominator(dW, db, tau):
    size = np.sqrt(np.einsum("bhd,bhd->b", dW, dW) + np.einsum("bh,bh->b", db, db))
    weight = 1 / np.maximum(1, size / tau) / len(dW)
    return [np.tensordot(weight, dW, 1), weight @ db]


# --------------------------------------------------------------------------- backward_norms
def by_row_vectors(delta, h, W_h):
    norms, v = [np.sqrt(delta @ delta)], delta
    for state in h[:0:-1]:
        v = (v * (1 - state * state)) @ W_h
        norms.append(np.sqrt(v @ v))
    return norms


def by_whole_products(delta, h, W_h):
    P, out = np.eye(len(W_h)), []
    for t in range(len(h) - 1, -1, -1):
        out.append(np.linalg.norm(P.T @ delta))
        P = P @ np.diag(1 - h[t] ** 2) @ W_h
    return np.array(out)


# --------------------------------------------------------------------------- vanishing_lag
def by_multiplying(W_h, gamma, epsilon):
    step = gamma * np.linalg.svd(W_h)[1][0]
    if not step < 1:
        return -1
    lag = 0
    while step**lag > epsilon:
        lag += 1
    return lag


def by_eigenvalues_of_the_square(W_h, gamma, epsilon):
    step = gamma * math.sqrt(max(np.linalg.eigvalsh(W_h @ W_h.T)))
    if step == 0:
        return 1
    return math.ceil(math.log(epsilon, step)) if step < 1 else -1


# --------------------------------------------------------------------------- counterexample
def by_quadratic(rho, s, k):
    W = np.eye(2) * rho
    W[0, 1] = math.sqrt(s**2 + rho**4 / s**2 - 2 * rho**2)
    power = np.eye(2)
    for _ in range(k):
        power = power @ W
    return W, np.linalg.svd(power, compute_uv=False).max()


def by_closed_power(rho, s, k):
    c = (s**2 - rho**2) / s
    power = torch.tensor([[rho**k, k * rho ** (k - 1) * c], [0, rho**k]], dtype=torch.float64)
    return np.array([[rho, c], [0, rho]]), torch.linalg.svdvals(power)[0]


# --------------------------------------------------------------------------- orthogonal_gates
def by_gram_schmidt(A, gates, gain):
    """Gram and Schmidt's columns come out with a positive diagonal of R."""
    H, W = A.shape[1], A.copy()
    for first in range(0, gates * H, H):
        block = W[first : first + H]
        for j in range(H):
            for _ in range(2):  # twice is enough
                block[:, j] -= block[:, :j] @ (block[:, :j].T @ block[:, j])
            block[:, j] /= np.linalg.norm(block[:, j])
    return gain * W


def by_stacked_qr(A, gates, gain):
    Q, R = np.linalg.qr(A.reshape(gates, -1, A.shape[1]))
    return (gain * Q * np.sign(np.einsum("gii->gi", R))[:, None]).reshape(A.shape)


ALTERNATIVES = {
    "joint_norm": (by_flattening, by_hypot),
    "clip_each": (by_rows, by_denominator),
    "backward_norms": (by_row_vectors, by_whole_products),
    "vanishing_lag": (by_multiplying, by_eigenvalues_of_the_square),
    "counterexample": (by_quadratic, by_closed_power),
    "orthogonal_gates": (by_gram_schmidt, by_stacked_qr),
}
