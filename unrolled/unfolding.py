"""Chapter 3: Unfolding.

Generated from chapters/03_unfolding.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

__all__ = [
    "ACTIVATIONS",
    "predict",
    "readout",
    "readout_backward",
    "relu",
    "relu_derivative",
    "rnn_forward",
    "rnn_step",
    "rnn_step_backward",
    "sigmoid",
    "sigmoid_derivative",
    "step_losses",
    "tanh",
    "tanh_derivative",
    "total_loss",
    "total_loss_backward",
]


def sigmoid(x):
    """σ(x) = 1 / (1 + e^-x), slide 12, without overflow for any x. Keeps shape, dtype."""
    e = np.exp(-np.abs(x))  # in (0, 1]: it cannot overflow
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


def tanh(x):
    """tanh(x) = (e^x - e^-x) / (e^x + e^-x) = 2 σ(2x) - 1."""
    return np.tanh(x)


def relu(x):
    """max(0, x)."""
    return np.maximum(x, 0)


def sigmoid_derivative(h):
    """σ'(x) in terms of the output h = σ(x): h (1 - h)."""
    return h * (1 - h)


def tanh_derivative(h):
    """tanh'(x) in terms of the output h = tanh(x): 1 - h²."""
    return 1 - h**2


def relu_derivative(h):
    """relu'(x) in terms of the output h = relu(x): 1 where h > 0, else 0, as in torch."""
    return np.greater(h, 0).astype(np.result_type(h))


ACTIVATIONS = {
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "relu": (relu, relu_derivative),
}


def _activation(name):
    """The function and its derivative, or ValueError for a name that is not in the table."""
    if name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"activation: one of {known} expected, got {name!r}")
    return ACTIVATIONS[name]


def _check_shape(name, value, expected, why):
    """Raise ValueError unless the array `value` has the shape `expected`."""
    if np.shape(value) != expected:
        raise ValueError(f"{name}: shape {expected} expected ({why}), got {np.shape(value)}")


def _check_rnn(x, h_0, W_i, W_h, b, axes):
    """Raise ValueError unless input, state and parameters of an RNN fit together."""
    if np.ndim(x) != axes or 0 in np.shape(x):
        wanted = "(T, B, D)" if axes == 3 else "(B, D)"
        raise ValueError(f"x: shape {wanted}, none of them 0, expected, got {np.shape(x)}")
    for name, W in (("W_i", W_i), ("W_h", W_h)):
        if np.ndim(W) != 2:
            raise ValueError(f"{name}: a matrix expected, got shape {np.shape(W)}")
    (B, D), H = x.shape[-2:], len(W_h)
    _check_shape("W_h", W_h, (H, H), f"a row of {H} weights for each of {H} units")
    _check_shape("W_i", W_i, (H, D), f"H = {H} units in W_h, D = {D} inputs in x")
    _check_shape("b", b, (H,), f"H = {H} units in W_h")
    if np.shape(h_0) != (H,) or axes == 2:
        _check_shape("h_0" if axes == 3 else "h_prev", h_0, (B, H), f"B = {B}, H = {H}")


def rnn_step(x, h_prev, W_i, W_h, b, activation="tanh"):
    """One step of eq. (4), slide 11: h = f(W_i x + W_h h_prev + b).

    x: (B, D), h_prev: (B, H), W_i: (H, D), W_h: (H, H), b: (H,); activation: a name in
    ACTIVATIONS. Returns h: (B, H) and a cache. Raises ValueError when arguments do not
    fit together.
    """
    f, _ = _activation(activation)
    _check_rnn(x, h_prev, W_i, W_h, b, axes=2)
    h = f(x @ W_i.T + h_prev @ W_h.T + b)  # (B, H)
    return h, (x, h_prev, W_i, W_h, h, activation)


def rnn_step_backward(dh, cache):
    """Gradients of `rnn_step`: dx, dh_prev, dW_i, dW_h, db. dh: (B, H)."""
    x, h_prev, W_i, W_h, h, activation = cache
    _, derivative = ACTIVATIONS[activation]
    da = dh * derivative(h)  # (B, H)
    return da @ W_i, da @ W_h, da.T @ x, da.T @ h_prev, da.sum(axis=0)


