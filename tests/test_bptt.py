"""BPTT and its relatives: values and gradients, laws, training, and bad arguments."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled import bptt
from unrolled.experiments import bptt as experiments
from unrolled.language_models import streams
from unrolled.support import verify
from unrolled.unfolding import rnn_forward

# T, B, D, H: no two alike, but for T = 1, B = 1, D = 1, H = 1
SHAPES = [(5, 2, 3, 4), (1, 3, 2, 5), (6, 1, 4, 3), (4, 3, 1, 2), (3, 2, 4, 1), (1, 1, 1, 1)]
ACTIVATIONS = ("tanh", "relu", "sigmoid")
GRADIENTS = ("dx", "dh_0", "dW_i", "dW_h", "db")
PARAMETERS = ("X", "h_0", "W_i", "W_h", "b", "W_o")


def layer(rng, T, B, D, H, shared=False):
    shapes = {"x": (T, B, D), "h_0": (H,) if shared else (B, H), "W_i": (H, D), "W_h": (H, H)}
    return {name: rng.standard_normal(s) for name, s in (shapes | {"b": (H,)}).items()}


def model(rng, B=3, V=6, D=3, H=4, shared=False):
    shapes = {"X": (V, D), "h_0": (H,) if shared else (B, H), "W_i": (H, D), "W_h": (H, H)}
    shapes |= {"b": (H,), "W_o": (V, H)}
    return {name: rng.standard_normal(s) for name, s in shapes.items()}


def texts(rng, T=7, B=3, V=6):
    return {name: rng.integers(V, size=(T, B)) for name in ("tokens", "targets")}


def torch_rnn(x, h_0, W_i, W_h, b, activation="tanh"):
    h = [h_0.expand(x.shape[1], -1) if h_0.ndim == 1 else h_0]
    for x_t in x:
        h.append(getattr(torch, activation)(h[-1] @ W_h.T + x_t @ W_i.T + b))
    return torch.stack(h)


def torch_model(X, h_0, W_i, W_h, b, W_o, tokens, targets, mask=None, activation="tanh"):
    h = torch_rnn(X[torch.tensor(tokens)], h_0, W_i, W_h, b, activation)
    log_p = torch.log_softmax(h[1:] @ W_o.T, -1)
    losses = -log_p.gather(-1, torch.tensor(targets)[..., None])[..., 0]
    return (losses if mask is None else losses[torch.tensor(mask)]).sum(), h[-1]


def run(rng, *shape, activation="tanh", shared=False):
    """States' upstream gradient and the cache of a forward pass."""
    h, cache = rnn_forward(**layer(rng, *shape, shared=shared), activation=activation)
    return rng.standard_normal(h.shape), cache


def same(title, got, expected, names=GRADIENTS, tolerance=1e-10):
    named = [dict(zip(names, side, strict=True)) for side in (got, expected)]
    return verify.compare(title, *named, tolerance)


# --------------------------------------------------------------------------- values and gradients
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("backward", [bptt.rnn_backward, bptt.sum_over_paths])
@pytest.mark.parametrize("shared", [False, True])
def test_rnn(rng, shape, activation, backward, shared):
    given_, options = layer(rng, *shape, shared=shared), {"activation": activation}
    verify.against_torch(rnn_forward, backward, torch_rnn, given_, rng, **options)
    verify.against_differences(rnn_forward, backward, given_, rng, **options)


