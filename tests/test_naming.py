"""Wrong answers that nobody named: grouped by what they give, named, and never run again."""

import html
import re
import stat
from dataclasses import replace

import numpy as np
import pytest
import submissions as made
import yaml
from classes import LAB01
from click.testing import CliRunner
from graded import keep, result
from submissions import IMPORTS, assignment, submission

from unrolled.__main__ import main
from unrolled.exercises import load
from unrolled.exercises.plain import plain
from unrolled.grading.assign.seeds import seeds
from unrolled.grading.judge.grade import grade
from unrolled.grading.judge.regrade import regrade
from unrolled.grading.model import Cell, Ending
from unrolled.grading.run import session
from unrolled.grading.store import gradebook, groups, named, outcomes, results
from unrolled.grading.tell import report

EXERCISE = load("lab01").exercises["causal_conv"]
SEED, OTHER_SEED, _ = seeds(LAB01, "causal_conv", "")
UNDILATED = "def causal_conv(x, m, dilation):\n    return np.convolve(x, m)[: len(x)]\n"
SUMMED = """\
def causal_conv(x, m, dilation):
    T, K = len(x), len(m)
    c = np.zeros(T)
    for t in range(T):
        for k in range(K):
            if t >= k:
                c[t] += m[k] * x[t - k]
    return c
"""
UNSIGNED = "def causal_conv(x, m, dilation):\n    return abs(np.convolve(x, m)[: len(x)])\n"


def answer(code):
    space = {"np": np}
    exec(code, space)
    return space["causal_conv"]


def wrong(code, seed=SEED):
    """What grading keeps of an answer."""
    cases = EXERCISE.draw(seed)
    function = answer(code)
    values = tuple(plain(function(*case.values())) for case in cases)
    return outcomes.kept(seed, cases, values, code)


def student(name, kept):
    """A Result with one wrong answer without a name."""
    one = result(name, causal_conv=Ending.WRONG)
    marks = (
        replace(mark, wrong=kept, for_instructor="the smallest case")
        if mark.exercise == "causal_conv"
        else mark
        for mark in one.marks
    )
    return replace(one, marks=tuple(marks))


def found(*students):
    return [list(one.codes) for one in groups.groups("lab01", students)]


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="unrolled")


def fill_in(text, path, **filled):
    told = yaml.safe_load(text) | filled
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


def text_of(page):
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))
    return " ".join(html.unescape(text).split())


# --------------------------------------------------------------------------- groups
def test_the_same_behaviour_is_one_group_whatever_the_code():
    class_ = [
        student("ada", wrong(UNSIGNED)),
        student("bo", wrong(UNDILATED)),
        student("cy", wrong(SUMMED)),
    ]
    assert found(*class_) == [["bo", "cy"], ["ada"]]


def test_only_what_ran_on_the_same_cases_is_compared():
    assert found(student("ada", wrong(UNDILATED)), student("bo", wrong(UNDILATED, OTHER_SEED))) in (
        [["ada"], ["bo"]],
        [["bo"], ["ada"]],
    )
    stale = replace(wrong(UNDILATED), cases="0" * 32)
    assert found(student("ada", stale)) == []


def test_what_is_right_or_has_a_name_is_in_no_group():
    cases = EXERCISE.draw(SEED)
    values = EXERCISE.results(EXERCISE.reference.function, cases)
    right = outcomes.kept(SEED, cases, values, "")
    assert found(student("ada", right)) == []
    one = student("bo", wrong(UNDILATED))
    marks = tuple(replace(mark, misconception="one step late") for mark in one.marks)
    assert found(replace(one, marks=marks)) == []
    assert found(result("cy", causal_conv=Ending.WRONG)) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf]), True),
        (np.array([1.0, np.nan]), np.array([1.0, np.inf]), False),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-13]), True),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), False),
        (np.array([1, 2]), np.array([1, 2], np.int32), True),
        (np.array([1, 2]), np.array([1.0, 2.0]), False),
        (np.array([1.0]), np.array([1.0], np.float32), False),
        (np.zeros(0), np.zeros((0, 3)), False),
        (np.array(1j), np.array(1.0), False),
        (np.array(1.0), (np.array(1.0),), False),
        ((np.zeros(2), (np.ones(1), np.zeros(3))), (np.zeros(2), (np.ones(1), np.zeros(3))), True),
        ((np.zeros(2), (np.ones(1),)), (np.zeros(2), np.ones(1)), False),
        ((np.zeros(2),), (np.zeros(2), np.zeros(2)), False),
        ("it cannot be run", "it cannot be run", True),
    ],
)
def test_what_counts_as_the_same(one, other, same):
    assert groups.alike(one, other, 1e-9) is same
    assert groups.alike(other, one, 1e-9) is same


