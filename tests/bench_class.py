"""A class of 300 in lab 5 with three poisoned notebooks, as an instructor has it.

`collect` within half a minute; nobody's result changes because of the poisoned ones; the time a
submission takes; and how long the class page takes to open. `make bench CHECK=1`, or with another
number of students `UNROLLED_STUDENTS=30 python -m pytest -n 0 -s tests/bench_class.py`.
"""

import os
import random
import subprocess
import sys
import time

import pytest
import yaml
from browser import launched
from classes import Work
from submissions import ROOT, SECRET, assignment, misconceptions

from unrolled.grading.store import results

STUDENTS = int(os.environ.get("UNROLLED_STUDENTS", "300"))
LAB = "lab05"
COLLECTED, EACH, OPENED = 30.0, 0.35, 2.0  # seconds at most, for a class of 300 on two cores
POISONED = {
    "zz brackets": "[" * 40_000,
    "zz statements": "a;" * 99_000,
    "zz notes": "for i in range(2_000):\n    print(str(i) * 1_000)",
}


def hand_in(folder):
    """A third of the answers wrong, by named mistakes; the rest the solution's."""
    rng = random.Random(0)
    wrong = {name: list(known.values()) for name, known in misconceptions(LAB).items()}
    for number in range(STUDENTS):
        chosen = {
            name: rng.choice(pool).source for name, pool in wrong.items() if rng.random() < 1 / 3
        }
        Work(LAB, **chosen).write(folder / f"student-{number:03}.ipynb")


def ours(*words, cwd):
    """A command's seconds."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "unrolled", *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return time.perf_counter() - began


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / results.FOLDER).iterdir()}


@pytest.mark.browser
@pytest.mark.sandbox
def test_a_class_with_poisoned_notebooks(tmp_path, capsys):
    kept = {"lab": LAB, "name": LAB, "questions": [], "secret": SECRET}
    kept["exercises"] = dict(assignment(LAB).exercises)
    (tmp_path / "week.yml").write_text(yaml.safe_dump(kept))
    hand_in(tmp_path / "in")
    alone = ours("grade", "week.yml", "in", "alone", cwd=tmp_path)
    for student, source in POISONED.items():
        Work(LAB, base_gradient=source).write(tmp_path / "in" / f"{student}.ipynb")
    collected = ours("collect", "week.yml", "in", cwd=tmp_path)
    together = ours("grade", "week.yml", "in", "together", cwd=tmp_path)
    reported = ours("report", "together", "reports", cwd=tmp_path)
    (page,) = (tmp_path / "reports").rglob("class.html")
    with launched() as browser:
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri(), wait_until="load")
        opened = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n{STUDENTS} submissions of {LAB}, {os.cpu_count()} cores")
        print(f"grade    {alone:6.1f} s, {alone / STUDENTS:.2f} s each")
        print(f"with {len(POISONED)} poisoned ones")
        print(
            f"collect  {collected:6.1f} s\ngrade    {together:6.1f} s\nreport   {reported:6.1f} s"
        )
        print(f"class page {page.stat().st_size / 1e3:.0f} kB, opened in {opened:.2f} s")
    without, beside = files(tmp_path / "alone"), files(tmp_path / "together")
    assert len(without) == STUDENTS
    assert len(beside) == STUDENTS + len(POISONED)
    assert without.items() <= beside.items()
    assert collected <= COLLECTED
    assert alone / STUDENTS <= EACH
    assert opened <= OPENED
