"""Lab 06, Vanishing, exploding, clipping: cases, right answers and known mistakes.

The right answers come from torch, or from the chapter's functions where torch is missing.
"""

import numpy as np

from unrolled.clipping import clip_by_norm, global_norm, jacobian_products

from .exercise import Exercise, Misconception, Question, Source, numbers, one_at_a_time
from .lab import Lab

CLIPPING = "Clipping"
PRODUCT = "The product in the gradient"
BOUNDS = "Bounds: what singular values tell"
LINEAR = "The linear RNN: eigenvalues decide"


# --------------------------------------------------------------------------- warm-up: joint norm
def _norm_cases(rng):
    sizes = [(1, 1, 2), (2, 1, 3), *one_at_a_time({"H": 4, "D": 3, "V": 5}, H=1, D=1, V=1)]
    return [
        {
            "dW_h": numbers(rng, H, H),
            "dW_i": numbers(rng, H, D),
            "db": numbers(rng, H),
            "dW_o": numbers(rng, V, H),
        }
        for H, D, V in sizes
    ]


def _joint_by_torch(*grads):
    import torch

    flat = torch.cat([torch.from_numpy(g).ravel() for g in grads])
    return float(torch.linalg.vector_norm(flat))


def _norms(grads):
    return [np.linalg.norm(g) for g in grads]


JOINT = Exercise(
    name="joint_norm",
    points=1,
    section=CLIPPING,
    cases=_norm_cases,
    shapes={"dW_h": "H H", "dW_i": "H D", "db": "H", "dW_o": "V H"},
    returns={"norm": "a float"},
    reference=Source(
        "unrolled.clipping.global_norm", lambda *grads: global_norm(dict(enumerate(grads)))
    ),
    oracle=Source("torch.linalg.vector_norm", _joint_by_torch),
    misconceptions=(
        Misconception(
            "norms added",
            lambda *grads: sum(_norms(grads)),
            "The norms of the four arrays were added. Norms do not add up, their squares do: "
            "3 and 4 make 5.",
        ),
        Misconception(
            "root forgotten",
            lambda *grads: sum(n**2 for n in _norms(grads)),
            "This is the square of the norm: the root is missing.",
        ),
        Misconception(
            "largest of the norms",
            lambda *grads: max(_norms(grads)),
            "This is the largest of the four norms. All numbers of all parameters stand in one "
            "long vector; its length counts them all.",
        ),
        Misconception(
            "mean instead of sum",
            lambda *grads: np.sqrt(np.mean(np.concatenate([g.ravel() for g in grads]) ** 2)),
            "The squares were averaged. The norm sums them, so it grows with the number of "
            "parameters.",
        ),
        Misconception(
            "absolute values summed",
            lambda *grads: sum(np.abs(g).sum() for g in grads),
            "The absolute values were summed (the 1-norm). Clipping by norm means the Euclidean "
            "length: squares, sum, root.",
        ),
        Misconception(
            "spectral norms",
            lambda *grads: np.sqrt(sum(np.linalg.norm(g, 2) ** 2 for g in grads)),
            "`np.linalg.norm(W, 2)` of a matrix is its largest singular value, not the length of "
            "its numbers. Leave out the 2, or flatten first.",
        ),
        Misconception(
            "norms of the columns",
            lambda *grads: sum(np.linalg.norm(g, axis=0).sum() for g in grads),
            "With `axis=0`, `np.linalg.norm` gives a norm for each column of a matrix, and these "
            "were added. All numbers of all four arrays belong under one root.",
        ),
        Misconception(
            "root of the summed norms",
            lambda *grads: np.sqrt(sum(_norms(grads))),
            "The four norms were added under the root. Their squares belong there.",
        ),
        Misconception(
            "largest entry",
            lambda *grads: max(np.abs(g).max() for g in grads),
            "This is the largest number of all, without its sign: another norm. What "
            "is meant is the Euclidean length, which all numbers add to.",
        ),
        Misconception(
            "mean of the norms",
            lambda *arrays: sum(map(np.linalg.norm, arrays)) / len(arrays),
            "The norms of the four were averaged. One long vector has one norm: add up the "
            "squares of all its numbers, then take the root.",
        ),
        Misconception(
            "sums squared",
            lambda *arrays: float(np.sqrt(sum(array.sum() ** 2 for array in arrays))),
            "The numbers of each array were added up before they were squared, so that some "
            "cancel. Square each number first.",
        ),
        Misconception(
            "numbers added",
            lambda *arrays: float(sum(array.sum() for array in arrays)),
            "All numbers were added up, and those of different signs cancel. What adds up to the "
            "square of a length is their squares.",
        ),
    ),
)


# --------------------------------------------------------------------------- clip each example
def _clip_cases(rng):
    cases = []
    base = {"B": 5, "H": 3, "D": 4}
    for B, H, D in [(1, 1, 1), (3, 1, 4), *one_at_a_time(base, B=1, H=1, D=1), (6, 4, 3)]:
        dW, db = numbers(rng, B, H, D), numbers(rng, B, H)
        if B > 1:  # one example is much longer than another
            dW[0] *= 3
            db[0] *= 3
        if B > 4:
            dW[1], db[1] = 0.0, 0.0
        norms = _each_norm(dW, db)
        tau = norms.max() / 2 if B == 1 else (norms.min() + norms.max()) / 2
        cases.append({"dW": dW, "db": db, "tau": float(tau)})
    return cases


def _each_norm(dW, db):
    return np.sqrt((dW**2).sum(axis=(1, 2)) + (db**2).sum(axis=1))  # (B,)


