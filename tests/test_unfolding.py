"""Activations, the RNN step and loop, readout, losses: values, gradients, laws, bad arguments."""

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unrolled import unfolding
from unrolled.support import verify

ACTIVATIONS = ("sigmoid", "tanh", "relu", "identity")
SIZES = [(5, 3, 2, 4), (1, 3, 2, 4), (6, 1, 4, 3), (1, 1, 1, 1), (9, 2, 5, 1), (4, 5, 1, 6)]
BASES = ["zeros", "each", "shared"]


def network(rng, T, B, D, H, base="each"):
    """Arguments of `rnn_forward` by name."""
    h_0 = {"zeros": None, "each": rng.standard_normal((B, H)), "shared": rng.standard_normal(H)}
    given_ = {"x": rng.standard_normal((T, B, D)), "h_0": h_0[base]}
    shapes = {"W_i": (H, D), "W_h": (H, H), "b": (H,)}
    return given_ | {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def torch_step(x, h_prev, W_i, W_h, b, activation="tanh"):
    a = h_prev @ W_h.T + x @ W_i.T + b
    return a if activation == "identity" else getattr(torch, activation)(a)


def torch_loop(x, h_0, W_i, W_h, b, activation="tanh"):
    """The states (T+1, B, H), by torch, one step after the other."""
    x, W_i, W_h, b = (torch.as_tensor(a) for a in (x, W_i, W_h, b))
    h_0 = torch.zeros(len(b), dtype=x.dtype) if h_0 is None else torch.as_tensor(h_0)
    states = [h_0.expand(x.shape[1], len(b))]
    for x_t in x:
        states.append(torch_step(x_t, states[-1], W_i, W_h, b, activation))
    return torch.stack(states)


# --------------------------------------------------------------------------- activations
POINTS = np.array([-1e4, -800.0, -40.0, -6.0, -0.5, 0.0, 1e-9, 0.5, 6.0, 40.0, 800.0, 1e4])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_derivative(name):
    f, derivative = unfolding.ACTIVATIONS[name]
    x = torch.tensor(POINTS, requires_grad=True)
    expected = x * 1 if name == "identity" else getattr(torch, name)(x)
    expected.sum().backward()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = {"f": f(POINTS), "f'": derivative(f(POINTS))}
    verify.compare(name, got, {"f": expected, "f'": x.grad}, 1e-15)


def test_sigmoid_keeps_its_relative_precision_far_out():
    np.testing.assert_allclose(
        unfolding.sigmoid(POINTS), scipy.special.expit(POINTS), rtol=1e-14, atol=0
    )
    assert unfolding.sigmoid(-700.0) > 0


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_keep_shape_and_dtype(name, dtype):
    f, derivative = unfolding.ACTIVATIONS[name]
    x = np.linspace(-2, 2, 6, dtype=dtype).reshape(2, 3)
    for values in (f(x), derivative(f(x))):
        assert (values.shape, values.dtype) == (x.shape, x.dtype)
    assert np.ndim(f(1.5)) == np.ndim(derivative(f(1.5))) == 0


@given(st.floats(-700, 700))
def test_sigmoid_is_symmetric_and_tanh_is_a_sigmoid(x):
    verify.compare(
        "σ(-x) = 1 - σ(x)", {"σ": unfolding.sigmoid(-x)}, {"σ": 1 - unfolding.sigmoid(x)}
    )
    both = {"tanh": 2 * unfolding.sigmoid(2 * x) - 1}
    verify.compare("tanh(x) = 2 σ(2x) - 1", both, {"tanh": unfolding.tanh(x)})


# --------------------------------------------------------------------------- one step, all steps
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_step(rng, T, B, D, H, activation):
    given_ = network(rng, T, B, D, H)
    weights = {name: given_[name] for name in ("W_i", "W_h", "b")}
    given_ = {"x": given_["x"][0], "h_prev": given_["h_0"], **weights}
    pair = unfolding.rnn_step, unfolding.rnn_step_backward
    verify.against_torch(*pair, torch_step, given_, rng, activation=activation)
    verify.against_differences(*pair, given_, rng, activation=activation)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_forward_against_a_torch_loop(rng, T, B, D, H, activation, base):
    given_ = network(rng, T, B, D, H, base)
    h, _ = unfolding.rnn_forward(**given_, activation=activation)
    expected = torch_loop(**given_, activation=activation)
    verify.compare("rnn_forward", {"h": h}, {"h": expected})


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_forward_against_torchs_rnn_with_its_two_biases(rng, T, B, D, H, activation):
    given_ = network(rng, T, B, D, H)
    split = rng.standard_normal(H)
    net = torch.nn.RNN(D, H, nonlinearity=activation, dtype=torch.float64)
    parts = given_["W_i"], given_["W_h"], split, given_["b"] - split
    net.load_state_dict(dict(zip(net.state_dict(), map(torch.from_numpy, parts), strict=True)))
    expected, _ = net(torch.from_numpy(given_["x"]), torch.from_numpy(given_["h_0"])[None])
    h, _ = unfolding.rnn_forward(**given_, activation=activation)
    verify.compare("torch.nn.RNN", {"h": h[1:]}, {"h": expected})


@pytest.mark.parametrize("base", BASES[1:])
def test_steps_carry_the_gradient_back_to_the_base_condition(rng, base):
    T, B, D, H = 5, 3, 2, 4
    given_ = network(rng, T, B, D, H, base)
    h_0 = given_.pop("h_0")
    x, weights = given_.pop("x"), tuple(given_.values())

    def forward(h_0):
        h, caches = np.broadcast_to(h_0, (B, H)), []
        for x_t in x:
            h, cache = unfolding.rnn_step(x_t, h, *weights)
            caches.append(cache)
        return h, caches

    def backward(dh, caches):
        for cache in reversed(caches):
            _, dh, *_ = unfolding.rnn_step_backward(dh, cache)
        return dh if base == "each" else dh.sum(axis=0)

    def reference(h_0):
        return torch_loop(x, h_0, *weights)[-1]

    verify.against_torch(forward, backward, reference, {"h_0": h_0}, rng)
    verify.against_differences(forward, backward, {"h_0": h_0}, rng)
    last = unfolding.rnn_forward(x, h_0, *weights)[0][-1]
    verify.compare("the loop", {"h": last}, {"h": forward(h_0)[0]})


def test_the_linear_case_is_an_iir_filter(rng):
    """An oracle that is neither torch nor a difference, for random stable filters."""
    for _ in range(10):
        poles = 0.95 * rng.uniform(size=2) * np.exp(1j * rng.uniform(0, np.pi))
        denominator = np.poly([poles[0], poles[0].conj()]).real
        signal = rng.standard_normal(60)
        W_h = np.array([-denominator[1:], [1.0, 0.0]])
        W_i, b = np.array([[1.0], [0.0]]), np.zeros(2)
        h, _ = unfolding.rnn_forward(signal[:, None, None], None, W_i, W_h, b, "identity")
        expected = scipy.signal.lfilter([1.0], denominator, signal)
        verify.compare("lfilter", {"y": h[1:, 0, 0]}, {"y": expected})


# --------------------------------------------------------------------------- laws
sizes = st.tuples(*[st.integers(1, 5)] * 4)


@given(sizes, st.sampled_from(ACTIVATIONS), st.integers(0, 10**6))
def test_causal_and_resumable_and_blind_to_the_order_of_the_batch(size, activation, seed):
    rng = np.random.default_rng(seed)
    given_ = network(rng, *size)
    h, _ = unfolding.rnn_forward(**given_, activation=activation)
    t = int(rng.integers(size[0]))
    changed = given_ | {"x": given_["x"].copy()}
    changed["x"][t] += 1.0
    after, _ = unfolding.rnn_forward(**changed, activation=activation)
    np.testing.assert_array_equal(after[: t + 1], h[: t + 1])
    rest = given_ | {"x": given_["x"][t:], "h_0": h[t]}
    resumed, _ = unfolding.rnn_forward(**rest, activation=activation)
    np.testing.assert_allclose(resumed, h[t:], rtol=1e-9, atol=1e-9)
    turned = given_ | {"x": given_["x"][:, ::-1], "h_0": given_["h_0"][::-1]}
    turned, _ = unfolding.rnn_forward(**turned, activation=activation)
    np.testing.assert_allclose(turned, h[:, ::-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(rng, dtype):
    given_ = {name: a.astype(dtype) for name, a in network(rng, 4, 3, 2, 5).items()}
    for activation in ACTIVATIONS:
        h, _ = unfolding.rnn_forward(**given_, activation=activation)
        step = given_["x"][0], *list(given_.values())[1:]
        h_1, cache = unfolding.rnn_step(*step, activation=activation)
        grads = unfolding.rnn_step_backward(h_1, cache)
        assert {a.dtype for a in (h, h_1, *grads)} == {np.dtype(dtype)}


def test_ints_and_mixed_dtypes_are_computed_in_the_wider_one(rng):
    given_ = network(rng, 4, 3, 2, 5)
    whole = given_ | {"x": np.ones((4, 3, 2), dtype=int)}
    assert unfolding.rnn_forward(**whole)[0].dtype == np.float64
    single = given_ | {"x": given_["x"].astype(np.float32)}
    assert unfolding.rnn_forward(**single)[0].dtype == np.float64


def test_forward_changes_no_argument(rng):
    given_ = network(rng, 4, 3, 2, 5)
    before = {name: a.copy() for name, a in given_.items()}
    unfolding.rnn_forward(**given_)
    for name, a in before.items():
        np.testing.assert_array_equal(given_[name], a)


# --------------------------------------------------------------------------- outputs and losses
@pytest.mark.parametrize("leading", [(), (4,), (5, 3), (1, 1), (2, 3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_readout(rng, leading, bias):
    given_ = {"h": rng.standard_normal((*leading, 3)), "W_o": rng.standard_normal((6, 3))}
    given_ |= {"b_o": rng.standard_normal(6)} if bias else {}
    pair = unfolding.readout, unfolding.readout_backward
    verify.against_torch(*pair, F.linear, given_, rng)
    verify.against_differences(*pair, given_, rng)


@pytest.mark.parametrize(("T", "B", "V"), [(5, 3, 4), (1, 1, 2), (7, 2, 1), (1, 4, 6)])
def test_losses(rng, T, B, V):
    P, y = rng.dirichlet(np.ones(V), size=(T, B)) + 0.01, rng.integers(V, size=(T, B))

    def reference(P, y):
        return F.nll_loss(P.log().reshape(-1, V), torch.from_numpy(y).ravel(), reduction="sum")

    pair = unfolding.total_loss, unfolding.total_loss_backward
    verify.against_torch(*pair, reference, {"P": P}, rng, y=y)
    verify.against_differences(*pair, {"P": P}, rng, tolerance=1e-6, y=y)
    losses = unfolding.step_losses(P, y)
    assert losses.shape == (T, B)
    np.testing.assert_allclose(losses.sum(), unfolding.total_loss(P, y)[0])
    np.testing.assert_array_equal(unfolding.predict(P), P.argmax(axis=-1))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("rho", ["identity", "tanh"])
def test_elman(rng, activation, rho):
    T, B, D, H = 5, 3, 2, 4
    given_ = network(rng, T, B, D, H)
    W_3 = rng.standard_normal((D, H))
    arguments = given_["x"], given_["h_0"], given_["W_i"], given_["W_h"]
    got, _ = unfolding.elman_forward(*arguments, W_3, activation, rho)
    h = torch_loop(*arguments, np.zeros(H), activation)[1:]
    expected = h @ torch.from_numpy(W_3).T
    expected = torch.tanh(expected) if rho == "tanh" else expected
    verify.compare("elman", {"x_hat": got}, {"x_hat": expected})


# --------------------------------------------------------------------------- bad arguments
ones = np.ones
GOOD = {"x": ones((5, 3, 2)), "h_0": None, "W_i": ones((4, 2)), "W_h": ones((4, 4)), "b": ones(4)}


def forward(**changes):
    return lambda: unfolding.rnn_forward(**(GOOD | changes))


def step(**changes):
    good = {"x": ones((3, 2)), "h_prev": ones((3, 4))}
    good |= {name: GOOD[name] for name in ("W_i", "W_h", "b")}
    return lambda: unfolding.rnn_step(**(good | changes))


BAD = [
    (forward(x=ones((0, 3, 2))), r"x: at least one entry .* \(0, 3, 2\)"),
    (forward(x=ones((5, 2))), r"x: shape \(T, B, D\) .* got \(5, 2\)"),
    (forward(W_i=ones((2, 4))), r"W_i: shape \(4, 2\) expected .* got \(2, 4\)"),
    (forward(W_i=ones(4)), r"W_i: shape \(4, 2\) expected .* got \(4,\)"),
    (forward(W_h=ones((4, 3))), r"W_h: shape \(4, 4\) expected .* got \(4, 3\)"),
    (forward(b=ones((1, 4))), r"b: shape \(4,\) expected .* got \(1, 4\)"),
    (forward(h_0=ones((2, 4))), r"h_0: shape \(3, 4\) expected .* got \(2, 4\)"),
    (forward(h_0=ones(3)), r"h_0: shape \(3, 4\) expected .* got \(3,\)"),
    (forward(activation="softplus"), "activation: one of 'sigmoid', .* got 'softplus'"),
    (step(x=ones((3, 1, 2))), r"x: shape \(B, D\) .* got \(3, 1, 2\)"),
    (step(h_prev=ones(4)), r"h_prev: shape \(3, 4\) expected .* got \(4,\)"),
    (step(h_prev=None), r"h_prev: shape \(3, 4\) expected .* got \(\)"),
    (step(activation=None), "activation: one of .* got None"),
    (lambda: unfolding.readout(ones((5, 4)), ones((3, 2))), r"W_o: shape \(V, 4\) .* \(3, 2\)"),
    (lambda: unfolding.readout(ones((5, 4)), ones(4)), r"W_o: .* got \(4,\)"),
    (lambda: unfolding.readout(ones(4), ones((3, 4)), ones(4)), r"b_o: shape \(3,\) .* \(4,\)"),
    (lambda: unfolding.step_losses(ones((5, 3)), ones(4, int)), r"y: shape \(5,\) .* got \(4,\)"),
    (lambda: unfolding.step_losses(ones((2, 3)), np.array([0, 3])), "y: integers in 0 … 2 .* 3"),
    (lambda: unfolding.step_losses(ones((2, 3)), np.array([-1, 1])), "y: integers .* got -1"),
    (lambda: unfolding.step_losses(ones((2, 3)), ones(2)), "y: integers expected, got float64"),
]


def test_integers_are_not_truncated():
    assert unfolding.sigmoid(np.array([0, 200], np.uint8)).tolist() == [0.5, 1.0]
    one = np.ones((1, 1), int)
    h, _ = unfolding.rnn_forward(one[None], None, one, 0 * one, [0])
    np.testing.assert_allclose(h[1], np.tanh(1))
    guess, _ = unfolding.elman_forward(one[None], None, one, one, one, "tanh")
    np.testing.assert_allclose(guess, np.tanh(1))
    _, cache = unfolding.total_loss([[1, 2]], [1])
    assert unfolding.total_loss_backward(1, cache).tolist() == [[0, -0.5]]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