# --------------------------------------------------------------------------- what is kept
def test_it_is_kept_beside_the_result_and_for_nobody_else(tmp_path):
    keep(tmp_path, [student("ada", wrong(UNDILATED)), result("bo")])
    (file,) = (tmp_path / outcomes.FOLDER).iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert UNDILATED not in results.path(tmp_path, "ada").read_text()
    again = next(mark.wrong for mark in results.load(tmp_path, "ada").marks if mark.wrong)
    assert (again.seed, again.code) == (SEED, UNDILATED)
    assert groups.alike(again.values, wrong(UNDILATED).values, 0)
    results.save(tmp_path, result("ada"), "key")  # a later file of hers is right
    assert not list((tmp_path / outcomes.FOLDER).iterdir())


@pytest.mark.parametrize("data", [b"", b"PK\3\4 no archive", None])
def test_a_damaged_file_costs_the_groups_and_no_mark(tmp_path, data):
    keep(tmp_path, [student("ada", wrong(UNDILATED))])
    (file,) = (tmp_path / outcomes.FOLDER).iterdir()
    if data is None:  # of another grading
        one = student("ada", wrong(UNDILATED))
        outcomes.save(results.path(tmp_path, "ada"), "another key", one.marks)
    else:
        file.write_bytes(data)
    book = gradebook.read(tmp_path)
    assert book.score(book.results[0], "causal_conv") == 0
    assert groups.groups("lab01", book.results) == []