def _factor(norms, tau):
    return np.minimum(1.0, tau / np.maximum(norms, 1e-300))


def _means(dW, db, factor_W, factor_b=None):
    factor_b = factor_W if factor_b is None else factor_b
    return (dW * factor_W[:, None, None]).mean(axis=0), (db * factor_b[:, None]).mean(axis=0)


def _clip_each(dW, db, tau):
    return _means(dW, db, _factor(_each_norm(dW, db), tau))


def _clip_each_by_torch(dW, db, tau):
    import torch

    kept_W, kept_b = [], []
    for W, b in zip(dW, db):
        flat = torch.cat([torch.from_numpy(W).ravel(), torch.from_numpy(b)])
        flat = torch.renorm(flat[None], p=2, dim=0, maxnorm=tau)[0]
        if torch.linalg.vector_norm(flat) < tau * (1 - 1e-5):
            flat = torch.cat([torch.from_numpy(W).ravel(), torch.from_numpy(b)])
        else:  # renorm has a guard of its own in the denominator
            flat = flat * (tau / torch.linalg.vector_norm(flat))
        kept_W.append(flat[: W.size].reshape(W.shape))
        kept_b.append(flat[W.size :])
    return torch.stack(kept_W).mean(0).numpy(), torch.stack(kept_b).mean(0).numpy()


def _clip_after_mean(dW, db, tau):
    grads, _ = clip_by_norm({"W": dW.mean(axis=0), "b": db.mean(axis=0)}, np.inf)
    scale = _factor(global_norm(grads), tau)
    return scale * grads["W"], scale * grads["b"]


def _always_to_tau(dW, db, tau):
    with np.errstate(divide="ignore", invalid="ignore"):  # NaN for an example that is 0
        return _means(dW, db, tau / _each_norm(dW, db))


def _zero_over_zero(dW, db, tau):
    n = _each_norm(dW, db)
    with np.errstate(divide="ignore", invalid="ignore"):  # NaN for an example that is 0
        return _means(dW, db, np.minimum(n, tau) / n)


def _mean_of_those_above_zero(dW, db, tau):
    n = _each_norm(dW, db)
    share = len(n) / max((n > 0).sum(), 1)
    return tuple(share * part for part in _means(dW, db, _factor(n, tau)))


def _clipped_by(norm, short=lambda tau, n: np.minimum(1.0, tau / n)):
    """A factor for each example from norm(n_W, n_b), the norms of its two arrays."""

    def clipped(dW, db, tau):
        n = norm(np.sqrt((dW**2).sum(axis=(1, 2))), np.sqrt((db**2).sum(axis=1)))
        with np.errstate(divide="ignore"):
            factor = short(tau, n)
        return (dW * factor[:, None, None]).mean(axis=0), (db * factor[:, None]).mean(axis=0)

    return clipped


def _long_ones_dropped(dW, db, tau):
    kept = np.hypot(np.sqrt((dW**2).sum(axis=(1, 2))), np.sqrt((db**2).sum(axis=1))) <= tau
    count = max(kept.sum(), 1)
    return dW[kept].sum(axis=0) / count, db[kept].sum(axis=0) / count


def _mean_factor(dW, db, tau):
    n = np.hypot(np.sqrt((dW**2).sum(axis=(1, 2))), np.sqrt((db**2).sum(axis=1)))
    factor = (tau / np.maximum(n, tau)).mean()
    return dW.mean(axis=0) * factor, db.mean(axis=0) * factor


def _weighted_mean(dW, db, tau):
    factor = _factor(_each_norm(dW, db), tau)
    return tuple(part / factor.mean() for part in _means(dW, db, factor))


