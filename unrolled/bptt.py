"""Chapter 5: Backpropagation through time.

Generated from chapters/05_bptt.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.common.arguments import (
    check_shape,
    floats,
    floats_like,
    integers,
    one_integer,
    one_number,
)
from unrolled.language_models import cross_entropy, cross_entropy_backward, embed, embed_backward
from unrolled.unfolding import ACTIVATIONS, readout, readout_backward, rnn_forward

__all__ = [
    "gradient_by_lag",
    "language_model_backward",
    "language_model_loss",
    "rnn_backward",
    "rnn_forward_accumulation",
    "sum_over_paths",
    "truncated_backward",
]


def language_model_loss(X, h_0, W_i, W_h, b, W_o, tokens, targets, mask=None, activation="tanh"):
    """ℓ = Σ_t L_t, eq. (10), of an RNN language model, slide 23; and the last state.

    X: (V, D); h_0: (B, H), or (H,) for all sequences, or None for zeros; W_i: (H, D),
    W_h: (H, H), b: (H,), W_o: (V, H); tokens, targets: (T, B), ints in 0 … V-1; mask:
    (T, B), False where nothing is predicted. Returns (ℓ, h_T) with h_T: (B, H), and a
    cache. Raises ValueError when arguments do not fit together.
    """
    X, h_0, W_i, W_h, b, W_o = floats(X=X, h_0=h_0, W_i=W_i, W_h=W_h, b=b, W_o=W_o)
    tokens = integers("tokens", tokens, len(X))
    check_shape("tokens", tokens, ("T", "B"))
    x, embedded = embed(X, tokens)  # (T, B, D)
    h, unrolled = rnn_forward(x, h_0, W_i, W_h, b, activation)  # (T+1, B, H)
    z, read = readout(h[1:], W_o)  # (T, B, V)
    loss, judged = cross_entropy(z, targets, mask)
    return (loss, h[-1]), (embedded, unrolled, read, judged)


def _as_given(dh_0, h_0):
    """The gradient of the base condition: summed over a batch that shares h_0: (H,)."""
    return dh_0.sum(axis=0) if np.ndim(h_0) == 1 else dh_0


def sum_over_paths(dh, cache):
    """Gradients of `rnn_forward` as slide 26 writes them, eq. (16): T(T+1)/2 terms.

    dh: (T+1, B, H), the gradient each state gets from its own loss; cache: that of
    `rnn_forward`. Returns dx, dh_0, dW_i, dW_h, db, as `rnn_backward` does, in O(T²).
    """
    x, h_0, W_i, W_h, h, activation = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    slope = ACTIVATIONS[activation][1](h)  # slope[i] = f'(a_i): (B, H)
    dx, dh_0, dW_i, dW_h, db = (np.zeros(a.shape, dh.dtype) for a in (x, h[0], W_i, W_h, W_h[0]))
    for t in range(len(h)):
        g = dh[t]  # (B, H), and before each round g = v_t J_t … J_{i+1}
        for i in range(t, 0, -1):
            q = g * slope[i]
            dx[i - 1] += q @ W_i
            dW_i += q.T @ x[i - 1]
            dW_h += q.T @ h[i - 1]
            db += q.sum(axis=0)
            g = q @ W_h
        dh_0 += g
    return dx, _as_given(dh_0, h_0), dW_i, dW_h, db


def rnn_backward(dh, cache):
    """Gradients of `rnn_forward` by backpropagation through time, in O(T).

    dh: (T+1, B, H), the gradient each state gets from outside the recursion, dh[0] for
    h_0. Returns dx: (T, B, D); dh_0 in the shape of h_0, (B, H) if that was None; dW_i,
    dW_h, db. Raises ValueError when dh has not the shape of h.
    """
    x, h_0, W_i, W_h, h, activation = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    (T, B, D), H = x.shape, len(W_h)
    da = ACTIVATIONS[activation][1](h[1:]).astype(dh.dtype, copy=False)  # f'(a) so far
    delta = dh[T].copy()  # (B, H)
    for t in reversed(range(T)):
        da[t] *= delta
        np.matmul(da[t], W_h, out=delta)
        delta += dh[t]
    rows = da.reshape(T * B, H)
    dW_i, dW_h = rows.T @ x.reshape(T * B, D), rows.T @ h[:-1].reshape(T * B, H)
    dx = (rows @ W_i).reshape(T, B, D)
    return dx, _as_given(delta, h_0), dW_i, dW_h, rows.sum(axis=0)


def language_model_backward(dout, cache, through=rnn_backward):
    """Gradients of `language_model_loss`: dX, dh_0, dW_i, dW_h, db, dW_o.

    dout: (dℓ, dh_T): a number, and a number or (B, H), what a later part of the text
    sends back. through: the backward pass of the RNN, a function of (dh, cache).
    """
    (dloss, dh_T), (embedded, unrolled, read, judged) = dout, cache
    h = unrolled[4]
    if not isinstance(dh_T, (list, np.ndarray)):
        dh_T = np.full(h[-1].shape, one_number("dh_T", dh_T), h.dtype)
    dh_T = floats_like("dh_T", dh_T, h[-1].shape, h.dtype)
    dz = cross_entropy_backward(dloss, judged).astype(dh_T.dtype, copy=False)
    dh_read, dW_o = readout_backward(dz, read)
    dh = np.zeros(h.shape, dh_T.dtype)  # no loss looks at h_0
    dh[1:] = dh_read
    dh[-1] += dh_T
    dx, *inner = through(dh, unrolled)  # dh_0, dW_i, dW_h, db
    return embed_backward(dx, embedded), *inner, dW_o


def rnn_forward_accumulation(x, h_0, W_i, W_h, b, upstream, activation="tanh"):
    """Gradients by forward accumulation (real-time recurrent learning): no states kept.

    x, h_0, W_i, W_h, b as in `rnn_forward`; upstream(t, h_t): v_t = ∂L_t/∂h_t: (B, H),
    for t = 1 … T, asked for when h_t is known. Returns dh_0, dW_i, dW_h, db.
    """
    x, h_0, W_i, W_h, b = floats(x=x, h_0=h_0, W_i=W_i, W_h=W_h, b=b)
    (h, _), _ = rnn_forward(x[:1], h_0, W_i, W_h, b, activation)  # it checks
    (T, B, D), H = x.shape, len(W_h)
    f, derivative = ACTIVATIONS[activation]
    W, unit = np.column_stack([W_h, W_i, b]), np.arange(H)  # (H, M)
    S = np.zeros((B, H, H, W.shape[1]), h.dtype)  # ∂h_k / ∂W_rm
    S_0 = np.broadcast_to(np.eye(H, dtype=h.dtype), (B, H, H))  # ∂h_k / ∂h_0j
    dW, dh_0 = np.zeros_like(W), np.zeros_like(h)
    for t in range(T):
        c = np.column_stack([h, x[t], np.ones(B, h.dtype)])  # (B, M)
        h = f(c @ W.T)
        slope = derivative(h)[:, :, None]  # (B, H, 1)
        S = (W_h @ S.reshape(B, H, -1)).reshape(S.shape)  # W_h S_{t-1}
        S[:, unit, unit] += c[:, None]  # … plus the immediate derivative
        S *= slope[..., None]
        S_0 = slope * (W_h @ S_0)
        v = floats_like("upstream", upstream(t + 1, h), h.shape, h.dtype)
        dW = dW + np.tensordot(v, S, ((0, 1), (0, 1)))
        dh_0 = dh_0 + np.matmul(v[:, None], S_0)[:, 0]
    dW_h, dW_i, db = np.split(dW, [H, H + D], axis=1)
    return _as_given(dh_0, h_0), dW_i, dW_h, db[:, 0]


def truncated_backward(dh, cache, k=32):
    """Truncated BPTT: gradients of `rnn_forward` with every path cut at steps k, 2k, ….

    dh, cache and what is returned as in `rnn_backward`. Raises ValueError for k < 1.
    """
    k = one_integer("k", k, least=1)
    x, h_0, W_i, W_h, h, activation = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    dx, sums = np.empty(x.shape, dh.dtype), None
    for s in range(0, len(x), k):
        upstream, first = dh[s : s + k + 1].copy(), h[s]
        if s:
            upstream[0] = 0  # here h[s] is a constant; its dh went to the last window
        else:
            first = h_0
        window = (x[s : s + k], first, W_i, W_h, h[s : s + k + 1], activation)
        dx[s : s + k], dh_s, *grads = rnn_backward(upstream, window)
        if s == 0:
            dh_0, sums = dh_s, grads
        else:
            sums = [total + more for total, more in zip(sums, grads)]
    return dx, dh_0, *sums


def gradient_by_lag(dh, cache, longest=None):
    """dW_h of eq. (16), sorted by lag t - i: (longest+1, H, H). All lags sum to dW_h.

    dh and cache as in `rnn_backward`; longest: the largest lag, T-1 when not given.
    Raises ValueError when it is negative or does not fit into the sequence.
    """
    x, _, _, W_h, h, activation = cache
    dh = floats_like("dh", dh, h.shape, h.dtype)
    T, H = len(x), len(W_h)
    longest = T - 1 if longest is None else one_integer("longest", longest)
    if longest >= T:
        raise ValueError(
            f"longest: a lag in 0 … {T - 1} expected (a sequence of {T} steps), got {longest!r}"
        )
    slope, g = ACTIVATIONS[activation][1](h[1:]), dh[1:]  # lag 0: row i of g is v_i
    by_lag = np.empty((longest + 1, H, H), dh.dtype)
    for lag in range(longest + 1):
        q = g * slope[: T - lag]  # of the paths that begin at i = 1 … T - lag
        by_lag[lag] = q.reshape(-1, H).T @ h[: T - lag].reshape(-1, H)
        g = (q @ W_h)[1:]  # … and now one step earlier
    return by_lag