def rnn_forward(x, h_0, W_i, W_h, b, activation="tanh"):
    """All steps of eq. (4) and (7), slides 11 and 14: h[t+1] = f(W_i x[t] + W_h h[t] + b).

    x: (T, B, D); h_0: (B, H), or (H,) for one state that the batch shares, or None for
    zeros; W_i: (H, D), W_h: (H, H), b: (H,). Returns h: (T+1, B, H) with h[0] = h_0, and
    a cache (x, h_0, W_i, W_h, h, activation). Raises ValueError when arguments do not
    fit together.
    """
    f, _ = _activation(activation)
    _check_rnn(x, np.zeros(len(W_h)) if h_0 is None else h_0, W_i, W_h, b, axes=3)
    (T, B, D), H = x.shape, len(W_h)
    h = np.empty((T + 1, B, H), dtype=np.result_type(x, W_i, W_h, b))
    h[0] = 0 if h_0 is None else h_0
    a = np.matmul(x.reshape(T * B, D), W_i.T, dtype=h.dtype)  # W_i x of every step
    a += b
    a, W = a.reshape(T, B, H), np.ascontiguousarray(W_h.T)  # as BLAS likes it best
    for t in range(T):
        h[t + 1] = f(h[t] @ W + a[t])
    return h, (x, h_0, W_i, W_h, h, activation)


def readout(h, W_o, b_o=None):
    """A linear output at every step: z = W_o h + b_o.

    h: (..., H), W_o: (V, H), b_o: (V,) or left out. Returns z: (..., V) and a cache.
    Raises ValueError when arguments do not fit together.
    """
    if np.ndim(W_o) != 2 or np.ndim(h) < 1 or np.shape(h)[-1] != np.shape(W_o)[-1]:
        raise ValueError(
            f"W_o: shape (V, H) expected (h has shape {np.shape(h)}, its "
            f"last axis is H), got {np.shape(W_o)}"
        )
    if b_o is not None:
        _check_shape("b_o", b_o, (len(W_o),), f"W_o has {len(W_o)} rows")
    z = h @ W_o.T
    return (z if b_o is None else z + b_o), (h, W_o, b_o)


def readout_backward(dz, cache):
    """Gradients of `readout`: dh, dW_o, and db_o if there was a b_o. dz: (..., V)."""
    h, W_o, b_o = cache
    dz_flat = dz.reshape(-1, dz.shape[-1])  # (steps, V)
    dh, dW_o = dz @ W_o, dz_flat.T @ h.reshape(-1, h.shape[-1])
    return (dh, dW_o) if b_o is None else (dh, dW_o, dz_flat.sum(axis=0))


def predict(P):
    """The most probable class at every step, eq. (8), slide 16. P: (..., V) -> (...)."""
    return np.argmax(P, axis=-1)


def step_losses(P, y):
    """L_t = -log P(y_t; h_t) at every step, eq. (9), slide 16.

    P: (..., V), probabilities; y: (...), the true classes, ints in 0 … V-1. Returns
    (...). Raises ValueError when the shapes differ or a class does not exist.
    """
    y, V = np.asarray(y), np.shape(P)[-1]
    _check_shape("y", y, np.shape(P)[:-1], "one class for each distribution in P")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= V:
        raise ValueError(
            f"y: ints in 0 … {V - 1} expected, got {y.dtype} between {y.min()} and {y.max()}"
        )
    return -np.log(np.take_along_axis(P, y[..., None], axis=-1)[..., 0])


def total_loss(P, y):
    """ℓ = Σ_t L_t, eq. (10), slide 16: a sum over all steps (and the batch)."""
    return step_losses(P, y).sum(), (P, y)


def total_loss_backward(dl, cache):
    """dP: -dl / P(y_t) at the true class of every step, 0 elsewhere."""
    P, y = cache
    dP, at = np.zeros_like(P), np.asarray(y)[..., None]
    np.put_along_axis(dP, at, -dl / np.take_along_axis(P, at, axis=-1), axis=-1)
    return dP
