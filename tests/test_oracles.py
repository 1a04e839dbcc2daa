"""The package against cases that others wrote: ONNX's backend node tests and torch's own samples.

Every case of an operator in tests/oracles.py has to agree, torch's with all their gradients, but
for those in NOT_EXPRESSIBLE: each of these has to be refused, as its row says.
"""

import inspect
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import NamedTuple

import numpy as np
import onnx
import oracles
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

REFUSALS = (AttributeError, TypeError, ValueError)  # no such function, option, or value


class Row(NamedTuple):
    """Cases that the package cannot express: of these operators, with these arguments."""

    operators: tuple
    when: Callable  # a function of the case's arguments by name
    refusal: str  # what the package says, a regular expression
    reason: str


def has(name, test):
    """The predicate: the argument is there and passes the test."""
    return lambda given: given.get(name) is not None and bool(test(given[name]))


def empty(given):
    return any(0 in value.shape for value in given.values() if isinstance(value, torch.Tensor))


ONNX_POOLS = ("onnx.MaxPool", "onnx.AveragePool")
MAX_POOLS = ("torch.nn.functional.max_pool1d", "torch.nn.functional.max_pool2d")
AVG_POOLS = ("torch.nn.functional.avg_pool1d", "torch.nn.functional.avg_pool2d")
SOFTMAXES = ("torch.softmax", "torch.log_softmax", "torch.nn.functional.softmin")
NO_OPTION = "unexpected keyword argument '{}'"
NOT_EXPRESSIBLE = [
    Row(
        ONNX_POOLS,
        has("kernel_shape", lambda n: len(n) == 3),
        "no attribute '(max|avg)_pool3d'",
        "there are pools of one and of two axes, as on the slides",
    ),
    Row(
        ONNX_POOLS,
        has("dilations", lambda d: max(d) > 1),
        NO_OPTION.format("dilation"),
        "the window of a pool has no holes",
    ),
    Row(
        MAX_POOLS[1:],
        has("dilation", lambda d: np.max(d) > 1),
        NO_OPTION.format("dilation"),
        "the window of a pool has no holes",
    ),
    Row(
        (*ONNX_POOLS, *MAX_POOLS, *AVG_POOLS),
        has("ceil_mode", bool),
        NO_OPTION.format("ceil_mode"),
        "no window hangs over the end of the signal: lengths are rounded down",
    ),
    Row(
        ("onnx.MaxPool",),
        has("outputs", lambda n: n == 2),
        NO_OPTION.format("return_indices"),
        "where the maximum stood is known to the backward function only",
    ),
    Row(
        (*MAX_POOLS, "torch.nn.MaxPool1d", "torch.nn.MaxPool2d"),
        has("return_indices", bool),
        NO_OPTION.format("return_indices"),
        "where the maximum stood is known to the backward function only",
    ),
    Row(
        ONNX_POOLS,
        lambda given: max(given.get("pads", [0])) > max(given["kernel_shape"]) // 2,
        "padding: at most 1 expected, half the window of 3, got 2",
        "as in torch, no window lies in the padding alone",
    ),
    Row(
        ("torch.nn.AvgPool2d", *AVG_POOLS[1:]),
        has("divisor_override", bool),
        NO_OPTION.format("divisor_override"),
        "a mean divides by the size of its window",
    ),
    Row(
        (*AVG_POOLS[:1], "torch.nn.functional.linear", "torch.sigmoid", *SOFTMAXES),
        empty,
        "at least one entry expected",
        "an empty array is refused, for it is a mistake wherever it comes up in this book",
    ),
    Row(
        (*SOFTMAXES, "torch.nn.Softmax", "torch.nn.LogSoftmax", "torch.nn.Softmin"),
        has("input", lambda z: np.ndim(z) == 0),
        "z: shape .* expected, got \\(\\)",
        "a single number is no distribution",
    ),
    Row(
        ("torch.nn.CrossEntropyLoss",),
        has("label_smoothing", bool),
        NO_OPTION.format("label_smoothing"),
        "the target of a position is one class, with certainty",
    ),
    Row(
        ("torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss"),
        has("target", lambda y: y.is_floating_point()),
        "integers expected, got float64",
        "the target of a position is one class, no distribution",
    ),
    Row(
        ("torch.nn.LSTM",),
        has("module", lambda module: module.proj_size),
        "module: proj_size=0 expected, got 2",
        "no slide has an LSTM with projections",
    ),
]


class Case(NamedTuple):
    """A case of others: its name, its arguments by name, and the check that may raise."""

    name: str
    given: dict
    check: Callable


