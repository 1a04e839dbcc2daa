"""Chapter 5: Backpropagation through time.

Generated from chapters/05_bptt.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

import numpy as np

from unrolled.language_models import (
    Vocabulary,
    cross_entropy,
    cross_entropy_backward,
    embed,
    embed_backward,
    perplexity,
    split_sentences,
    windows,
)
from unrolled.unfolding import ACTIVATIONS, readout, readout_backward, rnn_forward

__all__ = [
    "descend",
    "documentation",
    "gradient_by_lag",
    "held_out_perplexity",
    "initial_parameters",
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
    x, embedded = embed(X, tokens)  # (T, B, D)
    h, unrolled = rnn_forward(x, h_0, W_i, W_h, b, activation)  # (T+1, B, H)
    z, read = readout(h[1:], W_o)  # (T, B, V)
    loss, judged = cross_entropy(z, targets, mask)
    return (loss, h[-1]), (embedded, unrolled, read, judged)


def _check_dh(dh, h):
    """Raise ValueError unless dh has the shape of the states."""
    if np.shape(dh) != np.shape(h):
        raise ValueError(
            f"dh: shape {np.shape(h)} expected, that of the states h_0 … h_T, got {np.shape(dh)}"
        )


def _as_given(dh_0, h_0):
    """The gradient of the base condition: summed over a batch that shares h_0: (H,)."""
    return dh_0.sum(axis=0) if np.ndim(h_0) == 1 else dh_0


def sum_over_paths(dh, cache):
    """Gradients of `rnn_forward` as slide 26 writes them, eq. (16): T(T+1)/2 terms.

    dh: (T+1, B, H), the gradient each state gets from its own loss; cache: that of
    `rnn_forward`. Returns dx, dh_0, dW_i, dW_h, db, as `rnn_backward` does, in O(T²).
    """
    x, h_0, W_i, W_h, h, activation = cache
    _check_dh(dh, h)
    slope = ACTIVATIONS[activation][1](h)  # slope[i] = f'(a_i): (B, H)
    dx, dh_0, dW_i, dW_h = (np.zeros_like(a) for a in (x, h[0], W_i, W_h))
    db = np.zeros_like(W_h[0])
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
    _check_dh(dh, h)
    (T, B, D), H = x.shape, len(W_h)
    da, delta = ACTIVATIONS[activation][1](h[1:]), dh[T]  # da[t] holds f'(a) so far
    for t in reversed(range(T)):
        da[t] *= delta
        delta = dh[t] + da[t] @ W_h
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
    dh_read, dW_o = readout_backward(cross_entropy_backward(dloss, judged), read)
    dh = np.concatenate([np.zeros_like(dh_read[:1]), dh_read])  # no loss looks at h_0
    dh[-1] += dh_T
    dx, *inner = through(dh, unrolled)  # dh_0, dW_i, dW_h, db
    return embed_backward(dx, embedded), *inner, dW_o


def rnn_forward_accumulation(x, h_0, W_i, W_h, b, upstream, activation="tanh"):
    """Gradients by forward accumulation (real-time recurrent learning): no states kept.

    x, h_0, W_i, W_h, b as in `rnn_forward`; upstream(t, h_t): v_t = ∂L_t/∂h_t: (B, H),
    for t = 1 … T, asked for when h_t is known. Returns dh_0, dW_i, dW_h, db.
    """
    (T, B, D), H = np.shape(x), len(W_h)
    (h, _), _ = rnn_forward(x[:1], h_0, W_i, W_h, b, activation)  # it checks
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
        v = upstream(t + 1, h)
        if np.shape(v) != h.shape:
            raise ValueError(f"upstream: shape {h.shape} expected, got {np.shape(v)}")
        dW += np.tensordot(v, S, ((0, 1), (0, 1)))
        dh_0 += np.matmul(v[:, None], S_0)[:, 0]
    dW_h, dW_i, db = np.split(dW, [H, H + D], axis=1)
    return _as_given(dh_0, h_0), dW_i, dW_h, db[:, 0]


def truncated_backward(dh, cache, k):
    """Truncated BPTT: gradients of `rnn_forward` with every path cut at steps k, 2k, ….

    dh, cache and what is returned as in `rnn_backward`. Raises ValueError for k < 1.
    """
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"k: a window of at least 1 step expected, got {k!r}")
    x, h_0, W_i, W_h, h, activation = cache
    _check_dh(dh, h)
    dx, sums = np.empty_like(x), None
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
    _check_dh(dh, h)
    T, H = len(x), len(W_h)
    longest = T - 1 if longest is None else longest
    if not isinstance(longest, (int, np.integer)) or not 0 <= longest < T:
        raise ValueError(
            f"longest: a lag in 0 … {T - 1} expected (a sequence of {T} steps), got {longest!r}"
        )
    slope, g = ACTIVATIONS[activation][1](h[1:]), dh[1:]  # lag 0: row i of g is v_i
    by_lag = np.empty((longest + 1, H, H), h.dtype)
    for lag in range(longest + 1):
        q = g * slope[: T - lag]  # of the paths that begin at i = 1 … T - lag
        by_lag[lag] = q.reshape(-1, H).T @ h[: T - lag].reshape(-1, H)
        g = (q @ W_h)[1:]  # … and now one step earlier
    return by_lag


def documentation(text, level):
    """(vocabulary, training tokens, held-out tokens) of a text, as in chapter 4."""
    sentences = split_sentences(text)
    training = [line for n, line in enumerate(sentences) if n % 10]
    vocabulary = Vocabulary(training, level, least=4 if level == "word" else 2)
    tokens = [
        np.concatenate([vocabulary.encode(sentence) for sentence in part])
        for part in (training, sentences[::10])
    ]
    return vocabulary, *tokens


def initial_parameters(V, D, H, rng):
    """Random float32 parameters of a language model; W_o, b and h_0 start at zero."""
    normal = rng.standard_normal
    parameters = {
        "X": normal((V, D)),
        "h_0": np.zeros(H),
        "W_i": normal((H, D)) / np.sqrt(D),
        "W_h": 0.9 * normal((H, H)) / np.sqrt(H),
        "b": np.zeros(H),
        "W_o": np.zeros((V, H)),
    }
    return {name: array.astype("float32") for name, array in parameters.items()}


def descend(parameters, stream, rate, T=32, through=rnn_backward, learned=None):
    """Gradient descent along a stream (L, B), in windows of T steps, the state carried.

    Changes the arrays of `parameters` in place and yields, without end, the loss per
    token of each window before its step. through: as in `language_model_backward`.
    learned: names of the parameters to change, all when not given.
    """
    learned = parameters if learned is None else learned
    while True:
        state = parameters["h_0"]
        for tokens, targets in windows(stream, T):
            mask = targets != Vocabulary.start
            arguments = parameters | {"h_0": state}
            (loss, state), cache = language_model_loss(
                **arguments, tokens=tokens, targets=targets, mask=mask
            )
            grads = language_model_backward((1 / mask.sum(), 0.0), cache, through)
            for name, gradient in zip(parameters, grads):
                if name in learned and gradient.shape == parameters[name].shape:
                    parameters[name] -= rate * gradient
            yield loss / mask.sum()


def held_out_perplexity(parameters, stream, T=64):
    """Perplexity of a language model on a stream (L, B), its state carried along."""
    state, total, count = parameters["h_0"], 0.0, 0
    for tokens, targets in windows(stream, T):
        mask = targets != Vocabulary.start
        arguments = parameters | {"h_0": state}
        (loss, state), _ = language_model_loss(
            **arguments, tokens=tokens, targets=targets, mask=mask
        )
        total, count = total + loss, count + mask.sum()
    return perplexity(-total, count)
