"""Grading a class: the right verdicts, the same after an interruption, and wherever it runs."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent import futures
from dataclasses import replace
from pathlib import Path

import pytest
import submissions as made
from grading_runs import dies_if_bad, dies_once
from submissions import IMPORTS, answers, assignment, submission

from unrolled.exercises import load
from unrolled.exercises import names as labs
from unrolled.grading.assign import seeds
from unrolled.grading.judge import noticed
from unrolled.grading.judge.grade import Job, examined, grade
from unrolled.grading.model import Cell, Ending, GradingError, Limits, Stop
from unrolled.grading.run import executors, sandbox
from unrolled.grading.store import results
from unrolled.grading.store.fingerprint import fingerprint

LAB = "lab01"
STUDENTS = 100
UNTOUCHED = "def {0}(*given):\n    raise NotImplementedError('replace this line')"


def class_of(students=STUDENTS):
    """Honest submissions, and {student: {exercise: (ending, misconception)}} of what they earn.

    Each answer of the solution, each alternative and each misconception occurs; who hands in what
    is drawn, always the same.
    """
    rng, handed, expected = random.Random(0), [], {}
    pools = {}
    for name, cell in answers(LAB).items():
        others = made.alternatives(LAB)[name].values()
        pool = [(cell, Ending.PASSED, None), *((one, Ending.PASSED, None) for one in others)]
        pool += [(c, Ending.WRONG, m) for m, c in made.misconceptions(LAB)[name].items()]
        pool += [(Cell(UNTOUCHED.format(name), name), Ending.NOT_ATTEMPTED, None)]
        # every one at least once, then mostly right ones without torch, which is slow to import
        quick = [one for one in pool if "import torch" not in one[0].source]
        right = [one for one in quick if one[1] is Ending.PASSED]
        filled = pool + rng.choices(quick, k=students // 3)
        filled += rng.choices(right, k=max(0, students - len(filled)))
        pools[name] = rng.sample(filled[:students], students)
    for number in range(students):
        student = f"student {number:03}"
        chosen = {name: pool[number] for name, pool in pools.items()}
        handed.append(submission(student, (IMPORTS, *(cell for cell, _, _ in chosen.values()))))
        expected[student] = {name: (end, known) for name, (_, end, known) in chosen.items()}
    return handed, expected


def verdicts(graded):
    return {
        result.student: {mark.exercise: (mark.ending, mark.misconception) for mark in result.marks}
        for result in graded
    }


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / results.FOLDER).iterdir()}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The class, graded in a run that is killed half-way and started again.

    Returns (submissions, expected, results, folder, names of the files at the time of the kill).
    """
    handed, expected = class_of()
    folder = tmp_path_factory.mktemp("honest")
    script = Path(__file__).with_name("grading_runs.py")
    with subprocess.Popen([sys.executable, str(script), str(folder)]) as process:
        deadline = time.monotonic() + 600
        while len(list((folder / results.FOLDER).glob("*.json"))) < STUDENTS // 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(1.5)  # its workers notice, and end
    done, seen = set(files(folder)), []
    graded = grade(
        assignment(LAB), handed, folder, workers=1, progress=lambda *told: seen.append(told)
    )
    assert STUDENTS // 2 <= len(done) < STUDENTS
    assert len(seen) == STUDENTS - len(done)
    return handed, expected, graded, folder, done


# --------------------------------------------------------------------------- an honest class
def test_everything_occurs_in_the_class():
    _, expected = class_of()
    seen = {(name, *one) for each in expected.values() for name, one in each.items()}
    for name, exercise in load(LAB).exercises.items():
        for misconception in exercise.misconceptions:
            assert (name, Ending.WRONG, misconception.name) in seen


@pytest.mark.sandbox
def test_an_honest_class_gets_exactly_what_it_earned(honest):
    handed, expected, graded, *_ = honest
    assert [result.student for result in graded] == [one.student for one in handed]
    assert verdicts(graded) == expected
    for result in graded:
        for mark in result.marks:
            assert mark.score == (mark.points if mark.ending is Ending.PASSED else 0)


@pytest.mark.sandbox
def test_a_killed_run_and_a_dask_cluster_give_the_same_bytes(honest, tmp_path):
    """As a run that nobody interrupts, for students graded before and after the kill."""
    distributed = pytest.importorskip("distributed")
    handed, _, graded, folder, done = honest
    before = [i for i, one in enumerate(handed) if results.path(folder, one.student).name in done]
    after = [i for i in range(STUDENTS) if i not in before]
    some = sorted([*before[:8], *after[-8:]])
    chosen, whole = [handed[i] for i in some], files(folder)
    options = {"dashboard_address": None, "threads_per_worker": 2, "processes": False}
    with distributed.LocalCluster(n_workers=1, **options) as cluster:
        address = cluster.scheduler_address
        assert grade(assignment(LAB), chosen, tmp_path / "dask", scheduler=address) == [
            graded[i] for i in some
        ]
    assert grade(assignment(LAB), chosen, tmp_path / "local", workers=1) == [
        graded[i] for i in some
    ]
    assert files(tmp_path / "dask") == files(tmp_path / "local")
    assert files(tmp_path / "local").items() <= whole.items()