CLIP = Exercise(
    name="clip_each",
    points=4,
    section=CLIPPING,
    cases=_clip_cases,
    shapes={"dW": "B H D", "db": "B H"},
    returns={"dW": "a float64 array (H, D)", "db": "a float64 array (H,)"},
    reference=Source("NumPy, all examples at once", _clip_each),
    oracle=Source("torch.renorm", _clip_each_by_torch),
    misconceptions=(
        Misconception(
            "one norm for the batch",
            lambda dW, db, tau: _means(
                dW, db, np.full(len(dW), _factor(np.linalg.norm(_each_norm(dW, db)), tau))
            ),
            "One norm was computed for the whole batch, so all examples got the same factor. "
            "Each example has a norm of its own.",
        ),
        Misconception(
            "a norm for each array",
            lambda dW, db, tau: _means(
                dW,
                db,
                _factor(np.sqrt((dW**2).sum(axis=(1, 2))), tau),
                _factor(np.sqrt((db**2).sum(axis=1)), tau),
            ),
            "dW and db were clipped separately. The norm of an example is joint, over both, and "
            "both get the same factor; else the direction changes.",
        ),
        Misconception(
            "clipped by value",
            lambda dW, db, tau: (
                np.clip(dW, -tau, tau).mean(axis=0),
                np.clip(db, -tau, tau).mean(axis=0),
            ),
            "Each number was cut to [-tau, tau]. That is clipping by value, and turns the "
            "gradient; by norm, all numbers of an example get one factor.",
        ),
        Misconception(
            "short ones lengthened",
            _always_to_tau,
            "Every example was brought to the length tau, the short ones too. Only a norm "
            "above tau is clipped; below, nothing is done.",
        ),
        Misconception(
            "clipped after the mean",
            _clip_after_mean,
            "The mean was clipped. Here each example is clipped first, and then the mean is taken: "
            "otherwise a single long one has drowned the others already.",
        ),
        Misconception(
            "summed, not averaged",
            lambda dW, db, tau: tuple(len(dW) * part for part in _clip_each(dW, db, tau)),
            "The examples were summed. Asked is their mean.",
        ),
        Misconception(
            "norm not rooted",
            lambda dW, db, tau: _means(dW, db, _factor(_each_norm(dW, db) ** 2, tau)),
            "The square of the norm was used as the norm: take the root first.",
        ),
        Misconception(
            "short ones lengthened, zeros kept",
            lambda dW, db, tau: _means(dW, db, tau / np.maximum(_each_norm(dW, db), 1e-300)),
            "Every example was brought to the length tau, the short ones too. Only a norm "
            "above tau is clipped; below, nothing is done.",
        ),
        Misconception(
            "zero over zero",
            _zero_over_zero,
            "An example whose gradient is 0 was divided by its norm: 0/0 is nan, and one nan "
            "spoils the mean. There is nothing to clip in it; let it contribute 0.",
        ),
        Misconception(
            "zeros not counted",
            _mean_of_those_above_zero,
            "The mean was taken over the examples whose gradient is not 0. One that is 0 "
            "contributes 0, and counts: divide by B.",
        ),
        Misconception(
            "biases not clipped",
            lambda dW, db, tau: (_clip_each(dW, db, tau)[0], db.mean(axis=0)),
            "`dW` is right. The biases were averaged without their factor: both gradients of an "
            "example get the same one.",
        ),
        Misconception(
            "a norm for each unit",
            lambda dW, db, tau: tuple(
                (grad * factor).mean(axis=0)
                for factor in [_factor(np.sqrt((dW**2).sum(axis=2) + db**2), tau)]
                for grad, factor in [(dW, factor[:, :, None]), (db, factor)]
            ),
            "A norm was computed for each unit of each example. All numbers of an example, of both "
            "arrays and of all units, stand under one root and get one factor.",
        ),
        Misconception(
            "a norm for each row and one for the biases",
            lambda dW, db, tau: (
                (dW * _factor(np.linalg.norm(dW, axis=2), tau)[:, :, None]).mean(axis=0),
                (db * _factor(np.linalg.norm(db, axis=1), tau)[:, None]).mean(axis=0),
            ),
            "Each row of `dW` was clipped by its own norm, and `db` by another. All numbers of an "
            "example, of both arrays, stand under one root and get one factor.",
        ),
        Misconception(
            "norms added",
            _clipped_by(lambda n_W, n_b: n_W + n_b),
            "The norm of an example is here the sum of two norms. As one long vector it has the "
            "root of the sum of their squares: 3 and 4 make 5.",
        ),
        Misconception(
            "largest norm for all",
            _clipped_by(lambda n_W, n_b: np.full(len(n_W), np.hypot(n_W, n_b).max())),
            "All examples got the factor that belongs to the largest norm, so one loud voice "
            "makes the others quiet. Each has a factor of its own.",
        ),
        Misconception(
            "clipped to length 1",
            _clipped_by(np.hypot, short=lambda tau, n: np.where(n > tau, 1 / n, 1.0)),
            "Examples that are too long come out with the length 1. They are to keep the length "
            "tau.",
        ),
        Misconception(
            "long ones dropped",
            _long_ones_dropped,
            "Examples longer than tau were left out, and the mean is over the others. A clipped "
            "example keeps its voice, with the length tau.",
        ),
        Misconception(
            "mean of the factors",
            _mean_factor,
            "The mean of the gradients was multiplied by the mean of the factors. Each gradient "
            "meets its own factor first, then comes the mean.",
        ),
        Misconception(
            "weighted mean",
            _weighted_mean,
            "The factors were taken for the weights of a weighted mean, which divides by their "
            "sum. A clipped example counts in full: divide by B.",
        ),
    ),
)


# --------------------------------------------------------------------------- the way back
def _back_cases(rng):
    cases = []
    for T, H in [(1, 1), (1, 3), (2, 2), *one_at_a_time({"T": 5, "H": 4}, T=1, H=1), (12, 3)]:
        small = T * H <= 4
        h = rng.integers(1, 10, (T + 1, H)) / 10 if small else np.tanh(rng.normal(size=(T + 1, H)))
        cases.append({"delta": numbers(rng, H), "h": h, "W_h": numbers(rng, H, H)})
    return cases


def _back(delta, h, W_h, step=None):
    """Norms along the way, `step(v, h_later, h_earlier)` taking v one step back."""
    step = step or (lambda v, later, earlier: W_h.T @ ((1 - later**2) * v))
    norms = [np.linalg.norm(delta)]
    for t in range(len(h) - 1, 0, -1):
        delta = step(delta, h[t], h[t - 1])
        norms.append(np.linalg.norm(delta))
    return np.array(norms)


def _back_by_products(delta, h, W_h):
    P = jacobian_products(h[:, None], W_h)[:, 0]  # (T+1, H, H)
    return np.linalg.norm(delta @ P, axis=1)


def _back_by_torch(delta, h, W_h):
    """autograd through one step at a time, linearised where the states are."""
    import torch

    W, v, norms = torch.from_numpy(W_h), torch.from_numpy(delta), []
    norms.append(float(torch.linalg.vector_norm(v)))
    for t in range(len(h) - 1, 0, -1):
        earlier = torch.zeros(len(v), dtype=v.dtype, requires_grad=True)
        torch.tanh(torch.atanh(torch.from_numpy(h[t])) + W @ earlier).backward(v)
        v = earlier.grad
        norms.append(float(torch.linalg.vector_norm(v)))
    return np.array(norms)


def _wrong_step(make):
    return lambda delta, h, W_h: _back(delta, h, W_h, make(W_h))