CASES = len(EXERCISE.draw(SEED))
HOSTILE = {
    "huge": tuple(np.zeros(200_000) for _ in range(CASES)),
    "many parts": tuple(tuple(np.zeros(1) for _ in range(500)) for _ in range(CASES)),
    "nothing": (),
}
ODD = {
    "not finite": tuple(np.array([np.nan, np.inf, -np.inf]) for _ in range(CASES)),
    "ragged": tuple((np.zeros(2), (np.zeros(3), (np.zeros((0, 4)),))) for _ in range(CASES)),
    "complex": tuple(np.array([1j, complex(np.nan, 1)]) for _ in range(CASES)),
    "long": tuple(np.full(3, 1e308, np.longdouble) * 100 for _ in range(CASES)),
    "bool": tuple(np.array(True) for _ in range(CASES)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_too_much_is_not_kept(name):
    assert outcomes.kept(SEED, EXERCISE.draw(SEED), HOSTILE[name], UNDILATED) is None


def test_hostile_outcomes_and_codes_do_not_break_the_page(tmp_path):
    cases = EXERCISE.draw(SEED)
    code = "</pre><script>alert(1)</script>\x1b[2J\ud800" + "x" * 50_000
    class_ = [
        student(f"{name} {n}", outcomes.kept(SEED, cases, values, code))
        for name, values in ODD.items()
        for n in range(30)
    ]
    folder = keep(tmp_path / "graded", class_)
    report.write(folder, tmp_path / "out")
    page = (tmp_path / "out/class.html").read_text(encoding="utf-8")
    assert len(page) < 250_000
    assert "<script" not in page
    assert "\x1b" not in page
    assert "more characters" in page
    several = [len(one.codes) for one in groups.groups("lab01", class_)]
    assert several.count(30) == 4  # a complex nan equals nothing, itself neither
    assert several.count(1) == 30
    assert "and 24 more groups" in text_of(tmp_path / "out/class.html").lower()
    for one in groups.groups("lab01", class_)[:5]:
        done = run("name", folder, one.name)
        assert done.exit_code == 0, done.output
        assert yaml.safe_load(done.stdout)["code"].startswith("</pre><script>")


# --------------------------------------------------------------------------- naming
def test_a_named_group_is_in_feedback_and_class_page(tmp_path):
    class_ = [
        student("ada", wrong(UNDILATED)),
        student("bo", wrong(SUMMED)),
        student("cy", wrong(UNSIGNED)),
    ]
    folder, out = keep(tmp_path / "graded", class_), tmp_path / "out"
    before = results.path(folder, "ada").read_bytes()
    report.write(folder, out)
    page = text_of(out / "class.html")
    assert "causal_conv : 2 students ada, bo the smallest case" in page
    assert page.index("causal_conv : 2 students") < page.index("causal_conv : 1 student cy")
    assert "return np.convolve(x, m)[: len(x)]" in page
    assert "c[t] += m[k] * x[t - k]" in page
    (group,) = re.findall(rf"name {re.escape(str(folder))} (causal_conv-\w+) ", page)[:1]

    skeleton = run("name", folder, group)
    told = yaml.safe_load(skeleton.stdout)
    assert list(told) == ["group", "exercise", "name", "says", "section", "code"]
    assert told["code"] == UNDILATED
    assert (told["name"], told["says"], told["section"]) == ("", "", EXERCISE.section)
    assert "code: |\n  def causal_conv" in skeleton.stdout

    says = "The spaces between the taps are left out."
    filled = {"name": "no dilation", "says": says, "section": "Setting"}
    path = fill_in(skeleton.stdout, tmp_path / "mistake.yml", **filled)
    assert run("name", folder, "--read", path).stdout == (
        "causal_conv, no dilation: 2 students; give `report` again\n"
    )
    report.write(folder, out, address="https://example.org")
    for who in ("ada", "bo"):
        page = text_of(out / report._feedback_path(who))
        assert f"Recognised: no dilation. {says}" in page
        assert 'Read again: section "Setting" of the chapter.' in page
    assert "no dilation" not in text_of(out / report._feedback_path("cy"))
    page = text_of(out / "class.html")
    assert f"2 no dilation {says} causal_conv Setting" in page
    assert f"chapters/{load('lab01').chapter}.html#setting" in (out / "class.html").read_text()
    assert "causal_conv : 2 students" not in page
    assert "causal_conv : 1 student cy" in page
    assert results.path(folder, "ada").read_bytes() == before
    assert stat.S_IMODE((folder / named.FOLDER / f"{group}.npz").stat().st_mode) == 0o600


def test_it_can_be_named_again(tmp_path):
    folder = keep(tmp_path / "graded", [student("ada", wrong(UNDILATED))])
    (group,) = groups.groups("lab01", gradebook.read(folder).results)
    for name in ("first", "second"):
        text = run("name", folder, group.name).stdout
        path = fill_in(text, tmp_path / "mistake.yml", name=name, says="So.")
        assert run("name", folder, "--read", path).exit_code == 0
    (mark,) = [mark for mark in gradebook.read(folder).results[0].marks if mark.misconception]
    assert mark.misconception == "second"
    assert mark.score == 0


@pytest.mark.parametrize(
    ("filled", "says"),
    [
        ({}, "fill in `name`"),
        ({"name": "no dilation"}, "fill in `says`"),
        ({"name": 3, "says": "So."}, "fill in `name`, as text"),
        ({"name": "x" * 61, "says": "So."}, "`name` has more than 60 characters"),
        ({"name": "one step late", "says": "So."}, "the lab has a mistake 'one step late' already"),
        ({"name": "a", "says": "So.", "exercise": "correlate"}, "is of `causal_conv`"),
        ({"name": "a", "says": "So.", "group": "causal_conv-none"}, "no group 'causal_conv-none'"),
        ({"name": "a", "says": "So.", "more": "b"}, "and nothing else"),
        (
            {"name": "a", "says": "So.", "section": "The layers"},
            "no heading of 01_convolution.md; did you",
        ),
        ({"name": "a", "says": "So.", "section": "Q"}, "`section` 'Q' is no heading of 01_conv"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, filled, says):
    folder = keep(tmp_path / "graded", [student("ada", wrong(UNDILATED))])
    (group,) = groups.groups("lab01", gradebook.read(folder).results)
    path = fill_in(run("name", folder, group.name).stdout, tmp_path / "mistake.yml", **filled)
    done = run("name", folder, "--read", path)
    assert done.exit_code == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / named.FOLDER).exists()


def test_a_name_can_be_taken_back(tmp_path):
    folder = keep(tmp_path / "graded", [student("ada", wrong(UNDILATED))])
    (group,) = groups.groups("lab01", gradebook.read(folder).results)
    path = fill_in(
        run("name", folder, group.name).stdout, tmp_path / "mistake.yml", name="a", says="So."
    )
    assert run("name", folder, "--read", path).exit_code == 0
    done = run("name", folder, group.name, "--forget")
    assert done.stdout == "causal_conv, a: taken back; give `report` again\n"
    assert not any(mark.misconception for mark in gradebook.read(folder).results[0].marks)
    done = run("name", folder, group.name, "--forget")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert f"no group '{group.name}' was named" in done.stderr


def test_a_damaged_name_says_what_to_do(tmp_path):
    folder = keep(tmp_path / "graded", [student("ada", wrong(UNDILATED))])
    (folder / named.FOLDER).mkdir()
    (folder / named.FOLDER / "causal_conv-0.npz").write_bytes(b"nothing")
    done = run("report", folder, tmp_path / "out")
    assert done.exit_code == 1
    assert "is no named mistake: remove it" in done.stderr


# --------------------------------------------------------------------------- with a sandbox
def handed(**codes):
    return [submission(name, (IMPORTS, Cell(code, "causal_conv"))) for name, code in codes.items()]


@pytest.mark.sandbox
@pytest.mark.parametrize("variants", [False, True])
def test_from_grading_to_the_name_nothing_is_run_again(tmp_path, monkeypatch, variants):
    given = assignment("lab01", ("causal_conv",), variants=variants)
    class_ = handed(ada=UNDILATED, bo=SUMMED, cy=UNSIGNED, dan=made.answers()["causal_conv"].source)
    folder = tmp_path / "graded"
    graded = grade(given, class_, folder, workers=1)

    def never(*_, **__):
        raise AssertionError("a student's code is run again")

    monkeypatch.setattr(session, "Sandbox", never)
    book = gradebook.read(folder)
    found = groups.groups("lab01", book.results)
    assert [sorted(one.codes) for one in found] == [["ada", "bo"], ["cy"]]
    assert grade(given, class_, folder, workers=1) == graded
    text = run("name", folder, found[0].name).stdout
    path = fill_in(text, tmp_path / "mistake.yml", name="no dilation", says="So.")
    assert run("name", folder, "--read", path).exit_code == 0
    assert run("report", folder, tmp_path / "out").exit_code == 0
    assert "Recognised: no dilation. So." in text_of(tmp_path / "out" / report._feedback_path("bo"))
    shared = "inputs that all share" in text_of(tmp_path / "out/class.html")
    assert shared is variants


@pytest.mark.sandbox
def test_regrading_keeps_names_and_changes_nobody(tmp_path):
    given, class_ = assignment("lab01", ("causal_conv", "correlate")), handed(ada=UNDILATED)
    folder = tmp_path / "graded"
    grade(given, class_, folder, workers=1)
    (group,) = groups.groups("lab01", gradebook.read(folder).results)
    text = run("name", folder, group.name).stdout
    path = fill_in(text, tmp_path / "mistake.yml", name="no dilation", says="So.")
    run("name", folder, "--read", path)
    for exercise in ("causal_conv", "correlate"):
        assert regrade(given, class_, folder, exercise, workers=1) == []
        (mark,) = [one for one in gradebook.read(folder).results[0].marks if one.misconception]
        assert mark.misconception == "no dilation"
        assert not any(one.misconception for one in results.load(folder, "ada").marks)
