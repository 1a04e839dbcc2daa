"""Wrong answers to lab 8, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def sg(a):
    return 1 / (1 + np.exp(-a))


def gru(
    x,
    h,
    W_i,
    W_h,
    b,
    b_n,
    order="rzn",
    reset="after",
    mix=lambda z, n, h: (1 - z) * n + z * h,
    heard=True,
    inner=True,
):
    U, W, c = (dict(zip(order, np.split(a, 3))) for a in (W_i, W_h, b))
    r, z = (sg(x @ U[k].T + heard * (h @ W[k].T) + c[k]) for k in "rz")
    s = h @ W["n"].T + inner * b_n
    s = {"after": r * s, "before": (r * h) @ W["n"].T + b_n, "never": s}[reset]
    return mix(z, np.tanh(x @ U["n"].T + c["n"] + s), h)


def mgu(
    x,
    h,
    W_i,
    W_h,
    b,
    mix=lambda f, n, h: (1 - f) * h + f * n,
    reads=lambda f, h: f * h,
    order=(0, 1),
    fresh=False,
    squash=np.tanh,
):
    U, W, c = (np.split(a, 2) for a in (W_i, W_h, b))
    f_, n_ = order
    states = [h]
    for x_t in x:
        h = states[0] if fresh else states[-1]
        f = sg(x_t @ U[f_].T + h @ W[f_].T + c[f_])
        n = squash(x_t @ U[n_].T + reads(f, h) @ W[n_].T + c[n_])
        states.append(mix(f, n, h))
    return np.array(states)


def one_step(x, h, W_i, W_h, b):
    return mgu(x[None], h, W_i, W_h, b)[1]


def differences(loss, at, h=1e-5):
    out = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[place] += h
        down[place] -= h
        out[place] = (loss(up) - loss(down)) / (2 * h)
    return out


def by_differences(dh, x, h_prev, W_i, W_h, b):
    given = [h_prev, W_i, W_h, b]

    def loss_at(k):
        def loss(value):
            return (dh * one_step(x, *given[:k], value, *given[k + 1 :])).sum()

        return loss

    return tuple(differences(loss_at(k), given[k]) for k in range(4))


def backward(
    dh,
    x,
    h,
    W_i,
    W_h,
    b,
    s_f=lambda f: f * (1 - f),
    s_n=lambda n: 1 - n**2,
    gate=True,
    copy=True,
    reads=True,
    through=True,
    turn=False,
):
    (U_f, U_n), (W_f, W_n), (b_f, b_n) = (np.split(a, 2) for a in (W_i, W_h, b))
    f = sg(x @ U_f.T + h @ W_f.T + b_f)
    n = np.tanh(x @ U_n.T + (f * h) @ W_n.T + b_n)
    dn = dh * f * s_n(n)
    ds = dn @ (W_n.T if turn else W_n)
    df = (dh * (n - h) + reads * ds * h) * s_f(f)
    dx = copy * dh * (1 - f) + (ds * f if through else ds) + gate * (df @ W_f)
    both = np.hstack([df, dn])
    return dx, both.T @ x, np.vstack([df.T @ h, dn.T @ (f * h)]), both.sum(axis=0)


def counted(D, H, layers, directions, blocks=3, biases=2, below=None, each=None):
    width, total = D, 0
    for _ in range(layers):
        total += (each or directions) * blocks * H * (width + H + biases)
        width = (below or (lambda D, H, d: d * H))(D, H, directions)
    return total


def converted(K, R, c, order=(1, 0, 2), sign=(1, -1, 1), turn=np.transpose, merge=slice(0, 2)):
    def ours(a):
        parts = np.split(a, 3)
        return np.concatenate([s * parts[k] for k, s in zip(order, sign)])

    H = len(R)
    outer, inner = ours(c[0]), ours(c[1])
    b = outer.copy()
    b[merge.start * H : merge.stop * H] += inner[merge.start * H : merge.stop * H]
    return ours(turn(K)), ours(turn(R)), b, inner[2 * H :]


def held(D, value, mark, z=-200.0, b_z=100.0, n=1.0, row=1, b_n=0.0, W_n=0.0, r=0.0):
    W_i, W_h, b = np.zeros((3, D)), np.zeros((3, 1)), np.zeros(3)
    W_i[row, mark], W_i[2, value], b[row], W_h[2, 0], b[0] = z, n, b_z, W_n, b[0] + r
    return W_i, W_h, b, np.array([b_n])


WRONG = {
    "step_after": {
        "before": lambda *a: gru(*a, reset="before"),
        "no reset": lambda *a: gru(*a, reset="never"),
        "z, r, n": lambda *a: gru(*a, order="zrn"),
        "z turned": lambda *a: gru(*a, mix=lambda z, n, h: z * n + (1 - z) * h),
        "gates hear x only": lambda *a: gru(*a, heard=False),
        "no inner bias": lambda *a: gru(*a, inner=False),
        "candidate": lambda *a: gru(*a, mix=lambda z, n, h: n),
    },
    "minimal_gated": {
        "f turned": lambda *a: mgu(*a, mix=lambda f, n, h: f * h + (1 - f) * n),
        "reads h": lambda *a: mgu(*a, reads=lambda f, h: h),
        "reads the rest": lambda *a: mgu(*a, reads=lambda f, h: (1 - f) * h),
        "n, f": lambda *a: mgu(*a, order=(1, 0)),
        "every step from h_0": lambda *a: mgu(*a, fresh=True),
        "without h_0": lambda *a: mgu(*a)[1:],
        "sigmoid": lambda *a: mgu(*a, squash=sg),
    },
    "minimal_backward": {
        "differences": by_differences,
        "slope at the gate": lambda *a: backward(*a, s_f=lambda f: sg(f) * (1 - sg(f))),
        "slope at n": lambda *a: backward(*a, s_n=lambda n: 1 - np.tanh(n) ** 2),
        "no way through the gate": lambda *a: backward(*a, gate=False),
        "no copy": lambda *a: backward(*a, copy=False),
        "one use of f": lambda *a: backward(*a, reads=False),
        "not through f": lambda *a: backward(*a, through=False),
        "turned": lambda *a: backward(*a, turn=True),
        "weights first": lambda *a: (*backward(*a)[1:], backward(*a)[0]),
    },
    "torch_count": {
        "one bias": lambda *a: counted(*a, biases=1),
        "four blocks": lambda *a: counted(*a, blocks=4),
        "x for all": lambda *a: counted(*a, below=lambda D, H, d: D),
        "H for all": lambda *a: counted(*a, below=lambda D, H, d: H),
        "one direction": lambda *a: counted(*a, each=1),
        "no bias": lambda *a: counted(*a, biases=0),
        "a layer": lambda D, H, layers, directions: layers * counted(D, H, 1, directions),
    },
    "from_archive": {
        "order left": lambda *a: converted(*a, order=(0, 1, 2), sign=(-1, 1, 1)),
        "sense left": lambda *a: converted(*a, sign=(1, 1, 1)),
        "r for z": lambda *a: converted(*a, sign=(-1, 1, 1)),
        "not turned": lambda *a: converted(*a, turn=lambda a: a.reshape(a.shape[::-1])),
        "all merged": lambda *a: converted(*a, merge=slice(0, 3)),
        "outer only": lambda *a: converted(*a, merge=slice(0, 0)),
        "one minus": lambda K, R, c: tuple(
            1 - part if at == 2 else part for at, part in enumerate(converted(K, R, c))
        ),
    },
    "latch": {
        "turned": lambda *a: held(*a, z=200.0, b_z=-100.0),
        "leaks": lambda *a: held(*a, z=-12.0, b_z=6.0),
        "in r": lambda *a: held(*a, row=0),
        "half the value": lambda *a: held(*a, n=0.5),
        "an inner bias": lambda *a: held(*a, b_n=0.5),
        "reads what it held": lambda *a: held(*a, W_n=0.5),
        "half open": lambda *a: held(*a, z=-100.0),
        "columns exchanged": lambda D, value, mark: held(D, mark, value),
        "columns 0 and 1": lambda D, value, mark: held(D, 0, 1),
    },
}