def _walked_forward(delta, h, W_h):
    return _back(delta, np.concatenate([h[:1], h[:0:-1]]), W_h)


def _states_without_x(delta, h, W_h):
    norms = [np.linalg.norm(delta)]
    for h_before in h[-2::-1]:
        delta = W_h.T @ ((1 - np.tanh(W_h @ h_before) ** 2) * delta)
        norms.append(np.linalg.norm(delta))
    return np.array(norms)


def _length_one(delta, h, W_h):
    norms = [np.linalg.norm(delta)]
    for h_t in h[:0:-1]:
        delta = W_h.T @ ((1 - h_t**2) * delta / np.linalg.norm(delta))
        norms.append(np.linalg.norm(delta))
    return np.array(norms)


BACK = Exercise(
    name="backward_norms",
    points=4,
    section=PRODUCT,
    cases=_back_cases,
    shapes={"delta": "H", "h": "T+1 H", "W_h": "H H"},
    returns={"norms": "a float64 array (T + 1,)"},
    reference=Source("unrolled.clipping.jacobian_products", _back_by_products),
    oracle=Source("torch.autograd", _back_by_torch),
    misconceptions=(
        Misconception(
            "W_h not transposed",
            _wrong_step(lambda W: lambda v, later, earlier: W @ ((1 - later**2) * v)),
            "W_h was used as on the way forward. Going back, the sum runs over its first index: "
            "(W_h transposed) times the vector.",
        ),
        Misconception(
            "slope after the matrix",
            _wrong_step(lambda W: lambda v, later, earlier: (1 - later**2) * (W.T @ v)),
            "The slopes came after the matrix. J = diag(f') W_h, so its transpose is "
            "W_h^T diag(f'): first the slopes, then the matrix.",
        ),
        Misconception(
            "slope of the earlier state",
            _wrong_step(lambda W: lambda v, later, earlier: W.T @ ((1 - earlier**2) * v)),
            "The slope was taken at the earlier state. J_t leads from h_{t-1} to h_t, and its "
            "slope is that of the activation which made h_t: 1 - h_t².",
        ),
        Misconception(
            "slopes forgotten",
            _wrong_step(lambda W: lambda v, later, earlier: W.T @ v),
            "The slopes of tanh are missing: this is the linear network.",
            section=LINEAR,
        ),
        Misconception(
            "slope of tanh(h)",
            _wrong_step(lambda W: lambda v, later, earlier: W.T @ ((1 - np.tanh(later) ** 2) * v)),
            "tanh was applied once more. h is already the tanh of the pre-activation, so the slope "
            "is 1 - h².",
        ),
        Misconception(
            "sigmoid's slope",
            _wrong_step(lambda W: lambda v, later, earlier: W.T @ (later * (1 - later) * v)),
            "h(1 - h) is the slope of the sigmoid. The network's activation is tanh: 1 - h².",
        ),
        Misconception(
            "sorted by time",
            lambda delta, h, W_h: _back(delta, h, W_h)[::-1],
            "The numbers are right, and in the order of time. Asked is the order of the lag: "
            "first lag 0, the norm of delta itself.",
        ),
        Misconception(
            "lag 0 left out",
            lambda delta, h, W_h: _back(delta, h, W_h)[1:],
            "The first norm, at lag 0, is missing: it is that of delta itself.",
        ),
        Misconception(
            "states from the first on",
            _walked_forward,
            "The states were taken from the first to the last, h[1] first. The gradient begins at "
            "the end: J_T comes first, with the slopes of h[T].",
        ),
        Misconception(
            "the Jacobian itself",
            _wrong_step(lambda W: lambda v, later, earlier: (1 - later**2) * (W @ v)),
            "The vector was multiplied by J_t itself, as on the way forward. A gradient goes back "
            "through its transpose: the slopes first, then W_h transposed.",
        ),
        Misconception(
            "norm of the product",
            lambda delta, h, W_h: np.linalg.norm(
                jacobian_products(h[:, None], W_h)[:, 0], ord=2, axis=(1, 2)
            ),
            "These are norms of the products of Jacobians: the most that any vector is stretched. "
            "Asked is what becomes of this vector, delta.",
        ),
        Misconception(
            "norm of the product times that of delta",
            lambda delta, h, W_h: (
                np.linalg.norm(jacobian_products(h[:, None], W_h)[:, 0], ord=2, axis=(1, 2))
                * np.linalg.norm(delta)
            ),
            "The norms of the products of Jacobians were multiplied by the norm of delta. That is "
            "a bound; asked is the norm of the vector itself, after each step back.",
        ),
        Misconception(
            "Frobenius norm of the product",
            lambda delta, h, W_h: np.linalg.norm(
                jacobian_products(h[:, None], W_h)[:, 0], axis=(1, 2)
            ),
            "These are norms of the products of Jacobians, all their numbers under one root. Asked "
            "is what becomes of this vector, delta.",
        ),
        Misconception(
            "norms of the Jacobians",
            lambda delta, h, W_h: np.array(
                [np.linalg.norm(delta)]
                + [np.linalg.norm((1 - h_t**2)[:, None] * W_h, 2) for h_t in h[:0:-1]]
            ),
            "After the first these are the norms of the Jacobians. Asked is what becomes of "
            "this vector, delta, when it is carried through one after the other.",
        ),
        Misconception(
            "states computed without x",
            _states_without_x,
            "The slopes are those of tanh(W_h h), as if there were no input. The states that the "
            "network made, inputs included, are in `h`.",
        ),
        Misconception(
            "length 1 at each step",
            _length_one,
            "Each norm says how much the latest step stretched the vector: it was brought to the "
            "length 1 before. Asked are the norms of the vector itself.",
        ),
    ),
)


