"""One notebook must not stop a class: what cannot be read in time costs its student alone."""

import importlib
import json
import os
import pkgutil
import re
import signal
import time
from itertools import product
from pathlib import Path

import pytest
from classes import LAB01, Work
from submissions import assignment

from unrolled.grading import intake as room
from unrolled.grading.intake import answers, readers, reading
from unrolled.grading.intake import collect as intake
from unrolled.grading.model import Ending

CALLED = re.compile(r"\b([A-Z_]+)\.(match|fullmatch|search|findall|finditer|split|sub|subn)\(")
MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
    if not found.name.endswith(".reader")  # a program
]
# every pattern of intake, with the ways in which it is used
PATTERNS = {
    f"{module.__name__.rpartition('.')[2]}.{name}.{how}": (getattr(module, name), how)
    for module in MODULES
    for name, how in sorted({*CALLED.findall(Path(module.__file__).read_text())})
    if isinstance(getattr(module, name, None), re.Pattern)
}
BEGINNINGS = ("", "a", "def ", "async ", "%%", '"', "[")
PUMPED = (
    *("[", "]", "(", "[](", "](", "[a](", "a", "a ", "a,", "a=", ".", "a.", " ", "\t", "\n"),
    *("a\n", "def ", "def\n", "async ", "%", "%%", "!\n", "?", '"', '\\"', "\\", "_", "_1"),
    *(":", "{", "_1_assignsubmission_", "_LATE_1_", ".ipynb", ".json", "é"),
)


def seconds(pattern, how, text):
    call = getattr(pattern, "finditer" if how in ("sub", "subn", "split") else how)
    began = time.process_time()
    found = call(text)
    if how not in ("match", "fullmatch", "search"):
        for _ in found:
            pass
    return time.process_time() - began


def test_no_pattern_is_hidden_in_a_call():
    """Each has a name, so that the next test finds it."""
    for module in (answers, reading):
        assert not re.search(
            r"\bre\.(?!compile|DOTALL|MULTILINE)", Path(module.__file__).read_text()
        )
    assert len(PATTERNS) >= 12


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_take_time_in_proportion_to_the_text(name):
    """The time grows with an exponent near 1, whatever is repeated."""
    pattern, how = PATTERNS[name]
    for beginning, pumped, end in product(BEGINNINGS, PUMPED, ("", "!\n\0")):

        def text(size, beginning=beginning, pumped=pumped, end=end):
            made = beginning + pumped * (size // len(pumped)) + end
            return made.encode() if isinstance(pattern.pattern, bytes) else made

        for _ in range(8):  # once is enough: what else the machine does only adds time
            once = seconds(pattern, how, text(10_000))
            if once < 0.002 or seconds(pattern, how, text(40_000)) < 4**1.5 * once:
                break
        else:
            raise AssertionError(f"{name} on {beginning!r} + {pumped!r} × n takes more than n^1.5")


# --------------------------------------------------------------------------- a class
POISON = {
    "brackets": "[" * 40_000,
    "statements": "a;" * 99_000,
    "conditions": "if a:\n b\n" * 20_000,
    "magics": "!\n" * 90_000,
    "links": "[" * 190_000,
    "chain": "\n".join(
        [f"a{n} = []" for n in range(1_400)]
        + [f"a{n}.append(a{n + 1})" for n in range(1_390, 0, -1)]
        + ["def output_gradient(*given):\n    return a1"]
    ),
}


def collected(folder, given):
    return {one.student: one for one in intake.collect(folder, given)}


def test_poisoned_notebooks_cost_nobody_else_anything(tmp_path, monkeypatch):
    """Three in a class of 300; what the others get is what they get without them."""
    given = assignment("lab05")
    right = Work("lab05")
    for number in range(297):
        right.nb.cells[0].source = f"# The lab of student {number}"
        right.write(tmp_path / f"student{number:03}.ipynb")
    alone = collected(tmp_path, given)
    poisons = ("statements", "chain", "links")
    for name in poisons:
        work = Work("lab05", solved=False).add(POISON[name])
        work.write(tmp_path / f"poison-{name}.ipynb")
    whole = [path for path in tmp_path.iterdir() if path.stem.startswith("poison")]
    assert len(whole) == 3
    together = collected(tmp_path, given)
    assert len(together) == 300
    for name in poisons:
        del together[f"poison-{name}"]
    assert together == alone
    assert all(one.endings == {} for one in alone.values())


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_cell_costs_no_other_cell_its_answer(tmp_path, name):
    work = Work("lab05")
    work.add(POISON[name] if name != "chain" else POISON[name].rpartition("def ")[0])
    if name == "links":
        work.add(POISON[name], kind="markdown")
    (one,) = intake.collect(work.write(tmp_path / "a.ipynb"), assignment("lab05"))
    assert one.problem is None
    assert one.endings == {}


def test_a_string_without_end_is_looked_at_once(tmp_path):
    text = Work().text()
    cut = text.index('"outputs": []') + len('"outputs": [')
    (tmp_path / "a.ipynb").write_text(text[:cut] + '"' + r"\"" * 3_000_000)
    (one,) = intake.collect(tmp_path, LAB01)
    assert "JSON breaks off" in one.problem


def test_what_takes_too_long_is_given_up_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "SECONDS", 0.4)
    nested = "[" * 90 + "]" * 90
    slow = "\n".join(f"def f{n}(a):\n    return {nested}" for n in range(800))
    work = Work()
    for _ in range(60):
        work.add(slow)
    work.write(tmp_path / "a.ipynb")
    Work().write(tmp_path / "b.ipynb")
    slow, right = intake.collect(tmp_path, LAB01)
    assert re.fullmatch(r"reading it takes more than \d s, as no notebook should", slow.problem)
    assert {stop.ending for stop in slow.endings.values()} == {Ending.MISSING}
    assert right.problem is None
    assert right.endings == {}


def test_a_reader_that_died_is_replaced(tmp_path):
    Work().write(tmp_path / "a.ipynb")
    before = intake.collect(tmp_path, LAB01)
    assert readers._idle
    for process in readers._idle:
        os.kill(process.process.pid, signal.SIGKILL)
    assert intake.collect(tmp_path, LAB01) == before


def test_a_file_that_breaks_every_reader_costs_its_student(tmp_path, monkeypatch):
    """Its own submission has a problem; the others are read."""
    broken = tmp_path / "reader.py"
    text = readers.SCRIPT.read_text()
    assert "raw, notes = reading.cells(data)" in text
    broken.write_text(
        text.replace(
            "raw, notes = reading.cells(data)",
            'os.abort() if b"abort" in data else None; raw, notes = reading.cells(data)',
        )
    )
    readers.close()
    monkeypatch.setattr(readers, "SCRIPT", broken)
    folder = tmp_path / "submissions"
    Work().add("abort").write(folder / "a.ipynb")
    Work().write(folder / "b.ipynb")
    worst, right = intake.collect(folder, LAB01)
    readers.close()
    assert worst.problem == "the process that read it broke down"
    assert right.problem is None


def test_memory_and_faults_are_said(tmp_path, monkeypatch):
    readers.close()
    monkeypatch.setattr(readers, "MEMORY_MB", 500)
    notebook = json.loads(Work().text())
    notebook["cells"][1]["outputs"] = [{"text": "x" * 300_000_000}]
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    (one,) = intake.collect(tmp_path, LAB01)
    readers.close()
    assert one.problem == "reading it takes more than 500 MB of memory"
