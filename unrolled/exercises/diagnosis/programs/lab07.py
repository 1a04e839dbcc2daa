"""Right answers to lab 07, written as a student would write them; see `variants.programs`."""

import numpy as np

from unrolled.unfolding import sigmoid


def cell(z, c_prev):
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
    i = sigmoid(z_i)
    f = sigmoid(z_f)
    g = np.tanh(z_g)
    o = sigmoid(z_o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c


def peephole_cell(z, c_prev, P):
    z_i, z_o, z_f, z_g = np.split(z, 4, axis=1)
    P_i, P_o, P_f = np.split(P, 3)

    def look(c, block):
        return c * block if len(P) == 3 else c @ block.T

    i = sigmoid(z_i + look(c_prev, P_i))
    f = sigmoid(z_f + look(c_prev, P_f))
    g = np.tanh(z_g)
    c = f * c_prev + i * g
    o = sigmoid(z_o + look(c, P_o))
    h = o * np.tanh(c)
    return h, c


def memory_backward(v, f, c):
    df, dw, dc = np.zeros_like(f), np.zeros_like(f), np.zeros_like(c[0])
    for t in reversed(range(len(f))):
        dc = dc + v[t]
        df[t] = dc * c[t]
        dw[t] = dc
        dc = dc * f[t]
    return df, dw, dc


def coupled_cell_backward(dc, c_prev, f, g):
    df = dc * (c_prev - g)
    dg = dc * (1 - f)
    dz_f = df * f * (1 - f)
    dz_g = dg * (1 - g**2)
    dc_prev = dc * f
    return dz_f, dz_g, dc_prev


def adding_machine(x, gain, eps):
    c = np.zeros(x.shape[1])
    for x_t in x:
        i = sigmoid(gain * (x_t[:, 1] - 0.5))
        c = c + i * np.tanh(eps * x_t[:, 0])
    return c / eps


def forget_bias(steps, keep):
    f = keep ** (1 / steps)
    return np.log(f / (1 - f))


def forget_bias_by_exponentials(steps, keep):
    log_f = np.log(keep) / steps
    return log_f - np.log(1 - np.exp(log_f))


PROGRAMS = {
    "cell": (cell,),
    "peephole_cell": (peephole_cell,),
    "memory_backward": (memory_backward,),
    "coupled_cell_backward": (coupled_cell_backward,),
    "adding_machine": (adding_machine,),
    "forget_bias": (forget_bias, forget_bias_by_exponentials),
}

HOLDS = {
    "peephole_cell": {
        "look": "what a gate sees of the cell",
    },
    "memory_backward": {
        "dc": "the gradient of a cell state",
    },
    "coupled_cell_backward": {
        "df": "the gradient of `f`",
        "dg": "the gradient of `g`",
    },
    "adding_machine": {
        "x_t": "the inputs of a step",
    },
}