# --------------------------------------------------------------------------- the guarantee
def _lag_cases(rng):
    cases = []
    for H, gamma, product in [
        (1, 1.0, 0.5),
        (2, 0.25, 0.6),
        (2, 1.0, 0.9),
        (2, 1.0, 1.3),
        (3, 0.25, 0.8),
        (3, 1.0, 0.95),
        (4, 0.25, 1.2),
    ]:
        W = rng.normal(size=(H, H))
        W += np.triu(2 * np.abs(rng.normal(size=(H, H))) + 1, 1)  # far from normal
        size = product * rng.uniform(0.97, 1.03) / gamma
        W *= size / np.linalg.norm(W, 2)
        cases.append({"W_h": W, "gamma": gamma, "epsilon": float(rng.uniform(0.001, 0.01))})
    for W, gamma, epsilon in [
        ([[0.5]], 1.0, 0.25),  # exactly two steps: rounded down and one added
        ([[1.0, 0.0], [0.0, 1.0]], 1.0, 0.1),  # exactly 1: a logarithm of 0 in the denominator
        ([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 1.0]], 0.25, 0.5),
        ([[0.0, 0.4], [0.1, 0.0]], 0.25, 0.005),  # below 1 without gamma, too
        ([[0.0, 0.999], [0.5, 0.0]], 1.0, 0.001),  # thousands of steps: a search that gives up
        ([[0.0, 0.0], [0.0, 0.0]], 1.0, 0.1),  # a logarithm of 0; and no step at all is not enough
    ]:
        cases.append({"W_h": np.array(W), "gamma": gamma, "epsilon": epsilon})
    return cases


def _lag_for(size, epsilon, rounded=np.ceil, guarded=True):
    """The least k with size^k <= epsilon, or -1 when there is none."""
    if size >= 1:
        return -1
    if size == 0 and guarded:
        return 1
    with np.errstate(divide="ignore"):
        return int(rounded(np.log(epsilon) / np.log(size)))


def _lag_of(size, rounded=np.ceil):
    """Two answers with the same mistake: one looks after a matrix of zeros, one takes log 0."""

    def answer(guarded):
        return lambda W_h, gamma, epsilon: _lag_for(size(W_h, gamma), epsilon, rounded, guarded)

    return answer(True), answer(False)


def _both(name, answers, says):
    """The Misconceptions for the two answers of `_lag_of`."""
    return (
        Misconception(name, answers[0], says),
        Misconception(f"{name}, and log 0", answers[1], f"{says} {NO_STEP}"),
    )


NO_STEP = (
    "Besides, look after a matrix of zeros, for which the formula takes log 0: one step is needed "
    "there, not none, since 0 to the power 0 is 1."
)


def _stretch(W_h, gamma):
    return gamma * np.linalg.norm(W_h, 2)


def _lag_by_counting(W_h, gamma, epsilon):
    size, bound, k = gamma * np.linalg.norm(W_h, 2), 1.0, 0
    if size >= 1:
        return -1
    while bound > epsilon:
        bound, k = bound * size, k + 1
    return k


def _lag_by_torch(W_h, gamma, epsilon):
    import torch

    size = gamma * float(torch.linalg.svdvals(torch.from_numpy(W_h))[0])
    return _lag_for(size, epsilon)


def _formula_anyway(guarded):
    def answer(W_h, gamma, epsilon):
        size = _stretch(W_h, gamma)
        if size < 1 or size == 1:
            return _lag_for(size, epsilon, guarded=guarded)
        return int(np.ceil(np.log(epsilon) / np.log(size)))

    return answer


def _untested_gamma(guarded):
    def answer(W_h, gamma, epsilon):
        if np.linalg.norm(W_h, 2) >= 1:
            return -1
        return _lag_for(_stretch(W_h, gamma), epsilon, guarded=guarded)

    return answer


def _gamma_once(guarded, without_end=10_000):
    def answer(W_h, gamma, epsilon):
        size = np.linalg.norm(W_h, 2)
        if gamma * size >= 1:
            return -1
        with np.errstate(divide="ignore"):
            k = np.log(epsilon / gamma) / np.log(size) if size != 1 else np.inf
        k = 1 if size == 0 and guarded else k
        return int(max(np.ceil(k), 0)) if np.isfinite(k) and size < 1 else without_end

    return answer


def _upside_down(W_h, gamma, epsilon):
    q = gamma * np.linalg.norm(W_h, 2)
    return -1 if q >= 1 else 1 if q == 0 else int(np.ceil(np.log(q) / np.log(epsilon)))


