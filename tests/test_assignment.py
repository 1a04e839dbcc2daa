"""The assignment file: what it may say, and that a fault is told in one line with its place."""

import json
import re
from dataclasses import asdict, replace
from datetime import datetime

import pytest

from unrolled import exercises
from unrolled.grading.assign import assignment
from unrolled.grading.model import GradingError, Late, Limits

SECRET = "secret: correct horse battery staple\n"


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "assignment.yml"
        path.write_text(text, encoding="utf-8")
        return assignment.load(path)

    return load


def test_a_short_file_assigns_the_whole_lab_with_its_own_points(load):
    found = load("lab: lab01\n" + SECRET)
    lab = exercises.load("lab01")
    assert found.exercises == {name: e.points for name, e in lab.exercises.items()}
    assert found.questions == {"spikes": 2}
    assert (found.name, found.lab, found.due, found.variants) == ("lab01", "lab01", None, False)
    assert found.limits == Limits()
    assert "horse" not in repr(found)


def test_exercises_are_chosen_and_valued(load):
    found = load(
        "lab: lab01\nname: week-3\nexercises:\n  transposed_conv: 10\n  correlate:\nquestions: []\n"
        "due: 2027-01-31T23:59:00+01:00\nvariants: true\nlimits:\n  memory_mb: 512\n"
        "  time_factor: 3\n" + SECRET
    )
    assert list(found.exercises.items()) == [("correlate", 1), ("transposed_conv", 10)]
    assert found.questions == {}
    assert found.due == "2027-01-31T23:59:00+01:00"
    assert found.variants
    assert found.limits == Limits(memory_mb=512, time_factor=3)


def test_a_list_keeps_the_points(load):
    assert load("lab: lab01\nexercises: [causal_conv]\n" + SECRET).exercises == {"causal_conv": 3}


def test_the_secret_may_lie_in_a_file_of_its_own(load, tmp_path):
    (tmp_path / "secret.txt").write_text("0123456789abcdef\n")
    assert load("lab: lab01\nsecret_file: secret.txt\n").secret == "0123456789abcdef"


def test_a_new_file_can_be_loaded_and_its_secret_is_fresh(load):
    first, second = assignment.new("lab01"), assignment.new("lab01")
    assert load(first).secret != load(second).secret
    assert load(first).exercises == load("lab: lab01\n" + SECRET).exercises
    assert datetime.fromisoformat(load(first).due) > datetime.now().astimezone()


