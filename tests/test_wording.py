"""What the checks say of a failure, word by word; and that no other test hangs on it."""

import ast
import re

import pytest
from test_exercises import toy

from unrolled.authoring.notebooks import ROOT
from unrolled.exercises import Outcome, judge, sentences
from unrolled.exercises.failure import Failure, Kind

AT = {"line": 3, "source": "return c[5]"}
EXPECTED = "Expected is `y` (a float64 array (T,))."
SAYS = [
    (
        Failure(Kind.NOT_CALLABLE, detail="an int"),
        ["check needs the function itself, without parentheses, and got an int."],
    ),
    (
        Failure(Kind.NOT_WRITTEN),
        ["Replace `raise NotImplementedError(...)` by your own lines, then run both cells."],
    ),
    (
        Failure(Kind.NOT_WRITTEN, names=("helper",)),
        ["It calls `helper`, which is not written yet: begin there."],
    ),
    (
        Failure(Kind.RAISED, "IndexError", detail="list index out of range", **AT),
        ["IndexError: list index out of range, in line 3 of your cell: `return c[5]`"],
    ),
    (Failure(Kind.RAISED, "Mute", 3, file="mine.py"), ["Mute, in line 3 of mine.py."]),
    (
        Failure(Kind.RAISED, "TypeError", detail="f() takes 1 argument"),
        [
            "TypeError: f() takes 1 argument. "
            "The check calls your function with (x, k), in this order."
        ],
    ),
    (
        Failure(Kind.RAISED, "RecursionError", detail="maximum recursion depth exceeded", **AT),
        [
            "RecursionError: a function calls itself without end, "
            "in line 3 of your cell: `return c[5]`"
        ],
    ),
    (
        Failure(Kind.SYNTAX, "SyntaxError", 2, detail="'(' was never closed"),
        ["SyntaxError: '(' was never closed, in line 2 of your cell."],
    ),
    (
        Failure(Kind.EXITED, "SystemExit", line=2, source="exit()"),
        [
            "It ends the program (exit) instead of returning a result, "
            "in line 2 of your cell: `exit()`"
        ],
    ),
    (
        Failure(Kind.REPLACED, names=("np.pad", "sum")),
        [
            "Your code replaced `np.pad`, `sum`; it has been put back. "
            "Use another name for functions of your own."
        ],
    ),
    (
        Failure(Kind.CHANGED_INPUT, names=("x", "w")),
        ["It changed `x` and `w` in place. Work on a copy (`x = x.copy()`) or fill a new array."],
    ),
    (
        Failure(Kind.RETURNED_NOTHING),
        ["It returned None: is the return statement missing?", EXPECTED],
    ),
    (
        Failure(Kind.NOT_NUMBERS, detail="a generator (use return, not yield)"),
        ["It returned a generator (use return, not yield).", EXPECTED],
    ),
    (
        Failure(Kind.TIMED_OUT),
        ["It did not finish within 1 s. Is there a loop that never ends?"],
    ),
    (
        Failure(Kind.RUNS_ON),
        [
            "It did not finish within 1 s. Is there a loop that never ends? "
            "It could not be stopped either: restart the kernel before going on."
        ],
    ),
    (
        Failure(Kind.OUT_OF_MEMORY, "MemoryError", detail="Unable to allocate 4 GiB", **AT),
        ["MemoryError: Unable to allocate 4 GiB, in line 3 of your cell: `return c[5]`"],
    ),
    (
        Failure(Kind.ENDED_PROCESS),
        ["It ends the whole process (as os._exit does) instead of returning a result."],
    ),
    (
        Failure(Kind.KILLED_PROCESS, "SIGSEGV"),
        [
            "It brought the whole process down (SIGSEGV). That happens when memory runs out, or "
            "when memory is written to that is not its own."
        ],
    ),
]


@pytest.mark.parametrize(("failure", "says"), SAYS, ids=[failure.kind for failure, _ in SAYS])
def test_a_failure_in_a_notebook(failure, says):
    verdict = judge(toy(), toy().draw(), Outcome(failure=failure, case=0))
    assert list(verdict.says) == says
    assert verdict.status is failure.status


def test_every_kind_of_failure_has_its_words():
    assert {failure.kind for failure, _ in SAYS} == set(Kind)


# --------------------------------------------------------------------------- nobody reads them
RUN = 5  # words in a row that are no coincidence


def words(text):
    found = re.findall(r"[A-Za-z]+", text)
    return {" ".join(found[i : i + RUN]).lower() for i in range(len(found) - RUN + 1)}


def strings(tree):
    """The string constants of a module, without docstrings."""
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, documented)}
    return {text for text in found if isinstance(text, str)} - docs


def said_by(paths):
    texts = (strings(ast.parse(path.read_text(encoding="utf-8"))) for path in paths)
    return {piece for one in texts for text in one for piece in words(text)}


def test_no_two_files_of_tests_quote_a_sentence():
    """Who words it anew has one place to look at."""
    package = ROOT / "unrolled"
    machinery = {*package.glob("exercises/*.py")} - {*package.glob("exercises/lab??.py")}
    said = said_by(machinery)
    assert "is there a loop that" in said
    said -= said_by({*package.rglob("*.py")} - machinery)  # what others say, too, they may test
    quoted = {}
    for path in ROOT.glob("tests/*.py"):
        for piece in said_by([path]) & said:
            quoted.setdefault(piece, []).append(path.name)
    assert {piece: names for piece, names in quoted.items() if len(names) > 1} == {}


def test_feedback_is_made_of_data(monkeypatch):
    """Other sentences in the notebook change nothing that a student reads of their marks."""
    from unrolled.grading.judge import scoring as feedback

    def told():
        return [
            feedback.mark(toy(), 2, toy().draw(), Outcome(failure=failure, case=0), {"exit()"})
            for failure, _ in SAYS
        ]

    before = told()
    monkeypatch.setattr(sentences, "_FIRST", dict.fromkeys(Kind, lambda *_: "Quite other words."))
    after = told()
    assert [(m.ending, m.says) for m in after] == [(m.ending, m.says) for m in before]
    assert all("Quite other words." in mark.for_instructor for mark in after)
    assert "It raises IndexError, in line 3 of its cell." in before[3].says
    assert "list index" not in " ".join(before[3].says)
