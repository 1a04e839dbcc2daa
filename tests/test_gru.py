"""GRU, both forms: against torch, differences and onnxruntime; laws; what is refused."""

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from unrolled import gru
from unrolled.clipping import init_orthogonal
from unrolled.experiments import gru as experiments
from unrolled.experiments.bptt import held_out_perplexity
from unrolled.experiments.lstm import adding_gradients, carrying
from unrolled.lstm import CELLS, cell_parameters, language_loss, run_cell
from unrolled.support import verify

RESETS = gru.RESETS
SIZES = [(5, 3, 2, 4), (1, 3, 2, 4), (6, 1, 4, 3), (1, 1, 1, 1), (9, 2, 5, 1), (4, 5, 1, 6)]
BASES = ["zeros", "each", "shared"]
WEIGHTS = ("W_i", "W_h", "b", "b_n")


def network(rng, T, B, D, H, base="each"):
    """Arguments of `gru_forward` by name."""
    h_0 = {"zeros": None, "each": rng.standard_normal((B, H)), "shared": rng.standard_normal(H)}
    shapes = {"W_i": (3 * H, D), "W_h": (3 * H, H), "b": (3 * H,), "b_n": (H,)}
    given_ = {"x": rng.standard_normal((T, B, D)), "h_0": h_0[base]}
    return given_ | {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def torch_step(x, h_prev, W_i, W_h, b, b_n, reset="after"):
    """The equations one gate at a time, for autograd."""
    (U_r, U_z, U_n), (W_r, W_z, W_n), (b_r, b_z, b_x) = (a.chunk(3) for a in (W_i, W_h, b))
    r = torch.sigmoid(U_r @ x.T + W_r @ h_prev.T + b_r[:, None]).T
    z = torch.sigmoid(U_z @ x.T + W_z @ h_prev.T + b_z[:, None]).T
    product = (W_n @ h_prev.T).T + b_n if reset == "after" else (W_n @ (r * h_prev).T).T + b_n
    gated = r * product if reset == "after" else product
    n = torch.tanh((U_n @ x.T).T + b_x + gated)
    return (1 - z) * n + z * h_prev


def torch_loop(x, h_0, *weights, reset="after"):
    """All states (T+1, B, H), by `torch_step`."""
    H = len(weights[-1])
    h = torch.zeros(H, dtype=x.dtype) if h_0 is None else h_0
    states = [h.expand(x.shape[1], H)]
    for x_t in x:
        states.append(torch_step(x_t, states[-1], *weights, reset=reset))
    return torch.stack(states)


def torchs_gru(x, h_0, W_i, W_h, b, b_n):
    """States (T+1, B, H) by torch's own GRU, through which the gradients flow back."""
    H, base = len(b_n), h_0.expand(x.shape[1], len(b_n))
    inner = torch.cat([torch.zeros(2 * H, dtype=b.dtype), b_n])
    weights = [W_i, W_h, b, inner]
    out, _ = torch.gru(x, base[None].contiguous(), weights, True, 1, 0.0, False, False, False)
    return torch.cat([base[None], out])


# --------------------------------------------------------------------------- against torch
PAIR = gru.gru_forward, gru.gru_backward


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_step(rng, T, B, D, H, reset):
    given_ = network(rng, T, B, D, H)
    given_ = {"x": given_["x"][0], "h_prev": given_["h_0"]} | {k: given_[k] for k in WEIGHTS}
    pair = gru.gru_step, gru.gru_step_backward
    verify.against_torch(*pair, torch_step, given_, rng, reset=reset)
    verify.against_differences(*pair, given_, rng, reset=reset)


@pytest.mark.parametrize("base", BASES[1:])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_values_and_all_gradients_against_autograd(rng, T, B, D, H, reset, base):
    given_ = network(rng, T, B, D, H, base)
    verify.against_torch(*PAIR, torch_loop, given_, rng, reset=reset)
    verify.against_differences(*PAIR, given_, rng, reset=reset)


@pytest.mark.parametrize("base", BASES[1:])
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_the_form_after_is_torchs_gru(rng, T, B, D, H, base):
    verify.against_torch(*PAIR, torchs_gru, network(rng, T, B, D, H, base), rng)


@pytest.mark.parametrize("reset", RESETS)
def test_a_missing_base_condition_is_zero(rng, reset):
    given_ = network(rng, 5, 3, 2, 4, "zeros")
    zero = given_ | {"h_0": np.zeros((3, 4))}
    h, cache = gru.gru_forward(**given_, reset=reset)
    h_zero, cache_zero = gru.gru_forward(**zero, reset=reset)
    dh = rng.standard_normal(h.shape)
    got, expected = gru.gru_backward(dh, cache), gru.gru_backward(dh, cache_zero)
    names = ["dx", "dh_0", "dW_i", "dW_h", "db", "db_n"]
    verify.compare("no h_0", dict(zip(names, got)), dict(zip(names, expected)), 0.0)
    np.testing.assert_array_equal(h, h_zero)


# --------------------------------------------------------------------------- against onnxruntime
def onnx_gru(x, h_0, W_i, W_h, b, b_n, reset):
    """The states (T, B, H) by the GRU of onnxruntime, whose gates stand in the order z, r, h."""
    (T, B, _), H = x.shape, len(b_n)

    def in_onnx_order(a):
        r, z, n = np.split(a, 3)
        return np.concatenate([z, r, n])[None].astype("f4")

    inner = np.concatenate([np.zeros(2 * H), b_n])
    given_ = {"X": x.astype("f4"), "W": in_onnx_order(W_i), "R": in_onnx_order(W_h)}
    given_["B"] = np.concatenate([in_onnx_order(b), in_onnx_order(inner)], axis=1)
    given_["h"] = h_0[None].astype("f4")
    inputs = [
        helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in given_.items()
    ]
    output = helper.make_tensor_value_info("Y", TensorProto.FLOAT, (T, 1, B, H))
    node = helper.make_node(
        "GRU",
        ["X", "W", "R", "B", "", "h"],
        ["Y"],
        hidden_size=H,
        linear_before_reset=int(reset == "after"),
    )
    graph = helper.make_graph([node], "gru", inputs, [output])
    opset = [helper.make_opsetid("", 14)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, given_)[0][:, 0]


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(("T", "B", "D", "H"), SIZES)
def test_both_forms_are_onnxs(rng, T, B, D, H, reset):
    given_ = network(rng, T, B, D, H)
    h, _ = gru.gru_forward(**given_, reset=reset)
    expected = onnx_gru(*given_.values(), reset=reset)
    verify.compare("onnxruntime", {"h": h[1:]}, {"h": expected}, 1e-5)


# --------------------------------------------------------------------------- laws
sizes = st.tuples(*[st.integers(1, 5)] * 4)


@given(sizes, st.sampled_from(RESETS), st.integers(0, 10**6))
def test_causal_resumable_and_blind_to_the_order_of_the_batch(size, reset, seed):
    rng = np.random.default_rng(seed)
    given_ = network(rng, *size)
    h, _ = gru.gru_forward(**given_, reset=reset)
    t = int(rng.integers(size[0]))
    changed = given_ | {"x": given_["x"].copy()}
    changed["x"][t] += 1.0
    after, _ = gru.gru_forward(**changed, reset=reset)
    np.testing.assert_array_equal(after[: t + 1], h[: t + 1])
    resumed, _ = gru.gru_forward(**given_ | {"x": given_["x"][t:], "h_0": h[t]}, reset=reset)
    np.testing.assert_allclose(resumed, h[t:], rtol=1e-9, atol=1e-9)
    turned = given_ | {"x": given_["x"][:, ::-1], "h_0": given_["h_0"][::-1]}
    turned, _ = gru.gru_forward(**turned, reset=reset)
    np.testing.assert_allclose(turned, h[:, ::-1], rtol=1e-9, atol=1e-9)


@given(sizes, st.sampled_from(RESETS), st.integers(0, 10**6))
def test_steps_joined_are_the_whole(size, reset, seed):
    rng = np.random.default_rng(seed)
    given_ = network(rng, *size)
    x, h, *weights = given_.values()
    whole, _ = gru.gru_forward(**given_, reset=reset)
    for t, x_t in enumerate(x):
        h, _ = gru.gru_step(x_t, h, *weights, reset)
        np.testing.assert_allclose(h, whole[t + 1], rtol=1e-9, atol=1e-9)


@given(sizes, st.sampled_from(RESETS), st.integers(0, 10**6))
def test_a_state_never_leaves_the_range_of_its_past(size, reset, seed):
    """h is a weighted mean of n in (-1, 1) and h_prev."""
    rng = np.random.default_rng(seed)
    given_ = network(rng, *size)
    h, _ = gru.gru_forward(**given_, reset=reset)
    largest = np.maximum(np.abs(h), 1).max(axis=(1, 2))
    assert np.all(np.diff(largest) <= 1e-12)


@pytest.mark.parametrize("reset", RESETS)
def test_large_arguments_saturate_without_a_warning(rng, reset):
    given_ = {k: 1e4 * a for k, a in network(rng, 5, 3, 2, 4).items()}
    given_["h_0"] = given_["h_0"] / 1e4
    with np.errstate(all="raise", under="ignore"):
        h, cache = gru.gru_forward(**given_, reset=reset)
        grads = gru.gru_backward(np.ones_like(h), cache)
    assert np.isfinite(h).all()
    assert all(np.isfinite(g).all() for g in grads)


def test_without_a_reset_the_forms_agree(rng):
    """r = 1 where its bias is large: both candidates are tanh(W_in x + W_hn h + b + b_n)."""
    given_ = network(rng, 6, 3, 2, 4)
    given_["b"][:4] = 1e3
    both = [gru.gru_forward(**given_, reset=reset)[0] for reset in RESETS]
    verify.compare("r = 1", {"h": both[0]}, {"h": both[1]})
    given_["b"][:4] = 0
    both = [gru.gru_forward(**given_, reset=reset)[0] for reset in RESETS]
    assert np.abs(both[0] - both[1]).max() > 0.1


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_no_argument_changed(rng, reset, dtype):
    given_ = {k: a.astype(dtype) for k, a in network(rng, 4, 3, 2, 5).items()}
    before = {k: a.copy() for k, a in given_.items()}
    h, cache = gru.gru_forward(**given_, reset=reset)
    dh = rng.standard_normal(h.shape).astype(dtype)
    kept = dh.copy()
    first, second = gru.gru_backward(dh, cache), gru.gru_backward(dh, cache)
    assert {a.dtype for a in (h, *first)} == {np.dtype(dtype)}
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(dh, kept)
    for name, a in before.items():
        np.testing.assert_array_equal(given_[name], a)


# --------------------------------------------------------------------------- weights from torch
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_weights_of_a_module(rng, bias, batch_first):
    net = torch.nn.GRU(3, 5, bias=bias, batch_first=batch_first, dtype=torch.float64)
    x = rng.standard_normal((6, 4, 3))
    given_ = torch.from_numpy(x.swapaxes(0, 1).copy() if batch_first else x)
    expected = net(given_)[0].detach().numpy()
    h, _ = gru.gru_forward(x, None, *gru.gru_from_torch(net))
    got = h[1:].swapaxes(0, 1) if batch_first else h[1:]
    verify.compare("torch.nn.GRU", {"h": got}, {"h": expected})


@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_a_cell(rng, bias):
    cell = torch.nn.GRUCell(3, 5, bias=bias, dtype=torch.float64)
    x, h_prev = rng.standard_normal((4, 3)), rng.standard_normal((4, 5))
    expected = cell(torch.from_numpy(x), torch.from_numpy(h_prev))
    h, _ = gru.gru_step(x, h_prev, *gru.gru_from_torch(cell))
    verify.compare("torch.nn.GRUCell", {"h": h}, {"h": expected})


def test_converted_weights_are_copies():
    net = torch.nn.GRU(3, 5)
    before = [p.detach().clone() for p in net.parameters()]
    for array in gru.gru_from_torch(net):
        array += 1
    for p, q in zip(net.parameters(), before, strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.GRU(3, 5, num_layers=2), "module: one layer expected, got 2"),
        (torch.nn.GRU(3, 5, bidirectional=True), "module: one direction .* bidirectional"),
        (torch.nn.LSTM(3, 5), "module: a torch.nn.GRU expected, got LSTM"),
        (torch.nn.RNN(3, 5), "module: a torch.nn.GRU expected, got RNN_TANH"),
        (torch.nn.Linear(3, 5), "module: a torch.nn.GRU expected, got Linear"),
    ],
)
def test_other_modules_are_refused(module, message):
    with pytest.raises(ValueError, match=message):
        gru.gru_from_torch(module)


