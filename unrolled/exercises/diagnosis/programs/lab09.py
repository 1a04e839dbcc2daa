"""Right answers to lab 09, written as a student would write them; see `variants.programs`."""

import numpy as np


def turn_round(x, lengths):
    out = x.copy()
    for n in range(len(lengths)):
        length = lengths[n]
        for t in range(length):
            out[t, n] = x[length - 1 - t, n]
    return out


def stack_step(x_t, h, W_i, W_h, b):
    new, below = [], x_t
    for k in range(len(h)):
        below = np.tanh(below @ W_i[k].T + h[k] @ W_h[k].T + b[k])
        new.append(below)
    return np.stack(new)


def both_ends(y, lengths):
    H, B = y.shape[2] // 2, len(lengths)
    s = np.zeros((B, 2 * H))
    for n in range(B):
        s[n, :H] = y[lengths[n] - 1, n, :H]
        s[n, H:] = y[0, n, H:]
    return s


def both_ends_backward(ds, lengths, T):
    B, H = len(ds), ds.shape[1] // 2
    dy = np.zeros((T, B, 2 * H))
    for n in range(B):
        dy[lengths[n] - 1, n, :H] = ds[n, :H]
        dy[0, n, H:] = ds[n, H:]
    return dy


def mean_and_max(y, lengths):
    mask = (np.arange(len(y))[:, None] < lengths)[..., None]  # (T, B, 1)
    mean = (y * mask).sum(axis=0) / lengths[:, None]
    return mean, np.where(mask, y, -np.inf).max(axis=0)


def pack(x, lengths):
    order = np.argsort(-lengths)
    rows, sizes = [], []
    for t in range(max(lengths)):
        alive = [n for n in order if lengths[n] > t]
        rows += [x[t, n] for n in alive]
        sizes.append(len(alive))
    return np.stack(rows), np.array(sizes)


def largest_units(budget, gates, V, D, layers):
    def size(H):
        total = V * D
        inputs = D
        for _ in range(layers):
            total += gates * (H * inputs + H * H + H)
            inputs = H
        return total + V * H + V

    H = 0
    while size(H + 1) <= budget:
        H += 1
    return H


def turn_round_by_slices(x, lengths):
    out = x.copy()
    for n, length in enumerate(lengths):
        out[:length, n] = x[:length, n][::-1]
    return out


def mean_and_max_by_sequence(y, lengths):
    _, B, S = y.shape
    mean, most = np.zeros((B, S)), np.zeros((B, S))
    for n in range(B):
        own = y[: lengths[n], n]
        mean[n] = own.sum(axis=0) / lengths[n]
        most[n] = own.max(axis=0)
    return mean, most


def stack_step_layer_by_layer(x_t, h, W_i, W_h, b):
    new = np.zeros_like(h)
    for k in range(len(h)):
        below = x_t if k == 0 else new[k - 1]
        new[k] = np.tanh(below @ W_i[k].T + h[k] @ W_h[k].T + b[k])
    return new


def both_ends_at_once(y, lengths):
    H, n = y.shape[2] // 2, np.arange(len(lengths))
    return np.concatenate([y[lengths - 1, n, :H], y[0, :, H:]], axis=1)


def both_ends_backward_at_once(ds, lengths, T):
    B, H = len(ds), ds.shape[1] // 2
    dy = np.zeros((T, B, 2 * H))
    dy[lengths - 1, np.arange(B), :H] = ds[:, :H]
    dy[0, :, H:] = ds[:, H:]
    return dy


def pack_by_counts(x, lengths):
    order = np.argsort(-lengths)
    sizes = np.array([np.sum(lengths > t) for t in range(max(lengths))])
    rows = [x[t, order[: sizes[t]]] for t in range(len(sizes))]
    return np.concatenate(rows), sizes


PROGRAMS = {
    "turn_round": (turn_round, turn_round_by_slices),
    "stack_step": (stack_step, stack_step_layer_by_layer),
    "both_ends": (both_ends, both_ends_at_once),
    "both_ends_backward": (both_ends_backward, both_ends_backward_at_once),
    "mean_and_max": (mean_and_max, mean_and_max_by_sequence),
    "pack": (pack, pack_by_counts),
    "largest_units": (largest_units,),
}

HOLDS = {
    "both_ends_backward": {
        "H": "half the width of `ds`",
    },
    "stack_step": {
        "below": "what a layer reads from below",
    },
    "mean_and_max": {
        "mask": "which steps are a sequence's own",
    },
}
