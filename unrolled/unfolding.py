"""Chapter 3: Unfolding.

Generated from chapters/03_unfolding.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.common.arguments import check_shape, floats, floats_like, integers, one_number

__all__ = [
    "ACTIVATIONS",
    "elman_forward",
    "identity",
    "identity_derivative",
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
    """σ(x) = 1 / (1 + e^-x), slide 12, without overflow for any x. Keeps the dtype."""
    x = floats(x=x)
    e = np.exp(-np.abs(x))  # in (0, 1]
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


def tanh(x):
    """tanh(x) = (e^x - e^-x) / (e^x + e^-x) = 2 σ(2x) - 1."""
    return np.tanh(floats(x=x))


def relu(x):
    """max(0, x)."""
    return np.maximum(floats(x=x), 0)


def identity(x):
    """x itself: makes a network linear."""
    return floats(x=x)


def sigmoid_derivative(h):
    """σ'(x) from the output h = σ(x): h (1 - h)."""
    h = floats(h=h)
    return h * (1 - h)


def tanh_derivative(h):
    """tanh'(x) from the output h = tanh(x): 1 - h²."""
    return 1 - floats(h=h) ** 2


def relu_derivative(h):
    """relu'(x) from the output h = relu(x): 1 where h > 0, else 0, as in torch."""
    h = floats(h=h)
    return np.greater(h, 0).astype(h.dtype)


def identity_derivative(h):
    """1, in the shape of the output."""
    return np.ones_like(floats(h=h))


ACTIVATIONS = {
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "relu": (relu, relu_derivative),
    "identity": (identity, identity_derivative),
}


def _activation(name, argument="activation"):
    """The function and its derivative, or ValueError for a name not in the table."""
    if name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ValueError(f"{argument}: one of {known} expected, got {name!r}")
    return ACTIVATIONS[name]


def _check_rnn(x, before, W_i, W_h, b, steps):
    """The five arrays as floats of one type; ValueError unless they fit together."""
    state = "h_0" if steps else "h_prev"
    arrays = {"x": x, state: before, "W_i": W_i, "W_h": W_h, "b": b}
    x, before, W_i, W_h, b = floats(**arrays)
    check_shape("x", x, "TBD" if steps else "BD")
    check_shape("W_h", W_h, "HH")
    (B, D), H = x.shape[-2:], len(W_h)
    check_shape("W_h", W_h, (H, H), f"a square matrix, here with {H} rows")
    check_shape("W_i", W_i, (H, D), f"H = {H} as in W_h, D = {D} as in x")
    check_shape("b", b, (H,), f"H = {H} as in W_h")
    if not (steps and (before is None or before.shape == (H,))):
        check_shape(state, before, (B, H), f"B = {B} as in x, H = {H} as in W_h")
    return x, before, W_i, W_h, b


def rnn_step(x, h_prev, W_i, W_h, b, activation="tanh"):
    """One step of eq. (4), slide 11: h = f(W_h h_prev + W_i x + b).

    x: (B, D), h_prev: (B, H), W_i: (H, D), W_h: (H, H), b: (H,); activation: a name in
    ACTIVATIONS. Returns h: (B, H) and a cache. Raises ValueError when arguments do not
    fit together.
    """
    f, _ = _activation(activation)
    x, h_prev, W_i, W_h, b = _check_rnn(x, h_prev, W_i, W_h, b, steps=False)
    h = f(h_prev @ W_h.T + x @ W_i.T + b)  # (B, H)
    return h, (x, h_prev, W_i, W_h, h, activation)


def rnn_step_backward(dh, cache):
    """Gradients of `rnn_step`: dx, dh_prev, dW_i, dW_h, db. dh: (B, H)."""
    x, h_prev, W_i, W_h, h, activation = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    _, derivative = ACTIVATIONS[activation]
    da = dh * derivative(h)  # (B, H)
    return da @ W_i, da @ W_h, da.T @ x, da.T @ h_prev, da.sum(axis=0)


def rnn_forward(x, h_0, W_i, W_h, b, activation="tanh"):
    """All steps, eq. (7), slide 14: h[t+1] = f(W_h h[t] + W_i x[t] + b).

    x: (T, B, D); h_0: (B, H), or (H,) for one state that the batch shares, or None for
    zeros; W_i: (H, D), W_h: (H, H), b: (H,). Returns h: (T+1, B, H) with h[0] = h_0,
    and a cache (x, h_0, W_i, W_h, h, activation). Raises ValueError when arguments do
    not fit together.
    """
    f, _ = _activation(activation)
    x, h_0, W_i, W_h, b = _check_rnn(x, h_0, W_i, W_h, b, steps=True)
    (T, B, D), H = x.shape, len(W_h)
    h = np.empty((T + 1, B, H), x.dtype)
    h[0] = 0 if h_0 is None else h_0
    a = h[1:].reshape(T * B, H)  # a view: W_i x + b waits where the state will stand
    np.matmul(x.reshape(T * B, D), W_i.T, out=a)
    a += b
    W = np.ascontiguousarray(W_h.T)  # rows as BLAS reads them
    moved = np.empty_like(h[0])
    for t in range(T):
        np.matmul(h[t], W, out=moved)
        moved += h[t + 1]
        h[t + 1] = f(moved)
    return h, (x, h_0, W_i, W_h, h, activation)


