"""Due dates, extensions, what lateness costs, which attempt counts, and groups."""

import csv
from dataclasses import replace
from math import floor

import pytest
from classes import LAB01, Work, solutions
from graded import keep, result

from unrolled.exercises import Outcome, load
from unrolled.grading.intake import collect as intake
from unrolled.grading.intake import policies
from unrolled.grading.judge import grade, partly
from unrolled.grading.model import Ending, GradingError, Late, Mark
from unrolled.grading.run import sandbox
from unrolled.grading.run.sandbox import Stop
from unrolled.grading.store import gradebook
from unrolled.grading.tell import report, similarity

DUE = "2027-01-31T12:00:00+01:00"
LATE = replace(LAB01, due=DUE, late=Late(points_per_day=2, at_most=5))


def submitted(folder, assignment, **times):
    """The Submissions of an nbgrader course, handed in at these times in UTC."""
    for student, time in times.items():
        Work().write(folder / student / "week1/lab.ipynb")
        (folder / student / "week1/timestamp.txt").write_text(f"2027-{time}.000000 UTC")
    return {one.student: one for one in intake.collect(folder, assignment)}


# ------------------------------------------------------------------------------- time
@pytest.mark.parametrize(
    ("handed_in", "late", "days"),
    [
        ("2027-01-31T12:00:00+01:00", False, 0),
        ("2027-01-31T11:00:01+00:00", True, 1),
        ("2027-02-01T12:00:00+01:00", True, 1),
        ("2027-02-01T12:00:01+01:00", True, 2),
        ("2027-01-31T12:00:01", True, 1),  # without a zone: in that of the due date
        ("2027-01-30T12:00:00", False, 0),
    ],
)
def test_lateness(handed_in, late, days):
    assert policies.lateness(handed_in, DUE) == (late, days)


def test_a_download_with_times_is_compared_with_the_due_date(tmp_path):
    given = replace(LATE, extensions={"Cy": "2027-02-03T12:00:00+01:00"})
    found = submitted(
        tmp_path, given, ada="01-31 10:00:00", bo="02-02 09:00:00", cy="02-02 09:00:00"
    )
    assert {name: (one.late, one.days_late) for name, one in found.items()} == {
        "ada": (False, 0),
        "bo": (True, 2),
        "cy": (False, 0),
    }


def test_canvas_says_late_and_not_how_late(tmp_path):
    Work().write(tmp_path / "lovelaceada_LATE_11_9001_lab.ipynb")
    (one,) = intake.collect(tmp_path, LATE)
    assert (one.late, one.days_late) == (True, None)
    told = replace(LATE, handed_in={"11": "2027-02-01T09:00:00+01:00"})
    (one,) = intake.collect(tmp_path, told)
    assert (one.late, one.days_late) == (True, 1)


def test_a_name_that_two_bear_is_refused_and_nobodys_is_told(tmp_path):
    for number in (1, 2):
        Work().write(tmp_path / f"Ada Li_{number}_assignsubmission_file_/lab.ipynb")
    given = replace(LATE, extensions={"Ada Li": DUE})
    with pytest.raises(GradingError, match="Ada Li may be Ada Li_1 or Ada Li_2; write the whole"):
        intake.collect(tmp_path, given)
    given = replace(LATE, extensions={"2": DUE, "Bo": DUE})
    found = intake.collect(tmp_path, given)
    assert list(policies.unknown(found, given)) == [
        "`extensions` names Bo, from whom nothing was handed in"
    ]


# ------------------------------------------------------------------------------- what it costs
def late(student, days, **endings):
    answered = {"spikes": ""}
    return replace(result(student, answered, late=days != 0, **endings), days_late=days)


