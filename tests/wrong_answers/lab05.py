"""Wrong answers to lab 5, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def soft(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def differences(loss, at, h=1e-5):
    """Central differences of loss(array) at an array."""
    out = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[place] += h
        down[place] -= h
        out[place] = (loss(up) - loss(down)) / (2 * h)
    return out


def output_loss(W, h, z, y):
    p = soft(z + h @ W.T)
    return -np.log(p[np.arange(len(y)), y]).sum()


def shares(v, J, U, jacobian=lambda J, i: J[i], own=True, carry=True, turn=False):
    G, row = np.zeros((len(U), U.shape[2])), np.zeros(v.shape[1])
    for i in reversed(range(len(v))):
        row = (row if carry else 0 * row) + (v[i] if own or i == len(v) - 1 else 0)
        G[i] = row @ U[i]
        M = jacobian(J, i)
        row = (M @ row) if turn else row @ M
    return G


def tied(tokens, dx, dz, h, V=None, rows=True, scores=True, add=True):
    dX = np.einsum("tbv,tbd->vd", dz, h) * scores
    if not add:
        dX[tokens] = dx
        return dX
    if rows:
        np.add.at(dX, tokens, dx)
    return dX[: tokens.max() + 1] if V == "read" else dX


def forward(x, h, W_i, W_h, b):
    states = [np.broadcast_to(h, (x.shape[1], len(b)))]
    for x_t in x:
        states.append(np.tanh(x_t @ W_i.T + states[-1] @ W_h.T + b))
    return states


def base(x, h_0, W_i, W_h, b, dh_T, slope=lambda h: 1 - h**2, steps=None, turn=False, sum_=True):
    states, row = forward(x, h_0, W_i, W_h, b), dh_T
    for h in reversed(states[1:][:steps]):
        row = (row * slope(h)) @ (W_h.T if turn else W_h)
    return row.sum(axis=0) if sum_ else row.mean(axis=0)


def base_loss(x, W_i, W_h, b, dh_T):
    return lambda h: (forward(x, h, W_i, W_h, b)[-1] * dh_T).sum()


def leaky(dh, x, h, W_i, W_h, b, alpha, seen=lambda f, h: f, keep=None, inside=None, pair=0):
    states, fs = [h], []
    for x_t in x:
        fs.append(np.tanh(x_t @ W_i.T + states[-1] @ W_h.T + b))
        states.append((1 - alpha) * states[-1] + alpha * fs[-1])
    keep, inside = 1 - alpha if keep is None else keep, alpha if inside is None else inside
    dW, row = np.zeros_like(W_h), np.zeros_like(h)
    for t in reversed(range(len(x))):
        row = row + dh[t]
        da = inside * row * (1 - seen(fs[t], states[t + 1]) ** 2)
        dW += da.T @ states[t + pair]
        row = keep * row + da @ W_h
    return dW, row


def leaky_loss(dh, x, W_i, b, alpha):
    def loss(W_h, h):
        total = 0.0
        for x_t, d in zip(x, dh):
            h = (1 - alpha) * h + alpha * np.tanh(x_t @ W_i.T + h @ W_h.T + b)
            total += (d * h).sum()
        return total

    return loss


def leaky_by_differences(dh, x, h_0, W_i, W_h, b, alpha):
    loss = leaky_loss(dh, x, W_i, b, alpha)
    return differences(lambda W: loss(W, h_0), W_h), differences(lambda h: loss(W_h, h), h_0)


def cut(
    x,
    v,
    W_i,
    W_h,
    b,
    k1,
    k2,
    begin=lambda s, e, k2: max(0, e - k2),
    all_=False,
    pair=0,
    size=None,
    first=None,
):
    states = forward(x, np.zeros(len(b)), W_i, W_h, b)
    dW = np.zeros_like(W_h)
    for s in range(0, len(x), size or k1):
        e, row = min(s + (size or k1), len(x)), 0.0
        for t in reversed(range(begin(s, e, k2), e)):
            if t >= s or all_:
                row = row + v[t]
            da = row * (1 - states[t + 1] ** 2)
            dW += da.T @ states[t + pair]
            row = da @ W_h
    return dW, states[-1] if first is None else states[first]


def online(x, v, w, W_i, carry=True, old=True, slope=lambda h: 1 - h**2, weigh=True, fresh=False):
    h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
    dw, dW = np.zeros(len(w)), np.zeros_like(W_i)
    for x_t, v_t in zip(x, v):
        before, h = h, np.tanh(w * (0 * h if fresh else h) + W_i @ x_t)
        s = slope(h)
        S = s * ((before if old else h) + (w if weigh else 1) * S * carry)
        R = s[:, None] * (x_t + (w if weigh else np.ones_like(w))[:, None] * R * carry)
        dw, dW = dw + v_t * S, dW + v_t[:, None] * R
    return dw, dW


WRONG = {
    "output_gradient": {
        "differences": lambda h, z, y: differences(
            lambda W: output_loss(W, h, z, y), np.zeros((z.shape[1], h.shape[1]))
        ),
        "mean": lambda h, z, y: (soft(z) - np.eye(z.shape[1])[y]).T @ h / len(y),
        "minus": lambda h, z, y: (np.eye(z.shape[1])[y] - soft(z)).T @ h,
        "over time": lambda h, z, y: (soft(z, 0) - np.eye(z.shape[1])[y]).T @ h,
        "turned": lambda h, z, y: h.T @ (soft(z) - np.eye(z.shape[1])[y]),
        "last step": lambda h, z, y: np.outer((soft(z) - np.eye(z.shape[1])[y])[-1], h[-1]),
    },
    "gradient_by_start": {
        "next Jacobian": lambda v, J, U: shares(v, J, U, lambda J, i: J[(i + 1) % len(J)]),
        "turned": lambda v, J, U: shares(v, J, U, turn=True),
        "last loss": lambda v, J, U: shares(v, J, U, own=False),
        "own loss": lambda v, J, U: shares(v, J, U, carry=False),
        "no Jacobians": lambda v, J, U: shares(v, J, U, lambda J, i: np.eye(J.shape[1])),
        "one sum": lambda v, J, U: np.tile(shares(v, J, U).sum(axis=0), (len(v), 1)),
        "latest first": lambda v, J, U: shares(v, J, U)[::-1],
    },
    "tied_gradient": {
        "rows that were read": lambda *a: tied(*a, V="read"),
        "assigned": lambda *a: tied(*a, add=False),
        "lookup alone": lambda *a: tied(*a, scores=False),
        "scores alone": lambda *a: tied(*a, rows=False),
        "mean over the batch": lambda t, dx, dz, h: tied(t, dx, dz, h) / t.shape[1],
        "turned": lambda t, dx, dz, h: tied(t, dx, dz, h).T,
    },
    "base_gradient": {
        "differences": lambda x, h_0, W_i, W_h, b, dh_T: differences(
            base_loss(x, W_i, W_h, b, dh_T), h_0
        ),
        "slope of the activation": lambda *a: base(*a, slope=lambda h: 1 - np.tanh(h) ** 2),
        "1 - h": lambda *a: base(*a, slope=lambda h: 1 - h),
        "divided by the slope": lambda *a: base(*a, slope=lambda h: 1 / (1 - h**2)),
        "sigmoid's slope": lambda *a: base(*a, slope=lambda h: h * (1 - h)),
        "one step": lambda *a: base(*a, steps=1),
        "mean": lambda *a: base(*a, sum_=False),
        "turned": lambda *a: base(*a, turn=True),
    },
    "leaky_gradient": {
        "differences": leaky_by_differences,
        "slope of the state": lambda *a: leaky(*a, seen=lambda f, h: h),
        "slope of tanh of tanh": lambda *a: leaky(*a, seen=lambda f, h: np.tanh(f)),
        "no leak": lambda *a: leaky(*a, keep=0.0),
        "leak of alpha": lambda *a: leaky(*a, keep=a[-1]),
        "without alpha": lambda *a: leaky(*a, inside=1.0),
        "state of its own step": lambda *a: leaky(*a, pair=1),
        "exchanged": lambda *a: leaky(*a)[::-1],
    },
    "truncated_gradient": {
        "to the beginning": lambda *a: cut(*a, begin=lambda s, e, k2: 0),
        "to the block": lambda *a: cut(*a, begin=lambda s, e, k2: s),
        "from the block's start": lambda *a: cut(*a, begin=lambda s, e, k2: max(0, s - k2)),
        "losses twice": lambda *a: cut(*a, all_=True),
        "state of its own step": lambda *a: cut(*a, pair=1),
        "blocks of k2": lambda *a: cut(*a, size=a[-1]),
        "first state": lambda *a: cut(*a, first=0),
        "one step further": lambda *a: cut(*a, begin=lambda s, e, k2: max(0, e - k2 - 1)),
    },
    "online_gradient": {
        "nothing carried": lambda *a: online(*a, carry=False),
        "new state": lambda *a: online(*a, old=False),
        "no slope": lambda *a: online(*a, slope=np.ones_like),
        "slope of the activation": lambda *a: online(*a, slope=lambda h: 1 - np.tanh(h) ** 2),
        "without w": lambda *a: online(*a, weigh=False),
        "every step from zeros": lambda *a: online(*a, fresh=True),
        "exchanged": lambda *a: online(*a)[::-1],
    },
}
