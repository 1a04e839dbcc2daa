"""The parts of the sandbox by themselves: what goes in, what comes out, what can be seen."""

import ast
import io
import os
import platform
import subprocess
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

from unrolled.common import wire
from unrolled.exercises import load, names
from unrolled.grading.model import Ending, GradingError, Limits, Stop
from unrolled.grading.run import confine, kit, sandbox, scratch, visible
from unrolled.grading.run.process import Process
from unrolled.grading.run.sandbox import Sandbox
from unrolled.grading.run.visible import site_folders

DTYPES = ["?", "i1", "i8", "u4", "f2", "f4", "f8", "c16"]


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


def harmless(value):
    """Whether it is made of the classes that `pack` takes, and of nothing that could act."""
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(harmless, value.values()))
    if type(value) in (list, tuple):
        return all(map(harmless, value))
    if type(value) is np.ndarray:
        return value.dtype.kind in wire.NUMERIC
    return value is None or type(value) in (bool, int, float, str)


def held(value):
    """Bytes in the arrays of a message."""
    if isinstance(value, dict | list | tuple):
        return sum(map(held, value.values() if isinstance(value, dict) else value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


@given(st.data())
def test_damaged_bytes_are_unreadable_or_harmless(data):
    """Nothing but Unreadable comes out, whatever is changed, cut or added, or plain data."""
    bytes_ = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(bytes_) - 1))
        bytes_[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(bytes_)))
    for damaged in (bytes(bytes_), bytes(bytes_[:cut]), bytes(bytes_) + bytes_[:cut]):
        try:
            value = wire.unpack(damaged)
        except wire.Unreadable:
            continue
        assert harmless(value)
        assert held(value) <= len(damaged)


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


def test_a_process_that_leaves_another_behind_is_over_at_once():
    """As bubblewrap does, rarely, when it ends at its start: its child holds the output open."""
    with Process(["/bin/sh", "-c", "sleep 300 & exit 3"], {}, output_mb=1) as process:
        stop = process.ask(None, sandbox.START)
    assert stop == Stop(Ending.CRASHED, "Its process ended before it gave a result.")
    assert process.process.returncode == 3


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


@pytest.mark.sandbox
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


@pytest.mark.sandbox
def test_time_is_what_it_computes():
    source = "def f(x):\n    while True:\n        pass\ndef g(x):\n    return x"
    with started([(source, None), ("", "f"), ("", "g")]) as box:
        request = {"cases": [{"x": np.ones(2)}], "seconds": 60.0}
        answer = box.ask({"exercise": "g", **request}, 5.0)
        assert same(answer["values"], [np.ones(2)])
        assert 0 < box.seconds < 1
        stop = box.ask({"exercise": "f", **request}, 0.2)
        assert stop == Stop(Ending.TIMED_OUT, "It did not finish within 0.2 s.")
        assert box.seconds > 0.2


@pytest.mark.sandbox
def test_a_package_inside_a_folder_that_is_shown_is_covered(monkeypatch, tmp_path):
    """As where it is installed among the libraries, labs and all; under another name, too."""
    library, link = tmp_path / "site-packages", tmp_path / "link"
    results, package = library / "results", library / "unrolled"
    for folder in (package, results):
        folder.mkdir(parents=True)
    link.symlink_to(library)
    monkeypatch.setattr(visible, "_folders", lambda: (str(link), str(library)))
    covered = visible.covered([package], [str(results), "/nowhere"])
    assert covered == [
        *(str(link / "results"), str(link / "unrolled")),
        *(str(results), str(package)),
    ]


def test_what_belongs_to_python_cannot_be_hidden():
    library = visible.site_folders()[0]
    assert visible.covered([library], []) == []
    with pytest.raises(GradingError, match="move submissions and results elsewhere"):
        visible.covered([], [library])


# --------------------------------------------------------------------------- what can be seen
SECRETS = (
    "the-class-secret-nobody-knows",
    "another student's work",
    "Misconception(",
    "marks of everyone",
)
WALK = """
import os, re
import numpy as np

WANTED = re.compile("|".join(map(re.escape, WANTED)).encode())
SKIPPED = re.compile(r"[.](so|a|h|o|bin|dat|npy|pkl|gz|pyc|mo|ttf|png|js|map)([.][0-9]+)*$")


def walk(number):
    seen, known = [], set()
    for folder, inner, files in os.walk("/"):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in known or folder.startswith("/dev/"):
            inner.clear()
            continue
        known.add((here.st_dev, here.st_ino))
        if folder in COURSES:
            seen.append(f"{folder} has {', '.join(sorted(inner + files))}")
        for name in files:
            path = os.path.join(folder, name)
            if SKIPPED.search(name) or not os.path.isfile(path):
                continue
            try:
                with open(path, "rb") as file:
                    found = WANTED.search(file.read(500_000))
            except OSError:
                continue
            if found:
                seen.append(f"{path}: {found[0].decode()}")
    text = chr(10).join(seen).encode()
    return np.frombuffer(text, np.uint8).astype(int)
"""