@pytest.fixture
def out(tmp_path):
    nothing = dict.fromkeys(LAB01.exercises, Ending.WRONG)
    found = [
        late("ada", 0),
        late("bo", 2),
        late("cy", 9),
        late("dora", None),
        late("emil", 3, **nothing),
    ]
    found.append(replace(late("fay", 0), late=None, days_late=None))
    folder = keep(tmp_path / "graded", found, LATE)
    says = report.write(folder, tmp_path / "out")
    with (tmp_path / "out/grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, " | ".join(says), tmp_path


def test_points_off_for_each_day_begun_up_to_the_cap(out):
    rows, says, _ = out
    assert {name: (row["total"], row["late"]) for name, row in rows.items()} == {
        "ada": ("18", "in time"),
        "bo": ("14", "late, 2 days begun: 4 points off"),
        "cy": ("13", "late, 9 days begun: 5 points off"),
        "dora": ("", "late"),
        "emil": ("0", "late, 3 days begun: 5 points off"),
        "fay": ("18", ""),
    }
    assert rows["dora"]["open"] == "lateness"
    assert "3 students lost points by being late" in says
    assert "when it was handed in is not known, and nothing was taken off: fay" in says


def test_what_lateness_takes_is_shown_everywhere(out):
    _, _, folder = out
    (page,) = (folder / "out/feedback").glob("bo-*")
    assert "Late, 2 days begun: 4 points off. Each day that has begun takes 2" in page.read_text()
    assert "14 of 20 points." in page.read_text()
    whole = (folder / "out/class.html").read_text()
    assert "(late, 2 days begun: 4 points off)" in whole
    assert "late, by how long the download does not tell" in whole
    assert "late, 2 days begun: 4 points off; correlate" in (folder / "out/moodle.csv").read_text()


def test_without_a_policy_lateness_costs_nothing(tmp_path):
    folder = keep(tmp_path / "graded", [late("bo", 2), late("dora", None)])
    book = gradebook.read(folder)
    assert [book.total(one) for one in book.results] == [18, 18]


# ------------------------------------------------------------------------------- attempts
def attempts(folder):
    for day, work in (
        ("28", Work()),
        ("29", Work(correlate="def correlate(x, m):\n    return x\n")),
    ):
        work.write(folder / f"Lab_ada_attempt_2027-01-{day}-12-00-00_lab.ipynb")


def test_the_latest_attempt_counts_or_the_best(tmp_path):
    attempts(tmp_path)
    (one,) = intake.collect(tmp_path, LAB01)
    assert one.earlier == ()
    assert one.notes == ("Handed in 2 times; the last counts.",)
    (one,) = intake.collect(tmp_path, replace(LAB01, attempts="best", due=DUE))
    assert [earlier.handed_in for earlier in one.earlier] == ["2027-01-28T12:00:00"]
    assert one.notes == ("Handed in 2 times; the best counts.",)


def test_of_two_attempts_the_better_is_chosen_lateness_taken_off(tmp_path, monkeypatch):
    attempts(tmp_path)
    (one,) = intake.collect(tmp_path, replace(LATE, attempts="best", due="2027-01-20T00:00:00Z"))
    points = {one.earlier[0].digest: 9, one.digest: 10}

    def examined(job, submission):
        made = result("ada", late=submission.late)
        marks = (replace(made.marks[0], score=points[submission.digest]),)
        days = submission.days_late
        return replace(made, digest=submission.digest, marks=marks, days_late=days)

    monkeypatch.setattr(grade, "_examined_safely", examined)
    job = grade.Job(replace(LATE, late=Late(1, 100)))
    assert grade.examined(job, one).digest == one.digest  # 9 - 9 against 10 - 10: the later
    points[one.earlier[0].digest] = 9.5
    best = grade.examined(job, one)
    assert best.digest == one.earlier[0].digest
    assert "Attempt 1 of 2 counts." in best.notes


# ------------------------------------------------------------------------------- groups
TEAM = replace(LAB01, groups={"team1": ("ada", "bo", "cy")})


def test_one_notebook_counts_for_the_whole_group(tmp_path):
    Work(spikes="Ours.").write(tmp_path / "bo.ipynb")
    Work().write(tmp_path / "dora.ipynb")
    found = {one.student: one for one in intake.collect(tmp_path, TEAM)}
    assert list(found) == ["ada", "bo", "cy", "dora"]
    assert {name: one.group for name, one in found.items()} == {
        **dict.fromkeys(("ada", "bo", "cy"), "team1"),
        "dora": "",
    }
    assert found["ada"].cells == found["bo"].cells
    assert found["ada"].texts == {"spikes": "Ours."}
    assert "Handed in by bo for the group team1." in found["ada"].notes
    assert not any("Handed in by" in note for note in found["bo"].notes)


def test_a_file_named_after_the_group(tmp_path):
    Work().write(tmp_path / "team1.ipynb")
    assert [one.student for one in intake.collect(tmp_path, TEAM)] == ["ada", "bo", "cy"]


def test_two_notebooks_of_one_group(tmp_path):
    Work().write(tmp_path / "ada.ipynb")
    Work().write(tmp_path / "bo.ipynb")
    assert all(one.endings == {} for one in intake.collect(tmp_path, TEAM))
    Work(correlate="def correlate(x, m):\n    return m\n").write(tmp_path / "bo.ipynb")
    for one in intake.collect(tmp_path, TEAM):
        ((ending, says),) = set(one.endings.values())
        assert ending is Ending.AMBIGUOUS
        assert "Of the group team1 there are different notebooks, of ada and bo" in says
        assert one.endings.keys() == LAB01.exercises.keys()


def test_who_handed_in_together_is_not_reported_as_alike(tmp_path):
    code = "\n".join(solutions().values())
    found = [result(name, code=code) for name in ("ada", "bo")]
    assert len(similarity.pairs(found)) == 1
    assert similarity.pairs(found, groups={"ada": "team1", "bo": "team1"}) == []
    assert len(similarity.pairs(found, groups={"ada": "", "bo": ""})) == 1


# ------------------------------------------------------------------------------- partial credit
def half_right(seed):
    """(cases, Outcome) of an answer to `causal_conv` that is right where dilation is 1."""
    exercise = load("lab01").exercises["causal_conv"]
    cases = exercise.draw(seed)
    values = exercise.results(exercise.reference.function, cases)
    wrong = [v if c["dilation"] == 1 else v + 1 for v, c in zip(values, cases)]
    return exercise, cases, Outcome(wrong)


def test_points_for_the_kinds_of_cases_that_are_right():
    by_seed = []
    for seed in range(3):
        exercise, cases, outcome = half_right(seed)
        by_seed.append(partly.right(exercise, cases, outcome))
        assert by_seed[-1] == [case["dilation"] == 1 for case in cases]
    good, all_ = sum(map(all, zip(*by_seed))), len(by_seed[0])
    assert 0 < good < all_
    mark = Mark("causal_conv", Ending.WRONG, 6, 0, says=("It is not right.",))
    made = partly.credited(mark, by_seed, 3)
    assert made.score == floor(12 * good / all_) / 2
    assert made.says == ("It is not right.", f"It is right in {good} of {all_} kinds of cases.")
    assert made.ending is Ending.WRONG


def test_no_part_of_the_points_where_one_seed_gave_nothing():
    mark = Mark("causal_conv", Ending.WRONG, 6, 0)
    for by_seed in ([[True, False]], [[True], [True], []], [[True], [True, True], [True]], []):
        assert partly.credited(mark, by_seed, 3) == mark
    for kinds in ([[False] * 3] * 3, [[True, False], [False, True], [True, True]]):
        assert partly.credited(mark, kinds, 3).score == 0
    exercise, cases, outcome = half_right(0)
    assert partly.right(exercise, cases, Stop(Ending.CRASHED, "It died.")) == []
    assert partly.right(exercise, cases, Outcome(outcome.values[1:])) == []
    assert not any(partly.right(exercise, cases, Outcome([None] * len(cases))))


def test_part_of_the_points_only_where_the_assignment_says_so(tmp_path):
    wrong = "def causal_conv(x, m, dilation):\n"
    wrong += (
        solutions()["causal_conv"].split('"""')[2].replace("return ", "return (dilation > 1) + ")
    )
    Work(causal_conv=wrong).write(tmp_path / "in/ada.ipynb")
    given = replace(LAB01, exercises={"causal_conv": 6}, questions={})
    scores = {}
    for partial in (False, True):
        assigned = replace(given, partial=partial)
        submissions = intake.collect(tmp_path / "in", assigned)
        unconfined = sandbox.kind() != "bubblewrap"
        folder = tmp_path / f"results-{partial}"
        (one,) = grade.grade(assigned, submissions, folder, workers=1, unconfined=unconfined)
        assert one.marks[0].ending is Ending.WRONG
        scores[partial] = one.marks[0].score
    assert scores[False] == 0
    assert 0 < scores[True] < 6
