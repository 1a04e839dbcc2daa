"""Chapter 6: Vanishing, exploding, clipping.

Generated from chapters/06_clipping.md; an edit made here is lost. Edit the chapter's cells tagged
`export`, then run `make sync`.
"""

from itertools import islice

import numpy as np

from unrolled.common.arguments import check_shape, floats, one_integer, one_number
from unrolled.support import progress
from unrolled.unfolding import ACTIVATIONS

__all__ = [
    "STEEPEST",
    "adam",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "init_identity",
    "init_orthogonal",
    "init_scaled",
    "jacobian_products",
    "lag_norms",
    "momentum",
    "sgd",
    "step_jacobians",
    "train",
]


def step_jacobians(h, W_h, activation="tanh"):
    """J_t = ∂h_t/∂h_{t-1} = diag(f'(a_t)) W_h for every step, slide 27.

    h: (T+1, B, H), states of `rnn_forward`; W_h: (H, H). Returns (T, B, H, H), whose
    entry t is ∂h[t+1]/∂h[t]. Raises ValueError when arguments do not fit together.
    """
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"activation: one of {known} expected, got {activation!r}")
    h, W_h = floats(h=h, W_h=W_h)
    check_shape("h", h, ("T+1", "B", "H"))
    check_shape("W_h", W_h, 2 * h.shape[2:], "H as in h")
    _, derivative = ACTIVATIONS[activation]
    return derivative(h[1:])[..., None] * W_h  # (T, B, H, H): each row by its slope


def jacobian_products(h, W_h, activation="tanh", longest=None):
    """P_k = ∂h_T/∂h_{T-k} for k = 0 … longest (by default T): (longest+1, B, H, H).

    Raises ValueError for a lag outside 0 … T.
    """
    J = step_jacobians(h, W_h, activation)
    longest = len(J) if longest is None else one_integer("longest", longest)
    if longest > len(J):
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
    wide = P.astype(np.result_type(P, np.float32))  # LAPACK knows no float16
    return np.linalg.norm(wide, ord=2, axis=(-2, -1)).astype(P.dtype)


STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "identity": 1.0}  # γ = max |f'|


def _as_floats(arrays):
    """The dict with its arrays as floats of one type (None: even one in a list)."""
    named = {str(name): array for name, array in arrays.items()}
    return dict(zip(arrays, floats(**named, _=None))) if arrays else {}


def global_norm(grads):
    """The joint norm √(Σ g²) over all arrays of the dict `grads`: a float.

    Summed in float64 and in units of the largest entry, so that no square overflows.
    """
    arrays = [g.astype(float) for g in _as_floats(grads).values()]
    largest = float(max((np.abs(g).max() for g in arrays), default=0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(sum(np.sum((g / largest) ** 2) for g in arrays)))


def _check_clipping(grads, tau):
    """Gradients as floats, tau as a number; ValueError for what is not finite."""
    if tau != np.inf:
        tau = one_number("tau", tau, above=0)
    grads = _as_floats(grads)
    for name, g in grads.items():
        bad = g.size - np.count_nonzero(np.isfinite(g))
        if bad:
            raise ValueError(
                f"grads: finite numbers expected, {bad} of {g.size} in {name!r} are not"
            )
    return grads, tau


def clip_by_norm(grads, tau):
    """Norm clipping, slide 28, eq. (18): (clipped gradients, joint norm before).

    grads: {name: array}; tau > 0, or inf for no clipping. Raises ValueError for
    tau <= 0 and for a gradient that is not finite, by name.
    """
    grads, tau = _check_clipping(grads, tau)
    norm = global_norm(grads)
    scale = min(1.0, tau / (norm + 1e-6))  # 1e-6 as in torch: no division by zero
    return {name: scale * g for name, g in grads.items()}, norm


def clip_by_value(grads, tau):
    """Every number by itself into [-tau, tau]; changes the direction."""
    grads, tau = _check_clipping(grads, tau)
    return {name: np.clip(g, -tau, tau) for name, g in grads.items()}


def _check_names(params, grads):
    """The gradients, one of each parameter's shape and type; ValueError for others."""
    if set(params) != set(grads):
        raise ValueError(f"grads: one for each of {sorted(params)} expected, got {sorted(grads)}")
    _as_floats(params)
    grads = _as_floats(grads)
    for name, g in grads.items():
        p = params[name]
        if not isinstance(p, np.ndarray) or p.dtype.kind != "f":
            raise ValueError(
                f"{name}: an array of floats, which is changed, expected, got {type(p).__name__}"
            )
        if g.shape != p.shape:
            raise ValueError(f"grads: shape {p.shape} expected for {name!r}, got {g.shape}")
    return {name: g.astype(params[name].dtype) for name, g in grads.items()}


def sgd(params, grads, state, lr):
    """θ ← θ - η g, in place."""
    grads, lr = _check_names(params, grads), one_number("lr", lr)
    for name, g in grads.items():
        params[name] -= lr * g


def momentum(params, grads, state, lr, mu=0.9):
    """v ← μ v + g, θ ← θ - η v, in place; v is kept in `state`."""
    grads = _check_names(params, grads)
    lr, mu = one_number("lr", lr), one_number("mu", mu)
    for name, g in grads.items():
        v = state["v", name] = mu * state.get(("v", name), 0) + g
        params[name] -= lr * v


def adam(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """Steps of about η: m and v are running means of g and g², corrected; in place."""
    grads, lr = _check_names(params, grads), one_number("lr", lr)
    beta1, beta2 = one_number("beta1", beta1), one_number("beta2", beta2)
    eps = one_number("eps", eps)
    n = state["n"] = state.get("n", 0) + 1
    for name, g in grads.items():
        m = state["m", name] = beta1 * state.get(("m", name), 0) + (1 - beta1) * g
        v = state["v", name] = beta2 * state.get(("v", name), 0) + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**n), v / (1 - beta2**n)
        params[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)


def _size(rows, columns):
    return one_integer("rows", rows, least=1), one_integer("columns", columns, least=1)


def init_scaled(rows, columns, rng, gain=1.0):
    """(rows, columns) Gaussian numbers of variance gain²/columns."""
    rows, columns = _size(rows, columns)
    return gain * rng.standard_normal((rows, columns)) / np.sqrt(columns)


def init_orthogonal(rows, columns, rng, gain=1.0):
    """gain times random orthonormal columns, or rows where these are fewer."""
    rows, columns = _size(rows, columns)
    tall = max(rows, columns), min(rows, columns)
    Q, R = np.linalg.qr(rng.standard_normal(tall))
    Q = Q * np.where(np.diag(R) < 0, -1, 1)
    return gain * (Q if rows >= columns else Q.T)


def init_identity(rows, columns, rng, gain=1.0):
    """gain times the identity; rng is not used: the three can replace each other."""
    return gain * np.eye(*_size(rows, columns))


def _copy(params):
    return {name: value.copy() for name, value in _as_floats(params).items()}


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
