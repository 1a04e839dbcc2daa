"""Hand-outs: what is in them, what is not, and that stock nbgrader takes its course tree."""

import ast
import importlib.util
import inspect
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.nbgraderformat import MetadataValidator
from traitlets.config import Config

from unrolled.authoring.notebooks import ROOT
from unrolled.exercises import judge, load, names, run
from unrolled.grading.assign import assignment as assignments
from unrolled.grading.assign import handout, recording
from unrolled.grading.assign import lab_notebook as notebook
from unrolled.grading.assign.roles import role
from unrolled.grading.model import Assignment, GradingError

SECRET = "nobody-knows-this-secret"
SOME = Assignment(
    "week-3",
    "lab01",
    {"correlate": 2, "separable_conv": 5},
    {"spikes": 4},
    SECRET,
    due="2027-01-31T23:59:00+01:00",
)
NOTEBOOK = "lab01_convolution.ipynb"
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)

WITHOUT_TORCH = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError(name)
sys.meta_path.insert(0, Block())
"""


def whole(lab, tmp_path):
    path = tmp_path / f"{lab}.yml"
    path.write_text(assignments.new(lab))
    return assignments.load(path)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("handout") / "week-3"
    says = handout.write(SOME, out)
    assert says == [
        "causal_conv is not assigned, but the notebook's later cells use it: kept for practice, "
        "without points"
    ]
    return out


def test_it_has_the_chosen_exercises_with_their_points(folder):
    nb = nbformat.read(folder / NOTEBOOK, as_version=4)
    nbformat.validate(nb)
    MetadataValidator().validate_nb(nb)
    kinds = [role(cell) for cell in nb.cells]
    assert [kind for kind in kinds if kind[0]] == [
        ("exercise", "correlate"),
        ("check", "correlate"),
        ("exercise", "causal_conv"),  # for practice: its check is no check of nbgrader's
        ("exercise", "separable_conv"),
        ("check", "separable_conv"),
        ("question", "spikes"),
    ]
    points = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in nb.cells
        if "points" in cell.metadata.get("nbgrader", {})
    }
    assert points == {"check-correlate": 2, "check-separable_conv": 5, "spikes": 4}
    text = "\n".join(cell.source for cell in nb.cells)
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert headings == [
        "Warm-up: equation (1) from memory",
        "Exercise 2: A filter that cannot see the future",
        "Exercise 4: A convolution for a third of the price",
        "Experiment: which filter finds the spikes?",
        "What you have now",
    ]
    assert text.count("For practice") == 1
    assert "../chapters" not in text
    assert len({cell.id for cell in nb.cells}) == len(nb.cells)


def test_it_runs_by_itself_and_counts_as_assigned(folder, tmp_path):
    """Without this repository on the path, and without torch."""
    nb = nbformat.read(folder / NOTEBOOK, as_version=4)
    code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    script = "\n".join([WITHOUT_TORCH, *code[:-1]])
    script += "\nprint(repr(summary())); import unrolled; print(unrolled.__file__)\n"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *_, title, first, second, third, total, place = done.stdout.splitlines()
    assert title == "Lab 1, Convolution"
    assert re.fullmatch(r"  correlate +not attempted +0 of  2", first)
    assert re.fullmatch(r"  separable_conv +not attempted +0 of  5", second)
    assert re.fullmatch(r"  spikes +in words +– of  4", third)
    assert re.fullmatch(r"\D+ 0 of 7 \D+ 4 \D+", total)
    assert place == str(folder / "unrolled/__init__.py")
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)


def test_no_solution_no_secret_no_grader_in_it(folder):
    found = files(folder)
    assert {name.split("/")[0] for name in found} == {
        *("README.md", "requirements.txt", "unrolled", NOTEBOOK),
    }
    assert not any(part in name for name in found for part in ("authoring", "grading", "__main__"))
    assert sorted(name for name in found if re.search(r"lab\d\d\.", name)) == [
        *("unrolled/exercises/lab01.bin", "unrolled/exercises/lab01.py"),
    ]
    assert b"Misconception(" not in found["unrolled/exercises/lab01.py"]
    assert not any("programs" in name for name in found)
    everything = b"\n".join(found.values()).decode(errors="replace")
    assert SECRET not in everything
    assert "### BEGIN SOLUTION" not in everything
    answers = SOLUTION.findall((ROOT / "solutions/lab01_convolution.md").read_text())
    assert len(answers) == 7
    for answer in answers:
        lines = [line.strip() for line in answer.strip().splitlines()]
        assert "\n".join(lines) not in re.sub(r"\n +", "\n", everything)


@pytest.fixture(scope="module", params=names())
def recorded(request, tmp_path_factory):
    """(a lab, the same lab as a hand-out has it, the hand-out's module)."""
    lab, folder = request.param, tmp_path_factory.mktemp("recorded")
    source = (ROOT / "unrolled/exercises" / f"{lab}.py").read_text()
    recording.write(folder, lab, source)
    path = folder / f"{lab}.py"
    spec = importlib.util.spec_from_file_location(f"unrolled.exercises.{lab}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return load(lab), module.LAB, module


def judged(exercise, function, seed=0):
    cases = exercise.draw(seed)
    with np.errstate(all="ignore"):
        return judge(exercise, cases, run(function, cases, 60.0))


def test_recorded_checks_pass_what_is_right_and_name_what_is_known(recorded):
    lab, handed, _ = recorded
    assert list(handed.exercises) == list(lab.exercises)
    assert list(handed.questions.values()) == list(lab.questions.values())
    for name, exercise in lab.exercises.items():
        ours = handed.exercises[name]
        assert (ours.points, ours.section) == (exercise.points, exercise.section)
        for seed in (0, 1):
            assert judged(ours, exercise.reference.function, seed).passed
        for known in exercise.misconceptions:
            verdict = judged(ours, known.function)
            assert (verdict.misconception, verdict.passed) == (known.name, False)
            assert verdict.entries == judged(exercise, known.function).entries
        with pytest.raises(ValueError, match="this hand-out has the cases of seeds 0 to 3"):
            ours.draw(99)


# not tried, because they write files, or start and end processes and threads
MACHINERY = {"authoring", "grading", "programs", "common", "apart", "running", "progress", "study"}


# what an exercise asks to write once more, and other functions of the chapter are built on: it
# cannot be left out
OPEN = {"turn_round": {"reverse_time", "reverse_time_backward"}}


def callables(module):
    """{function: its name}: every one a hand-out has, private ones and methods too."""
    folder, modules = ROOT / "unrolled", {"": module}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if {*parts} & MACHINERY or re.fullmatch(r"lab\d\d|__main__", parts[-1]):
            continue
        name = ".".join(["unrolled", *(part for part in parts if part != "__init__")])
        modules[name] = importlib.import_module(name)
    found = {}
    for name, one in modules.items():
        for key, value in list(vars(one).items()):
            own = (value, *(vars(value).values() if isinstance(value, type) else ()))
            for function in own:
                where = getattr(function, "__module__", None) or ""
                if callable(function) and where.startswith("unrolled"):
                    found.setdefault(function, f"{name}.{key}: {function!r}")
    return {f: n for f, n in found.items() if not {*f.__module__.split(".")} & MACHINERY}


def fits(function, case):
    try:
        inspect.signature(function).bind(*case.values())
    except (TypeError, ValueError):
        return False
    return True


def passing(handed, found):
    """(exercise, function) of each function that passes; what such calls change stays changed."""
    passed = []
    for exercise in handed.exercises.values():
        cases = exercise.draw(0)
        for function, name in found.items():
            known = getattr(function, "__name__", "") in OPEN.get(exercise.name, ())
            if known or not fits(function, cases[0]):
                continue
            first = run(function, cases[:1], 1.0)  # almost all fail here
            if first.failure is None and judged(exercise, function).passed:
                passed.append((exercise.name, name))
    return passed


@pytest.mark.filterwarnings("ignore")  # functions called with arguments that are not theirs
def test_no_function_of_a_handout_passes_an_exercise(recorded):
    _, handed, module = recorded
    found = callables(module)
    assert len(found) > 200
    context = multiprocessing.get_context("fork")  # a process of its own: they write into tables
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(passing(handed, found)))
    process.start()
    sending.close()
    assert receiving.recv() == []
    process.join()


def test_the_readme_says_what_a_student_needs(folder):
    text = (folder / "README.md").read_text()
    assert "Hand in by Sunday, 31 January 2027, 23:59 (UTC+01:00)." in text
    assert "| `separable_conv` | 5 |" in text
    assert "| **in total** | **11** |" in text
    assert f"jupyterlab {NOTEBOOK}" in text


def test_the_requirements_are_the_locks(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    lock = (ROOT / "requirements.txt").read_text().splitlines()
    assert set(lines) <= set(lock)
    names = {line.split("==")[0] for line in lines}
    assert {"numpy", "matplotlib", "babel", "scikit-learn", "jupyterlab", "ipykernel"} <= names
    assert not {"torch", "nbgrader", "distributed", "sphinx"} & names


@pytest.mark.parametrize("lab", names())
def test_every_lab_can_be_assigned_whole(lab, tmp_path):
    given = whole(lab, tmp_path)
    nb = notebook.lab_notebook(lab)
    selected, practice = notebook.select(nb, given)
    assert practice == []
    assert [role(cell) for cell in selected.cells] == [role(cell) for cell in nb.cells]
    changed = [
        index
        for index, (one, other) in enumerate(zip(nb.cells, selected.cells, strict=True))
        if one != other and "../chapters" not in one.source
    ]
    first = next(index for index, cell in enumerate(nb.cells) if cell.cell_type == "code")
    assert changed == [first]


@pytest.mark.parametrize("lab", names())
def test_every_exercise_can_be_assigned_alone(lab, tmp_path):
    given = whole(lab, tmp_path)
    nb = notebook.lab_notebook(lab)
    for name in given.exercises:
        one = replace(given, exercises={name: 3}, questions={})
        selected, practice = notebook.select(nb, one)
        roles = [role(cell) for cell in selected.cells]
        assert [role for role in roles if role[0]] == [("exercise", name), ("check", name)]
        for cell in selected.cells:
            if cell.cell_type == "code":
                ast.parse(cell.source)
    only = replace(given, exercises={})
    selected, practice = notebook.select(nb, only)
    needed = re.findall(r'ready\("(\w+)"\)', "".join(c.source for c in selected.cells))
    assert set(needed) <= {*practice}


def test_a_folder_with_something_in_it_is_left_alone(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("ten years of work")
    with pytest.raises(GradingError, match="is not empty; name another folder"):
        handout.write(SOME, tmp_path / "mine")
    with pytest.raises(GradingError, match=r"holds thesis\.tex, which no hand-out has"):
        handout.write(SOME, tmp_path / "mine", force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(GradingError, match="is a file"):
        handout.write(SOME, tmp_path / "file")


def test_an_earlier_handout_is_replaced_on_demand(tmp_path):
    (tmp_path / "out").mkdir()
    handout.write(SOME, tmp_path / "out")
    with pytest.raises(GradingError, match="--force"):
        handout.write(SOME, tmp_path / "out")
    first = files(tmp_path / "out")
    handout.write(SOME, tmp_path / "out", force=True)
    assert files(tmp_path / "out") == first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_links_to_chapters_lead_to_the_class_site():
    nb = notebook.lab_notebook("lab01")
    selected, _ = notebook.select(nb, SOME, "https://example.org/book/")
    assert "](https://example.org/book/chapters/01_convolution.html)" in selected.cells[0].source


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own sessions
def test_stock_nbgrader_takes_the_course(tmp_path, monkeypatch):
    """Its own release is ours; a solution gets its points, an untouched notebook none."""
    # nbgrader calls alembic by its name, and the environment need not be activated
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONPATH", raising=False)  # the tree brings the package itself
    monkeypatch.chdir(tmp_path)
    given = replace(SOME, exercises={"correlate": 2, "separable_conv": 5}, questions={})
    assert handout.write_nbgrader(given, tmp_path) == []
    assert len(handout.write_nbgrader(replace(SOME, name="more"), tmp_path)) == 1
    source, release = (tmp_path / room / "week-3/week-3.ipynb" for room in ("source", "release"))
    ours = nbformat.read(release, as_version=4)
    assert "return np.array" in source.read_text()
    assert "return np.array" not in release.read_text()
    assert "secret" not in (tmp_path / "nbgrader_config.py").read_text()
    shutil.rmtree(tmp_path / "release")  # nbgrader makes its own

    config = Config()
    exec((tmp_path / "nbgrader_config.py").read_text(), {"get_config": lambda: config})
    config.CourseDirectory.root = str(tmp_path)
    config.CourseDirectory.db_url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    api = NbGraderAPI(config=config)
    for name in ("week-3", "more"):
        made = api.generate_assignment(name)
        assert made["success"], made
    theirs = nbformat.read(release, as_version=4)
    assert [cell.source for cell in theirs.cells] == [cell.source for cell in ours.cells]
    assert [cell.metadata.get("nbgrader") for cell in theirs.cells] == [
        cell.metadata.get("nbgrader") for cell in ours.cells
    ]

    for student, file in (("untouched", release), ("solved", source)):
        folder = tmp_path / "submitted" / student / "week-3"
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "week-3.ipynb")
        graded = api.autograde("week-3", student)
        assert graded["success"], graded
    with Gradebook(config.CourseDirectory.db_url) as gradebook:
        scores = {
            submission.student.id: (submission.score, submission.max_score)
            for submission in gradebook.assignment_submissions("week-3")
        }
    assert scores == {"untouched": (0, 7), "solved": (7, 7)}
    with pytest.raises(GradingError, match="is not empty"):
        handout.write_nbgrader(given, tmp_path)


def test_a_course_keeps_its_own_configuration(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    says = handout.write_nbgrader(SOME, tmp_path)
    assert "stays as it is" in says[-1]
    assert (tmp_path / "nbgrader_config.py").read_text() == "c = get_config()\n"