def test_rnn_against_the_linear_filter(rng):
    """An oracle that is neither: one relu unit that stays positive is y_t = w y_{t-1} + x_t."""
    T, w = 9, 0.7
    x = rng.uniform(1, 2, (T, 1, 1))
    one = np.ones((1, 1))
    h, cache = rnn_forward(x, np.zeros((1, 1)), one, w * one, np.zeros(1), "relu")
    dh = np.zeros_like(h)
    dh[T] = 1.0
    dx, dh_0, *_ = bptt.rnn_backward(dh, cache)
    same(
        "powers of w",
        (dx.ravel(), dh_0[0, 0]),
        (w ** np.arange(T - 1, -1, -1), w**T),
        ("dx", "dh_0"),
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_language_model(rng, shared, activation):
    options = texts(rng) | {"mask": rng.random((7, 3)) < 0.7, "activation": activation}
    pair, given_ = (bptt.language_model_loss, bptt.language_model_backward), model(rng)
    given_ = model(rng, shared=shared)
    verify.against_torch(*pair, torch_model, given_, rng, **options)
    verify.against_differences(*pair, given_, rng, **options)


@pytest.mark.parametrize(("T", "B"), [(1, 1), (1, 4), (6, 1)])
def test_short_and_narrow_texts(rng, T, B):
    pair = bptt.language_model_loss, bptt.language_model_backward
    verify.against_torch(*pair, torch_model, model(rng, B), rng, **texts(rng, T, B))


def test_a_repeated_word_collects_from_all_its_places(rng):
    """With one word only, dX has one row, the sum of all dx."""
    given_, text = model(rng), texts(rng)
    text["tokens"][:] = 2
    _, cache = bptt.language_model_loss(**given_, **text)
    caught = []

    def through(dh, unrolled):
        caught.append(bptt.rnn_backward(dh, unrolled))
        return caught[0]

    dX, *_ = bptt.language_model_backward((1.0, 0.0), cache, through)
    expected = np.zeros_like(dX)
    expected[2] = caught[0][0].sum(axis=(0, 1))
    same("one word", (dX,), (expected,), ("dX",))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shared", [False, True])
def test_forward_accumulation(rng, shape, activation, shared):
    given_ = layer(rng, *shape, shared=shared)
    h, cache = rnn_forward(**given_, activation=activation)
    dh = rng.standard_normal(h.shape)
    dh[0] = 0  # no loss looks at h_0

    def upstream(t, h_t):
        np.testing.assert_allclose(h_t, h[t], atol=1e-12)
        return dh[t]

    got = bptt.rnn_forward_accumulation(**given_, upstream=upstream, activation=activation)
    same("forward accumulation", got, bptt.rnn_backward(dh, cache)[1:], GRADIENTS[1:])


def test_forward_accumulation_from_zeros(rng):
    given_ = layer(rng, 4, 2, 3, 5) | {"h_0": None}
    h, cache = rnn_forward(**given_)
    dh = rng.standard_normal(h.shape)
    dh[0] = 0
    got = bptt.rnn_forward_accumulation(**given_, upstream=lambda t, h_t: dh[t])
    same("h_0 = None", got, bptt.rnn_backward(dh, cache)[1:], GRADIENTS[1:])


# --------------------------------------------------------------------------- laws
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_lags_add_up(rng, activation):
    dh, cache = run(rng, 6, 2, 3, 4, activation=activation)
    by_lag = bptt.gradient_by_lag(dh, cache)
    assert by_lag.shape == (6, 4, 4)
    same("lags", (by_lag.sum(axis=0),), (bptt.rnn_backward(dh, cache)[3],), ("dW_h",))
    np.testing.assert_array_equal(bptt.gradient_by_lag(dh, cache, 2), by_lag[:3])
    only_own = bptt.truncated_backward(dh, cache, 1)[3]
    same("lag 0 is k = 1", (by_lag[0],), (only_own,), ("dW_h",))


@pytest.mark.parametrize("k", [6, 7, 100])
@pytest.mark.parametrize("shared", [False, True])
def test_a_window_as_long_as_the_text_cuts_nothing(rng, k, shared):
    dh, cache = run(rng, 6, 2, 3, 4, shared=shared)
    same("no cut", bptt.truncated_backward(dh, cache, k), bptt.rnn_backward(dh, cache))


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_truncation_is_torchs_detach(rng, k):
    given_ = layer(rng, 7, 2, 3, 4)
    h, cache = rnn_forward(**given_)
    dh = rng.standard_normal(h.shape)
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in given_.items()}
    x, h_t, *weights = tensors.values()
    total = (torch.tensor(dh[0]) * h_t).sum()
    for t in range(7):
        if t % k == 0 and t:
            h_t = h_t.detach()
        h_t = torch_rnn(x[t : t + 1], h_t, *weights)[1]
        total = total + (torch.tensor(dh[t + 1]) * h_t).sum()
    expected = torch.autograd.grad(total, list(tensors.values()))
    same("detach", bptt.truncated_backward(dh, cache, k), expected)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10**6))