def test_an_assignment_comes_back_from_a_record_without_its_secret(load):
    found = load(
        "lab: lab01\nlimits: {memory_mb: 9}\ndue: 2027-01-31T12:00Z\nattempts: best\n"
        "late: {points_per_day: 1.5, at_most: 4}\nextensions: {ada: 2027-02-03T12:00Z}\n"
        "handed_in: {7: 2027-02-03T12:00Z}\ngroups: {team1: [ada, 7]}\n" + SECRET
    )
    assert found.late == Late(1.5, 4)
    assert found.groups == {"team1": ("ada", "7")}
    assert found.handed_in == {"7": "2027-02-03T12:00Z"}
    again = assignment.from_record(json.loads(json.dumps(asdict(found))))
    assert again == replace(found, secret="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has to be lines of `key: value`"),
        ("- lab01\n", "has to be lines of `key: value`"),
        ("lab: [\n", r"line 2: not valid YAML: .*; mend it"),
        ("lab: lab01\n\tsecret: x\n", "line 2: not valid YAML"),
        (SECRET, "`lab` is missing"),
        ("lab: lab99\n" + SECRET, "line 1: no lab 'lab99'; there are lab01, lab02"),
        ("lab: 1\n" + SECRET, "line 1: no lab 1; there are lab01"),
        ("lab: lab01\nlab: lab02\n" + SECRET, "line 2: `lab` stands here twice"),
        ("lab: lab01\nexercise: [correlate]\n" + SECRET, "line 2: .*did you mean `exercises`"),
        ("lab: lab01\ncolour: red\n" + SECRET, "line 2: unknown key `colour`; there are lab, name"),
        (
            "lab: lab01\nexercises:\n  - correlate\n  - casual_conv\n" + SECRET,
            "line 4: the lab has no exercise 'casual_conv'; did you mean `causal_conv`",
        ),
        ("lab: lab01\nexercises: {correlate: 0}\n" + SECRET, "line 2: the points of correlate are"),
        ("lab: lab01\nexercises: {correlate: 1.5}\n" + SECRET, "are 1.5; write a whole number"),
        ("lab: lab01\nexercises: {correlate: true}\n" + SECRET, "are True; write a whole number"),
        ("lab: lab01\nexercises: correlate\n" + SECRET, "line 2: `exercises` has to be a list"),
        ("lab: lab01\nexercises: [correlate, correlate]\n" + SECRET, "each once"),
        ("lab: lab01\nquestions: [why]\n" + SECRET, "no question 'why'; there are spikes"),
        ("lab: lab01\nexercises: []\nquestions: []\n" + SECRET, "line 2: nothing is assigned"),
        ("lab: lab01\n", "give one of `secret` and `secret_file`"),
        ("lab: lab01\nsecret_file: x\n" + SECRET, "give one of"),
        ("lab: lab01\nsecret_file: gone.txt\n", "line 2: .*gone.txt cannot be read: No such file"),
        ("lab: lab01\nsecret: short\n", "line 2: the secret has 5 characters and needs 16"),
        ("lab: lab01\nsecret: 12345678901234567890\n", "put it in quotes"),
        ("lab: lab01\ndue: tomorrow\n" + SECRET, "line 2: `due` is 'tomorrow'; write date"),
        ("lab: lab01\ndue: 2027-01-31\n" + SECRET, "line 2: `due` is '2027-01-31'"),
        ("lab: lab01\ndue: 2027-01-31 23:59:00\n" + SECRET, "time and zone"),
        ("lab: lab01\nvariants: 3\n" + SECRET, "line 2: `variants` is 3; write true or false"),
        ("lab: lab01\npartial: 0.5\n" + SECRET, "`partial` is 0.5; write true or false"),
        ("lab: lab01\nname: a/b\n" + SECRET, "line 2: the name 'a/b' has to be of letters"),
        ("lab: lab01\nlimits: {memory: 3}\n" + SECRET, "unknown limit `memory`; did you mean"),
        ("lab: lab01\nlimits: {memory_mb: 0}\n" + SECRET, "`memory_mb` is 0; write a whole"),
        ("lab: lab01\nlate: {points_per_day: 2}\ndue: 2027-01-31T12:00Z\n" + SECRET, "needs both"),
        (
            "lab: lab01\nlate: {points_per_day: 2, at_most: x}\n" + SECRET,
            "line 2: `at_most` is 'x'; write a number greater than 0",
        ),
        ("lab: lab01\nlate: {per_day: 2, at_most: 1}\n" + SECRET, "unknown key `per_day`; did you"),
        (
            "lab: lab01\nlate: {points_per_day: 2, at_most: 1}\n" + SECRET,
            "needs a date: give `due`",
        ),
        ("lab: lab01\nextensions:\n  ada: soon\n" + SECRET, "line 3: `ada` is 'soon'; write date"),
        ("lab: lab01\nextensions:\n  ada:\n" + SECRET, "line 3: `ada` is 'nothing'"),
        ("lab: lab01\nhanded_in: [ada]\n" + SECRET, "line 2: `handed_in` has to be lines of"),
        ("lab: lab01\nattempts: first\n" + SECRET, "`attempts` is 'first'; write latest or best"),
        ("lab: lab01\ngroups: {a: ada}\n" + SECRET, "line 2: a has to be a list of students"),
        ("lab: lab01\ngroups: {a: [x], b: [x]}\n" + SECRET, "x is in a and in b"),
        ("lab: lab01\nlimits: 5\n" + SECRET, "line 2: `limits` has to be lines"),
    ],
)
def test_a_fault_is_told_in_one_line(load, text, said):
    with pytest.raises(GradingError) as caught:
        load(text)
    assert re.search(said, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert "assignment.yml" in str(caught.value)
    assert "horse" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(GradingError, match="cannot be read: No such file"):
        assignment.load(tmp_path / "none.yml")
    (tmp_path / "latin.yml").write_bytes(b"lab: lab01 # \xe9\n")
    with pytest.raises(GradingError, match="not UTF-8"):
        assignment.load(tmp_path / "latin.yml")
