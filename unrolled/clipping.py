"""Chapter 6: Vanishing, exploding, clipping.

Generated from chapters/06_clipping.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

from itertools import islice

import numpy as np

from unrolled.bptt import rnn_backward
from unrolled.language_models import cross_entropy, cross_entropy_backward
from unrolled.support import progress
from unrolled.unfolding import ACTIVATIONS, readout, readout_backward, rnn_forward

__all__ = [
    "STEEPEST",
    "adam",
    "answer",
    "answer_gradients",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "init_identity",
    "init_orthogonal",
    "init_scaled",
    "jacobian_products",
    "lag_norms",
    "momentum",
    "recall",
    "recall_accuracy",
    "recall_forever",
    "recall_parameters",
    "sgd",
    "step_jacobians",
    "train",
]


def step_jacobians(h, W_h, activation="tanh"):
    """J_t = ∂h_t/∂h_{t-1} = diag(f'(a_t)) W_h for every step, slide 27.

    h: (T+1, B, H), states of `rnn_forward`; W_h: (H, H). Returns (T, B, H, H), whose
    entry t is ∂h[t+1]/∂h[t]. Raises ValueError when arguments do not fit together.
    """
    shape, known = np.shape(h), ", ".join(ACTIVATIONS)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: one of {known} expected, got {activation!r}")
    if len(shape) != 3 or np.shape(W_h) != 2 * shape[-1:]:
        raise ValueError(
            f"h, W_h: shapes (T+1, B, H) and (H, H) expected, got {shape} and {np.shape(W_h)}"
        )
    _, derivative = ACTIVATIONS[activation]
    return derivative(h[1:])[..., None] * W_h  # (T, B, H, H): each row by its slope


def jacobian_products(h, W_h, activation="tanh", longest=None):
    """P_k = ∂h_T/∂h_{T-k} for k = 0 … longest (by default T): (longest+1, B, H, H).

    Raises ValueError for a lag outside 0 … T.
    """
    J = step_jacobians(h, W_h, activation)
    longest = len(J) if longest is None else longest
    if not 0 <= longest <= len(J):
        raise ValueError(f"longest: a lag in 0 … {len(J)} expected, got {longest}")
    P = np.empty((longest + 1, *J.shape[1:]), J.dtype)
    P[0] = np.eye(J.shape[-1])
    for k in range(longest):
        P[k + 1] = P[k] @ J[len(J) - 1 - k]
    return P


def lag_norms(h, W_h, activation="tanh", longest=None):
    """‖∂h_T/∂h_{T-k}‖, the largest singular value, for k = 0 … longest.

    Arguments as in `jacobian_products`. Returns (longest+1, B).
    """
    P = jacobian_products(h, W_h, activation, longest)
    return np.linalg.norm(P, ord=2, axis=(-2, -1))


STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "identity": 1.0}  # γ = max |f'|


def global_norm(grads):
    """The joint norm √(Σ g²) over all arrays of the dict `grads`: a float.

    Summed in float64, so that squares of float32 do not overflow.
    """
    squares = (np.sum(np.square(g, dtype=float)) for g in grads.values())
    return float(np.sqrt(sum(squares)))


def _check_clipping(grads, tau):
    """Raise ValueError unless tau > 0 and every gradient is finite."""
    if not tau > 0:
        raise ValueError(f"tau: a number above 0 expected, got {tau}")
    for name, g in grads.items():
        bad = np.size(g) - np.count_nonzero(np.isfinite(g))
        if bad:
            raise ValueError(
                f"grads: finite numbers expected, {bad} of {np.size(g)} in {name!r} are not"
            )


def clip_by_norm(grads, tau):
    """Norm clipping, slide 28, eq. (18): (clipped gradients, joint norm before).

    grads: {name: array}; tau > 0, or inf for no clipping. Raises ValueError for
    tau <= 0 and for a gradient that is not finite, by name.
    """
    _check_clipping(grads, tau)
    norm = global_norm(grads)
    scale = min(1.0, tau / (norm + 1e-6))  # 1e-6 as in torch: no division by zero
    return {name: scale * g for name, g in grads.items()}, norm


def clip_by_value(grads, tau):
    """Every number by itself into [-tau, tau]; changes the direction."""
    _check_clipping(grads, tau)
    return {name: np.clip(g, -tau, tau) for name, g in grads.items()}


def _check_names(params, grads):
    """Raise ValueError unless each parameter has one gradient, of its shape."""
    if set(params) != set(grads):
        raise ValueError(f"grads: one for each of {sorted(params)} expected, got {sorted(grads)}")
    for name, g in grads.items():
        if np.shape(g) != np.shape(params[name]):
            raise ValueError(
                f"grads: shape {np.shape(params[name])} expected for {name!r}, got {np.shape(g)}"
            )


def sgd(params, grads, state, lr):
    """θ ← θ - η g, in place."""
    _check_names(params, grads)
    for name, g in grads.items():
        params[name] -= lr * g


def momentum(params, grads, state, lr, mu=0.9):
    """v ← μ v + g, θ ← θ - η v, in place; v is kept in `state`."""
    _check_names(params, grads)
    for name, g in grads.items():
        v = state["v", name] = mu * state.get(("v", name), 0) + g
        params[name] -= lr * v


def adam(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """Steps of about η: m and v are running means of g and g², corrected; in place."""
    _check_names(params, grads)
    n = state["n"] = state.get("n", 0) + 1
    for name, g in grads.items():
        m = state["m", name] = beta1 * state.get(("m", name), 0) + (1 - beta1) * g
        v = state["v", name] = beta2 * state.get(("v", name), 0) + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**n), v / (1 - beta2**n)
        params[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)


def _check_size(rows, columns):
    for name, value in (("rows", rows), ("columns", columns)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}: an integer >= 1 expected, got {value!r}")


def init_scaled(rng, rows, columns, gain=1.0):
    """(rows, columns) Gaussian numbers of variance gain²/columns."""
    _check_size(rows, columns)
    return gain * rng.standard_normal((rows, columns)) / np.sqrt(columns)


def init_orthogonal(rng, rows, columns, gain=1.0):
    """gain times random orthonormal columns, or rows where these are fewer."""
    _check_size(rows, columns)
    tall = max(rows, columns), min(rows, columns)
    Q, R = np.linalg.qr(rng.standard_normal(tall))
    Q = Q * np.where(np.diag(R) < 0, -1, 1)
    return gain * (Q if rows >= columns else Q.T)


def init_identity(rng, rows, columns, gain=1.0):
    """gain times the identity; rng is not used: the three can replace each other."""
    _check_size(rows, columns)
    return gain * np.eye(rows, columns)


def _copy(params):
    return {name: np.array(value) for name, value in params.items()}


def _fault(step, loss, grads):
    """What is not finite, in words; "" if all is well."""
    broken = [name for name, g in grads.items() if not np.isfinite(g).all()]
    if not np.isfinite(loss):
        return f"in step {step} the loss is {loss}; lower lr, or clip"
    what = ", ".join(broken)
    return f"in step {step} the gradient of {what} is not finite" if broken else ""


def _judge(step, params, evaluate, best, curve):
    """Evaluate, and keep the parameters if none were better so far."""
    held_out = float(evaluate(params))
    curve["at"].append(step)
    curve["held_out"].append(held_out)
    if held_out < curve["least"]:
        curve["least"], curve["best"] = held_out, step
        best.update(_copy(params))


def _finish(step, params, evaluate, best, curve):
    """The parameters to return, after a last evaluation unless training was stopped."""
    if curve["stopped"]:
        return best
    if not evaluate:
        return _copy(params)
    _judge(step, params, evaluate, best, curve)
    return best


def _report(curve):
    """The last line: steps, loss, what was kept, and why it stopped."""
    losses, text = curve["loss"], f"{len(curve['loss'])} steps"
    text += f": loss {losses[0]:.4g} → {losses[-1]:.4g}" if losses else ""
    if curve["at"]:
        text += f"; held out {curve['least']:.4g}, kept from step {curve['best']}"
    return text + (f"; stopped: {curve['stopped']}" if curve["stopped"] else "")


def train(
    params,
    gradients,
    batches,
    optimiser=adam,
    lr=1e-3,
    clip=np.inf,
    steps=None,
    evaluate=None,
    every=100,
    show=True,
):
    """Train on each of `batches`, at most `steps` of them: (best parameters, curve).

    gradients(params, batch) -> (loss, grads); optimiser(params, grads, state, lr);
    clip: τ of `clip_by_norm`; evaluate(params) -> a number, less is better, asked every
    `every` steps. Best: by `evaluate`, else the last with a finite loss. curve: lists
    loss, norm (before clipping), at, held_out; numbers best, least; stopped: "" or why.
    """
    params, best, state = _copy(params), _copy(params), {}
    curve = {"loss": [], "norm": [], "at": [], "held_out": []}
    curve |= {"best": 0, "least": np.inf, "stopped": ""}
    line, step = progress.Progress(steps, show), 0
    with np.errstate(over="ignore", invalid="ignore"):  # _fault looks for it
        for step, batch in enumerate(islice(batches, steps), start=1):
            if evaluate and (step - 1) % every == 0:
                _judge(step - 1, params, evaluate, best, curve)
            loss, grads = gradients(params, batch)
            curve["stopped"] = _fault(step, loss, grads)
            if curve["stopped"]:
                break
            best = best if evaluate else _copy(params)
            grads, norm = clip_by_norm(grads, clip)
            optimiser(params, grads, state, lr)
            curve["loss"].append(float(loss))
            curve["norm"].append(norm)
            line.update(step, f"loss {loss:.4g}")
        best = _finish(step, params, evaluate, best, curve)
    line.finish(_report(curve))
    return best, curve


def recall(rng, lag, B):
    """The recall task: a word, then `lag` steps of noise, then tell the word.

    Returns x: (lag+1, B, 2), whose first step is (0, ±1) and whose others are
    (noise, 0), and y: (B,), ints, 1 for + and 0 for -. Raises ValueError for lag or B
    below 1.
    """
    for name, value in (("lag", lag), ("B", B)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}: an integer >= 1 expected, got {value!r}")
    x, y = np.zeros((lag + 1, B, 2)), rng.integers(0, 2, B)
    x[0, :, 1] = 2 * y - 1
    x[1:, :, 0] = rng.standard_normal((lag, B))
    return x, y


def recall_forever(rng, lag, B):
    """Batches of `recall`, without end."""
    while True:
        yield recall(rng, lag, B)


def answer(params, x, activation="tanh"):
    """Scores after the last step: (B, V), and a cache. params: W_i, W_h, b, W_o."""
    weights = params["W_i"], params["W_h"], params["b"]
    h, cache_h = rnn_forward(x, None, *weights, activation)
    z, cache_z = readout(h[-1], params["W_o"])
    return z, (h, cache_h, cache_z)


def answer_gradients(params, batch, activation="tanh"):
    """Mean cross-entropy of the answer after the last step, and all gradients.

    batch: x (T, B, D) and y (B,), ints. Returns (loss, {name: gradient}).
    """
    x, y = batch
    z, (h, cache_h, cache_z) = answer(params, x, activation)
    loss, cache_l = cross_entropy(z, y)
    dz = cross_entropy_backward(1 / len(y), cache_l)
    dh = np.zeros_like(h)
    dh[-1], dW_o = readout_backward(dz, cache_z)
    _, _, dW_i, dW_h, db = rnn_backward(dh, cache_h)
    return loss / len(y), {"W_i": dW_i, "W_h": dW_h, "b": db, "W_o": dW_o}


def recall_parameters(rng, start=init_scaled, H=16):
    """Parameters for `answer` on the recall task; `start` makes W_h."""
    return {
        "W_i": init_scaled(rng, H, 2),
        "W_h": start(rng, H, H),
        "b": np.zeros(H),
        "W_o": init_scaled(rng, 2, H),
    }


def recall_accuracy(lag, seed, steps=400, start=init_scaled, H=16):
    """Train a tanh network on `recall`: (accuracy on new sequences, product before).

    The product is the median of ‖∂h_T/∂h_1‖ over a batch, before training.
    """
    seeds = np.random.default_rng(seed).spawn(4)
    params = recall_parameters(seeds[0], start, H)
    chosen_by, (x, y) = recall(seeds[1], lag, 200), recall(seeds[2], lag, 1000)
    _, (h, *_) = answer(params, x[:, :32])
    product = np.median(lag_norms(h, params["W_h"], longest=lag)[-1])
    params, _ = train(
        params,
        answer_gradients,
        recall_forever(seeds[3], lag, 32),
        lr=3e-3,
        clip=1.0,
        steps=steps,
        show=False,
        evaluate=lambda params: answer_gradients(params, chosen_by)[0],
    )
    accuracy = np.mean(answer(params, x)[0].argmax(axis=-1) == y)
    return float(accuracy), float(product)