LAG = Exercise(
    name="vanishing_lag",
    points=3,
    section=BOUNDS,
    cases=_lag_cases,
    shapes={"W_h": "H H"},
    returns={"lag": "an int"},
    reference=Source("counting", _lag_by_counting),
    oracle=Source("torch.linalg.svdvals", _lag_by_torch),
    misconceptions=(
        Misconception(
            "zeros not looked after",
            _lag_of(_stretch)[1],
            "All is right but for a matrix of zeros: log 0 is minus infinity, and the formula "
            "gives 0. One step is needed there, since 0 to the power 0 is 1.",
        ),
        *_both(
            "spectral radius",
            _lag_of(lambda W_h, gamma: gamma * np.abs(np.linalg.eigvals(W_h)).max()),
            "The largest eigenvalue was used. It decides about powers of one matrix in the long "
            "run; a guarantee for every input, and from the first step on, needs the largest "
            "singular value.",
        ),
        *_both(
            "gamma forgotten",
            _lag_of(lambda W_h, gamma: np.linalg.norm(W_h, 2)),
            "The slope of the activation is missing: each step multiplies by at most gamma times "
            "the largest singular value.",
        ),
        *_both(
            "divided by gamma",
            _lag_of(lambda W_h, gamma: np.linalg.norm(W_h, 2) / gamma),
            "The largest singular value was divided by gamma. The slope of the activation is a "
            "factor of each step: multiply by it.",
        ),
        *_both(
            "guarantee without gamma",
            (_untested_gamma(True), _untested_gamma(False)),
            "gamma is in the formula, but not in the question whether there is a guarantee: it is "
            "gamma times the largest singular value that has to be below 1.",
        ),
        *_both(
            "Frobenius norm",
            _lag_of(lambda W_h, gamma: gamma * np.linalg.norm(W_h)),
            "`np.linalg.norm(W)` of a matrix is the root of the sum of squares. It is an upper "
            "bound, too, but a worse one: asked is the largest singular value, "
            "`np.linalg.norm(W, 2)`.",
        ),
        *_both(
            "rounded down",
            _lag_of(_stretch, np.floor),
            "The lag was rounded down, so there the bound is still above epsilon: round up.",
        ),
        *_both(
            "a guarantee where there is none",
            (_formula_anyway(True), _formula_anyway(False)),
            "The formula was used where gamma times the largest singular value is above 1. There "
            "the bound grows with the lag and promises nothing: return -1.",
        ),
        *_both(
            "smallest singular value",
            _lag_of(lambda W_h, gamma: gamma * np.linalg.svd(W_h, compute_uv=False)[-1]),
            "The smallest singular value was used: the least stretch instead of the most. NumPy "
            "sorts them, and the largest comes first.",
        ),
        Misconception(
            "strictly below epsilon",
            _lag_of(_stretch, lambda k: np.floor(k) + 1)[0],
            "Where the bound meets epsilon exactly, one step too many was counted: it is to be at "
            "most epsilon, not below it.",
        ),
        Misconception(
            "one step too many",
            _lag_of(_stretch, lambda k: np.ceil(k) + 1)[1],
            "One step too many, wherever there is a lag: does the count begin at 1, or is the last "
            "step counted twice?",
        ),
        *_both(
            "gamma once",
            (_gamma_once(True), _gamma_once(False)),
            "gamma was multiplied once, not at each step: the whole product is raised to the power "
            "k, (gamma s_max)^k.",
        ),
        Misconception(
            "gamma once, and no guarantee from 1 on",
            _gamma_once(True, -1),
            "gamma was multiplied once, not at each step: the whole product is raised to the power "
            "k, (gamma s_max)^k. So there is a guarantee as soon as gamma s_max is below 1.",
        ),
        Misconception(
            "one step too many, counted",
            lambda W_h, gamma, epsilon: (k := _lag_by_counting(W_h, gamma, epsilon)) + int(k > 0),
            "One step too many, wherever there is a lag: does the count begin at 1, or is the last "
            "step counted twice?",
        ),
        *_both(
            "root forgotten",
            _lag_of(lambda W_h, gamma: gamma * np.linalg.norm(W_h, 2) ** 2),
            "The largest eigenvalue of W_h^T W_h is the square of the largest singular value: a "
            "root is missing.",
        ),
        *_both(
            "largest number",
            _lag_of(lambda W_h, gamma: gamma * np.abs(W_h).max()),
            "The largest number of the matrix was taken for its largest stretch. A vector may be "
            "stretched by more than any single number: asked is the largest singular value.",
        ),
        *_both(
            "largest sum of a row",
            _lag_of(lambda W_h, gamma: gamma * np.linalg.norm(W_h, np.inf)),
            "The largest sum of a row, without signs, was used. It bounds another norm; asked is "
            "the largest singular value, `np.linalg.norm(W, 2)`.",
        ),
        *_both(
            "0 where there is none",
            tuple(
                lambda W_h, gamma, epsilon, answer=answer: max(answer(W_h, gamma, epsilon), 0)
                for answer in _lag_of(_stretch)
            ),
            "All lags are right, but 0 is returned where the bound does not shrink. A lag of 0 "
            "would promise that the gradient is small at once: return -1 there.",
        ),
        *_both(
            "minus sign",
            tuple(
                lambda W_h, gamma, epsilon, answer=answer: (
                    -k if (k := answer(W_h, gamma, epsilon)) > 0 else k
                )
                for answer in _lag_of(_stretch, np.floor)
            ),
            "The lag comes out negative. Both logarithms are below 0, so their quotient needs no "
            "minus.",
        ),
        Misconception(
            "-1 for W_h = 0",
            lambda W_h, gamma, epsilon: (
                -1 if not W_h.any() else _lag_for(_stretch(W_h, gamma), epsilon)
            ),
            "For W_h = 0 the answer is -1, as if nothing were guaranteed. There the bound is 0 "
            "from one step on: nothing guarantees more.",
        ),
        Misconception(
            "quotient upside down",
            _upside_down,
            "The quotient of the two logarithms is upside down. The smaller epsilon is, the more "
            "steps it takes.",
        ),
    ),
)


# --------------------------------------------------------------------------- counterexample
def _counter_cases(rng):
    drawn = zip(rng.uniform(0.3, 0.95, 5), rng.uniform(1.2, 5.0, 5), rng.integers(2, 13, 5))
    return [{"rho": float(rho), "s": float(s), "k": int(k)} for rho, s, k in drawn]


def _shear(rho, c):
    return np.array([[rho, c], [0.0, rho]])