# --------------------------------------------------------------------------- equal budgets
@pytest.mark.parametrize(("D", "H"), [(3, 5), (1, 1), (8, 2)])
@pytest.mark.parametrize(("cell", "idle"), [("RNN", 1), ("LSTM", 4), ("GRU", 2)])
def test_counts_are_torchs(cell, idle, D, H):
    theirs = sum(p.numel() for p in getattr(torch.nn, cell)(D, H).parameters())
    assert gru.parameter_count(cell.lower(), D, H) + idle * H == theirs


@pytest.mark.parametrize("cell", CELLS)
def test_a_budget_buys_the_most_units(rng, cell):
    for budget, D, per_unit in ((500, 3, 0), (2000, 1, 7), (40_000, 32, 100)):
        H = gru.units_within(cell, budget, D, per_unit)
        cost = [gru.parameter_count(cell, D, n) + n * per_unit for n in (H, H + 1)]
        assert cost[0] <= budget < cost[1]
        made = cell_parameters(cell, D, H, rng, start=init_orthogonal)
        assert sum(a.size for a in made.values()) == cost[0] - H * per_unit
        assert {a.dtype for a in made.values()} == {np.dtype("f4")}
    for made, limit in (
        (experiments.text_parameters(cell, 100, rng), 20_000),
        (experiments.adding_parameters(cell, rng), 3_400),
    ):
        assert 0.94 * limit < sum(a.size for a in made.values()) <= limit


