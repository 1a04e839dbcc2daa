"""Right answers to lab 07, written as a student would write them; see `variants.programs`."""

import numpy as np

from unrolled.unfolding import sigmoid


def cell(z, c_prev):
    i, f, g, o = np.split(z, 4, axis=1)
    c = sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def peephole_cell(z, c_prev, P):
    i, o, f, g = np.split(z, 4, axis=1)
    P_i, P_o, P_f = np.split(P, 3)

    def look(c, block):
        return c * block if len(P) == 3 else c @ block.T

    c = sigmoid(f + look(c_prev, P_f)) * c_prev + sigmoid(i + look(c_prev, P_i)) * np.tanh(g)
    return sigmoid(o + look(c, P_o)) * np.tanh(c), c


def memory_backward(v, f, c):
    df, dw, dc = np.zeros_like(f), np.zeros_like(f), np.zeros_like(c[0])
    for t in reversed(range(len(f))):
        dc = dc + v[t]
        df[t], dw[t] = dc * c[t], dc
        dc = dc * f[t]
    return df, dw, dc


def coupled_cell_backward(dc, c_prev, f, g):
    dz_f = dc * (c_prev - g) * f * (1 - f)
    dz_g = dc * (1 - f) * (1 - g**2)
    return dz_f, dz_g, dc * f


def adding_machine(x, gain, eps):
    c = np.zeros(x.shape[1])
    for x_t in x:
        i = sigmoid(gain * (x_t[:, 1] - 0.5))
        c = c + i * np.tanh(eps * x_t[:, 0])
    return c / eps


def forget_bias(steps, keep):
    f = keep ** (1 / steps)
    return np.log(f / (1 - f))


PROGRAMS = {
    "cell": (cell,),
    "peephole_cell": (peephole_cell,),
    "memory_backward": (memory_backward,),
    "coupled_cell_backward": (coupled_cell_backward,),
    "adding_machine": (adding_machine,),
    "forget_bias": (forget_bias,),
}