@pytest.mark.sandbox
def test_nothing_is_graded_twice(honest):
    handed, _, graded, folder, _ = honest
    seen = []
    assert grade(assignment(LAB), handed, folder, progress=lambda *a: seen.append(a)) == graded
    assert not seen
    stored = results.load_all(folder)
    assert list(stored.values()) == sorted(graded, key=lambda r: results.path("", r.student))
    assert all(mark.memory_mb > 0 for one in stored.values() for mark in one.marks)


@pytest.mark.sandbox
def test_the_record_tells_all_but_the_secret(honest):
    folder = honest[3]
    text = (folder / results.RECORD).read_text()
    told = json.loads(text)
    assert made.SECRET not in text
    assert told["submissions"] == STUDENTS
    assert sum(told["endings"].values()) == STUDENTS * len(load(LAB).exercises)
    assert told["versions"]["numpy"]
    assert len(told["seeds"]["correlate"]) == told["seeds_per_exercise"] == 3
    assert told["assignment"]["limits"]["memory_mb"] == Limits().memory_mb


# --------------------------------------------------------------------------- one submission
def one(cells, folder, exercises=("correlate",), **options):
    (result,) = grade(assignment(LAB, exercises), [submission("a", cells, **options)], folder)
    return result


def right(name="correlate"):
    return answers()[name]


@pytest.mark.sandbox
@pytest.mark.parametrize("lab", [f"lab{n:02}" for n in range(1, 7)])
def test_the_whole_solution_of_a_lab_passes(lab):
    """All its cells, experiments included."""
    result = examined(Job(assignment(lab)), submission("a", made.solution(lab)))
    assert [(m.exercise, m.ending) for m in result.marks] == [
        (name, Ending.PASSED) for name in load(lab).exercises
    ]


@pytest.mark.sandbox
def test_what_needs_no_run_is_not_run(tmp_path):
    said = {"correlate": Stop(Ending.AMBIGUOUS, "Two cells answer it.")}
    exercises = ("correlate", "causal_conv", "stack_geometry")
    cells = (IMPORTS, right(), right("causal_conv"))
    result = one(cells, tmp_path, exercises, endings=said, texts={"spikes": "Many."}, late=True)
    assert [(m.ending, m.score) for m in result.marks] == [
        (Ending.AMBIGUOUS, None),
        (Ending.PASSED, 3),
        (Ending.MISSING, None),
    ]
    assert result.texts == {"spikes": "Many."}
    assert result.late


@pytest.mark.sandbox
def test_a_file_that_cannot_be_read(tmp_path):
    result = one((), tmp_path, problem="It is no notebook.")
    assert [(m.ending, m.score, m.says) for m in result.marks] == [
        (Ending.MISSING, None, ("It is no notebook.",))
    ]


@pytest.mark.sandbox
def test_an_answer_is_what_its_check_would_have_seen(tmp_path):
    """A name used again further down does not count, one corrected just below does."""
    broken = Cell("def correlate(x, m):\n    return None", "correlate")
    mended = Cell(right().source)
    other = right("causal_conv")
    used_again = Cell("correlate = 'a list of peaks'")
    result = one((IMPORTS, broken, mended, other, used_again), tmp_path)
    assert result.marks[0].ending is Ending.PASSED


@pytest.mark.sandbox
def test_cells_share_what_they_define(tmp_path):
    helper = Cell("def dot(a, b):\n    return float(np.dot(a, b))")
    answer = Cell(
        "def correlate(x, m):\n"
        "    return np.array([dot(x[l : l + len(m)], m) for l in range(len(x) - len(m) + 1)])",
        "correlate",
    )
    assert one((IMPORTS, helper, answer), tmp_path).marks[0].ending is Ending.PASSED


@pytest.mark.sandbox
def test_a_helper_defined_twice_is_put_before_a_person_where_it_decides(tmp_path):
    answer = Cell("def correlate(x, m):\n    return slide(x, m)", "correlate")
    first = Cell("def slide(x, m):\n    return np.correlate(x, m)")
    later = Cell("def slide(x, m):\n    return 0 * x")
    doubts = {"correlate": "Two cells define `slide` differently."}
    held = one((IMPORTS, first, answer, later), tmp_path / "held", doubts=doubts).marks[0]
    assert (held.ending, held.score) == (Ending.AMBIGUOUS, None)
    assert held.says[0].startswith(doubts["correlate"])
    passed = one((IMPORTS, later, answer, first), tmp_path / "passed", doubts=doubts).marks[0]
    assert passed.ending is Ending.PASSED