def _with_corner(corner):
    def answer(rho, s, k):
        W = _shear(rho, corner(rho, s))
        return W, float(np.linalg.norm(np.linalg.matrix_power(W, k), 2))

    return answer


def _corner(rho, s):
    return s - rho**2 / s


def _wrong_size(size):
    def answer(rho, s, k):
        W = _shear(rho, _corner(rho, s))
        return W, float(size(W, rho, s, k))

    return answer


def _counter_by_torch(rho, s, k):
    """The corner by bisection on torch's singular value, the power step by step."""
    import torch

    def matrix(c):
        return torch.tensor([[rho, c], [0.0, rho]], dtype=torch.float64)

    low, high = 0.0, 2 * s
    for _ in range(200):
        middle = (low + high) / 2
        if float(torch.linalg.matrix_norm(matrix(middle), 2)) < s:
            low = middle
        else:
            high = middle
    W = matrix(low)
    power = torch.eye(2, dtype=torch.float64)
    for _ in range(k):
        power = power @ W
    return W.numpy(), float(torch.linalg.matrix_norm(power, 2))


COUNTER = Exercise(
    name="counterexample",
    points=4,
    section=LINEAR,
    cases=_counter_cases,
    shapes={},
    returns={"W": "a float64 array (2, 2)", "size": "a float"},
    reference=Source("s - ρ²/s", _with_corner(_corner)),
    oracle=Source("torch.linalg.matrix_norm, by bisection", _counter_by_torch),
    misconceptions=(
        Misconception(
            "corner is s",
            _with_corner(lambda rho, s: s),
            "The corner is s itself. Then the largest singular value is more than s, because the "
            "diagonal stretches as well.",
        ),
        Misconception(
            "s minus rho",
            _with_corner(lambda rho, s: s - rho),
            "The corner is s - rho, as if stretches along different directions added up. Use the "
            "two facts of the hint: the product of the singular values, and the sum of squares.",
        ),
        Misconception(
            "Pythagoras",
            _with_corner(lambda rho, s: np.sqrt(s**2 - rho**2)),
            "The corner makes the first row as long as s. A row is no singular value: a unit "
            "vector may do better than the two axes.",
        ),
        Misconception(
            "lower corner",
            lambda rho, s, k: (
                _shear(rho, _corner(rho, s)).T,
                _with_corner(_corner)(rho, s, k)[1],
            ),
            "The number is right and in the lower left corner. Asked is the upper right one.",
        ),
        Misconception(
            "bound for the norm",
            _wrong_size(lambda W, rho, s, k: s**k),
            "W is right. But s^k is only the bound on the norm of the power: compute the power "
            "and its norm.",
            section=BOUNDS,
        ),
        Misconception(
            "radius for the norm",
            _wrong_size(lambda W, rho, s, k: rho**k),
            "W is right. But rho^k is what the norm of the power falls like in the long run, and "
            "a lower bound; compute the power and its norm. (A power taken with `*` also gives "
            "rho^k, since it loses the corner: matrices are multiplied with `@`.)",
        ),
        Misconception(
            "each number to the power",
            _wrong_size(lambda W, rho, s, k: np.linalg.norm(W**k, 2)),
            "W is right. But `W**k` raises each number to the power; a product of matrices is "
            "`np.linalg.matrix_power(W, k)`.",
        ),
        Misconception(
            "Frobenius norm",
            _wrong_size(lambda W, rho, s, k: np.linalg.norm(np.linalg.matrix_power(W, k))),
            "W is right. But `np.linalg.norm` of a matrix without the 2 is the root of the sum of "
            "squares, not the largest singular value.",
        ),
        Misconception(
            "root forgotten",
            _with_corner(lambda rho, s: _corner(rho, s) ** 2),
            "The corner is the square of the right one: the sum of squares gives c², and a root is "
            "missing.",
        ),
        Misconception(
            "other singular value ignored",
            _with_corner(lambda rho, s: np.sqrt(max(s**2 - 2 * rho**2, 0))),
            "The other singular value was taken for 0. It is rho²/s, because their product is the "
            "determinant; its square belongs to the sum of squares.",
        ),
        Misconception(
            "other is 1/s",
            _with_corner(lambda rho, s: np.sqrt(max(s**2 + 1 / s**2 - 2 * rho**2, 0))),
            "The other singular value was taken for 1/s, as if the determinant were 1. The product "
            "of both is the determinant, rho squared.",
        ),
        Misconception(
            "rho squared once",
            _with_corner(lambda rho, s: np.sqrt(s**2 + rho**4 / s**2 - rho**2)),
            "From the sum of squares only one rho squared was taken. Both numbers on the diagonal "
            "of W have one.",
        ),
        Misconception(
            "determinant is rho",
            _with_corner(lambda rho, s: np.sqrt(s**2 + (rho / s) ** 2 - 2 * rho**2)),
            "The other singular value was taken for rho / s. The product of both is the "
            "determinant, and that is rho squared.",
        ),
        Misconception(
            "nothing squared",
            _with_corner(lambda rho, s: s + rho**2 / s - 2 * rho),
            "The singular values were added and not their squares. It is the sum of their squares "
            "that is the sum of the squares of all entries.",
        ),
    ),
)


# --------------------------------------------------------------------------- initialisation
def _gate_cases(rng):
    sizes = [(1, 2), (2, 2), (2, 3), *one_at_a_time({"gates": 4, "H": 5}, gates=1, H=1)]
    return [
        {"A": rng.normal(size=(n * H, H)), "gates": n, "gain": float(rng.uniform(0.5, 1.5))}
        for n, H in sizes
    ]


