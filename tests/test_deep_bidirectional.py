"""Stacks, directions, lengths, summaries, the classifier and the language model of chapter 9."""

import inspect
import pickle
import random
import re
import signal
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled import deep_bidirectional as deep
from unrolled import lstm
from unrolled.clipping import adam, momentum, sgd, train
from unrolled.exercises import lab09
from unrolled.experiments import deep_bidirectional as experiments
from unrolled.experiments.lstm import adding_problem
from unrolled.language_models import Vocabulary
from unrolled.support import verify
from unrolled.unfolding import rnn_step

warnings.filterwarnings("ignore", "dropout option adds")
MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
CELLS = list(MODULES)
# T, B, D, H, layers, lengths
SIZES = [
    (6, 3, 2, 4, 2, [4, 6, 1]),
    (5, 4, 3, 2, 1, [5, 2, 5, 3]),
    (1, 3, 2, 3, 2, [1, 1, 1]),
    (4, 1, 3, 2, 3, [4]),
    (7, 1, 2, 3, 1, [5]),  # the padded batch is longer than its longest sequence
    (1, 1, 1, 1, 1, [1]),
]


def network(rng, cell, D, H, layers, both):
    p = deep.deep_parameters(D, H, rng, layers, both, cell)
    return {name: a + 0.3 * rng.standard_normal(a.shape) for name, a in p.items()}


def states(rng, cell, N, B, H):
    return tuple(rng.standard_normal((N, B, H)) for _ in lstm.CELLS[cell].states)


def torch_side(x, p, lengths, start, cell, module=None, **options):
    """Tensors (leaves), and torch's y and last; every b_hh but the GRU's third is zero."""
    layers, both = len(deep.layer_names(p)), "1b.b" in p
    H, D = p["1f.W_h"].shape[1], x.shape[2]
    module = MODULES[cell](D, H, layers, bidirectional=both, **options).double()
    leaves = {n: torch.tensor(a, requires_grad=True) for n, a in {"x": x, **p}.items()}
    start = tuple(torch.tensor(s, requires_grad=True) for s in start) if start else None
    weights = {}
    for name in p:
        place, kind = name.split(".")
        end = f"_l{int(place[:-1]) - 1}" + ("_reverse" if place[-1] == "b" else "")
        tensor, zero = leaves[name], torch.zeros
        if kind in ("W_i", "W_h"):
            weights[("weight_ih" if kind == "W_i" else "weight_hh") + end] = tensor
        elif kind == "b":
            weights["bias_ih" + end] = tensor
            weights.setdefault("bias_hh" + end, torch.zeros_like(tensor))
        else:
            weights["bias_hh" + end] = torch.cat([zero(2 * H, dtype=torch.double), tensor])
    packed = pack_padded_sequence(leaves["x"], torch.tensor(lengths), enforce_sorted=False)
    given = start if start is None or len(start) > 1 else start[0]
    y, last = torch.func.functional_call(module, weights, (packed, given))
    y, _ = pad_packed_sequence(y, total_length=len(x))
    return leaves, start, y, last if isinstance(last, tuple) else (last,)


# --------------------------------------------------------------------------- against torch
@pytest.mark.parametrize("given_start", [True, False])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("T", "B", "D", "H", "layers", "lengths"), SIZES)
def test_equals_torch_with_packed_sequences(
    rng, cell, both, given_start, T, B, D, H, layers, lengths
):
    x, p = rng.standard_normal((T, B, D)), network(rng, cell, D, H, layers, both)
    start = states(rng, cell, layers * (1 + both), B, H) if given_start else None
    (y, last), cache = deep.deep_forward(x, p, lengths, start, cell)
    leaves, starts, right, right_last = torch_side(x, p, lengths, start, cell)
    dy, dlast = rng.standard_normal(y.shape), tuple(map(rng.standard_normal, map(np.shape, last)))
    dx, dp, dstart = deep.deep_backward((dy, dlast), cache)
    torch.autograd.backward((right, *right_last), [torch.tensor(d) for d in (dy, *dlast)])
    got = {"y": y, "dx": dx} | {f"last {i}": s for i, s in enumerate(last)}
    expected = {"y": right, "dx": leaves["x"].grad}
    expected |= {f"last {i}": s for i, s in enumerate(right_last)}
    got |= {name: dp[name] for name in p}
    expected |= {name: leaves[name].grad for name in p}
    if given_start:
        got |= {f"dstart {i}": d for i, d in enumerate(dstart)}
        expected |= {f"dstart {i}": s.grad for i, s in enumerate(starts)}
    verify.compare("deep_forward against packed torch", got, expected)
    assert set(dp) == set(p)


