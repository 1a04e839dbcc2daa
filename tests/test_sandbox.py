"""The parts of the sandbox by themselves: what goes in, what comes out, what can be seen."""

import ast
import contextlib
import io
import os
import platform
import sys
import time
import types
import zipfile
from json import dumps

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submissions import ROOT

from unrolled.exercises import load, names
from unrolled.grading.model import Ending, GradingError, Limits
from unrolled.grading.run import confine, kit, sandbox, wire
from unrolled.grading.run.sandbox import Sandbox, Stop

DTYPES = ["?", "i1", "i8", "u4", "f2", "f4", "f8", "c16"]
bubblewrapped = pytest.mark.skipif(
    sandbox.kind() == sandbox.LIMITS_ONLY, reason="no bubblewrap here"
)


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bytes(one) == bytes(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or one != one


# --------------------------------------------------------------------------- messages
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_arrive_as_they_were_sent(dtype, shape):
    sent = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    assert same(wire.unpack(wire.pack({"x": sent})), {"x": sent})


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.lists(inner).map(tuple)
            | st.dictionaries(st.text(), inner)
            | st.integers(0, 5).map(np.ones)
        ),
        max_leaves=12,
    )
)
def test_whatever_is_nested_arrives_as_it_was_sent(sent):
    assert same(wire.unpack(wire.pack(sent)), sent)


WHOLE = wire.pack({"type": "outcome", "values": [np.ones((2, 3)), (np.arange(4), np.zeros(1))]})


@given(st.data())
def test_damaged_bytes_are_unreadable_or_harmless(data):
    """Nothing but Unreadable comes out, whatever is changed, cut or added."""
    bytes_ = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(bytes_) - 1))
        bytes_[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(bytes_)))
    for damaged in (bytes(bytes_), bytes(bytes_[:cut]), bytes(bytes_) + bytes_[:cut]):
        with contextlib.suppress(wire.Unreadable):
            wire.unpack(damaged)


@given(st.binary(max_size=300))
def test_any_bytes_are_unreadable(data):
    with pytest.raises(wire.Unreadable):
        wire.unpack(data)


@pytest.mark.parametrize(
    "tree",
    [
        ["array", "<f8", [2**62, 2**62, 2**62]],
        ["array", "<f8", [-1]],
        ["array", "<f8", [1] * 33],
        ["array", "<f8", [4]],
        ["array", "<f8", [3.0]],
        ["array", "|O", [1]],
        ["object", 1],
        ["list", *[0] * 200_000],
    ],
)
def test_trees_that_claim_too_much_are_unreadable(tree):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        wire._write(archive, "tree", np.frombuffer(dumps(tree).encode(), np.uint8))
        wire._write(archive, "values0", np.zeros(3))
    with pytest.raises(wire.Unreadable):
        wire.unpack(file.getvalue())


# --------------------------------------------------------------------------- the kit
def test_the_kit_holds_no_answers():
    for path in kit.folder().rglob("*"):
        assert not path.is_symlink()
        text = path.read_bytes() if path.is_file() else b""
        assert b"BEGIN SOLUTION" not in text
        if path.name.startswith("lab") and path.name != "lab.py":
            assert b"Misconception" not in text
            assert b"reference" not in text
    assert not (kit.folder() / "unrolled" / "authoring").exists()
    grading = kit.folder() / "unrolled" / "grading"
    inside = {path.relative_to(grading).as_posix() for path in grading.rglob("*.py")}
    assert inside == {"__init__.py", "run/__init__.py", *(f"run/{name}" for name in kit.NEEDED)}


@pytest.mark.parametrize("lab", names())
def test_a_stub_has_what_the_notebook_imports(lab):
    stub = types.ModuleType(f"unrolled.exercises.{lab}")
    stub.__package__ = "unrolled.exercises"
    exec(kit.stub((ROOT / "unrolled" / "exercises" / f"{lab}.py").read_text()), stub.__dict__)
    (path,) = ROOT.glob(f"labs/{lab}_*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells:
        source = cell.source if cell.cell_type == "code" else ""
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module == f"unrolled.exercises.{lab}":
                assert all(hasattr(stub, alias.name) for alias in node.names)
    assert repr(stub.check("anything", None)) == ""
    assert stub.check("anything").arguments == ()
    assert stub.ready("anything") is False
    assert not hasattr(stub, "LAB")
    assert not any(hasattr(stub, name.upper()) for name in load(lab).exercises)


def test_the_stub_gives_what_the_lab_gives():
    from unrolled.exercises.lab03 import black_box

    stub = types.ModuleType("lab03")
    exec(kit.stub((ROOT / "unrolled/exercises/lab03.py").read_text()), stub.__dict__)
    x = np.linspace(-1, 1, 7)
    for number in (1, 2, 3):
        np.testing.assert_array_equal(stub.black_box(number, x), black_box(number, x))


# --------------------------------------------------------------------------- the process
def started(cells=(), limits=None):
    box = Sandbox(limits or Limits())
    ready = box.ask(None, 60)
    assert ready == {"type": "ready", "confined": platform.machine() in confine.MACHINES}
    said = box.ask({"cells": [list(cell) for cell in cells], "skip": []}, 20)
    while said["type"] == "cell":
        said = box.ask(None, 20)
    assert said == {"type": "started"}
    return box


@bubblewrapped
def test_a_sandbox_that_is_closed_is_gone():
    box = started([("x = 1", None)])
    pid = box._pid()
    assert os.path.exists(f"/proc/{pid}")
    box.close()
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}")
    assert box.process.returncode is not None


@bubblewrapped
def test_time_is_what_it_computes():
    source = "def f(x):\n    while True:\n        pass\ndef g(x):\n    return x"
    with started([(source, None), ("", "f"), ("", "g")]) as box:
        request = {"cases": [{"x": np.ones(2)}], "seconds": 60.0}
        answer = box.ask({"exercise": "g", **request}, 5.0)
        assert same(answer["values"], [np.ones(2)])
        assert 0 < box.seconds < 1
        stop = box.ask({"exercise": "f", **request}, 0.2)
        assert stop == Stop(Ending.TIMED_OUT, "It did not finish within 0.2 s.")
        assert 0.2 < box.seconds < 1


@bubblewrapped
def test_a_package_inside_a_folder_that_is_shown_is_covered(monkeypatch, tmp_path):
    """As where it is installed among the libraries, labs and all."""
    library, results = tmp_path / "site-packages", tmp_path / "site-packages" / "results"
    package = library / "unrolled"
    for folder in (package, results):
        folder.mkdir(parents=True)
    monkeypatch.setattr(kit, "PACKAGE", package)
    covered = sandbox._covered((str(results), "/nowhere"), (str(tmp_path),))
    assert covered == [str(results), str(package)]
    assert sandbox._covered((sys.prefix,), (sys.prefix,)) == []  # Python itself stays


def test_what_keeps_bubblewrap_from_working_is_said(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert "not installed" in sandbox.why_limited.__wrapped__()
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "runs on Linux" in sandbox.why_limited.__wrapped__()


def test_a_program_that_is_not_there_is_our_fault(monkeypatch):
    monkeypatch.setattr(sandbox, "kind", lambda: sandbox.LIMITS_ONLY)
    monkeypatch.setattr(sandbox.sys, "executable", "/nowhere/python")
    with pytest.raises(GradingError, match="does not start"):
        Sandbox(Limits())
