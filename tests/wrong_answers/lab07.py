"""Wrong answers to lab 7, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def sg(a):
    return 1 / (1 + np.exp(-a))


def stepped(z, c_prev, names="ifgo", inner=np.tanh, outer=np.tanh, mix=None, stored=None):
    part = dict(zip(names, np.split(z, 4, axis=1)))
    i, f, o = (sg(part[n]) for n in "ifo")
    g = inner(part["g"])
    c = f * c_prev + i * g if mix is None else mix(i, f, g, c_prev)
    c = c if stored is None else stored(c)
    return o * outer(c), c


def peeped(z, c_prev, P, names="iofg", order="iof", late="o", turn=False, use=True):
    H = c_prev.shape[1]
    part = dict(zip(names, np.split(z, 4, axis=1)))
    block = dict(zip(order, P if P.shape == (3, H) else np.split(P, 3)))

    def gate(n, c):
        B = block[n]
        seen = c * B if B.ndim == 1 else c @ (B if turn else B.T)
        return sg(part[n] + use * seen)

    c = gate("f", c_prev) * c_prev + gate("i", c_prev) * np.tanh(part["g"])
    return gate("o", c if "o" in late else c_prev) * np.tanh(c), c


def remembered(v, f, c, gate=lambda f, t: f[t], seen=lambda c, t: c[t], again=False, first=True):
    df, dw, row = np.zeros_like(f), np.zeros_like(f), np.zeros(f.shape[1])
    for t in reversed(range(len(f))):
        row = row + v[t]
        df[t], dw[t] = row * seen(c, t), row
        row = row * gate(f, t) if t or first else row
        dw[t] *= f[t] if again else 1
    return df, dw, row


def differences(loss, at, h=1e-5):
    out = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[place] += h
        down[place] -= h
        out[place] = (loss(up) - loss(down)) / (2 * h)
    return out


def remembered_by_differences(v, f, c):
    w = c[1:] - f * c[:-1]

    def loss(f, w, cell):
        total = 0.0
        for v_t, f_t, w_t in zip(v, f, w):
            cell = f_t * cell + w_t
            total += v_t @ cell
        return total

    return (
        differences(lambda a: loss(a, w, c[0]), f),
        differences(lambda a: loss(f, a, c[0]), w),
        differences(lambda a: loss(f, w, a), c[0]),
    )


def by_quotients(v, f, c):
    """Products of gates as quotients of one running product."""
    with np.errstate(all="ignore"):
        P = np.cumprod(f, axis=0)
        dw = np.cumsum((v * P)[::-1], axis=0)[::-1] / P
        return dw * c[:-1], dw, dw[0] * f[0]


def coupled(dc, c, f, g, s_f=lambda f: f * (1 - f), s_g=lambda g: 1 - g**2, use=lambda c, g: c - g):
    return dc * use(c, g) * s_f(f), dc * (1 - f) * s_g(g), dc * f


def coupled_by_differences(dc, c, f, g):
    z_f, z_g = np.log(f / (1 - f)), np.arctanh(g)

    def loss(z_f, z_g, c):
        return (dc * (sg(z_f) * c + (1 - sg(z_f)) * np.tanh(z_g))).sum()

    return (
        differences(lambda a: loss(a, z_g, c), z_f),
        differences(lambda a: loss(z_f, a, c), z_g),
        differences(lambda a: loss(z_f, z_g, a), c),
    )


def added(
    x, gain, eps, gate=lambda m: m - 0.5, squash=np.tanh, keep=1.0, end=lambda c, eps: c / eps
):
    c = np.zeros(x.shape[1])
    for n, m in zip(x[:, :, 0], x[:, :, 1]):
        c = keep * c + sg(gain * gate(m)) * squash(eps * n)
    return end(c, eps)


def logit(f):
    return np.log(f / (1 - f))


WRONG = {
    "cell": {
        "i, f, o, g": lambda *a: stepped(*a, names="ifog"),
        "f, i, g, o": lambda *a: stepped(*a, names="figo"),
        "tanh inside the cell": lambda *a: stepped(*a, stored=np.tanh),
        "no tanh outside": lambda *a: stepped(*a, outer=np.array),
        "sigmoid for g": lambda *a: stepped(*a, inner=sg),
        "1 - i": lambda *a: stepped(*a, mix=lambda i, f, g, c: (1 - i) * c + i * g),
        "cell first": lambda *a: stepped(*a)[::-1],
    },
    "peephole_cell": {
        "torch's order": lambda *a: peeped(*a, names="ifgo"),
        "i, f, o": lambda *a: peeped(*a, order="ifo"),
        "old cell": lambda *a: peeped(*a, late=""),
        "turned": lambda *a: peeped(*a, turn=True),
        "no peepholes": lambda *a: peeped(*a, use=False),
        "g, f exchanged": lambda *a: peeped(*a, names="iogf"),
        "cell first": lambda *a: peeped(*a)[::-1],
    },
    "memory_backward": {
        "differences": remembered_by_differences,
        "quotients": by_quotients,
        "gate again": lambda *a: remembered(*a, again=True),
        "gate before": lambda *a: remembered(*a, gate=lambda f, t: f[t - 1]),
        "no gates": lambda *a: remembered(*a, gate=lambda f, t: 1.0),
        "new cell": lambda *a: remembered(*a, seen=lambda c, t: c[t + 1]),
        "wraps at 0": lambda *a: remembered(*a, seen=lambda c, t: c[t - 1]),
        "dc_1": lambda *a: remembered(*a, first=False),
    },
    "coupled_cell_backward": {
        "differences": coupled_by_differences,
        "slope at the gate": lambda *a: coupled(*a, s_f=lambda f: sg(f) * (1 - sg(f))),
        "slope at g": lambda *a: coupled(*a, s_g=lambda g: 1 - np.tanh(g) ** 2),
        "no slope of f": lambda *a: coupled(*a, s_f=np.ones_like),
        "no slope of g": lambda *a: coupled(*a, s_g=np.ones_like),
        "one use": lambda *a: coupled(*a, use=lambda c, g: c),
        "g - c": lambda *a: coupled(*a, use=lambda c, g: g - c),
        "1 - g": lambda *a: coupled(*a, s_g=lambda g: 1 - g),
    },
    "adding_machine": {
        "gate without threshold": lambda *a: added(*a, gate=lambda m: m),
        "gate turned": lambda *a: added(*a, gate=lambda m: 0.5 - m),
        "no tanh": lambda *a: added(*a, squash=np.array),
        "forgets": lambda *a: added(*a, keep=0.5),
        "last one": lambda *a: added(*a, keep=0.0),
        "not divided": lambda *a: added(*a, end=lambda c, eps: c),
        "exactly": lambda x, gain, eps: (x[:, :, 0] * x[:, :, 1]).sum(axis=0),
    },
    "forget_bias": {
        "clipped": lambda steps, keep: logit(np.clip(keep ** (1 / steps), 1e-5, 1 - 1e-5)),
        "a small number": lambda steps, keep: np.log(
            keep ** (1 / steps) / (1 - keep ** (1 / steps) + 1e-8)
        ),
        "the gate": lambda steps, keep: keep ** (1 / steps),
        "one step": lambda steps, keep: logit(keep) + 0 * steps,
        "minus": lambda steps, keep: -logit(keep ** (1 / steps)),
        "steps for 1/steps": lambda steps, keep: logit(np.maximum(keep**steps, 1e-300)),
        "half": lambda steps, keep: logit(0.5 ** (1 / steps)),
    },
}
