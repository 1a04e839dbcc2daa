"""The LSTM and its variants: values, gradients, laws, bad arguments."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled import lstm
from unrolled.experiments import lstm as experiments
from unrolled.support import verify

SIZES = [(5, 3, 2, 4), (1, 3, 2, 4), (6, 1, 4, 3), (1, 1, 1, 1), (7, 2, 5, 1), (4, 5, 1, 3)]
CELLS = ["rnn", "lstm1997", "lstm"]
PEEPHOLES = ["none", "diagonal", "full"]
PAIR = lstm.lstm_forward, lstm.lstm_backward


def network(rng, T, B, D, H, peepholes="none", gates=4, shared=False):
    """Arguments of a forward function by name."""
    state = (H,) if shared else (B, H)
    shapes = {"x": (T, B, D), "h_0": state, "c_0": state}
    shapes |= {"W_i": (gates * H, D), "W_h": (gates * H, H), "b": (gates * H,)}
    if peepholes != "none":
        shapes["W_c"] = (3, H) if peepholes == "diagonal" else (3 * H, H)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def torch_step(x, h, c, W_i, W_h, b, W_c=None):
    """Slide 30, one gate at a time."""
    H = W_h.shape[1]
    a = (x @ W_i.T + h @ W_h.T + b).reshape(len(x), 4, H)
    if W_c is None:
        W_c = torch.zeros(3, H, dtype=x.dtype)
    full = [torch.diag(p) for p in W_c] if W_c.shape == (3, H) else W_c.reshape(3, H, H)
    i = torch.sigmoid(a[:, 0] + c @ full[0].T)
    f = torch.sigmoid(a[:, 1] + c @ full[1].T)
    c = f * c + i * torch.tanh(a[:, 2])
    o = torch.sigmoid(a[:, 3] + c @ full[2].T)
    return o * torch.tanh(c), c


def torch_loop(x, h_0, c_0, *weights, step=torch_step):
    B, H = x.shape[1], weights[1].shape[1]
    h, c = [h_0.expand(B, H)], [c_0.expand(B, H)]
    for x_t in x:
        new = step(x_t, h[-1], c[-1], *weights)
        h.append(new[0])
        c.append(new[1])
    return torch.stack(h), torch.stack(c)


def torchs_lstm(given_):
    """torch.nn.LSTM with our weights; its second bias is zero."""
    H, D = given_["W_h"].shape[1], given_["W_i"].shape[1]
    net = torch.nn.LSTM(D, H, dtype=torch.float64)
    parts = given_["W_i"], given_["W_h"], given_["b"], np.zeros(4 * H)
    net.load_state_dict(dict(zip(net.state_dict(), map(torch.tensor, parts), strict=True)))
    return net


# --------------------------------------------------------------------------- slide 30
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_plain_equals_torch(rng, T, B, D, H):
    """Values and every gradient of torch.nn.LSTM, weights included."""
    given_ = network(rng, T, B, D, H)
    net = torchs_lstm(given_)
    leaves = [torch.tensor(given_[name], requires_grad=True) for name in ("x", "h_0", "c_0")]
    out, (h_T, c_T) = net(leaves[0], (leaves[1][None], leaves[2][None]))
    (h, c), cache = lstm.lstm_forward(**given_)
    values = {"h": h[1:], "h_T": h[-1], "c_T": c[-1]}
    expected = {"h": out, "h_T": h_T[0], "c_T": c_T[0]}
    verify.compare("torch.nn.LSTM", values, expected)
    dh, dc_T = rng.standard_normal(h.shape), rng.standard_normal(c_T.shape)
    dc = np.zeros_like(c)
    dc[-1], dh[0] = dc_T[0], 0
    torch.autograd.backward([out, c_T], [torch.tensor(dh[1:]), torch.tensor(dc_T)])
    grads = lstm.lstm_backward((dh, dc), cache)
    weights = [p.grad for p in net.parameters()]
    verify.compare(
        "gradients of torch.nn.LSTM",
        {f"d{name}": g for name, g in zip(given_, grads, strict=True)},
        {f"d{name}": g for name, g in zip(given_, [*(p.grad for p in leaves), *weights[:3]])},
    )


@pytest.mark.parametrize("peepholes", PEEPHOLES)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_all_steps_against_autograd_and_differences(rng, T, B, D, H, peepholes):
    given_ = network(rng, T, B, D, H, peepholes)
    verify.against_torch(*PAIR, torch_loop, given_, rng)
    if T * B * H < 70:
        verify.against_differences(*PAIR, given_, rng)


@pytest.mark.parametrize("peepholes", PEEPHOLES)
def test_initial_states_that_the_batch_shares(rng, peepholes):
    given_ = network(rng, 4, 3, 2, 5, peepholes, shared=True)
    verify.against_torch(*PAIR, torch_loop, given_, rng)


@pytest.mark.parametrize("peepholes", PEEPHOLES)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_step(rng, T, B, D, H, peepholes):
    given_ = network(rng, T, B, D, H, peepholes)
    given_["x"] = given_["x"][0]
    pair = lstm.lstm_step, lstm.lstm_step_backward
    verify.against_torch(*pair, torch_step, given_, rng)
    verify.against_differences(*pair, given_, rng)


def test_no_initial_state_is_zeros_and_no_loss_on_c_is_zeros(rng):
    given_ = network(rng, 4, 3, 2, 5)
    zeros = given_ | {"h_0": np.zeros((3, 5)), "c_0": np.zeros((3, 5))}
    (h, c), cache = lstm.lstm_forward(**given_ | {"h_0": None, "c_0": None})
    (h_zeros, c_zeros), other = lstm.lstm_forward(**zeros)
    verify.compare("zeros", {"h": h, "c": c}, {"h": h_zeros, "c": c_zeros}, 0)
    dh = rng.standard_normal(h.shape)
    without = lstm.lstm_backward((dh, None), cache)
    for got, expected in zip(
        without, lstm.lstm_backward((dh, np.zeros_like(dh)), other), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_diagonal_peepholes_are_full_ones_with_a_diagonal_matrix(rng):
    given_ = network(rng, 4, 3, 2, 5, "diagonal")
    full = given_ | {"W_c": np.concatenate([np.diag(p) for p in given_["W_c"]])}
    (h, c), _ = lstm.lstm_forward(**given_)
    (h_full, c_full), _ = lstm.lstm_forward(**full)
    verify.compare("diagonal", {"h": h, "c": c}, {"h": h_full, "c": c_full}, 1e-14)
    zero = given_ | {"W_c": np.zeros((3, 5))}
    plain = {name: given_[name] for name in given_ if name != "W_c"}
    expected, _ = lstm.lstm_forward(**plain)
    verify.compare("W_c = 0", {"h": lstm.lstm_forward(**zero)[0][0]}, {"h": expected[0]}, 1e-14)


@pytest.mark.parametrize("peepholes", PEEPHOLES)
def test_backward_changes_nothing_and_can_be_repeated(rng, peepholes):
    given_ = network(rng, 4, 3, 2, 5, peepholes)
    (h, c), cache = lstm.lstm_forward(**given_)
    dout = rng.standard_normal(h.shape), rng.standard_normal(c.shape)
    before = [np.array(a) for a in (*given_.values(), h, c, *dout)]
    first = lstm.lstm_backward(dout, cache)
    second = lstm.lstm_backward(dout, cache)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(before, (*given_.values(), h, c, *dout), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("peepholes", PEEPHOLES)
def test_float32_stays_float32(rng, peepholes):
    given_ = {k: v.astype("f4") for k, v in network(rng, 4, 3, 2, 5, peepholes).items()}
    (h, c), cache = lstm.lstm_forward(**given_)
    grads = lstm.lstm_backward((h, c), cache)
    step = given_ | {"x": given_["x"][0]}
    step = lstm.lstm_step(*step.values())
    grads_step = lstm.lstm_step_backward(*step)
    assert {a.dtype for a in (h, c, *grads, *step[0], *grads_step)} == {np.dtype("f4")}
    single = lstm.lstm_forward(**{k: v.astype(float) for k, v in given_.items()})[0][0]
    np.testing.assert_allclose(h, single, atol=2e-6)


def test_gates_far_out_do_not_overflow(rng):
    given_ = network(rng, 3, 2, 2, 3)
    for sign in (-1, 1):
        huge = given_ | {"b": np.full(12, sign * 1e4)}
        with np.errstate(over="raise", invalid="raise"):
            (h, c), cache = lstm.lstm_forward(**huge)
            grads = lstm.lstm_backward((h, c), cache)
        assert all(np.isfinite(a).all() for a in (h, c, *grads))


# --------------------------------------------------------------------------- laws
sizes = st.tuples(*[st.integers(1, 5)] * 4)


@given(sizes, st.sampled_from(PEEPHOLES), st.integers(0, 10**6))
def test_causal_and_resumable_and_blind_to_the_order_of_the_batch(size, peepholes, seed):
    rng = np.random.default_rng(seed)
    given_ = network(rng, *size, peepholes)
    (h, c), _ = lstm.lstm_forward(**given_)
    t = int(rng.integers(size[0]))
    changed = given_ | {"x": given_["x"].copy()}
    changed["x"][t] += 1.0
    (after, _), _ = lstm.lstm_forward(**changed)
    np.testing.assert_allclose(after[: t + 1], h[: t + 1], rtol=1e-12, atol=1e-12)
    rest = given_ | {"x": given_["x"][t:], "h_0": h[t], "c_0": c[t]}
    (resumed, _), _ = lstm.lstm_forward(**rest)
    np.testing.assert_allclose(resumed, h[t:], rtol=1e-9, atol=1e-9)
    turned = {name: given_[name][..., ::-1, :] for name in ("x", "h_0", "c_0")}
    (turned, _), _ = lstm.lstm_forward(**given_ | turned)
    np.testing.assert_allclose(turned, h[:, ::-1], rtol=1e-9, atol=1e-9)
    assert np.all(np.abs(h[1:]) < 1)


# --------------------------------------------------------------------------- variants
def torch_three(x, h, c, W_i, W_h, b, kind):
    """One gate computed, the other 1 or 1 minus it; then g and o."""
    z_1, z_g, z_o = (x @ W_i.T + h @ W_h.T + b).split(h.shape[1], dim=1)
    gate = torch.sigmoid(z_1)
    f, i = {"1997": (1, gate), "f": (gate, 1 - gate), "i": (1 - gate, gate)}[kind]
    c = f * c + i * torch.tanh(z_g)
    return torch.sigmoid(z_o) * torch.tanh(c), c


def variant(kind):
    """The pair of functions, and their options."""
    if kind == "1997":
        return (lstm.lstm1997_forward, lstm.lstm1997_backward), {}
    return (lstm.coupled_forward, lstm.coupled_backward), {"computed": kind}


@pytest.mark.parametrize("kind", ["1997", "f", "i"])
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_variants_against_autograd_and_differences(rng, T, B, D, H, kind):
    given_, (pair, options) = network(rng, T, B, D, H, gates=3), variant(kind)

    def reference(*tensors, **_):
        return torch_loop(*tensors, step=lambda *a: torch_three(*a, kind))

    verify.against_torch(*pair, reference, given_, rng, **options)
    if T * B * H < 40:
        verify.against_differences(*pair, given_, rng, **options)


@pytest.mark.parametrize("kind", ["1997", "f", "i"])
def test_variants_with_no_or_shared_states_and_in_float32(rng, kind):
    (forward, backward), options = variant(kind)
    given_ = network(rng, 4, 3, 2, 5, gates=3, shared=True)
    (h, _), cache = forward(**given_, **options)
    assert backward((h, None), cache)[1].shape == (5,)
    singles = {name: a.astype("f4") for name, a in given_.items()} | {"h_0": None, "c_0": None}
    (h, c), cache = forward(**singles, **options)
    grads = backward((h, c), cache)
    assert {a.dtype for a in (h, c, *grads)} == {np.dtype("f4")}
    assert grads[1].shape == (3, 5)


def test_the_cell_of_1997_counts_exactly(rng):
    """Gates wide open: c is the sum of the candidates, and dc_0 is dc_T."""
    x = rng.standard_normal((50, 3, 1))
    W_i, b = np.array([[0.0], [1.0], [0.0]]), np.array([np.inf, 0.0, 0.0])
    (_, c), cache = lstm.lstm1997_forward(x, None, None, W_i, np.zeros((3, 1)), b)
    verify.compare("sum", {"c": c[-1]}, {"c": np.tanh(x).sum(axis=0)})
    dc = np.zeros_like(c)
    dc[-1] = rng.standard_normal(c[-1].shape)
    np.testing.assert_array_equal(lstm.lstm1997_backward((0 * c, dc), cache)[2], dc[-1])


@given(st.integers(1, 30), st.integers(0, 10**6))
def test_a_coupled_cell_stays_between_its_start_and_one(T, seed):
    rng = np.random.default_rng(seed)
    given_ = network(rng, T, 2, 3, 4, gates=3)
    (_, c), _ = lstm.coupled_forward(**given_)
    assert np.all(np.abs(c) <= np.maximum(np.abs(c[0]), 1) + 1e-12)


# --------------------------------------------------------------------------- onnxruntime
def by_onnx(x, h_0, c_0, W_i, W_h, b, W_c=None, coupled=False):
    """h of all steps and the last c, by onnxruntime's LSTM: float32, gates i, o, f, g."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    def stacked(W):
        i, f, g, o = np.split(W, 4)
        return np.concatenate([i, o, f, g])[None]

    feeds = {"X": x, "W": stacked(W_i), "R": stacked(W_h), "h": h_0[None], "c": c_0[None]}
    feeds["B"] = np.hstack([stacked(b), stacked(0 * b)])
    feeds |= {} if W_c is None else {"P": W_c[[0, 2, 1]].reshape(1, -1)}
    feeds = {name: a.astype("f4") for name, a in feeds.items()}
    names = ["X", "W", "R", "B", "", "h", "c"] + ([] if W_c is None else ["P"])
    options = {"hidden_size": W_h.shape[1], "input_forget": int(coupled)}
    node = helper.make_node("LSTM", names, ["Y", "", "last"], **options)

    def info(name, shape=None):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [info(name, a.shape) for name, a in feeds.items()]
    graph = helper.make_graph([node], "lstm", inputs, [info("Y"), info("last")])
    opset = [helper.make_opsetid("", 14)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    Y, last = session.run(None, feeds)
    return {"h": Y[:, 0], "c": last[0]}


@pytest.mark.parametrize("peepholes", ["none", "diagonal"])
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_diagonal_peepholes_against_onnxruntime(rng, T, B, D, H, peepholes):
    given_ = network(rng, T, B, D, H, peepholes)
    (h, c), _ = lstm.lstm_forward(**given_)
    verify.compare("onnxruntime", {"h": h[1:], "c": c[-1]}, by_onnx(**given_), 1e-5)


@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_coupled_gates_against_onnxruntime(rng, T, B, D, H):
    three = network(rng, T, B, D, H, gates=3)
    four = dict(three)
    for name in ("W_i", "W_h", "b"):
        i, g, o = np.split(three[name], 3)
        four[name] = np.concatenate([i, rng.standard_normal(i.shape), g, o])  # f is not read
    expected = by_onnx(**four, coupled=True)
    (h, c), _ = lstm.coupled_forward(**three, computed="i")
    verify.compare("onnxruntime", {"h": h[1:], "c": c[-1]}, expected, 1e-5)
    (other, _), _ = lstm.coupled_forward(**three, computed="f")
    assert np.abs(other[1:] - expected["h"]).max() > 1e-3


# --------------------------------------------------------------------------- training
@pytest.mark.parametrize("cell", CELLS)
def test_adding_gradients(rng, cell):
    params = lstm.cell_parameters(cell, 2, 4, rng) | {"W_o": rng.standard_normal((1, 4))}
    params = {name: np.asarray(a, float) for name, a in params.items()} | {"b_o": np.ones(1)}
    batch = experiments.adding_problem(6, 3, rng)
    gradients = partial(experiments.adding_gradients, batch=batch, cell=cell)
    _, grads = gradients(params)
    assert list(grads) == list(params)
    for name, array in params.items():
        numeric = verify.numerical_gradient(lambda: gradients(params)[0], array)
        verify.compare(name, {"d": grads[name]}, {"d": numeric}, 1e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_language_loss(rng, cell):
    params = experiments.language_parameters(cell, 6, 3, 4, rng)
    params = {name: a.astype(float) + 0.1 for name, a in params.items()}
    tokens, targets = rng.integers(0, 6, (2, 5, 3))
    start = [rng.standard_normal((3, 4)) for _ in lstm.CELLS[cell].states]
    dlast = [rng.standard_normal((3, 4)) for _ in start]

    def loss():
        (loss, last), _ = lstm.language_loss(params, tokens, targets, start, cell)
        return loss + sum(np.sum(d * state) for d, state in zip(dlast, last, strict=True))

    _, cache = lstm.language_loss(params, tokens, targets, start, cell)
    grads = lstm.language_loss_backward((1.0, dlast), cache)
    for name, array in params.items():
        numeric = verify.numerical_gradient(loss, array)
        verify.compare(name, {"d": grads[name]}, {"d": numeric}, 1e-7)


def test_a_language_model_learns_and_its_state_is_carried():
    stream = np.tile([0, 2, 3, 4, 1], 60)[:, None].repeat(2, axis=1)
    start = experiments.language_parameters("lstm", 5, 4, 8, np.random.default_rng(0))
    params, curve = experiments.train_language(start, stream, stream, 60, T=10, lr=2e-2, show=False)
    assert curve["held_out"][0] == pytest.approx(5)
    assert curve["held_out"][-1] < 1.1
    (whole, _), _ = lstm.language_loss(params, stream[:20], stream[1:21])
    (first, state), _ = lstm.language_loss(params, stream[:9], stream[1:10])
    (second, _), _ = lstm.language_loss(params, stream[9:20], stream[10:21], state)
    assert first + second == pytest.approx(whole, rel=1e-5)


def test_adding_error_is_repeatable_and_falls():
    errors, again = (
        experiments.adding_error(4, np.random.default_rng(3), steps=100) for _ in range(2)
    )
    assert errors == again
    assert errors[-1] < 0.5 * errors[0]


def test_parameters_of_cells(rng):
    params = lstm.cell_parameters("lstm", 2, 3, rng, keep=2.0)
    assert params["b"].tolist() == [0] * 3 + [2] * 3 + [0] * 6
    assert {name: a.shape for name, a in params.items()} == {
        "W_i": (12, 2),
        "W_h": (12, 3),
        "b": (12,),
    }
    assert not lstm.cell_parameters("lstm1997", 2, 3, rng)["b"].any()
    shut = lstm.cell_parameters("lstm1997", 2, 3, rng, enter=-4.0)
    assert shut["b"].tolist() == [-4] * 3 + [0] * 6
    assert not lstm.cell_parameters("rnn", 2, 3, rng, enter=-4.0)["b"].any()


# --------------------------------------------------------------------------- adding
@given(st.integers(2, 30), st.integers(1, 9), st.integers(0, 10**6))
def test_adding_problem(T, B, seed):
    x, y = experiments.adding_problem(T, B, np.random.default_rng(seed))
    assert (x.shape, y.shape) == ((T, B, 2), (B,))
    assert np.all(x[: T // 2, :, 1].sum(axis=0) == 1)
    assert np.all(x[T // 2 :, :, 1].sum(axis=0) == 1)
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(axis=0), y)
    again, _ = experiments.adding_problem(T, B, np.random.default_rng(seed))
    np.testing.assert_array_equal(x, again)


# --------------------------------------------------------------------------- bad arguments
BAD = [
    ({"W_h": (15, 5), "W_i": (15, 2), "b": (15,)}, "4H rows expected with H = 5, 3H came"),
    ({"W_h": (5, 5)}, "is this a plain RNN"),
    ({"W_i": (20, 3)}, "W_i: shape"),
    ({"W_i": (20,)}, r"W_i: shape \(4H, D\) expected"),
    ({"b": (5,)}, "b: shape"),
    ({"x": (3, 2)}, "x: shape"),
    ({"x": (0, 3, 2)}, "x: at least one entry expected"),
    ({"h_0": (3, 4)}, "h_0: shape"),
    ({"c_0": (4,)}, "c_0: shape"),
    ({"W_c": (3, 4)}, "W_c: shape"),
    ({"W_c": (5, 5)}, "diagonal"),
]


@pytest.mark.parametrize(("shapes", "message"), BAD)
def test_bad_arguments(rng, shapes, message):
    given_ = network(rng, 4, 3, 2, 5)
    wrong = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    with pytest.raises(ValueError, match=message):
        lstm.lstm_forward(**given_ | wrong)


@pytest.mark.parametrize("forward", [lstm.lstm1997_forward, lstm.coupled_forward])
def test_bad_arguments_of_variants(rng, forward):
    given_ = network(rng, 4, 3, 2, 5, gates=3)
    with pytest.raises(ValueError, match="3H rows expected with H = 5, 4H came: is this an LSTM"):
        forward(**given_ | {"W_h": np.zeros((20, 5))})


def test_unknown_convention_is_named_with_the_known_ones(rng):
    with pytest.raises(ValueError, match=r"computed: 'f' .* or 'i' .* expected, got 'o'"):
        lstm.coupled_forward(**network(rng, 4, 3, 2, 5, gates=3), computed="o")


def test_bad_arguments_of_a_step_and_of_backward(rng):
    given_ = network(rng, 4, 3, 2, 5)
    step = given_ | {"x": given_["x"][0]}
    with pytest.raises(ValueError, match="h_prev: shape"):
        lstm.lstm_step(*(step | {"h_0": np.zeros(5)}).values())
    (h, c), cache = lstm.lstm_forward(**given_)
    with pytest.raises(ValueError, match="dh: shape"):
        lstm.lstm_backward((h[1:], None), cache)
    with pytest.raises(ValueError, match="dc: shape"):
        lstm.lstm_backward((h, c[1:]), cache)
    for arguments, name in (((1, 3), "T"), ((4, 0), "B"), ((2.5, 1), "T")):
        with pytest.raises(ValueError, match=f"{name}: an integer"):
            experiments.adding_problem(*arguments, rng)


# --------------------------------------------------------------------------- torch's weights
@pytest.mark.parametrize("bias", [True, False])
def test_from_torch(rng, bias):
    net = torch.nn.LSTM(2, 5, bias=bias, dtype=torch.float64)
    x = rng.standard_normal((4, 3, 2))
    (h, _), _ = lstm.lstm_forward(x, None, None, *lstm.lstm_from_torch(net))
    verify.compare("torch", {"h": h[1:]}, {"h": net(torch.tensor(x))[0]})


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.GRU(2, 3), "a torch.nn.LSTM expected, got GRU"),
        (torch.nn.LSTM(2, 3, bidirectional=True), "bidirectional=True"),
        (torch.nn.LSTM(2, 3, num_layers=2), "num_layers=2"),
        (torch.nn.LSTM(2, 3, proj_size=1), "proj_size=1"),
    ],
)
def test_from_torch_refuses(module, message):
    with pytest.raises(ValueError, match=message):
        lstm.lstm_from_torch(module)


# --------------------------------------------------------------------------- no silent wrong number
def test_an_infinite_input_saturates_the_cell_of_1997_and_spoils_nothing_else(rng):
    """Against the cell written out, which multiplies nothing by a forget gate."""
    given_ = network(rng, 4, 3, 2, 5, gates=3)
    given_["x"][1, 0, 1] = np.inf
    h, c = given_["h_0"], given_["c_0"]
    for x in given_["x"]:
        z = x @ given_["W_i"].T + h @ given_["W_h"].T + given_["b"]
        i, g, o = np.split(z, 3, axis=1)
        c = c + (1 + np.tanh(i / 2)) / 2 * np.tanh(g)
        h = (1 + np.tanh(o / 2)) / 2 * np.tanh(c)
    (states, cells), cache = lstm.lstm1997_forward(**given_)
    assert np.isfinite(states).all()
    np.testing.assert_allclose(states[-1], h, atol=1e-12)
    np.testing.assert_allclose(cells[-1], c, atol=1e-12)
    dx, dh_0, dc_0, *_ = lstm.lstm1997_backward((np.ones_like(states), None), cache)
    assert np.isfinite(np.concatenate([dx.ravel(), dh_0.ravel(), dc_0.ravel()])).all()


def test_the_upstream_gradient_decides_the_type(rng):
    """Integers truncate nothing, float32 into a float64 model computes in float64."""
    (h, _), cache = lstm.lstm_forward(**network(rng, 4, 3, 2, 5))
    ones = np.ones(h.shape)
    wanted = lstm.lstm_backward((ones, None), cache)
    for kind in (int, "float32", "uint8"):
        got = lstm.lstm_backward((ones.astype(kind), None), cache)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
