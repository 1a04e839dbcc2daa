"""One exercise graded again: what changed for whom, and that nothing else did."""

import csv
import json
from dataclasses import replace

import pytest
from classes import LAB01, Work

from unrolled.grading.intake import collect as intake
from unrolled.grading.judge.grade import grade
from unrolled.grading.judge.regrade import regrade
from unrolled.grading.model import Ending, GradingError
from unrolled.grading.run import sandbox
from unrolled.grading.store import gradebook, results
from unrolled.grading.tell import changes, report

GIVEN = replace(LAB01, exercises={"correlate": 1, "causal_conv": 3}, questions={})


@pytest.fixture
def graded(tmp_path):
    """(Submissions of a class, its results as a check with a fault would have left them)."""
    for name in ("ada", "bo", "cy"):
        Work().write(tmp_path / "in" / f"{name}.ipynb")
    Work(correlate="def correlate(x, m):\n    return x\n").write(tmp_path / "in/dora.ipynb")
    submissions = intake.collect(tmp_path / "in", GIVEN)
    folder = tmp_path / "results"
    grade(GIVEN, submissions, folder, workers=1, unconfined=sandbox.kind() != "bubblewrap")
    wrong = {"ending": Ending.WRONG, "score": 0, "misconception": "flipped filter"}
    for name in ("ada", "bo"):
        one = results.load(folder, name)
        marks = tuple(replace(mark, **wrong) for mark in one.marks)
        results.save(folder, replace(one, marks=marks), "a fault")
    by_hand = {"points": 0.5, "comment": "", "digest": results.load(folder, "bo").digest}
    results.write(folder / gradebook.BY_HAND, {"bo": {"correlate": by_hand}})
    return submissions, folder


def test_one_exercise_is_graded_again_and_no_other(graded):
    submissions, folder = graded
    unconfined = sandbox.kind() != "bubblewrap"
    made = regrade(GIVEN, submissions, folder, "correlate", workers=1, unconfined=unconfined)
    assert [one.student for one in made] == ["ada", "bo"]
    assert list(changes.lines(made)) == [
        "ada: wrong (flipped filter), 0 -> passed, 1",
        "bo: wrong (flipped filter), 0 -> passed, 1 (set by hand: 0.5)",
    ]
    book = gradebook.read(folder)
    scores = {
        one.student: [book.score(one, name) for name in GIVEN.exercises] for one in book.results
    }
    assert scores == {"ada": [1, 0], "bo": [0.5, 0], "cy": [1, 3], "dora": [0, 3]}
    path = changes.write(folder, "correlate", made)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["points after"] for row in rows] == ["1", "1"]
    (noted,) = json.loads((folder / results.RECORD).read_text())["regraded"]
    assert (noted["exercise"], noted["changed"]) == ("correlate", 2)
    again = grade(GIVEN, submissions, folder, workers=1, unconfined=unconfined)
    assert again[0].marks[1].ending is Ending.WRONG  # it is kept, and not graded again


def test_points_that_were_changed_are_those_of_the_whole_book(graded, tmp_path):
    submissions, folder = graded
    more = replace(GIVEN, exercises={"correlate": 5, "causal_conv": 3})
    regrade(more, submissions, folder, "correlate", workers=1, unconfined=True)
    book = gradebook.read(folder)
    assert book.maxima == {"correlate": 5, "causal_conv": 3}
    assert [book.total(one) for one in book.results if one.student == "cy"] == [8]
    report.write(folder, tmp_path / "out")
    (page,) = (tmp_path / "out/feedback").glob("cy*.html")
    assert "8 of 8 points." in page.read_text(encoding="utf-8")


def test_what_was_not_graded_is_not_graded_again(graded, tmp_path):
    submissions, folder = graded
    with pytest.raises(GradingError, match="no exercise 'correlat'; there are correlate, causal"):
        regrade(GIVEN, submissions, folder, "correlat", unconfined=True)
    other = [replace(submissions[0], digest="another"), *submissions[1:]]
    before = results.load(folder, "bo")
    with pytest.raises(GradingError, match="ada: this file was not graded before; give `grade`"):
        regrade(GIVEN, other, folder, "correlate", unconfined=True)
    assert results.load(folder, "bo") == before