@pytest.mark.parametrize("cell", CELLS)
def test_without_lengths_equals_torch_without_packing(rng, cell):
    module = MODULES[cell](2, 3, 2, bidirectional=True).double()
    x, start = rng.standard_normal((5, 4, 2)), states(rng, cell, 4, 4, 3)
    p = deep.deep_from_torch(module)
    (y, last), _ = deep.deep_forward(x, p, None, start, cell)
    given = tuple(map(torch.tensor, start))
    right, right_last = module(torch.tensor(x), given if cell == "lstm" else given[0])
    right_last = right_last if cell == "lstm" else (right_last,)
    got = {"y": y} | {f"last {i}": s for i, s in enumerate(last)}
    expected = {"y": right} | {f"last {i}": s for i, s in enumerate(right_last)}
    verify.compare("weights from torch, both biases", got, expected)


def test_the_options_of_a_cell_are_handed_on(rng):
    x, p = rng.standard_normal((4, 2, 3)), network(rng, "rnn", 3, 2, 2, True)
    (y, _), cache = deep.deep_forward(x, p, [3, 4], cell="rnn", activation="relu")
    leaves, _, right, _ = torch_side(x, p, [3, 4], None, "rnn", nonlinearity="relu")
    dy = rng.standard_normal(y.shape)
    dx, *_ = deep.deep_backward((dy, None), cache)
    right.backward(torch.tensor(dy))
    verify.compare("relu", {"y": y, "dx": dx}, {"y": right, "dx": leaves["x"].grad})
    p = network(rng, "gru", 3, 2, 1, True)
    (after, _), _ = deep.deep_forward(x, p, cell="gru")
    (before, _), _ = deep.deep_forward(x, p, cell="gru", reset="before")
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_against_central_differences(rng, cell, both):
    p = network(rng, cell, 2, 2, 2, both)
    start = states(rng, cell, 2 * (1 + both), 3, 2)
    S = len(start)

    def forward(x, *rest):
        (y, last), cache = deep.deep_forward(
            x, dict(zip(p, rest[S:])), np.array([2, 4, 1]), rest[:S], cell
        )
        return (y, *last), cache

    def backward(dout, cache):
        dx, dp, dstart = deep.deep_backward((dout[0], dout[1:]), cache)
        return dx, *dstart, *(dp[name] for name in p)

    arguments = {"x": rng.standard_normal((4, 3, 2))}
    arguments |= {f"start {i}": s for i, s in enumerate(start)} | p
    verify.against_differences(forward, backward, arguments, rng)


@pytest.mark.parametrize("cell", CELLS)
def test_float32_stays_float32(rng, cell):
    p = deep.deep_parameters(3, 4, rng, 2, True, cell)
    x = rng.standard_normal((5, 2, 3)).astype("float32")
    (y, last), cache = deep.deep_forward(x, p, [5, 2], cell=cell)
    dx, dp, dstart = deep.deep_backward((y, last), cache)
    for array in (y, *last, dx, *dp.values(), *dstart):
        assert array.dtype == np.float32


# --------------------------------------------------------------------------- laws
lengths_of_batches = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@given(lengths_of_batches, st.sampled_from(CELLS), st.integers(0, 10**6))
def test_a_sequence_does_not_notice_its_batch(lengths, cell, seed):
    """Alone or padded, with anything in the padding, NaN too: same outputs and gradients."""
    rng = np.random.default_rng(seed)
    p = network(rng, cell, 2, 3, 2, True)
    T, B = max(lengths) + 1, len(lengths)
    x = np.full((T, B, 2), np.nan)
    for n, length in enumerate(lengths):
        x[:length, n] = rng.standard_normal((length, 2))
    (y, last), cache = deep.deep_forward(x, p, lengths, cell=cell)
    dy, total = rng.standard_normal(y.shape), dict.fromkeys(p, 0.0)
    dx, dp, _ = deep.deep_backward((dy, last), cache)
    for n, length in enumerate(lengths):
        one, ends = x[:length, n : n + 1], tuple(s[:, n : n + 1] for s in last)
        (y_1, last_1), cache_1 = deep.deep_forward(one, p, cell=cell)
        dx_1, dp_1, _ = deep.deep_backward((dy[:length, n : n + 1], ends), cache_1)
        np.testing.assert_allclose(y[:length, n], y_1[:, 0], atol=1e-12)
        np.testing.assert_allclose(dx[:length, n], dx_1[:, 0], atol=1e-12)
        for s, s_1 in zip(last, last_1):
            np.testing.assert_allclose(s[:, n], s_1[:, 0], atol=1e-12)
        total = {name: total[name] + dp_1[name] for name in p}
        assert not y[length:, n].any()
        assert not dx[length:, n].any()
    for name in p:
        np.testing.assert_allclose(dp[name], total[name], atol=1e-10)