@pytest.mark.sandbox
def test_students_hear_of_a_misconception_without_numbers(tmp_path):
    (name, cell) = next(iter(made.misconceptions()["correlate"].items()))
    (mark,) = one((IMPORTS, cell), tmp_path).marks
    assert any(name in sentence for sentence in mark.says)
    assert any("Read again" in sentence for sentence in mark.says)
    assert "expected" in mark.for_instructor
    assert not any("[" in sentence for sentence in mark.says)


@pytest.mark.sandbox
def test_another_file_assignment_or_secret_is_graded_again(tmp_path):
    given, handed = assignment(LAB, ("correlate",)), submission("a", (IMPORTS, right()))
    seen = []

    def graded(assignment, handed, **options):
        seen.clear()
        grade(assignment, [handed], tmp_path, progress=lambda *a: seen.append(a), **options)
        return len(seen)

    assert graded(given, handed) == 1
    assert graded(given, handed) == 0
    assert graded(given, handed, again=True) == 1
    assert graded(replace(given, secret="another secret of the class"), handed) == 1
    assert graded(given, replace(handed, digest="another")) == 1
    assert graded(replace(given, limits=Limits(memory_mb=1024)), handed) == 1


@pytest.mark.sandbox
def test_a_damaged_result_is_made_again(tmp_path):
    first = one((IMPORTS, right()), tmp_path)
    path = results.path(tmp_path, "a")
    whole = path.read_bytes()
    path.write_bytes(whole[:99])
    assert one((IMPORTS, right()), tmp_path) == first
    assert path.read_bytes() == whole


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "student",
    ["../../etc/passwd", "", ".", "=HYPERLINK(1)", "Ü, \n\0", "a" * 5000, "con", "\ud800"],
)
def test_any_student_has_a_file_of_their_own(tmp_path, student):
    path = results.path(tmp_path, student)
    assert path.parent == tmp_path / results.FOLDER
    assert len(path.name) < 80
    assert path != results.path(tmp_path, student + " ")
    given = submission(student, (), problem="unreadable")
    (result,) = grade(assignment(LAB, ("correlate",)), [given], tmp_path)
    assert results.load(tmp_path, student) == result


@pytest.mark.sandbox
def test_two_submissions_of_one_student_are_refused(tmp_path):
    both = [submission("a", (IMPORTS, right())), submission("a", (IMPORTS,))]
    with pytest.raises(GradingError, match="two submissions"):
        grade(assignment(LAB), both, tmp_path)


# --------------------------------------------------------------------------- to be read by a person
NOTICED = {
    "it takes unrolled.convolution.conv1d, which the lab does not hand out, in line 2: from": (
        "def correlate(x, m):\n    from unrolled.convolution import conv1d\n"
        "    return conv1d(x[None, None], m[None, None], np.zeros(1))[0][0, 0]"
    ),
    "it uses exec, in line 2: exec": "def correlate(x, m):\n    exec('y = 1')\n    return x",
    "it uses __import__, in line 1: correlate": "correlate = __import__('numpy').correlate",
    "it imports by importlib, in line 1": "import importlib\ndef correlate(x, m):\n    return x",
    "it asks for a reference, in line 1": "correlate = lambda x, m: x.reference.function(x)",
}


@pytest.mark.parametrize("says", NOTICED)
def test_what_may_be_copied_is_shown_to_the_instructor_alone(says):
    found = noticed.notices(LAB, [IMPORTS, Cell(NOTICED[says], "correlate")])
    assert any(note.startswith(f"correlate: {says}") for note in found)


def test_lines_of_the_labs_own_module_are_noticed():
    text = (made.ROOT / "unrolled/exercises/lab01.py").read_text()
    (note,) = noticed._copied(LAB, text.splitlines())
    assert re.fullmatch(r"\d+ lines are those of lab01.py", note[1])


@pytest.mark.parametrize("lab", labs())
def test_nothing_is_noticed_in_a_solution(lab):
    assert noticed.notices(lab, [cell for cell in made.solution(lab) if cell.exercise]) == ()


@pytest.mark.sandbox
def test_a_notice_is_no_verdict(tmp_path):
    (says,) = [one for one in NOTICED if "conv1d" in one]
    result = one((IMPORTS, Cell(NOTICED[says], "correlate")), tmp_path)
    assert result.marks[0].ending is Ending.PASSED
    assert says in result.notes_for_instructor[0]
    assert result.notes == ()


# --------------------------------------------------------------------------- our own faults
@pytest.mark.sandbox
def test_a_sandbox_that_does_not_start_is_nobodys_zero(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.sys, "executable", "/bin/false")
    with pytest.raises(GradingError, match="does not start"):
        one((IMPORTS, right()), tmp_path)
    assert not files(tmp_path)


