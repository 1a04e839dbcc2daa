"""Right answers to lab 07, written differently from the solution: a check must accept them all."""

import math

import numpy as np
import torch


# --------------------------------------------------------------------------- cell
def by_loops(z, c_prev):
    B, H = c_prev.shape
    h, c = np.empty((B, H)), np.empty((B, H))
    for n in range(B):
        for p in range(H):
            i, f, o = (1 / (1 + math.exp(-z[n, k * H + p])) for k in (0, 1, 3))
            c[n, p] = f * c_prev[n, p] + i * math.tanh(z[n, 2 * H + p])
            h[n, p] = o * math.tanh(c[n, p])
    return h, c


def by_half_tanh(z, c_prev):
    i, f, g, o = z.reshape(len(z), 4, -1).transpose(1, 0, 2)
    i, f, o = ((1 + np.tanh(gate / 2)) / 2 for gate in (i, f, o))
    c = i * np.tanh(g) + f * c_prev
    return [np.tanh(c) * o, c]


# --------------------------------------------------------------------------- peephole_cell
def by_einsum(z, c_prev, P):
    H = c_prev.shape[1]
    matrices = np.einsum("kp,pq->kpq", P, np.eye(H)) if len(P) == 3 else P.reshape(3, H, H)
    i, o, f, g = np.split(z, 4, axis=1)

    def gate(a, c, k):
        return 1 / (1 + np.exp(-a - np.einsum("qp,np->nq", matrices[k], c)))

    c = gate(f, c_prev, 2) * c_prev + gate(i, c_prev, 0) * np.tanh(g)
    return gate(o, c, 1) * np.tanh(c), c


def by_torch(z, c_prev, P):
    z, c, P = map(torch.from_numpy, (z, c_prev, P))
    i, o, f, g = z.chunk(4, dim=1)
    looks = [
        (lambda a, p=p: a * p) if len(P) == 3 else (lambda a, p=p: a @ p.T) for p in P.chunk(3)
    ]
    i, f = torch.sigmoid(i + looks[0](c)), torch.sigmoid(f + looks[2](c))
    c = f * c + i * torch.tanh(g)
    return (torch.sigmoid(o + looks[1](c)) * torch.tanh(c)).numpy(), c.numpy()


# --------------------------------------------------------------------------- memory_backward
def by_products(v, f, c):
    """Every pair of steps: v at step s reaches step t through the gates in between."""
    T = len(f)
    dw = np.array(
        [sum(v[s] * np.prod(f[t + 1 : s + 1], axis=0) for s in range(t, T)) for t in range(T)]
    )
    return dw * c[:-1], dw, dw[0] * f[0]


def by_list(v, f, c):
    dc, rows = 0 * c[0], []
    for v_t, f_t, c_t in zip(v[::-1], f[::-1], c[-2::-1], strict=True):
        dc = dc + v_t
        rows.insert(0, (dc * c_t, dc))
        dc = dc * f_t
    df, dw = map(np.array, zip(*rows, strict=True))
    return df, dw, dc


# --------------------------------------------------------------------------- coupled_cell_backward
def through_both_gates(dc, c_prev, f, g):
    i = 1 - f
    df, di = dc * c_prev, dc * g
    return (df - di) * f * i, dc * i * (1 - g) * (1 + g), f * dc


def as_interpolation(dc, c_prev, f, g):
    """c = g + f (c_prev - g)."""
    gap = c_prev - g
    return dc * gap * (f - f**2), (dc - dc * f) * (1 - g * g), dc - dc * (1 - f)


# --------------------------------------------------------------------------- adding_machine
def without_a_loop(x, gain, eps):
    gates = 1 / (1 + np.exp(gain * (0.5 - x[:, :, 1])))
    return np.sum(gates * np.tanh(eps * x[:, :, 0]), axis=0) / eps


def by_plain_loops(x, gain, eps):
    answer = []
    for n in range(x.shape[1]):
        c = 0.0
        for number, mark in x[:, n]:
            c += (1 + math.tanh(gain * (mark - 0.5) / 2)) / 2 * math.tanh(eps * number)
        answer.append(c / eps)
    return answer


# --------------------------------------------------------------------------- forget_bias
def by_logit(steps, keep):
    f = keep ** (1 / steps)
    return np.log(f / (1 - f))


def by_artanh(steps, keep):
    """σ(b) = (1 + tanh(b/2)) / 2."""
    return [2 * math.atanh(2 * keep ** (1 / k) - 1) for k in steps]


ALTERNATIVES = {
    "cell": (by_loops, by_half_tanh),
    "peephole_cell": (by_einsum, by_torch),
    "memory_backward": (by_products, by_list),
    "coupled_cell_backward": (through_both_gates, as_interpolation),
    "adding_machine": (without_a_loop, by_plain_loops),
    "forget_bias": (by_logit, by_artanh),
}