def agree(name, got, expected, rtol, atol):
    """Raise AssertionError unless shapes and values agree."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{name}: {got.shape} came, {expected.shape} expected"
    np.testing.assert_allclose(got, expected, rtol, atol, err_msg=name)


def judge(operator, cases):
    """The number of cases that agree; AssertionError for what is not as NOT_EXPRESSIBLE says."""
    rows = [row for row in NOT_EXPRESSIBLE if operator in row.operators]
    agreed, unused, faults = 0, list(rows), []
    for name, given, check in cases:
        row = next((row for row in rows if row.when(given)), None)
        unused = [other for other in unused if other is not row]
        try:
            check()
        except REFUSALS as error:
            if row is None or not re.search(row.refusal, str(error)):
                faults.append(f"{name}: {type(error).__name__}: {error}")
        except AssertionError as error:
            faults.append(f"{name}: {error}")
        else:
            agreed += row is None
            faults += [f"{name}: can be expressed, unlike: {row.reason}"] if row else []
    faults += [f"no such case any more: {row.reason}" for row in unused]
    assert not faults, f"{len(faults)} faults of {operator}\n" + "\n".join(faults[:20])
    return agreed


# ----------------------------------------------------------------------- ONNX
ONNX_MODULES = {
    "NegativeLogLikelihoodLoss": "negativeloglikelihoodloss",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy_loss",
}


def onnx_cases(operator):
    """The cases of one operator, without those of its expansions into others."""
    from onnx.backend.test.case import node

    import_module(f"{node.__name__}.{ONNX_MODULES.get(operator, operator.lower())}")
    for case in node._NodeTestCases:
        first, *others = case.model.graph.node
        if first.op_type == operator and not others:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in first.attribute}
            if len(first.output) > 1 and operator in ("MaxPool", "SoftmaxCrossEntropyLoss"):
                attributes["outputs"] = len(first.output)
            for given, expected in case.data_sets:
                yield onnx_case(case.name, first, attributes, list(given), expected)


def onnx_case(name, node, attributes, given, expected):
    inputs = [given.pop(0) if used else None for used in node.input]
    wanted = [i for i, used in enumerate(node.output) if used]

    def check():
        got = oracles.ONNX[node.op_type](*inputs, **attributes)
        for i, array in zip(wanted, expected, strict=True):
            agree(node.output[i], got[i], array, rtol=2e-5, atol=2e-6)

    return Case(name, attributes, check)


@pytest.mark.parametrize("operator", oracles.ONNX)
def test_onnx_backend_node_tests(operator):
    assert judge(f"onnx.{operator}", onnx_cases(operator)) > 0


# ----------------------------------------------------------------------- torch
@cache
def torchs_functions():
    from torch.testing._internal.common_methods_invocations import op_db

    return {op.name: op for op in op_db if not op.variant_test_name}


@cache
def torchs_modules():
    from torch.testing._internal.common_modules import module_db

    return {info.module_cls.__name__: info for info in module_db}


def leaf(value):
    """A tensor of its own to which gradients flow, if they did to the sample's."""
    if isinstance(value, tuple) and not isinstance(value, PackedSequence):
        return tuple(map(leaf, value))
    wanted = isinstance(value, torch.Tensor) and value.requires_grad
    return value.detach().clone().requires_grad_() if wanted else value


def as_numpy(value):
    if isinstance(value, tuple):
        return tuple(map(as_numpy, value))
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


def flat(outputs):
    """Tensors of nested tuples, as a list."""
    if not isinstance(outputs, tuple):
        return [outputs]
    return [tensor for part in outputs for tensor in flat(part)]


def with_gradients(given):
    """The tensors by name to which gradients flow; those of a tuple hx as "hx 0", …"""
    states = given.get("hx")
    parts = dict(given) if states is None else {n: v for n, v in given.items() if n != "hx"}
    parts |= {} if states is None else {f"hx {i}": s for i, s in enumerate(flat(states))}
    parts |= dict(given["module"].named_parameters()) if "module" in given else {}
    return {n: v for n, v in parts.items() if isinstance(v, torch.Tensor) and v.requires_grad}


def torch_case(name, adapter, given, run):
    """run(): torch's outputs for the tensors in given."""

    def check():
        out, back = adapter(**{key: as_numpy(value) for key, value in given.items()})
        expected = flat(run())
        assert len(out) == len(expected), f"{len(out)} outputs came, {len(expected)} expected"
        for i, pair in enumerate(zip(out, expected)):
            agree(f"output {i}", pair[0], pair[1].detach(), rtol=1e-10, atol=1e-11)
        rng, inputs = np.random.default_rng(13), with_gradients(given)
        dout = [np.asarray(rng.standard_normal(o.shape)) for o in expected]
        wanted = torch.autograd.grad(expected, list(inputs.values()), list(map(torch.tensor, dout)))
        got = back(*dout)
        assert set(got) == set(inputs), f"gradients of {sorted(got)} came, not of {sorted(inputs)}"
        for key, gradient in zip(inputs, wanted):
            agree(f"d{key}", got[key], gradient, rtol=1e-9, atol=1e-10)

    return Case(name, given, check)