def test_two_windows_joined_are_one(before, after, seed):
    rng = np.random.default_rng(seed)
    given_, text = model(rng), texts(rng, before + after)
    early, late = ({n: a[s] for n, a in text.items()} for s in (np.s_[:before], np.s_[before:]))
    (_, h), first = bptt.language_model_loss(**given_, **early)
    (_, h_T), second = bptt.language_model_loss(**given_ | {"h_0": h}, **late)
    (_, whole_h), cache = bptt.language_model_loss(**given_, **text)
    np.testing.assert_allclose(h_T, whole_h, atol=1e-12)
    later = bptt.language_model_backward((1.0, 0.0), second)
    sooner = bptt.language_model_backward((1.0, later[1]), first)
    joined = [
        p if name == "h_0" else p + q for name, p, q in zip(PARAMETERS, sooner, later, strict=True)
    ]
    whole = bptt.language_model_backward((1.0, 0.0), cache)
    same("joined", joined, whole, PARAMETERS)


@given(st.integers(0, 10**6), st.floats(-3, 3))
def test_backward_is_linear_and_causal(seed, factor):
    rng = np.random.default_rng(seed)
    p, cache = run(rng, 5, 2, 3, 4)
    q = rng.standard_normal(p.shape)
    got = bptt.rnn_backward(p + factor * q, cache)
    sides = bptt.rnn_backward(p, cache), bptt.rnn_backward(q, cache)
    same("linear", got, [a + factor * b for a, b in zip(*sides, strict=True)], tolerance=1e-9)
    q[:] = 0
    q[2] = 1.0  # a loss at h_2 has no gradient with respect to what comes after it
    assert not bptt.rnn_backward(q, cache)[0][2:].any()