def walked(courses, hidden=()):
    """What an answer finds that reads all it can see: what courses hold, and words in files."""
    source = f"WANTED, COURSES = {SECRETS!r}, {[*map(str, courses)]!r}\n{WALK}"
    with Sandbox(Limits(), hidden) as box:
        assert box.ask(None, 60)["type"] == "ready"
        said = box.ask({"cells": [[source, "walk"]], "skip": []}, 60)
        while said["type"] == "cell":
            said = box.ask(None, 60)
        answer = box.ask({"exercise": "walk", "cases": [{"number": 0}], "seconds": 600.0}, 300)
    assert answer["values"], answer
    return sorted(bytes(answer["values"][0].tolist()).decode().splitlines())


def course(folder):
    """A course folder with all that is to be hidden, below and beside what is Python's."""
    secret, other, reference, marks = SECRETS
    for name, text in {
        "pyvenv.cfg": "home = nowhere",
        "week1.yml": f"secret: {secret}",
        "submissions/ada.ipynb": other,
        "share/nbgrader/exchange/course/inbound/ada/week1.ipynb": other,
        "solutions/lab01.md": reference,
        "etc/secret.txt": secret,
        "bin/notes.txt": secret,
        "results/marks/ada.json": marks,
        "gradebook.db": marks,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "lib" / visible.VERSION / "site-packages" / "unrolled").mkdir(parents=True)
    (folder / "lib" / visible.VERSION / "site-packages/unrolled/lab01.py").write_text(reference)
    return folder


@pytest.fixture
def fresh():
    """What is remembered of the prefix is forgotten, before and after."""
    cached = (visible._folders, visible.arguments, visible.site_folders, sandbox.why_limited)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.mark.sandbox
def test_a_course_folder_that_is_pythons_prefix_shows_nothing(fresh, monkeypatch, tmp_path):
    """`python -m venv .` and `conda create -p .`: the library is shown, and nothing beside it."""
    venv, conda, real = course(tmp_path / "venv"), course(tmp_path / "conda"), [*site_folders()]
    monkeypatch.setattr(sys, "prefix", str(venv))
    monkeypatch.setattr(sys, "base_prefix", str(conda))
    library = venv / "lib" / visible.VERSION
    monkeypatch.setattr(visible, "site_folders", lambda: [*real, str(library / "site-packages")])
    (library / "seen.txt").write_text(SECRETS[1])  # what the walk does find
    monkeypatch.chdir(venv)
    found = walked([venv, conda], [str(venv), str(conda / "submissions")])
    assert found == [
        *(f"{conda} has lib", f"{venv} has lib, pyvenv.cfg"),
        f"{library}/seen.txt: {SECRETS[1]}",
    ]


@pytest.mark.sandbox
def test_nothing_that_people_write_to_is_shown():
    """Among it nbgrader's exchange, /usr/local/share/nbgrader."""
    for path in ("/usr/local/share", "/usr/share/nbgrader", "/usr/local", "/etc", "/home", "/var"):
        assert not any(visible.inside(one, path) for one in visible._folders() if one != DEBIANS)
        assert not any(visible.inside(path, one) for one in visible._folders())


DEBIANS = "/etc/alternatives"


# --------------------------------------------------------------------------- what is left behind
LEAVES = """
import sys, time
from unrolled.grading.run import kit, scratch
print(kit.folder(), scratch.make(), flush=True)
time.sleep(600)
"""


def test_nothing_of_a_killed_run_outlives_the_next(tmp_path, monkeypatch):
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LEAVES]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as alive,
    ):
        left, kept = killed.stdout.readline().split(), alive.stdout.readline().split()
        killed.kill()
        killed.wait()
        assert {str(path) for path in tmp_path.iterdir()} == {*left, *kept}
        monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
        mine = scratch.make()
        assert {str(path) for path in tmp_path.iterdir()} == {*kept, str(mine)}
        alive.kill()
    scratch.remove(mine)
    scratch.remove(scratch.make())
    assert not list(tmp_path.iterdir())


def test_what_keeps_bubblewrap_from_working_is_said(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert "not installed" in sandbox.why_limited.__wrapped__()
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "runs on Linux" in sandbox.why_limited.__wrapped__()


def test_a_program_that_is_not_there_is_our_fault(monkeypatch):
    monkeypatch.setattr(sandbox, "kind", lambda: sandbox.LIMITS_ONLY)
    monkeypatch.setattr(sandbox.sys, "executable", "/nowhere/python")
    with pytest.raises(GradingError, match="does not start"):
        Sandbox(Limits(), unconfined=True)