def function_cases(name):
    op, adapter = torchs_functions()[name], oracles.TORCH_FUNCTIONS[name]
    for i, sample in enumerate(op.sample_inputs("cpu", torch.float64, requires_grad=True)):
        args = leaf((sample.input, *sample.args))
        kwargs = {key: leaf(value) for key, value in sample.kwargs.items()}
        given = inspect.signature(adapter).bind(*args, **kwargs).arguments
        yield torch_case(
            f"sample {i}", adapter, given, lambda args=args, kwargs=kwargs: op(*args, **kwargs)
        )


def unpacked(given):
    """Arguments with a padded input and its lengths, where it was packed."""
    if isinstance(given.get("input"), PackedSequence):
        x, lengths = pad_packed_sequence(given["input"])
        given |= {"input": leaf(x), "lengths": lengths}
    return given


def run_module(module, given):
    arguments = {name: value for name, value in given.items() if name in ("input", "hx", "target")}
    if (lengths := given.get("lengths")) is None:
        return module(*arguments.values())
    arguments["input"] = pack_padded_sequence(given["input"], lengths, enforce_sorted=False)
    out, last = module(*arguments.values())
    return pad_packed_sequence(out)[0], last


def module_cases(name):
    info, adapter = torchs_modules()[name], oracles.TORCH_MODULES[name]
    packed = {"with_packed_sequence": True} if name in ("RNN", "GRU") else {}
    samples = info.module_inputs_func(
        info, "cpu", torch.float64, requires_grad=True, training=True, **packed
    )
    signature = inspect.signature(adapter)
    for i, sample in enumerate(samples):
        made, call = sample.constructor_input, sample.forward_input
        module = info.module_cls(*made.args, **made.kwargs).double()
        names = [n for n in ("input", "target", "hx") if n in signature.parameters]
        given = unpacked(leaf_arguments(dict(zip(names, call.args)) | call.kwargs))
        for parameter in signature.parameters.values():
            if parameter.name == "module":
                given["module"] = module
            elif parameter.name not in given and hasattr(module, parameter.name):
                given[parameter.name] = getattr(module, parameter.name)
        yield torch_case(
            f"sample {i} {sample.desc}",
            adapter,
            given,
            lambda module=module, given=given: run_module(module, given),
        )


def leaf_arguments(arguments):
    return {name: leaf(value) for name, value in arguments.items()}


@pytest.fixture
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(13)
        yield


@pytest.mark.usefixtures("seeded")
@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch copies its input
@pytest.mark.parametrize("name", oracles.TORCH_FUNCTIONS)
def test_torchs_samples_of_functions(name):
    assert judge(f"torch.{name}", function_cases(name)) > 0


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("name", oracles.TORCH_MODULES)
def test_torchs_samples_of_modules(name):
    assert judge(f"torch.nn.{name}", module_cases(name)) > 0


# ----------------------------------------------------------------------- the table itself
def call(value):
    """A check that asks a function for an option that it lacks, or for a value."""
    return sorted([1], **value) if isinstance(value, dict) else agree("out", value, 1.0, 0, 0)


@pytest.mark.parametrize(
    ("listed", "value", "fault"),
    [
        ("its option", 1.0, "can be expressed, unlike: no reason"),
        ("its option", 2.0, "Not equal to tolerance"),
        ("its option", {"axis": 1}, None),
        ("another option", {"axis": 1}, "TypeError"),
        ("nothing", {"axis": 1}, "no such case any more: no reason"),
        ("nothing", 1.0, "no such case any more: no reason"),
    ],
)
def test_what_is_listed_has_to_be_refused(monkeypatch, listed, value, fault):
    refusal = {"its option": "argument", "another option": "no attribute"}.get(listed, "")
    row = Row(("f",), lambda given: listed != "nothing", refusal, "no reason")
    monkeypatch.setitem(globals(), "NOT_EXPRESSIBLE", [row])
    cases = [Case("case", {}, lambda: call(value))]
    if fault is None:
        assert judge("f", cases) == 0
    else:
        with pytest.raises(AssertionError, match=fault):
            judge("f", cases)


@pytest.mark.parametrize(("value", "agreed"), [(1.0, 1), (1.0 + 1e-9, 0), ({"axis": 1}, 0)])
def test_what_is_not_listed_has_to_agree(value, agreed):
    cases = [Case("case", {}, lambda: call(value))]
    if agreed:
        assert judge("f", cases) == agreed
    else:
        with pytest.raises(AssertionError, match="1 faults of f"):
            judge("f", cases)


def test_every_row_names_operators_that_are_run():
    known = {f"onnx.{name}" for name in oracles.ONNX}
    known |= {f"torch.{name}" for name in oracles.TORCH_FUNCTIONS}
    known |= {f"torch.nn.{name}" for name in oracles.TORCH_MODULES}
    assert {name for row in NOT_EXPRESSIBLE for name in row.operators} <= known
