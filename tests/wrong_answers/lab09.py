"""Wrong answers to lab 9, as students might give them: {exercise: {mistake: answer}}."""

import numpy as np


def turned(x, lengths, change):
    out = x.copy()
    for i, n in enumerate(lengths.tolist()):
        out[:, i] = change(x[:, i], n)
    return out


def stack(
    x_t,
    h,
    W_i,
    W_h,
    b,
    below=lambda k, new, h: new[k],
    own=lambda k, h: h[k],
    layer=lambda k: k,
    squash=np.tanh,
):
    new = [x_t]
    for k in range(len(h)):
        j = layer(k)
        new.append(squash(below(k, new, h) @ W_i[j].T + own(k, h) @ W_h[j].T + b[j]))
    return np.array(new[1:])


def ends(y, forward, backward):
    H, n = y.shape[2] // 2, np.arange(y.shape[1])
    return np.hstack([y[forward, n][:, :H], y[backward, n][:, H:]])


def sent(ds, lengths, T, forward, backward, share=1.0):
    dy, H, n = np.zeros((T, *ds.shape)), ds.shape[1] // 2, np.arange(len(ds))
    dy[forward, n, :H] += share * ds[:, :H]
    dy[backward, n, H:] += share * ds[:, H:]
    return dy


def last_nonzero(y):
    return np.array(
        [max(np.flatnonzero(y[:, n].any(axis=1)), default=0) for n in range(y.shape[1])]
    )


def summary(y, lengths, mean=None, most=None):
    m = [y[:n, i].mean(axis=0) for i, n in enumerate(lengths)] if mean is None else mean
    M = [y[:n, i].max(axis=0) for i, n in enumerate(lengths)] if most is None else most
    return np.array(m), np.array(M)


def packed(x, lengths, order=None, longest=None, by_value=False, sizes=None, flat=False):
    order = np.argsort(-lengths) if order is None else order
    longest = lengths.max() if longest is None else longest
    rows, alive = [], []
    for t in range(longest):
        here = [i for i in order if (x[t, i].any() if by_value else lengths[i] > t)]
        rows += [x[t, i] for i in here]
        alive.append(len(here))
    if flat:
        rows = [x[t, i] for i in order for t in range(lengths[i])]
    return np.array(rows), np.array(alive) if sizes is None else sizes


def size(H, gates, V, D, layers, embed=True, score=True, wide=True, bias=1):
    inner = sum(gates * H * ((H if k and wide else D) + H + bias) for k in range(layers))
    return embed * V * D + inner + score * (V * H + V)


def units(budget, gates, V, D, layers, top=10**6, least=0, less=True, **options):
    H = least
    while top > H and size(H + 1, gates, V, D, layers, **options) < budget + less:
        H += 1
    return H


WRONG = {
    "turn_round": {
        "all of it": lambda x, n: x[::-1],
        "zeros behind": lambda x, n: turned(
            x, n, lambda s, n: np.concatenate([s[:n][::-1], 0 * s[n:]])
        ),
        "one too far": lambda x, n: turned(
            x, n, lambda s, n: np.concatenate([s[: n + 1][::-1], s[n + 1 :]])
        ),
        "one too short": lambda x, n: turned(
            x, n, lambda s, n: np.concatenate([s[: n - 1][::-1], s[n - 1 :]])
        ),
        "features": lambda x, n: x[:, :, ::-1] if x.shape[2] > 1 else x[::-1],
        "padding in front": lambda x, n: turned(
            x, n, lambda s, n: np.concatenate([s[n:], s[:n][::-1]])
        ),
    },
    "stack_step": {
        "late": lambda *a: stack(*a, below=lambda k, new, h: h[k - 1] if k else new[0]),
        "x for all": lambda *a: stack(*a, below=lambda k, new, h: new[0]),
        "first state": lambda *a: stack(*a, own=lambda k, h: h[0]),
        "no past": lambda *a: stack(*a, own=lambda k, h: 0 * h[k]),
        "first weights": lambda *a: stack(*a, layer=lambda k: 0),
        "top down": lambda *a: stack(*a)[::-1] if len(a[1]) > 1 else stack(*a) * 0,
        "not squashed": lambda *a: stack(*a, squash=np.array),
    },
    "both_ends": {
        "last row": lambda y, n: ends(y, -1 + 0 * n, -1 + 0 * n),
        "both at the end": lambda y, n: ends(y, n - 1, n - 1),
        "both at the start": lambda y, n: ends(y, 0 * n, 0 * n),
        "one further": lambda y, n: ends(y, n % len(y), 0 * n),
        "by value": lambda y, n: ends(y, last_nonzero(y), 0 * n),
        "the longest's end": lambda y, n: ends(y, 0 * n + max(n) - 1, 0 * n),
        "backward first": lambda y, n: np.roll(ends(y, n - 1, 0 * n), y.shape[2] // 2, axis=1),
    },
    "both_ends_backward": {
        "last row": lambda ds, n, T: sent(ds, n, T, -1 + 0 * n, 0 * n),
        "both at the end": lambda ds, n, T: sent(ds, n, T, n - 1, n - 1),
        "both at the start": lambda ds, n, T: sent(ds, n, T, 0 * n, 0 * n),
        "halved": lambda ds, n, T: sent(ds, n, T, n - 1, 0 * n, 0.5),
        "one further": lambda ds, n, T: sent(ds, n, T, n % T, 0 * n),
        "to the longest": lambda ds, n, T: sent(ds, n, max(n), n - 1, 0 * n),
        "everywhere": lambda ds, n, T: np.tile(ds, (T, 1, 1)),
    },
    "mean_and_max": {
        "by value": lambda y, n: summary(
            y, n, mean=y.sum(axis=0) / np.maximum((y != 0).sum(axis=0), 1)
        ),
        "over T": lambda y, n: summary(y, n, mean=y.mean(axis=0)),
        "with padding": lambda y, n: summary(y, n, most=y.max(axis=0)),
        "largest size": lambda y, n: summary(y, n, most=np.abs(y).max(axis=0)),
        "nonzero maximum": lambda y, n: summary(
            y, n, most=np.where(y != 0, y, -np.inf).max(axis=0)
        ),
        "along the units": lambda y, n: summary(y, n, mean=y.sum(axis=0) / n),
        "exchanged": lambda y, n: summary(y, n)[::-1],
    },
    "pack": {
        "by value": lambda x, n: packed(x, n, by_value=True),
        "inverse order": lambda x, n: packed(x, n, np.argsort(np.argsort(-n))),
        "all steps": lambda x, n: packed(x, n, longest=len(x)),
        "unsorted": lambda x, n: packed(x, n, np.arange(len(n))),
        "shortest first": lambda x, n: packed(x, n, np.argsort(n)),
        "one by one": lambda x, n: packed(x, n, flat=True),
        "lengths": lambda x, n: packed(x, n, sizes=np.sort(n)[::-1]),
        "without the last": lambda x, n: packed(x, n, longest=max(n) - 1),
    },
    "largest_units": {
        "-1 where not even the embedding fits": lambda *a: units(*a, least=-1),
        "up to 100": lambda *a: units(*a, top=100),
        "at least 1": lambda *a: units(*a, least=1),
        "below the budget": lambda *a: units(*a, less=False),
        "no embedding": lambda *a: units(*a, embed=False),
        "no scores": lambda *a: units(*a, score=False),
        "D for all": lambda *a: units(*a, wide=False),
        "two biases": lambda *a: units(*a, bias=2),
        "no bias": lambda *a: units(*a, bias=0),
    },
}
