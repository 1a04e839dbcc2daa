"""Grading 100 honest submissions of lab 01: ours, on Dask, and plain `nbgrader autograde`.

The same notebooks, one after the other in one run: `make bench`, or with another number of students
`UNROLLED_STUDENTS=10 python -m pytest -n 0 -s tests/bench_grade.py`.
"""

import csv
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from submissions import ROOT, SECRET, assignment
from test_grade import LAB, class_of

from unrolled.exercises import load
from unrolled.grading.assign import handout
from unrolled.grading.store import results

STUDENTS = int(os.environ.get("UNROLLED_STUDENTS", "100"))
FASTER = 3.0  # at least
NAME = "week"


class Watched:
    """A command, how long it took, and the most memory it and its children held together.

    The memory is the sum of their resident sets, looked at five times a second; pages they share
    count for each of them.
    """

    def __init__(self, command, folder):
        self.peak = 0.0
        self.over = threading.Event()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        environment |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        began = time.perf_counter()
        with (folder / "log.txt").open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            watch = threading.Thread(target=self._watch)
            watch.start()
            code = self.process.wait()
        self.seconds = time.perf_counter() - began
        self.over.set()
        watch.join()
        assert code == 0, (folder / "log.txt").read_text()[-3000:]

    def _watch(self):
        while not self.over.wait(0.2):
            total = 0
            try:
                root = psutil.Process(self.process.pid)
                for process in (root, *root.children(recursive=True)):
                    total += process.memory_info().rss
            except psutil.Error:
                continue
            self.peak = max(self.peak, total / 2**20)

    def row(self, name):
        each = self.seconds / STUDENTS
        return f"{name:<24}{self.seconds:8.1f} s{each:8.2f} s each{self.peak:8.0f} MB"


def hand_in(course):
    """nbgrader's course, with the class's notebooks in `submitted`; and the same in `flat`."""
    handout.write_nbgrader(replace(assignment(LAB), name=NAME), course)
    released = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    flat = course / "flat"
    flat.mkdir()
    handed, expected = class_of(max(STUDENTS, 60))
    for one in handed[:STUDENTS]:
        answered = {cell.exercise: cell.source for cell in one.cells if cell.exercise}
        for cell in released.cells:
            told = cell.metadata.get("nbgrader", {})
            if told.get("solution") and not told.get("grade") and told["grade_id"] in answered:
                cell.source = answered[told["grade_id"]]
        student = one.student.replace(" ", "-")
        folder = course / "submitted" / student / NAME
        folder.mkdir(parents=True)
        nbformat.write(released, folder / f"{NAME}.ipynb")
        nbformat.write(released, flat / f"{student}.ipynb")
    (course / "week.yml").write_text(
        yaml.safe_dump({"lab": LAB, "name": NAME, "questions": [], "secret": SECRET})
    )
    return {student.replace(" ", "-"): marks for student, marks in expected.items()}


def scores_of(expected):
    points = {name: one.points for name, one in load(LAB).exercises.items()}
    return {
        student: sum(points[name] for name, (end, _) in marks.items() if end == "passed")
        for student, marks in expected.items()
    }


def test_against_nbgrader(tmp_path, capsys):
    expected = hand_in(tmp_path)
    program = [sys.executable, "-m", "unrolled", "grade", "week.yml", "flat"]
    nbgrader = [sys.executable, "-m", "nbgrader"]
    subprocess.run(
        [*nbgrader, "generate_assignment", NAME, "--force"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    ours = Watched([*program, "ours"], tmp_path)
    ours_on_dask = on_dask(program, tmp_path)
    theirs = Watched([*nbgrader, "autograde", NAME], tmp_path)
    Watched([*nbgrader, "export", "--to", "theirs.csv"], tmp_path)
    ratio = theirs.seconds / ours.seconds
    with capsys.disabled():
        print(f"\n{STUDENTS} submissions of {LAB}, {os.cpu_count()} cores")
        print(theirs.row("nbgrader autograde"))
        print(ours.row("unrolled grade"))
        print(ours_on_dask.row("unrolled grade, Dask"))
        print(f"{ratio:.1f} times as fast")

    graded = results.load_all(tmp_path / "ours")
    assert len(graded) == STUDENTS
    for student, result in graded.items():
        got = {mark.exercise: (mark.ending, mark.misconception) for mark in result.marks}
        assert got == expected[student]
    files = {
        path.name: path.read_bytes() for path in (tmp_path / "ours" / results.FOLDER).iterdir()
    }
    for path in (tmp_path / "dask" / results.FOLDER).iterdir():
        assert files.pop(path.name) == path.read_bytes()
    assert not files
    with (tmp_path / "theirs.csv").open() as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {s: n for s, n in scores_of(expected).items() if s in graded}
    assert ratio >= FASTER


def on_dask(program, folder):
    """The same on a cluster of two workers of this machine, started and stopped here."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        return Watched([*program, "dask", "--scheduler", cluster.scheduler_address], folder)