def test_the_batch_is_a_sum(rng):
    dh, cache = run(rng, 4, 3, 2, 5)
    x, h_0, W_i, W_h, h, activation = cache
    parts = [
        bptt.rnn_backward(
            dh[:, n : n + 1],
            (x[:, n : n + 1], h_0[n : n + 1], W_i, W_h, h[:, n : n + 1], activation),
        )[2:]
        for n in range(3)
    ]
    summed = [sum(of_one) for of_one in zip(*parts, strict=True)]
    same("batch", bptt.rnn_backward(dh, cache)[2:], summed, GRADIENTS[2:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_nothing_is_changed(rng, dtype):
    given_ = {name: a.astype(dtype) for name, a in model(rng).items()}
    kept = {name: a.copy() for name, a in given_.items()}
    (loss, h_T), cache = bptt.language_model_loss(**given_, **texts(rng))
    grads = []
    for way in (bptt.rnn_backward, bptt.sum_over_paths):
        grads += bptt.language_model_backward((1.0, 0.0), cache, way)
    h, unrolled = rnn_forward(cache[1][0], *list(given_.values())[1:5])
    dh = np.ones_like(h)
    grads += [*bptt.truncated_backward(dh, unrolled, 2), bptt.gradient_by_lag(dh, unrolled)]
    grads += bptt.rnn_forward_accumulation(*unrolled[:4], given_["b"], lambda t, h_t: h_t)
    assert {a.dtype for a in (loss, h_T, *grads)} == {np.dtype(dtype)}
    assert (dh == 1).all()
    for name, array in given_.items():
        np.testing.assert_array_equal(array, kept[name])


# --------------------------------------------------------------------------- training
def test_descent_learns_a_cycle(rng):
    """0 1 2 3 0 1 2 3 …: a few steps, and the next token is known."""
    stream = streams(np.tile([2, 3, 4, 5], 200), 4)
    parameters = experiments.initial_parameters(6, 3, 8, rng)
    evaluate = partial(experiments.window_loss, parameters)  # reads what descent changes
    before = experiments.held_out_perplexity(evaluate, stream)
    losses = [
        loss
        for loss, _ in zip(
            experiments.descend(parameters, stream, 1.0, T=10), range(200), strict=False
        )
    ]
    assert losses[-1] < 0.1 < losses[0]
    assert experiments.held_out_perplexity(evaluate, stream) < 1.2 < before
    assert {a.dtype for a in parameters.values()} == {np.dtype("f4")}


def test_only_what_is_named_learns(rng):
    stream = streams(rng.integers(2, 6, 400), 4)
    parameters = experiments.initial_parameters(6, 3, 8, rng)
    kept = {name: array.copy() for name, array in parameters.items()}
    next(experiments.descend(parameters, stream, 1.0, learned=("W_o",)))
    changed = [name for name in kept if not np.array_equal(kept[name], parameters[name])]
    assert changed == ["W_o"]


def test_the_base_condition_learns_in_the_first_window_only(rng):
    stream = streams(rng.integers(2, 6, 400), 4)
    parameters = experiments.initial_parameters(6, 3, 8, rng)
    parameters["W_o"] += 0.1  # with W_o = 0 nothing reaches the states
    parameters["W_o"][2:] *= rng.standard_normal((4, 8)).astype("f4")
    descent = experiments.descend(parameters, stream, 0.1)
    next(descent)
    h_0 = parameters["h_0"].copy()
    assert h_0.any()
    next(descent)
    np.testing.assert_array_equal(parameters["h_0"], h_0)


def test_a_text_is_split_and_encoded():
    text = "One two. Three four! " * 3 + " ".join(f"word {n}." for n in range(30))
    vocabulary, training, held_out = experiments.documentation(text, "character")
    assert training.max() < len(vocabulary)
    assert held_out.size < training.size
    assert "word 1" in vocabulary.decode(held_out)
    vocabulary, less, validation, again = experiments.documentation(text, "character", True)
    assert less.size + validation.size == training.size
    assert again.size == held_out.size
    assert len(experiments.documentation("x. " + "a b " * 5 + "c. d.", "word")[0]) == 3 + 2


# --------------------------------------------------------------------------- bad arguments
@pytest.mark.parametrize("backward", [bptt.rnn_backward, bptt.sum_over_paths])
def test_dh_needs_a_gradient_for_each_state(rng, backward):
    dh, cache = run(rng, 5, 2, 3, 4)
    with pytest.raises(ValueError, match=r"dh: shape \(6, 2, 4\) expected.* got \(5, 2, 4\)"):
        backward(dh[1:], cache)


@pytest.mark.parametrize("k", [0, -3, 2.0, None])
def test_windows_have_a_step(rng, k):
    with pytest.raises(ValueError, match=r"k: an integer of at least 1 expected, got"):
        bptt.truncated_backward(*run(rng, 5, 2, 3, 4), k)


@pytest.mark.parametrize("longest", [-1, 5, 1.5])
def test_a_lag_fits_into_the_sequence(rng, longest):
    with pytest.raises(
        ValueError, match=r"longest: an? (lag in 0 … 4|integer of at least 0) expected.* got"
    ):
        bptt.gradient_by_lag(*run(rng, 5, 2, 3, 4), longest)


def test_forward_accumulation_checks_what_upstream_returns(rng):
    with pytest.raises(ValueError, match=r"upstream: shape \(2, 4\) expected.* got \(4,\)"):
        bptt.rnn_forward_accumulation(**layer(rng, 5, 2, 3, 4), upstream=lambda t, h: h[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.full((7, 3), 6)}, "tokens: integers in 0 … 5 expected, got 6"),
        ({"targets": np.zeros((6, 3), int)}, r"targets: shape \(7, 3\) expected"),
        ({"W_o": np.zeros((6, 5))}, r"W_o: shape \(V, 4\) expected"),
        ({"W_h": np.zeros((4, 5))}, r"W_h: shape \(4, 4\) expected"),
        ({"activation": "cube"}, "activation: one of"),
    ],
)
def test_language_model_refuses(rng, changes, message):
    with pytest.raises(ValueError, match=message):
        bptt.language_model_loss(**(model(rng) | texts(rng) | changes))


def test_integers_are_numbers_on_the_way_back(rng):
    """An integer x once truncated the dx of truncated BPTT."""
    given_ = layer(rng, 5, 2, 3, 4) | {"x": rng.integers(-2, 3, (5, 2, 3))}
    h, cache = rnn_forward(**given_)
    dh = rng.standard_normal(h.shape)
    got = bptt.truncated_backward(dh, cache, 2)
    _, cache = rnn_forward(**given_ | {"x": given_["x"].astype(float)})
    same("integers", got, bptt.truncated_backward(dh, cache, 2))
