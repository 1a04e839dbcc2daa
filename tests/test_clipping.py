"""Jacobian products, clipping, optimisers, initialisers and the training loop of chapter 6."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled import clipping
from unrolled.experiments import clipping as experiments
from unrolled.support import verify
from unrolled.unfolding import rnn_forward

ACTIVATIONS = ["sigmoid", "tanh", "relu", "identity"]
SIZES = [(5, 3, 2, 4), (1, 2, 3, 4), (4, 1, 1, 1), (7, 1, 5, 2)]  # T, B, D, H


def network(rng, T, B, D, H):
    shapes = (T, B, D), (B, H), (H, D), (H, H), (H,)
    return [rng.standard_normal(shape) for shape in shapes]


def torch_states(x, h, W_i, W_h, b, activation):
    f = getattr(torch, activation, lambda a: a)
    for x_t in x:
        h = f(x_t @ W_i.T + h @ W_h.T + b)
    return h


# --------------------------------------------------------------------------- products
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_products_are_the_jacobians_of_autograd(rng, activation, T, B, D, H):
    x, h_0, W_i, W_h, b = network(rng, T, B, D, H)
    h, _ = rnn_forward(x, h_0, W_i, W_h, b, activation)
    P = clipping.jacobian_products(h, W_h, activation)
    assert P.shape == (T + 1, B, H, H)
    got, expected = {}, {}
    for k in range(T + 1):
        rest = [torch.tensor(a) for a in (x[T - k :], W_i, W_h, b)]

        def last(state, rest=rest):
            return torch_states(rest[0], state, *rest[1:], activation)

        full = torch.autograd.functional.jacobian(last, torch.tensor(h[T - k]))
        got[f"lag {k}"] = P[k]
        expected[f"lag {k}"] = np.stack([full[i, :, i].numpy() for i in range(B)])
    verify.compare("products", got, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_products_against_central_differences(rng, activation):
    x, h_0, W_i, W_h, b = network(rng, 4, 1, 2, 3)
    h, _ = rnn_forward(x, h_0, W_i, W_h, b, activation)

    def row(p):
        def component():
            return rnn_forward(x, h_0, W_i, W_h, b, activation)[0][-1, 0, p]

        return verify.numerical_gradient(component, h_0)[0]

    got = {"P": clipping.jacobian_products(h, W_h, activation)[-1, 0]}
    verify.compare("differences", got, {"P": np.stack([row(p) for p in range(3)])}, 1e-7)


def test_linear_products_are_powers(rng):
    """An oracle that is neither: the power of a matrix, by repeated squaring."""
    x, h_0, W_i, W_h, b = network(rng, 6, 2, 3, 4)
    h, _ = rnn_forward(x, h_0, W_i, W_h, b, "identity")
    powers = np.stack([np.linalg.matrix_power(W_h, k) for k in range(7)])
    got = clipping.jacobian_products(h, W_h, "identity")
    verify.compare("powers", {"P": got[:, 1]}, {"P": powers})
    norms = np.linalg.svd(powers, compute_uv=False)[:, 0]
    verify.compare("norms", {"n": clipping.lag_norms(h, W_h, "identity")[:, 0]}, {"n": norms})


def test_longest_takes_the_first_lags(rng):
    x, h_0, W_i, W_h, b = network(rng, 6, 2, 3, 4)
    h, _ = rnn_forward(x, h_0, W_i, W_h, b)
    full = clipping.lag_norms(h, W_h)
    np.testing.assert_array_equal(clipping.lag_norms(h, W_h, longest=3), full[:4])
    np.testing.assert_array_equal(clipping.lag_norms(h, W_h, longest=0), np.ones((1, 2)))


@given(st.integers(0, 10**6), st.sampled_from(ACTIVATIONS), st.floats(0.01, 20))
def test_norms_never_exceed_the_bound(seed, activation, size):
    rng = np.random.default_rng(seed)
    x, h_0, W_i, W_h, b = network(rng, 6, 2, 2, 3)
    W_h = size * W_h / np.linalg.norm(W_h, 2)
    h, _ = rnn_forward(x, h_0, W_i, W_h, b, activation)
    bound = (clipping.STEEPEST[activation] * size) ** np.arange(7.0)
    assert (clipping.lag_norms(h, W_h, activation) <= bound[:, None] * (1 + 1e-9)).all()


# --------------------------------------------------------------------------- clipping
gradients = st.integers(0, 10**6).map(
    lambda seed: {
        "W": np.random.default_rng(seed).normal(0, 3, (3, 4)),
        "b": np.random.default_rng(seed + 1).normal(0, 3, 4),
    }
)


@given(gradients, st.floats(1e-3, 1e3))
def test_clipping_keeps_the_direction_and_bounds_the_norm(grads, tau):
    clipped, norm = clipping.clip_by_norm(grads, tau)
    flat, short = (np.concatenate([g.ravel() for g in d.values()]) for d in (grads, clipped))
    assert norm == pytest.approx(np.linalg.norm(flat))
    assert clipping.global_norm(clipped) <= min(norm, tau) * (1 + 1e-12)
    assert flat @ short == pytest.approx(norm * np.linalg.norm(short))
    again, _ = clipping.clip_by_norm(clipped, tau)
    assert clipping.global_norm(again) == pytest.approx(np.linalg.norm(short), abs=2e-6)


@given(gradients, st.floats(1e-3, 1e3))
def test_clipping_is_that_of_torch(grads, tau):
    leaves = [torch.zeros(g.shape, dtype=torch.float64) for g in grads.values()]
    for leaf, g in zip(leaves, grads.values()):
        leaf.grad = torch.tensor(g)
    norm = torch.nn.utils.clip_grad_norm_(leaves, tau)
    clipped, ours = clipping.clip_by_norm(grads, tau)
    expected = {"norm": norm} | {n: leaf.grad for n, leaf in zip(grads, leaves)}
    verify.compare("torch", {"norm": ours} | clipped, expected)


def test_clipping_leaves_its_input_alone_and_keeps_dtype():
    grads = {"W": np.full((2, 3), 10.0, "f4")}
    for clipped in (clipping.clip_by_norm(grads, 1.0)[0], clipping.clip_by_value(grads, 1.0)):
        assert clipped["W"].dtype == np.float32
        assert (grads["W"] == 10).all()
    grads["W"][0, 0] = 1e30  # its square is no float32
    assert clipping.global_norm(grads) == pytest.approx(1e30)
    assert not clipping.clip_by_norm({"W": np.zeros(3)}, 1.0)[0]["W"].any()


# --------------------------------------------------------------------------- optimisers
RIVALS = [
    (clipping.sgd, {}, partial(torch.optim.SGD, lr=0.05)),
    (clipping.momentum, {"mu": 0.7}, partial(torch.optim.SGD, lr=0.05, momentum=0.7)),
    (clipping.adam, {}, partial(torch.optim.Adam, lr=0.05)),
    (
        clipping.adam,
        {"beta1": 0.5, "beta2": 0.8, "eps": 1e-3},
        partial(torch.optim.Adam, lr=0.05, betas=(0.5, 0.8), eps=1e-3),
    ),
]


@pytest.mark.parametrize(("ours", "options", "theirs"), RIVALS)
def test_optimisers_are_those_of_torch_over_20_steps(rng, ours, options, theirs):
    params = {"W": rng.standard_normal((3, 5)), "b": rng.standard_normal(3), "n": np.ones(())}
    leaves = {n: torch.tensor(a, requires_grad=True) for n, a in params.items()}
    optimiser, state = theirs(leaves.values()), {}
    for _ in range(20):
        grads = {n: np.asarray(rng.standard_normal(a.shape)) for n, a in params.items()}
        for n, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[n])
        optimiser.step()
        ours(params, grads, state, 0.05, **options)
    verify.compare("torch.optim", params, leaves)


@pytest.mark.parametrize("optimiser", [clipping.sgd, clipping.momentum, clipping.adam])
def test_optimisers_keep_float32(optimiser):
    params, state = {"W": np.ones((2, 3), "f4")}, {}
    for _ in range(2):
        optimiser(params, {"W": np.ones((2, 3), "f4")}, state, 0.1)
    assert params["W"].dtype == np.float32
    assert all(np.asarray(v).dtype == np.float32 for k, v in state.items() if k != "n")


# --------------------------------------------------------------------------- initialisers
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.1, 3), st.integers(0, 10**6))
def test_orthogonal_columns_or_rows(rows, columns, gain, seed):
    W = clipping.init_orthogonal(rows, columns, np.random.default_rng(seed), gain)
    assert W.shape == (rows, columns)
    np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False), gain, rtol=1e-10)


def test_orthogonal_has_no_preferred_sign(rng):
    """Without the signs of R's diagonal, LAPACK's convention would show in the mean."""
    diagonal = [np.diag(clipping.init_orthogonal(3, 3, rng)) for _ in range(2000)]
    assert np.abs(np.mean(diagonal, axis=0)).max() < 0.06


def test_scaled_has_the_variance_it_says(rng):
    W = clipping.init_scaled(300, 200, rng, gain=1.5)
    assert W.std() * np.sqrt(200) == pytest.approx(1.5, rel=0.02)
    square = clipping.init_scaled(400, 400, rng)
    assert np.linalg.norm(square, 2) == pytest.approx(2, rel=0.05)
    assert np.abs(np.linalg.eigvals(square)).max() == pytest.approx(1, rel=0.15)


def test_identity(rng):
    np.testing.assert_array_equal(clipping.init_identity(2, 3, rng, 0.5), 0.5 * np.eye(2, 3))


# --------------------------------------------------------------------------- the loop
def bowl(params, batch):
    return 0.5 * np.sum(params["θ"] ** 2), {"θ": params["θ"].copy()}


START = {"θ": np.array([1.0, -2.0, 0.5])}


def test_train_descends_and_leaves_its_input_alone():
    kept = START["θ"].copy()
    best, curve = clipping.train(START, bowl, range(30), clipping.sgd, lr=0.1)
    verify.compare("0.9^30", best, {"θ": 0.9**30 * kept})
    np.testing.assert_array_equal(START["θ"], kept)
    assert len(curve["loss"]) == len(curve["norm"]) == 30
    assert curve["stopped"] == ""


def test_train_is_deterministic_and_stops_after_steps():
    runs = [
        clipping.train(
            experiments.recall_parameters(np.random.default_rng(1)),
            experiments.answer_gradients,
            experiments.recall_forever(3, 4, np.random.default_rng(2)),
            steps=7,
        )
        for _ in range(2)
    ]
    (a, curve), (b, again) = runs
    assert curve == again
    assert len(curve["loss"]) == 7
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_train_clips():
    best, curve = clipping.train(START, bowl, range(1), clipping.sgd, lr=1.0, clip=0.1)
    assert np.linalg.norm(best["θ"] - START["θ"]) == pytest.approx(0.1, rel=1e-5)
    assert curve["norm"] == [pytest.approx(np.linalg.norm(START["θ"]))]


def test_train_keeps_the_best():
    """Held-out score: distance to a point that descent passes."""

    def distance(params):
        return np.abs(params["θ"] - 0.9**4 * START["θ"]).max()

    best, curve = clipping.train(
        START, bowl, range(10), clipping.sgd, lr=0.1, evaluate=distance, every=2
    )
    assert curve["at"] == [0, 2, 4, 6, 8, 10]
    assert curve["best"] == 4
    assert curve["least"] == min(curve["held_out"]) < 1e-12
    verify.compare("best", best, {"θ": 0.9**4 * START["θ"]})


def test_train_stops_when_the_loss_is_not_finite():
    best, curve = clipping.train(START, bowl, range(5000), clipping.sgd, lr=3.0)
    step = len(curve["loss"]) + 1
    assert curve["stopped"] == f"in step {step} the loss is inf; lower lr, or clip"
    assert np.isfinite(curve["loss"]).all()
    assert np.isfinite(bowl(best, None)[0])


def test_train_names_the_gradient_that_is_not_finite():
    def broken(params, batch):
        return 1.0, {"a": np.ones(2), "b": np.array([1.0, np.nan])}

    start = {"a": np.zeros(2), "b": np.zeros(2)}
    best, curve = clipping.train(start, broken, range(5))
    assert curve["stopped"] == "in step 1 the gradient of b is not finite"
    assert curve["loss"] == []
    np.testing.assert_array_equal(best["b"], start["b"])


def test_train_without_batches_returns_the_start():
    best, curve = clipping.train(START, bowl, [])
    np.testing.assert_array_equal(best["θ"], START["θ"])
    assert curve["loss"] == []


# --------------------------------------------------------------------------- the task
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("lag", "B", "H"), [(1, 1, 3), (6, 4, 5)])
def test_answer_gradients(rng, activation, lag, B, H):
    params, (x, y) = experiments.recall_parameters(rng, H=H), experiments.recall(lag, B, rng)
    leaves = {n: torch.tensor(a, requires_grad=True) for n, a in params.items()}
    zero = torch.zeros(B, H, dtype=torch.float64)
    weights = leaves["W_i"], leaves["W_h"], leaves["b"]
    h = torch_states(torch.tensor(x), zero, *weights, activation)
    loss = torch.nn.functional.cross_entropy(h @ leaves["W_o"].T, torch.tensor(y))
    loss.backward()
    ours, grads = experiments.answer_gradients(params, (x, y), activation)
    expected = {"loss": loss} | {n: leaf.grad for n, leaf in leaves.items()}
    verify.compare("torch", {"loss": ours} | grads, expected)


def test_recall(rng):
    x, y = experiments.recall(9, 50, rng)
    assert x.shape == (10, 50, 2)
    np.testing.assert_array_equal(x[0], np.stack([np.zeros(50), 2 * y - 1], axis=1))
    assert not x[1:, :, 1].any()
    assert 0.8 < x[1:, :, 0].std() < 1.2


def test_a_short_lag_is_learned():
    assert experiments.recall_accuracy(2, np.random.default_rng(0), steps=150)[0] > 0.95


# --------------------------------------------------------------------------- refusals
g, p = {"W": np.ones((2, 3))}, {"W": np.ones((2, 3))}
nan = {"a": np.ones(3), "W_h": np.array([1.0, np.nan, np.inf])}
states = np.zeros((4, 2, 3))
BAD = [
    (lambda: clipping.clip_by_norm(g, 0), "tau: a number above 0 expected, got 0"),
    (lambda: clipping.clip_by_norm(g, -1.0), "tau: .* got -1.0"),
    (lambda: clipping.clip_by_norm(g, np.nan), "tau: a finite number expected, got nan"),
    (lambda: clipping.clip_by_value(g, 0.0), "tau: .* got 0.0"),
    (lambda: clipping.clip_by_norm(nan, 1.0), "grads: finite .* 2 of 3 in 'W_h' are not"),
    (lambda: clipping.clip_by_value(nan, 1.0), "2 of 3 in 'W_h'"),
    (lambda: clipping.sgd(p, {}, {}, 0.1), r"one for each of \['W'\] expected, got \[\]"),
    (lambda: clipping.adam(p, g | {"b": 1.0}, {}, 0.1), r"got \['W', 'b'\]"),
    (lambda: clipping.momentum(p, {"W": np.ones(3)}, {}, 0.1), r"\(2, 3\) expected for 'W'"),
    (lambda: clipping.jacobian_products(states, np.eye(3), longest=4), "a lag in 0 … 3 .* got 4"),
    (lambda: clipping.lag_norms(states, np.eye(3), longest=-1), "longest: an integer .* got -1"),
    (lambda: clipping.step_jacobians(states, np.eye(2)), r"W_h: shape \(3, 3\) .* got \(2, 2\)"),
    (lambda: clipping.step_jacobians(1.0, np.eye(2)), r"h: shape \(T\+1, B, H\) expected"),
    (lambda: clipping.step_jacobians(states, np.eye(3), "gelu"), "activation: .* got 'gelu'"),
    (lambda: clipping.init_scaled(0, 3, None), "rows: an integer of at least 1 expected, got 0"),
    (lambda: clipping.init_orthogonal(2, 1.5, None), "columns: .* got 1.5"),
    (lambda: clipping.init_identity(-1, 2, None), "rows: .* got -1"),
    (lambda: experiments.recall(0, 3, np.random.default_rng()), "lag: .* got 0"),
    (lambda: experiments.recall(3, 0, np.random.default_rng()), "B: .* got 0"),
    (lambda: clipping.train(p, lambda *_: (0.0, g), [0], clip=0), "tau: .* got 0"),
    (lambda: clipping.train(p, lambda *_: (0.0, {}), [0]), "grads: one for each"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --------------------------------------------------------------------------- no silent wrong number
def test_the_norm_of_huge_and_of_tiny_numbers():
    assert clipping.global_norm({"a": np.array([3e200, 4e200])}) == pytest.approx(5e200)
    assert clipping.global_norm({"a": np.array([3e-200]), "b": [4e-200]}) == pytest.approx(5e-200)
    clipped, norm = clipping.clip_by_norm({"a": np.array([3e200, 4e200])}, 1.0)
    assert norm == pytest.approx(5e200)
    np.testing.assert_allclose(clipped["a"], [0.6, 0.8])


def test_a_number_of_numpy_leaves_float32_alone():
    g32 = {"W": np.ones((2, 3), "f4")}
    for clip in (clipping.clip_by_norm, clipping.clip_by_value):
        out = clip(g32, np.float64(0.5))
        assert (out[0] if isinstance(out, tuple) else out)["W"].dtype == np.float32