def readout(h, W_o, b_o=None):
    """A linear output at every step: z = W_o h + b_o.

    h: (..., H), W_o: (V, H), b_o: (V,) or left out. Returns z: (..., V) and a cache.
    Raises ValueError when arguments do not fit together.
    """
    h, W_o, b_o = floats(h=h, W_o=W_o, b_o=b_o)
    check_shape("W_o", W_o, ("V", *h.shape[-1:]), f"h has shape {h.shape}")
    z = h @ W_o.T
    if b_o is not None:
        check_shape("b_o", b_o, (len(W_o),), f"W_o has {len(W_o)} rows")
        z = z + b_o
    return z, (h, W_o, b_o)


def readout_backward(dz, cache):
    """Gradients of `readout`: dh, dW_o, and db_o where there was a b_o."""
    h, W_o, b_o = cache
    dz = floats_like("dz", dz, (*h.shape[:-1], len(W_o)), h.dtype)
    flat = dz.reshape(-1, len(W_o))  # (steps, V)
    dh, dW_o = dz @ W_o, flat.T @ h.reshape(-1, h.shape[-1])
    return (dh, dW_o) if b_o is None else (dh, dW_o, flat.sum(axis=0))


def predict(P):
    """The most probable class of every step, eq. (8), slide 16. (..., V) -> (...)."""
    return np.argmax(floats(P=P), axis=-1)


def _classes(P, y):
    """P: (..., V) as floats and y: (...) as integers in 0 … V-1, or ValueError."""
    P = floats(P=P)
    check_shape("P", P, (*P.shape[:-1], "V"))
    y = integers("y", y, P.shape[-1])
    check_shape("y", y, P.shape[:-1], "one class for each distribution in P")
    return P, y


def step_losses(P, y):
    """L_t = -log P(y_t; h_t) at every step, eq. (9), slide 16.

    P: (..., V), probabilities; y: (...), the true classes, ints in 0 … V-1. Returns
    (...). Raises ValueError when the shapes differ or a class does not exist.
    """
    P, y = _classes(P, y)
    return -np.log(np.take_along_axis(P, y[..., None], axis=-1)[..., 0])


def total_loss(P, y):
    """ℓ = Σ_t L_t, eq. (10), slide 16: a sum over all steps and the batch, no mean."""
    P, y = _classes(P, y)
    return step_losses(P, y).sum(), (P, y[..., None])


def total_loss_backward(dl, cache):
    """dP: -dl / P at the true class of every step, 0 elsewhere."""
    (P, y), dl = cache, one_number("dl", dl)
    dP = np.zeros_like(P)
    np.put_along_axis(dP, y, -dl / np.take_along_axis(P, y, axis=-1), axis=-1)
    return dP


def elman_forward(x, h_0, W_1, W_2, W_3, activation="sigmoid", rho="identity"):
    """Elman network: h_t = σ(W_1 x_t + W_2 h_{t-1}), guess of x_{t+1} = ρ(W_3 h_t).

    x: (T, B, D), h_0 as in `rnn_forward`, W_1: (H, D), W_2: (H, H), W_3: (D, H);
    activation (σ) and rho are names in ACTIVATIONS. Returns x_hat: (T, B, D), where
    x_hat[t] is the guess of x[t+1], and the caches of both layers. Raises ValueError
    when arguments do not fit together.
    """
    x, h_0, W_1, W_2, W_3 = floats(x=x, h_0=h_0, W_1=W_1, W_2=W_2, W_3=W_3)
    check_shape("x", x, "TBD")
    check_shape("W_2", W_2, ("H", len(np.atleast_1d(W_2))))
    H, D = len(W_2), x.shape[2]
    check_shape("W_1", W_1, (H, D), f"H = {H} as in W_2, D = {D} as in x")
    check_shape("W_3", W_3, (D, H), f"H = {H} as in W_2, D = {D} as in x")
    h, rnn = rnn_forward(x, h_0, W_1, W_2, np.zeros(H, W_2.dtype), activation)
    z, out = readout(h[1:], W_3)
    return _activation(rho, "rho")[0](z), (rnn, out)