@given(lengths_of_batches, st.integers(0, 10**6))
def test_reversal_is_its_own_inverse_and_its_own_adjoint(lengths, seed):
    rng = np.random.default_rng(seed)
    x, d = rng.standard_normal((2, 7, len(lengths), 2))
    turned, cache = deep.reverse_time(x, lengths)
    np.testing.assert_array_equal(deep.reverse_time(turned, lengths)[0], x)
    np.testing.assert_allclose(
        np.sum(turned * d), np.sum(x * deep.reverse_time_backward(d, cache)), atol=1e-12
    )
    for n, length in enumerate(lengths):
        np.testing.assert_array_equal(turned[:length, n], x[:length, n][::-1])
        np.testing.assert_array_equal(turned[length:, n], x[length:, n])


@pytest.mark.parametrize("cell", CELLS)
def test_permuting_the_batch_permutes_the_outputs(rng, cell):
    p, lengths = network(rng, cell, 2, 3, 2, True), np.array([3, 5, 1, 4])
    x, order = rng.standard_normal((5, 4, 2)), np.array([2, 0, 3, 1])
    (y, last), _ = deep.deep_forward(x, p, lengths, cell=cell)
    (z, ends), _ = deep.deep_forward(x[:, order], p, lengths[order], cell=cell)
    np.testing.assert_allclose(z, y[:, order], atol=1e-14)
    np.testing.assert_allclose(ends[0], last[0][:, order], atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("both", [True, False])
def test_last_states_stand_at_opposite_ends(rng, cell, both):
    p, lengths = network(rng, cell, 2, 3, 2, both), np.array([3, 5, 1])
    (y, last), _ = deep.deep_forward(rng.standard_normal((6, 3, 2)), p, lengths, cell=cell)
    forward = last[0][-2] if both else last[0][-1]
    np.testing.assert_array_equal(y[lengths - 1, np.arange(3), :3], forward)
    if both:
        np.testing.assert_array_equal(y[0, :, 3:], last[0][-1])
    assert not y[-1].any()  # the classic mistake reads padding


@pytest.mark.parametrize("cell", CELLS)
def test_forward_stack_is_causal_and_a_backward_direction_is_not(rng, cell):
    for both, sees_the_future in ((False, False), (True, True)):
        p, x = network(rng, cell, 2, 3, 2, both), rng.standard_normal((5, 2, 2))
        (y, _), _ = deep.deep_forward(x, p, cell=cell)
        x[3] += 1
        (z, _), _ = deep.deep_forward(x, p, cell=cell)
        assert (np.abs(z - y)[:3].max() > 0) == sees_the_future


def test_carried_states_are_the_picked_ones(rng):
    p, lengths = network(rng, "rnn", 2, 3, 1, False), np.array([3, 5, 1])
    x, h = rng.standard_normal((5, 3, 2)), np.zeros((3, 3))
    for x_t, m in zip(x, deep.time_mask(lengths, 5)):
        new, _ = rnn_step(x_t, h, p["1f.W_i"], p["1f.W_h"], p["1f.b"])
        h = np.where(m[:, None], new, h)
    (_, (last,)), _ = deep.deep_forward(x, p, lengths, cell="rnn")
    np.testing.assert_allclose(last[0], h, atol=1e-14)


# --------------------------------------------------------------------------- summaries
def torch_summary(y, h, lengths, how):
    if how == "last":
        return torch.cat(list(h), dim=1)
    parts = [y[:n, i] for i, n in enumerate(lengths)]
    return torch.stack([q.mean(0) if how == "mean" else q.max(0).values for q in parts])


@pytest.mark.parametrize("how", ["last", "mean", "max"])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("lengths", [[4, 6, 1], [6, 6, 6], [1, 1, 1]])
def test_summaries_equal_torch(rng, how, both, lengths):
    S = 4 * (1 + both)
    y, h = rng.standard_normal((6, 3, S)), rng.standard_normal((2 * (1 + both), 3, 4))
    s, cache = deep.summarise(y, (h, h), lengths, how)
    ds = rng.standard_normal(s.shape)
    dy, dlast = deep.summarise_backward(ds, cache)
    leaves = [torch.tensor(a, requires_grad=True) for a in (y, h)]
    right = torch_summary(leaves[0], leaves[1][-1 - both :], lengths, how)
    right.backward(torch.tensor(ds))
    grads = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]
    got = {"s": s, "dy": dy, "dh": dlast[0]}
    verify.compare(how, got, {"s": right, "dy": grads[0], "dh": grads[1]})
    assert not dlast[1].any()


def test_summaries_against_differences(rng):
    y, lengths = rng.standard_normal((5, 3, 2)), np.array([2, 5, 1])
    verify.against_differences(
        deep.mean_over_time, deep.mean_over_time_backward, {"y": y}, rng, lengths=lengths
    )