def _q(A, signed=True):
    Q, R = np.linalg.qr(A)
    return Q * np.where(np.diag(R) < 0, -1.0, 1.0) if signed else Q


def _gates(A, gates, gain, make=_q):
    return gain * np.concatenate([make(block) for block in np.split(A, gates)])


def _gates_by_torch(A, gates, gain):
    import torch

    blocks = torch.from_numpy(A).reshape(gates, -1, A.shape[1])
    Q, R = torch.linalg.qr(blocks)
    signs = torch.diagonal(R, dim1=1, dim2=2).sign()
    return gain * (Q * signs[:, None, :]).reshape(A.shape).numpy()


def _by_block(make):
    return lambda A, gates, gain: _gates(A, gates, gain, make)


def _dealt_out(A, gates, gain):
    W = np.empty_like(A)
    for g in range(gates):
        W[g::gates] = gain * _q(A[g::gates])
    return W


def _signs_on_rows(block):
    Q, R = np.linalg.qr(block)
    return np.sign(np.diag(R))[:, None] * Q


def _polar(block):
    U, _, V = np.linalg.svd(block)
    return U @ V


INIT = Exercise(
    name="orthogonal_gates",
    points=3,
    section="Starting values",
    cases=_gate_cases,
    shapes={"A": "gates*H H"},
    returns={"W": "a float64 array (gates * H, H)"},
    reference=Source("numpy.linalg.qr, block by block", _gates),
    oracle=Source("torch.linalg.qr, all blocks at once", _gates_by_torch),
    misconceptions=(
        Misconception(
            "one QR for all gates",
            lambda A, gates, gain: gain * _q(A),
            "The columns of the whole are orthonormal, the blocks are not: with four gates each "
            "of them shrinks every vector. Factor each block by itself.",
        ),
        Misconception(
            "signs forgotten",
            _by_block(lambda block: _q(block, signed=False)),
            "The blocks are orthogonal, but the signs of R's diagonal are missing. Without them Q "
            "depends on a convention of the library, and is not uniformly distributed.",
        ),
        Misconception(
            "rows dealt out",
            _dealt_out,
            "Gate g was given every row from g on in steps of the number of gates, `A[g::gates]`. "
            "The gates stand one below the other: gate g has the rows from `g * H` on, H of them.",
        ),
        Misconception(
            "signs on the rows",
            _by_block(_signs_on_rows),
            "The signs were multiplied into the rows of Q. A = QR stays true when column j of Q "
            "and row j of R change their sign together: they belong to the columns.",
        ),
        Misconception(
            "Q transposed",
            _by_block(lambda block: _q(block).T),
            "Each block is transposed. It is orthogonal, too, but asked is Q itself.",
        ),
        Misconception(
            "rows normalised",
            _by_block(lambda block: block / np.linalg.norm(block, axis=1, keepdims=True)),
            "The rows have length 1, but they are not orthogonal to each other: singular values "
            "differ from 1.",
        ),
        Misconception(
            "gain forgotten",
            lambda A, gates, gain: _gates(A, gates, 1.0),
            "The gain has no effect. (Multiplying A by it has none either: Q does not see the "
            "scale of A.)",
        ),
        Misconception(
            "polar factor",
            _by_block(_polar),
            "This is U V^T of the singular value decomposition: orthogonal, and the nearest to "
            "A. As a starting value it is as good; but asked is Q of A = QR, with signs.",
        ),
        Misconception(
            "blocks of the transpose",
            _by_block(lambda block: _q(block.T)),
            "Each block was transposed before it was factored. Q belongs to the block as it "
            "stands.",
        ),
        Misconception(
            "transposed, factored, transposed",
            _by_block(lambda block: _q(block.T).T),
            "The rows of each block were made orthonormal in turn, from the first on: the block "
            "was transposed, factored, and transposed back. Q belongs to the block as it stands.",
        ),
        Misconception(
            "signs of all of R",
            _by_block(lambda block: np.linalg.qr(block)[0] @ np.sign(np.linalg.qr(block)[1])),
            "Q was multiplied by the signs of all of R. Only those on R's diagonal count, one for "
            "each column of Q.",
        ),
        Misconception(
            "columns normalised",
            _by_block(lambda block: block / np.linalg.norm(block, axis=0)),
            "The columns have length 1, but they are not orthogonal to each other: singular values "
            "differ from 1. What earlier columns have in common with a later one has to go first.",
        ),
        Misconception(
            "gain once for each later gate",
            lambda A, gates, gain: np.concatenate(
                [gain ** (gates - n) * _q(block) for n, block in enumerate(np.split(A, gates))]
            ),
            "The whole was multiplied by the gain once for every gate, so the first block has it "
            "several times. Multiply each block once.",
        ),
        Misconception(
            "first block for all",
            lambda A, gates, gain: np.tile(_gates(A[: A.shape[1]], 1, gain), (gates, 1)),
            "All gates have the matrix that was made of the first block of A. Each block makes "
            "one of its own.",
        ),
        Misconception(
            "left singular vectors",
            _by_block(lambda block: np.linalg.svd(block)[0]),
            "These are the left singular vectors of the blocks. They are orthogonal, too, but "
            "asked is the Q of the factorisation A_g = Q_g R_g.",
        ),
    ),
)


LAB = Lab(
    number=6,
    title="Vanishing, exploding, clipping",
    chapter="06_clipping",
    exercises=(JOINT, CLIP, BACK, LAG, COUNTER, INIT),
    questions=(Question("threshold", points=2),),
)
check, ready, summary = LAB.check, LAB.ready, LAB.summary