@pytest.mark.sandbox
def test_a_judge_that_fails_leaves_it_to_a_person(tmp_path, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr("unrolled.grading.judge.scoring.judge", broken)
    (mark,) = one((IMPORTS, right()), tmp_path).marks
    assert (mark.ending, mark.score) == (Ending.CRASHED, None)
    assert "ZeroDivisionError" in mark.for_instructor


@pytest.mark.sandbox
def test_libraries_of_torch_are_no_memory_of_an_answer(tmp_path):
    """The build for graphics cards maps more of them than any limit."""
    given = assignment(LAB, ("correlate",), limits=Limits(memory_mb=400))
    handed = [submission("a", (IMPORTS, made.alternatives(LAB)["correlate"]["by_torch"]))]
    (mark,) = grade(given, handed, tmp_path)[0].marks
    assert mark.ending is Ending.PASSED, mark.for_instructor


@pytest.mark.sandbox
def test_a_full_disk_stops_the_run(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unrolled.common.files.os.replace", full)
    with pytest.raises(GradingError, match="No space left"):
        one((IMPORTS, right()), tmp_path)


def test_a_grading_process_that_dies_is_tried_again(tmp_path):
    tasks = [str(tmp_path / "one"), str(tmp_path / "two")]
    done = dict(executors.Processes(2).run(dies_once, tasks))
    assert done == {0: "done", 1: "done"}


def test_a_grading_process_that_always_dies_costs_one_student():
    done = dict(executors.Processes(2).run(dies_if_bad, ["a", "bad", "c", "d"]))
    assert Counter(type(result) for result in done.values()) == {str: 3, Stop: 1}
    assert done[1].ending is Ending.CRASHED


def test_a_grading_process_may_die_before_all_is_handed_out(monkeypatch):
    class Waiting(executors.ProcessPoolExecutor):
        def submit(self, function, task):
            future = super().submit(function, task)
            if task == "bad":
                futures.wait([future])
            return future

    monkeypatch.setattr(executors, "ProcessPoolExecutor", Waiting)
    done = dict(executors.Processes(2).run(dies_if_bad, ["a", "bad", "c", "d"]))
    assert Counter(type(result) for result in done.values()) == {str: 3, Stop: 1}
    assert done[1].ending is Ending.CRASHED


# --------------------------------------------------------------------------- seeds, fingerprints
def test_seeds_depend_on_everything_that_tells_cases_apart():
    base = assignment(LAB)
    variants = replace(base, variants=True)
    drawn = [
        seeds.seeds(base, "correlate", "a"),
        seeds.seeds(base, "causal_conv", "a"),
        seeds.seeds(replace(base, secret="another"), "correlate", "a"),
        seeds.seeds(replace(base, lab="lab02"), "correlate", "a"),
        seeds.seeds(variants, "correlate", "a"),
        seeds.seeds(variants, "correlate", "b"),
    ]
    flat = [seed for each in drawn for seed in each]
    assert len(set(flat)) == len(flat)
    assert 0 not in flat
    assert seeds.seeds(base, "correlate", "b") == drawn[0]


def test_fingerprints_ignore_names_and_layout():
    source = right("causal_conv").source
    renamed = source.replace("padded", "xs").replace("  # samples", " # other")
    assert fingerprint([source]) == fingerprint([renamed])
    mine = fingerprint([right("transposed_conv").source])
    assert not set(fingerprint([source])) & set(mine)


# --------------------------------------------------------------------------- without bubblewrap
def test_without_bubblewrap_nothing_is_run_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "kind", lambda: sandbox.LIMITS_ONLY)
    monkeypatch.setattr(sandbox, "why_limited", lambda: "bubblewrap is not installed.")
    limits = Limits(time_factor=0.05)
    endless = Cell("def causal_conv(x, m, dilation):\n    while True:\n        pass", "causal_conv")
    marker = Cell(f"open({str(tmp_path / 'by-hand.json')!r}, 'w').close()")
    given = assignment(LAB, ("correlate", "causal_conv"), limits=limits)
    handed = submission("a", (IMPORTS, marker, right(), endless))
    with pytest.raises(GradingError, match=r"bubblewrap is not installed.*--unconfined"):
        grade(given, [handed], tmp_path)
    with pytest.raises(GradingError, match="there is no sandbox here"):
        examined(Job(given), handed)  # as on a worker of a cluster
    assert list(tmp_path.iterdir()) == []
    (result,) = grade(given, [handed], tmp_path, unconfined=True)
    assert [mark.ending for mark in result.marks] == [Ending.PASSED, Ending.TIMED_OUT]
    assert result.sandbox == "limits only"