def test_padding_does_not_win_the_maximum(rng):
    y = -1 - rng.random((5, 2, 3))
    s, _ = deep.summarise(y * deep.time_mask([2, 4], 5)[..., None], (), [2, 4], "max")
    assert (s < 0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("how", ["last", "mean", "max"])
def test_classifier_equals_torch(rng, cell, both, how):
    ids = np.array([[2, 3, 4, 2, 0, 0], [2, 5, 3, 4, 2, 0], [4, 2, 0, 0, 0, 0]])
    p = experiments.classifier_parameters(6, 4, rng, 2, 3, both, cell)
    p = {name: a + 0.1 * rng.standard_normal(a.shape) for name, a in p.items()}
    scores, cache = deep.sequence_classifier(ids, p, how, cell)
    dscores = rng.standard_normal(scores.shape)
    dp = deep.sequence_classifier_backward(dscores, cache)
    outer = {n: torch.tensor(p[n], requires_grad=True) for n in ("E", "W_o", "b_o")}
    inner, lengths = {n: a for n, a in p.items() if "." in n}, [4, 5, 2]
    x = outer["E"][ids[:, :5].T]
    leaves, _, y, last = torch_side(x.detach().numpy(), inner, lengths, None, cell)
    s = torch_summary(y, last[0], lengths, how)
    right = s @ outer["W_o"].T + outer["b_o"]
    right.backward(torch.tensor(dscores))
    x.backward(leaves["x"].grad)
    grads = {n: t.grad for n, t in (leaves | outer).items() if n in p}
    verify.compare(
        "classifier", {"s": scores} | {n: dp[n] for n in p}, {"s": right} | {n: grads[n] for n in p}
    )


# --------------------------------------------------------------------------- language model
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("T", "B"), [(4, 3), (1, 2), (5, 1)])
def test_language_model_equals_torch(rng, cell, layers, T, B):
    V = 6
    p = experiments.character_parameters(V, rng, 2, 3, layers, cell)
    p = {name: a + 0.1 * rng.standard_normal(a.shape) for name, a in p.items()}
    tokens, targets = rng.integers(0, V, (2, T, B))
    start = states(rng, cell, layers, B, 3)
    (loss, last), cache = deep.deep_language_model(p, tokens, targets, start, cell)
    dp = deep.deep_language_model_backward((0.7, None), cache)
    outer = {n: torch.tensor(p[n], requires_grad=True) for n in ("X", "W_o", "b_o")}
    x = outer["X"][tokens]
    inner = {n: a for n, a in p.items() if "." in n}
    leaves, _, y, ends = torch_side(x.detach().numpy(), inner, [T] * B, start, cell)
    z = (y @ outer["W_o"].T + outer["b_o"]).flatten(0, 1)
    right = torch.nn.functional.cross_entropy(
        z, torch.tensor(targets).ravel(), reduction="sum", ignore_index=Vocabulary.start
    )
    (0.7 * right).backward()
    x.backward(leaves["x"].grad)
    grads = {n: t.grad for n, t in (leaves | outer).items() if n in p}
    got = {"loss": loss, "last": last[0]} | {n: dp[n] for n in p}
    verify.compare(
        "language model", got, {"loss": right, "last": ends[0]} | {n: grads[n] for n in p}
    )