def small(make, cell, rng, *arguments):
    """Parameters in float64, none of them 0."""
    made = make(cell, *arguments, rng, 400)
    return {name: a + 0.3 * rng.standard_normal(a.shape) for name, a in made.items()}


def check_gradients(gradients, params, batch):
    _, grads = gradients(params, batch)
    expected = {
        name: verify.numerical_gradient(lambda: gradients(params, batch)[0], array)
        for name, array in params.items()
    }
    verify.compare("gradients", grads, expected, 1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_both_tasks(rng, cell):
    params = small(lambda *a: experiments.text_parameters(*a, D=2), cell, rng, 5)
    tokens, targets = rng.integers(5, size=(2, 4, 3))
    targets[2] = 0  # the start token, which is not asked for

    def gradients(params, batch):  # a new one each time: no state from an earlier call
        return carrying(cell)(params, batch)

    check_gradients(gradients, params, (tokens, targets))
    params = small(lambda cell, rng, n: experiments.adding_parameters(cell, rng, n), cell, rng)
    x, y = rng.standard_normal((5, 3, 2)), rng.standard_normal(3)
    check_gradients(partial(adding_gradients, cell=cell), params, (x, y))


def test_training_on_text_learns_and_ends_at_the_rate_0():
    stream = np.tile([0, 2, 3, 4, 1], 60)[:, None].repeat(2, axis=1)
    start = partial(experiments.text_parameters, "gru", 5, budget=900, D=3)
    found, again = (
        experiments.train_text(start(np.random.default_rng(3)), stream, 60, 3e-2, "gru", T=10)
        for _ in range(2)
    )
    for name in found:
        np.testing.assert_array_equal(found[name], again[name])
    assert held_out_perplexity(partial(language_loss, found, cell="gru"), stream) < 1.5
    before = start(np.random.default_rng(3))
    still = experiments.train_text(
        {name: a.copy() for name, a in before.items()}, stream, 1, 0.0, "gru"
    )
    np.testing.assert_array_equal(still["W_h"], before["W_h"])


@pytest.mark.parametrize("cell", CELLS)
def test_windows_carry_the_state(rng, cell):
    params = experiments.text_parameters(cell, 6, rng, budget=900, D=3)
    params["W_o"] += rng.standard_normal(params["W_o"].shape).astype("f4")
    stream = rng.integers(6, size=(43, 2))  # 42 predictions
    loss = partial(language_loss, params, cell=cell)
    whole = held_out_perplexity(loss, stream, T=42)
    np.testing.assert_allclose(held_out_perplexity(loss, stream, T=7), whole, rtol=1e-4)


def test_what_no_budget_buys_and_unknown_cells_are_refused():
    with pytest.raises(ValueError, match="budget: enough for one unit expected, got 3"):
        gru.units_within("gru", 3, 2)
    known = "'rnn', 'lstm1997', 'lstm', 'gru', 'gru before'"
    with pytest.raises(ValueError, match=f"cell: one of {known} expected, got 'QRNN'"):
        gru.parameter_count("QRNN", 2, 3)
    with pytest.raises(ValueError, match="cell: one of"):
        run_cell(np.ones((2, 3, 4)), {}, cell="GRU")
    with pytest.raises(ValueError, match="params: W_i expected, is missing"):
        run_cell(np.ones((2, 3, 4)), {}, cell="gru")


# --------------------------------------------------------------------------- bad arguments
ones = np.ones
GOOD = {"x": ones((5, 3, 2)), "h_0": None, "W_i": ones((12, 2)), "W_h": ones((12, 4))}
GOOD |= {"b": ones(12), "b_n": ones(4)}


def forward(**changes):
    return lambda: gru.gru_forward(**(GOOD | changes))


def step(**changes):
    good = {"x": ones((3, 2)), "h_prev": ones((3, 4))} | {k: GOOD[k] for k in WEIGHTS}
    return lambda: gru.gru_step(**(good | changes))


def backward(shape):
    return lambda: gru.gru_backward(ones(shape), gru.gru_forward(**GOOD)[1])


BAD = [
    (forward(reset="later"), "reset: one of 'after', 'before' expected, got 'later'"),
    (step(reset=None), "reset: one of 'after', 'before' expected, got None"),
    (forward(x=ones((5, 2))), r"x: shape \(T, B, D\) .* got \(5, 2\)"),
    (forward(x=ones((5, 0, 2))), r"x: at least one entry expected, got shape \(5, 0, 2\)"),
    (forward(W_h=ones((16, 4))), "W_h: 3H = 12 rows expected, .* 16 came: is this an LSTM?"),
    (forward(W_i=ones((16, 2))), "W_i: 3H = 12 rows expected, .* 16 came: is this an LSTM?"),
    (forward(b=ones(16)), "b: 3H = 12 rows expected, .* 16 came: is this an LSTM?"),
    (forward(W_h=ones((4, 4))), "W_h: .* 4 came: is this a plain RNN?"),
    (forward(W_i=ones((7, 2))), "W_i: 3H = 12 rows expected, H each for r, z, n, 7 came$"),
    (forward(W_i=ones((12, 3))), r"W_i: shape \(12, 2\) expected, got \(12, 3\)"),
    (forward(W_i=ones(12)), r"W_i: shape \(12, 2\) expected, got \(12,\)"),
    (forward(W_h=ones(12)), r"W_h: shape \(3H, H\) expected, got \(12,\)"),
    (forward(b=1.0), r"b: shape \(12,\) expected, got \(\)"),
    (forward(b_n=ones(12)), r"b_n: shape \(4,\) expected, got \(12,\)"),
    (forward(b_n=None), r"b_n: shape \(4,\) expected, got \(\)"),
    (forward(h_0=ones((2, 4))), r"h_0: shape \(3, 4\) .* got \(2, 4\)"),
    (forward(h_0=1.0), r"h_0: shape \(3, 4\) .* got \(\)"),
    (step(h_prev=ones(4)), r"h_prev: shape \(3, 4\) .* got \(4,\)"),
    (step(h_prev=None), r"h_prev: shape \(3, 4\) .* got \(\)"),
    (step(x=ones((3, 1, 2))), r"x: shape \(B, D\) .* got \(3, 1, 2\)"),
    (backward((5, 3, 4)), r"dh: shape \(6, 3, 4\) expected, got \(5, 3, 4\)"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