def test_character_gradients_are_those_of_the_mean(rng):
    p = experiments.character_parameters(5, rng, 2, 3, 2, "gru")
    p = {name: a.astype(float) for name, a in p.items()}
    batch = tuple(rng.integers(0, 5, (2, 3, 4)))
    loss, grads = experiments.character_gradients(p, batch, "gru")
    expected = verify.numerical_gradient(
        lambda: experiments.character_gradients(p, batch, "gru")[0], p["2f.W_h"]
    )
    verify.compare("mean", {"W_h": grads["2f.W_h"]}, {"W_h": expected}, 1e-7)
    assert 0.5 * np.log(5) < loss < 2 * np.log(5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_stack_on_the_adding_problem(rng, layers):
    for budget in (400, 3_400):
        p = experiments.adding_stack(layers, rng, budget)
        H = p["1f.W_h"].shape[1]
        wider = deep.deep_parameters(2, H + 1, rng, layers)
        assert sum(a.size for a in p.values()) <= budget
        assert sum(a.size for a in wider.values()) + H + 2 > budget
    p = {n: a.astype(float) for n, a in experiments.adding_stack(layers, rng, 200).items()}
    check_experiment(experiments.adding_stack_gradients, p, adding_problem(5, 3, rng))


def test_hidden_vowels(rng):
    shown, vowels, V = experiments.hidden_vowels("An oak, unique")
    assert vowels.tolist() == [0, -1, -1, 3, 0, -1, -1, -1, 4, -1, 2, -1, 4, 1]
    assert len({"", *"n k,q"}) == V
    assert np.all((shown == 0) == (vowels >= 0))
    assert shown[1] == shown[9] != shown[2] == shown[7]
    p = experiments.classifier_parameters(V, 5, rng, 2, 3)
    p = {name: a.astype(float) for name, a in p.items()}
    at = np.arange(14).reshape(2, 7).T
    check_experiment(experiments.vowel_gradients, p, (shown[at], vowels[at]))
    flat = p | {"W_o": 0 * p["W_o"], "b_o": np.arange(5.0)}
    assert np.all(experiments.guessed_vowels(flat, shown[at]) == 4)
    loss, _ = experiments.vowel_gradients(flat | {"b_o": np.zeros(5)}, (shown[at], vowels[at]))
    assert loss == pytest.approx(np.log(5))


def check_experiment(gradients, p, batch):
    """All gradients of a loss against central differences."""
    _, grads = gradients(p, batch)
    expected = {
        name: verify.numerical_gradient(lambda: gradients(p, batch)[0], array)
        for name, array in p.items()
    }
    verify.compare("gradients", {name: grads[name] for name in p}, expected, 1e-6)


def test_bits_are_those_of_a_uniform_model_and_carry_the_state(rng):
    p = experiments.character_parameters(8, rng, 2, 3)
    tokens = rng.integers(0, 8, 200)
    flat = p | {"W_o": np.zeros_like(p["W_o"])}
    assert experiments.held_out_bits(flat, tokens, B=3, T=7) == pytest.approx(3.0)
    whole = experiments.held_out_bits(p, tokens, B=3, T=1000)
    assert experiments.held_out_bits(p, tokens, B=3, T=7) == pytest.approx(whole, rel=1e-6)


def test_text_is_split_at_one_place_and_decodes():
    text = "".join("abc\n "[i * i % 5] for i in range(2000)) + "z" * 200
    vocabulary, training, held_out = experiments.character_split(text)
    assert len(training) + len(held_out) == len(text)
    assert vocabulary.decode(training) == text[: len(training)].replace("z", "z")
    inputs, targets = experiments.random_windows(training, 7, 5, np.random.default_rng(0))
    assert inputs.shape == targets.shape == (7, 5)
    np.testing.assert_array_equal(inputs[1:], targets[:-1])
    last = experiments.random_windows(np.arange(9), 7, 500, np.random.default_rng(0))[1]
    assert last.max() == 8  # the last character can be a target


def test_text_is_written_and_repeatable(rng):
    vocabulary, _, _ = experiments.character_split("to be or not to be\n" * 100)
    p = experiments.character_parameters(len(vocabulary), rng, 4, 5, 2, "gru")
    write = partial(experiments.write_text, p, vocabulary, longest=40, cell="gru", temperature=0.8)
    one, again = (write(np.random.default_rng(3)) for _ in range(2))
    assert one == again
    assert set(one) <= set(vocabulary.tokens)


# --------------------------------------------------------------------------- bad input
P = {n: a.astype(float) for n, a in
     deep.deep_parameters(2, 3, np.random.default_rng(0), 2, True, "rnn").items()}  # fmt: skip
X = np.zeros((5, 3, 2))
CLASSIFIER = experiments.classifier_parameters(3, 2, np.random.default_rng(0), 2, 3)
forward = partial(deep.deep_forward, X, cell="rnn")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: forward(P, [5, 6, 1]), "lengths: 1 … 5 expected, 5 being the steps of the padded "
         "batch, got 6 for sequence 1"),
        (lambda: forward(P, [5, 2, 0]), "lengths: 1 … 5 expected"),
        (lambda: forward(P, [5, 2]), "lengths: shape (3,) expected (one for each"),
        (lambda: forward(P, [5.0, 2.0, 1.0]), "lengths: integers expected"),
        (lambda: forward(P, [-1, 2, 1]), "lengths: integers in 0 … expected, got -1"),
        (lambda: forward(P, cell="mlp"), "cell: one of 'rnn', 'lstm1997', 'lstm', 'gru', "
         "'gru before' expected, got 'mlp'"),
        (lambda: forward(P, cell="lstm"), "W_h: 4H rows expected"),
        (lambda: forward(P, start=np.zeros((4, 3, 3))), "start: a tuple of 1 arrays (4, 3, 3)"),
        (lambda: forward(P, start=(np.zeros((2, 3, 3)),)), "got [(2, 3, 3)]"),
        (lambda: deep.deep_forward(X[0], P, cell="rnn"), "x: shape (T, B, D) expected, got (3, 2)"),
        (lambda: deep.deep_forward(X[..., :1], P, cell="rnn"), "W_i: shape (3, 1) expected"),
        (lambda: forward({n: a for n, a in P.items() if n[:2] != "1b"}), "without 1b"),
        (lambda: forward({n: a for n, a in P.items() if n[0] != "1"}), "without 1b"),
        (lambda: forward({"W": P["1f.b"]}), "p: layers from 1 on"),
        (lambda: forward({n: a for n, a in P.items() if n != "2f.b"}), "p: 2f.b expected"),
        (lambda: deep.deep_language_model(P, np.zeros((2, 1), int), np.zeros((2, 1), int)),
         "a backward direction (1b.…) reads the token that is to be predicted"),
        (lambda: deep.summarise(X, (), None, "sum"), "how: 'last', 'mean' or 'max' expected"),
        (lambda: deep.sequence_classifier(np.array([[1, 2], [0, 0]]), CLASSIFIER),
         "got 0 for sequence 1"),
        (lambda: deep.reverse_time(X, [1, 2]), "lengths: shape (3,)"),
        (lambda: deep.mean_over_time(X, [1, 2, 9]), "got 9 for sequence 2"),
        (lambda: experiments.character_split("short"), "text: a string of at least 1,000 "
         "characters expected, got 5 characters"),
        (lambda: experiments.character_split(None), "got NoneType"),
        (lambda: experiments.random_windows(np.arange(9), 9, 2, None), "T: at most 8 steps"),
        (lambda: experiments.random_windows(np.arange(9), 0, 2, None), "T: an integer of at least"),
        (lambda: deep.sequence_classifier(np.array([[1, 2], [0, 1]]), CLASSIFIER),
         "ids: padding only at the end expected, got 0 before the end of sequence 1"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(function, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function()


def test_unsorted_lengths_simply_work(rng):
    (y, _), _ = forward(P, [1, 5, 3])
    assert np.isfinite(y).all()


# --------------------------------------------------------------------------- checkpoints
def training(path, steps=20, optimiser=adam, **changes):
    """A small training; the same arguments make the same training."""
    settings = {"lr": 1e-2, "every": 5, "show": False} | changes
    tokens = np.random.default_rng(5).integers(0, 6, 300)
    p = settings.pop("params", None) or experiments.character_parameters(
        6, np.random.default_rng(1), 3, 4, 2, "gru"
    )
    return experiments.train_with_checkpoints(
        path,
        p,
        partial(experiments.character_gradients, cell="gru"),
        partial(experiments.random_windows, tokens, 8, 4),
        np.random.default_rng(2),
        steps,
        optimiser=optimiser,
        evaluate=partial(experiments.held_out_bits, tokens=tokens[:100], cell="gru", B=2),
        **settings,
    )


def assert_same(one, other):
    (p, curve), (q, other_curve) = one, other
    apart = {"resumed": 0, "seconds": 0.0}
    assert curve | apart == other_curve | apart
    assert list(p) == list(q)
    for name in p:
        assert p[name].dtype == q[name].dtype
        assert p[name].tobytes() == q[name].tobytes(), name


@pytest.mark.parametrize("optimiser", [adam, momentum, sgd])
def test_resumed_training_is_the_same_bit_by_bit(tmp_path, optimiser):
    whole = training(tmp_path / "whole.npz", optimiser=optimiser)
    for steps in (5, 10, 20):
        parts = training(tmp_path / "parts.npz", steps, optimiser=optimiser)
    assert_same(whole, parts)
    assert parts[1]["resumed"] == 10
    assert_same(whole, training(tmp_path / "parts.npz", optimiser=optimiser))  # nothing to do


def test_training_is_that_of_chapter_6(tmp_path):
    """The same steps as `train` in one piece, so chunks change nothing."""
    params = experiments.character_parameters(6, np.random.default_rng(1), 3, 4, 2, "gru")
    tokens, rng = np.random.default_rng(5).integers(0, 6, 300), np.random.default_rng(2)
    batches = (experiments.random_windows(tokens, 8, 4, rng) for _ in range(20))
    _, curve = train(
        params, partial(experiments.character_gradients, cell="gru"), batches, lr=1e-2, clip=1.0,
        show=False,
    )  # fmt: skip
    assert training(tmp_path / "a.npz")[1]["loss"] == curve["loss"]


def test_the_best_parameters_are_kept_across_a_resumption(tmp_path):
    _, curve = training(tmp_path / "a.npz", 10)
    best, curve = training(tmp_path / "a.npz", 60, lr=1e-2)
    tokens = np.random.default_rng(5).integers(0, 6, 300)
    assert experiments.held_out_bits(best, tokens[:100], "gru", 2) == curve["least"]
    assert curve["least"] == min(curve["held_out"])
    assert curve["at"] == list(range(5, 61, 5))
    assert training(tmp_path / "a.npz", 60, lr=1e-2)[1]["seconds"] == curve["seconds"] > 0


class Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("at", [1, 5, 6, 13])
def test_interrupted_between_two_steps(tmp_path, at):
    calls = []

    def gradients(p, batch):
        calls.append(1)
        if len(calls) == at:
            raise Interrupted
        return experiments.character_gradients(p, batch)

    def run(path, gradients):
        tokens, p = (
            np.arange(90) % 7,
            experiments.character_parameters(7, np.random.default_rng(0), 3, 4),
        )
        draw, rng = partial(experiments.random_windows, tokens, 8, 4), np.random.default_rng(2)
        return experiments.train_with_checkpoints(
            path, p, gradients, draw, rng, 15, every=5, show=False
        )

    whole = run(tmp_path / "whole.npz", experiments.character_gradients)
    with pytest.raises(Interrupted):
        run(tmp_path / "a.npz", gradients)
    again = run(tmp_path / "a.npz", experiments.character_gradients)
    assert_same(whole, again)
    assert again[1]["resumed"] == (at - 1) // 5 * 5


def long_training(path):
    tokens = np.random.default_rng(5).integers(0, 6, 3000)
    p = experiments.character_parameters(6, np.random.default_rng(1), 8, 24, 2)
    draw = partial(experiments.random_windows, tokens, 24, 8)
    return experiments.train_with_checkpoints(
        path,
        p,
        experiments.character_gradients,
        draw,
        np.random.default_rng(2),
        150,
        every=3,
        show=False,
    )


CHILD = f"""
import os, signal, sys, threading, time
import numpy as np
from functools import partial
from unrolled.experiments import deep_bidirectional as experiments

{inspect.getsource(long_training)}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
path, kind, step, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
gradients, steps = experiments.character_gradients, 0


def counted(*arguments):
    global steps
    steps += 1
    if steps == step:  # soon it ends, in the middle of whatever it is at
        threading.Timer(seconds, os.kill, (os.getpid(), kind)).start()
    if steps == step + 10:  # but never does it come further
        time.sleep(600)
    return gradients(*arguments)


experiments.character_gradients = counted
long_training(path)
"""


def test_stopped_at_random_moments_it_ends_with_the_same_bits(tmp_path):
    """Ctrl-C and kill -9, for real, in processes of their own, while writing, too."""
    whole, path = long_training(tmp_path / "whole.npz"), tmp_path / "stopped.npz"
    moments = random.Random(7)
    for number in range(5):
        kind = signal.SIGKILL if number % 3 == 2 else signal.SIGINT
        step, seconds = moments.randint(1, 12), moments.uniform(0.0, 0.01)
        child = subprocess.run(
            [sys.executable, "-c", CHILD, path, str(int(kind)), str(step), str(seconds)],
            capture_output=True,
        )
        interrupted = b"KeyboardInterrupt" in child.stderr
        assert child.returncode == -signal.SIGKILL or interrupted, child.stderr
        if path.exists():
            experiments.load_checkpoint(path)  # whole at every moment
    assert_same(whole, long_training(path))
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def damaged(path, how):
    content = path.read_bytes()
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "a byte changed":
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return {"empty": b"", "text": b"hello", "pickle": pickle.dumps({"a": 1})}[how]


@pytest.mark.parametrize("how", ["truncated", "a byte changed", "empty", "text", "pickle"])
def test_a_damaged_checkpoint_is_refused_and_left_alone(tmp_path, how):
    path = tmp_path / "a.npz"
    training(path, 5)
    content = damaged(path, how)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a whole checkpoint expected, .* is damaged or"):
        training(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"params": experiments.character_parameters(6, np.random.default_rng(1), 3, 5, 2, "gru")},
         "parameter 1f.W_i is float32 (12, 3) there and float32 (15, 3) here"),
        ({"params": experiments.character_parameters(6, np.random.default_rng(1), 3, 4, 1, "gru")},
         "parameter 2f.W_i is float32 (12, 4) there and absent here"),
        ({"about": {"text": "b"}}, "text is a there and b here"),
        ({"about": None}, "text is a there and absent here"),
        ({"lr": 1e-3}, "lr is 0.01 there and 0.001 here"),
        ({"optimiser": sgd}, "optimiser is adam there and sgd here"),
        ({"every": 10}, "every is 5 there and 10 here"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_training_is_refused(tmp_path, changes, words):
    path = tmp_path / "a.npz"
    training(path, 5, about={"text": "a"})
    content = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        training(path, **({"about": {"text": "a"}} | changes))
    assert "it is left as it is" in str(raised.value)
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    training(tmp_path / "a.npz", 5)
    monkeypatch.setattr(experiments, "CHECKPOINT", 2)
    with pytest.raises(ValueError, match=r"of version 2 expected, .* has version 1"):
        training(tmp_path / "a.npz")


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    experiments.save_checkpoint(path, {"W": np.arange(3.0)}, {"step": 1})
    monkeypatch.setattr(
        experiments.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        experiments.save_checkpoint(path, {"W": np.arange(4.0)}, {"step": 2})
    arrays, metadata = experiments.load_checkpoint(path)
    assert (arrays["W"].tolist(), metadata["step"]) == ([0, 1, 2], 1)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_there_is_no_checkpoint_yet(tmp_path):
    with pytest.raises(FileNotFoundError):
        experiments.load_checkpoint(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="steps, every: at least 1 expected"):
        training(tmp_path / "a.npz", 0)


def test_a_training_that_breaks_says_so_and_stays_broken(tmp_path):
    def explode(p, batch):
        loss, grads = experiments.character_gradients(p, batch)
        return (np.nan if len(seen) > 6 else loss), {
            n: seen.append(1) or g for n, g in grads.items()
        }

    seen, tokens = [], np.arange(90) % 7
    p = experiments.character_parameters(7, np.random.default_rng(0), 3, 4)
    draw = partial(experiments.random_windows, tokens, 8, 4)
    arguments = tmp_path / "a.npz", p, explode, draw, np.random.default_rng(2), 20
    best, curve = experiments.train_with_checkpoints(*arguments, every=5, show=False)
    assert "the loss is nan" in curve["stopped"]
    assert all(np.isfinite(a).all() for a in best.values())
    _, again = experiments.train_with_checkpoints(*arguments, every=5, show=False)
    assert again["stopped"] == curve["stopped"]


# --------------------------------------------------------------------------- the capstone's judge
TEXT = "to be or not to be, that is the question:\n" * 60
VOCABULARY, TRAINING, _ = experiments.character_split(TEXT)
MODEL = experiments.character_parameters(len(VOCABULARY), np.random.default_rng(0), 8, 16, 1, "gru")


@pytest.mark.parametrize(
    ("params", "cell", "words"),
    [
        ("no dict", "gru", "the parameters have to be a dict"),
        ({1: np.zeros(2)}, "gru", "the parameters have to be a dict"),
        (MODEL | {"X": [[1.0]]}, "gru", "X has to be an array of floats, and is list"),
        (MODEL | {"b_o": MODEL["b_o"] * np.nan}, "gru", "b_o holds numbers that are not finite"),
        ({n: a for n, a in MODEL.items() if n != "W_o"}, "gru", "W_o is missing"),
        ({n: a for n, a in MODEL.items() if n != "1f.b_n"}, "gru", "1f.b_n expected, is missing"),
        (MODEL | {"X": MODEL["X"][1:]}, "gru", "one for each character of this text's"),
        (MODEL | {"1f.W_i": MODEL["1f.W_i"][1:]}, "gru", "cannot be judged"),
        (MODEL | {"b_o": MODEL["b_o"][1:]}, "gru", "cannot be judged"),
        (MODEL | {n.replace("1f", "1b"): a for n, a in MODEL.items()}, "gru", "reads the char"),
        (MODEL, "lstm", "cannot be judged"),
        (MODEL, "transformer", "cell is 'transformer'"),
        (MODEL, "gru", "✗ 4."),
        (MODEL | {"unused": np.zeros(200_000)}, "gru", "✗ 201,691 parameters"),
    ],
)  # fmt: skip
def test_the_judge_says_what_is_wrong_and_never_crashes(params, cell, words):
    report = lab09.judge_model(params, TEXT, cell)
    assert not report.passed
    assert words in repr(report)


def test_the_judge_knows_an_untouched_and_a_good_model():
    assert "not attempted yet" in repr(lab09.judge_model(None, TEXT, "gru"))
    draw = (
        experiments.random_windows(TRAINING, 24, 8, np.random.default_rng(1)) for _ in range(150)
    )
    model, _ = train(
        MODEL,
        partial(experiments.character_gradients, cell="gru"),
        draw,
        lr=2e-2,
        clip=1.0,
        show=False,
    )
    report = lab09.judge_model(model, TEXT, "gru", seconds=3)
    assert report.passed, report
    assert report.bits < min(lab09.baselines(TEXT).values())
    assert not lab09.judge_model(model, TEXT, "gru", seconds=601).passed


# --------------------------------------------------------------------------- no silent wrong number
def test_the_mean_of_integers():
    s, _ = deep.mean_over_time(np.array([[[1]], [[2]], [[4]]]), [2])
    assert s.tolist() == [[1.5]]


def test_relu_and_missing_biases_of_torchs_modules(rng):
    x = rng.standard_normal((4, 2, 3))
    for cell, options in (("rnn", {"nonlinearity": "relu"}), ("lstm", {}), ("gru", {})):
        module = MODULES[cell](3, 5, 2, bias=False, bidirectional=True, **options).double()
        activation = {"activation": "relu"} if cell == "rnn" else {}
        p = deep.deep_from_torch(module, **activation)
        (y, _), _ = deep.deep_forward(x, p, cell=cell, **activation)
        verify.compare(cell, {"y": y}, {"y": module(torch.tensor(x))[0]})
    with pytest.raises(ValueError, match="activation: 'relu' expected, as in the module"):
        deep.deep_from_torch(torch.nn.RNN(3, 5, nonlinearity="relu"))
    with pytest.raises(ValueError, match="module: proj_size=0 expected, got 2"):
        deep.deep_from_torch(torch.nn.LSTM(3, 5, proj_size=2))
    with pytest.raises(ValueError, match=r"module: a torch\.nn\.RNN, LSTM or GRU expected"):
        deep.deep_from_torch(torch.nn.Linear(3, 5))
