"""What CONTRIBUTING.md promises of every exercise of every lab, for all labs there are.

The answers that must pass are those of the solution file, and the differently written ones in
tests/alternatives/labNN.py; those that must not are the misconceptions, and the wrong answers in
tests/wrong_answers/labNN.py.
"""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from unrolled.authoring import notebooks
from unrolled.exercises import (
    Exercise,
    ExerciseError,
    Lab,
    Misconception,
    Outcome,
    Question,
    Source,
    Status,
    diagnosis,
    judge,
    lab03,
    lab08,
    load,
    names,
    numbers,
    run,
)
from unrolled.exercises.comparing import arranged, compare
from unrolled.exercises.exercise import DERIVED
from unrolled.exercises.failure import Failure, Kind
from unrolled.exercises.plain import plain

ROOT = Path(__file__).parents[1]
SEEDS = range(20)
FEWER_SEEDS = range(8)  # of what is run by the hundred
MANY_SEEDS = range(30)  # where only the cases are run, not the whole check

LABS = {name: load(name) for name in names()}
EXERCISES = [
    pytest.param(name, exercise, id=f"{name}-{exercise.name}")
    for name, lab in LABS.items()
    for exercise in lab.exercises.values()
]
MISCONCEPTIONS = [
    pytest.param(exercise, misconception, id=f"{name}-{exercise.name}-{misconception.name}")
    for name, lab in LABS.items()
    for exercise in lab.exercises.values()
    for misconception in exercise.misconceptions
]


def solution_file(lab):
    (path,) = (ROOT / "solutions").glob(f"{lab}_*.md")
    return path


@cache
def solved(lab):
    """{exercise: the solution's function}, from its imports and its cells tagged `exercise`."""
    namespace, answers = {}, {}
    for cell in notebooks.read(solution_file(lab), ROOT).code:
        tree = ast.parse(cell.source)
        if "check" in cell.tags:
            name, answer = tree.body[0].value.args
            answers[name.value] = namespace[answer.id]
            continue
        if "exercise" not in cell.tags:
            tree.body = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        exec(compile(tree, f"<solution of {lab}>", "exec"), namespace)
    return answers


@cache
def answers(folder, lab):
    """The module tests/<folder>/<lab>.py."""
    path = ROOT / "tests" / folder / f"{lab}.py"
    assert path.exists(), f"write {path.relative_to(ROOT)}"
    spec = importlib.util.spec_from_file_location(f"{folder}_{lab}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alternatives(lab):
    return answers("alternatives", lab).ALTERNATIVES


@cache
def drawn(lab, name, seed):
    """The cases of an exercise and a seed, and what is right in them."""
    exercise = LABS[lab].exercises[name]
    cases = exercise.draw(seed)
    return cases, exercise.expected(cases)[0]


def differs(exercise, answer, cases, right):
    """Whether some case tells `answer` from the right one; one that raises differs."""
    for case, wanted in zip(cases, right, strict=True):
        arguments = [np.copy(v) if np.ndim(v) else v for v in case.values()]
        try:
            with np.errstate(all="ignore"):
                got = exercise.result(plain(answer(*arguments)), case)
        except Exception:
            return True
        if compare(arranged(got, wanted), wanted, exercise.allowed) is not None:
            return True
    return False


def verdict(exercise, answer, seed=0):
    cases = exercise.draw(seed)
    return judge(exercise, cases, run(answer, cases, exercise.time_limit))


# --------------------------------------------------------------------------- every exercise
def test_every_lab_has_a_solution_and_every_solution_a_lab():
    assert sorted(path.name[:5] for path in (ROOT / "solutions").glob("*.md")) == names()


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_solution_passes(lab, exercise):
    answer = solved(lab)[exercise.name]
    for seed in SEEDS:
        result = verdict(exercise, answer, seed)
        assert result.passed, result
        assert result.score == exercise.points


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_differently_written_answers_pass(lab, exercise):
    answers = alternatives(lab).get(exercise.name)
    assert answers, f"tests/alternatives/{lab}.py has no answer to {exercise.name}"
    for answer in answers:
        for seed in FEWER_SEEDS:
            result = verdict(exercise, answer, seed)
            assert result.passed, f"{answer.__name__}: {result}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_nothing_wrong_passes_at_any_seed(lab, exercise):
    wrong = answers("wrong_answers", lab).WRONG[exercise.name]
    assert len(wrong) >= 5
    wrong = wrong | {m.name: m.function for m in exercise.misconceptions}
    for seed in MANY_SEEDS:
        cases, right = drawn(lab, exercise.name, seed)
        passed = [name for name, f in wrong.items() if not differs(exercise, f, cases, right)]
        assert not passed, f"seed {seed}"


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_nothing_right_fails_at_any_seed(lab, exercise):
    for seed in MANY_SEEDS:
        cases, right = drawn(lab, exercise.name, seed)
        for answer in (solved(lab)[exercise.name], *alternatives(lab)[exercise.name]):
            assert not differs(exercise, answer, cases, right), f"{answer.__name__}, seed {seed}"


def as_lists(value):
    return [as_lists(v) for v in value] if type(value) is tuple else np.asarray(value).tolist()


def as_tensors(value):
    if type(value) is tuple:
        return tuple(map(as_tensors, value))
    return torch.from_numpy(np.asarray(value))


@pytest.mark.parametrize("container", [as_lists, as_tensors])
@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_lists_and_tensors_are_as_good_as_arrays(lab, exercise, container):
    result = verdict(exercise, lambda *given: container(solved(lab)[exercise.name](*given)))
    assert result.passed, result


def rounded(value):
    """What is left of an answer that was float32 on its way."""
    if type(value) is tuple:
        return tuple(map(rounded, value))
    return np.asarray(value).astype(np.float32).astype(float)


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_derivations_have_all_their_digits(lab, exercise):
    """Differences and float32 err by more; where a derivation is asked, its digits prove it."""
    if exercise.tolerance > DERIVED:
        pytest.skip("no derivation is asked")
    answer = solved(lab)[exercise.name]
    assert not verdict(exercise, lambda *given: rounded(answer(*given))).passed


@pytest.mark.parametrize(("exercise", "misconception"), MISCONCEPTIONS)
def test_misconception_is_caught_and_named(exercise, misconception):
    for seed in FEWER_SEEDS:
        result = verdict(exercise, misconception.function, seed)
        assert result.status is Status.WRONG, f"seed {seed}: {result}"
        assert result.score == 0
        assert result.misconception == misconception.name
        assert misconception.says in repr(result)
    prose = "".join(misconception.says.split("`")[::2])
    assert not re.search(r"(?<!\w)\*\w", prose), "emphasis, which a verdict shows as it stands"


@pytest.mark.parametrize(("exercise", "misconception"), MISCONCEPTIONS)
def test_misconception_is_taken_for_no_other(exercise, misconception):
    for seed in FEWER_SEEDS:
        cases = exercise.draw(seed)
        got = exercise.results(misconception.function, cases)
        known = [other.name for other in diagnosis.recognise(exercise, cases, got)]
        assert known == [misconception.name], f"seed {seed}"


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_cases_are_plain_repeatable_and_smallest_first(lab, exercise):
    cases, again, other = exercise.draw(1), exercise.draw(1), exercise.draw(2)
    assert len(cases) >= 3
    for case in cases:
        assert all(type(v) in (int, float, np.ndarray) for v in case.values())
    sizes = [sum(np.size(v) if np.ndim(v) else abs(v) for v in c.values()) for c in cases]
    assert sizes == sorted(sizes)
    assert repr(cases) == repr(again) != repr(other)


ALIKE = {"mean_and_max"}  # as many units as sequences, on purpose: its statement says so


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_no_two_sizes_of_a_case_are_equal(lab, exercise):
    """Where they are, a transpose hides, and one array is taken for several."""
    returned = len(exercise.returns)
    for case in exercise.draw():
        sizes = {}
        for name, letters in exercise.shapes.items():
            sizes |= dict(zip(letters.split(), np.shape(case[name]), strict=False))
        sizes = {letter: size for letter, size in sizes.items() if size > 1}
        if exercise.name not in ALIKE and len(set(sizes.values())) < len(sizes):
            # the whole filter fits once; windows of 2; one square block; fixed numbers of columns
            assert set(sizes) & {"n", "2", "2D", "gates*H"}, sizes
        assert returned == 1 or returned not in sizes.values(), sizes


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_reference_takes_over_where_the_oracle_is_missing(lab, exercise, monkeypatch):
    for module in ("torch", "scipy", "scipy.signal"):
        monkeypatch.setitem(sys.modules, module, None)  # import torch raises ImportError
    result = verdict(exercise, exercise.reference.function)
    assert result.passed
    assert exercise.reference.name in repr(result)


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_the_stub_has_the_names_a_verdict_uses(lab, exercise):
    stub = solved(lab)[exercise.name]
    assert stub.__name__ == exercise.name  # "run `name(*_.arguments)`"
    assert list(inspect.signature(stub).parameters) == list(exercise.draw()[0])


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_sections_are_headings_of_the_chapter(lab, exercise):
    text = (ROOT / "chapters" / f"{LABS[lab].chapter}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    sections = {exercise.section, *(m.section for m in exercise.misconceptions)} - {None}
    assert sections <= set(headings)


def test_weights_by_hand_do_what_their_statements_say():
    count, latch = LABS["lab03"].exercises["count_modulo"], LABS["lab08"].exercises["latch"]
    for case in count.draw():
        (counted,) = count.results(count.reference.function, [case])
        np.testing.assert_array_equal(counted, np.cumsum(lab03.bits(**case)) % case["k"])
    for case in latch.draw():
        (held,) = latch.results(latch.reference.function, [case])
        x, last = lab08.latch_inputs(**case), np.zeros(2)
        for t, x_t in enumerate(x):
            last = np.where(x_t[:, case["mark"]] == 1, np.tanh(x_t[:, case["value"]]), last)
            np.testing.assert_allclose(held[t + 1, :, 0], last, atol=1e-15)


@pytest.mark.parametrize(
    ("first", "status", "words"),
    [
        (np.ones((1, 2)), Status.WRONG_SHAPE, "`W_i` has shape (1, 2); expected is (2, 1)."),
        ((np.ones(2), np.ones(1)), Status.WRONG_SHAPE, "`W_i` came as several values"),
        (1j * np.ones((2, 1)), Status.WRONG_DTYPE, "`W_i` is complex"),
        (None, Status.WRONG_SHAPE, "Expected are 4 arrays: return W_i, W_h, b, W_o."),
    ],
)
def test_weights_that_cannot_be_run_are_told_why(first, status, words):
    def weights(k):
        _, *others = lab03.COUNT.reference.function(k)
        return tuple(others) if first is None else (first, *others)

    result = verdict(lab03.COUNT, weights)
    assert result.status is status
    assert words in repr(result)


@pytest.mark.parametrize("lab", names())
def test_importing_a_lab_does_not_import_torch(lab):
    code = f"import sys, unrolled.exercises.{lab}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# --------------------------------------------------------------------------- the machinery
def right(x, k):
    return x * k


def mistakes(count):
    return tuple(
        Misconception(f"off by {i}", lambda x, k, i=i: x * k + i, f"You added {i}.")
        for i in range(1, count + 1)
    )


def toy(**changes):
    """A small exercise, x * k, judged in no time."""
    settings = {
        "name": "scale",
        "points": 2,
        "section": "Scaling",
        "cases": lambda rng: [
            {"x": numbers(rng, T), "k": k} for T, k in ((30, 1), (3, 1), (4, 2), (5, 3))
        ],
        "shapes": {"x": "T"},
        "returns": {"y": "a float64 array (T,)"},
        "reference": Source("our own", right),
        "misconceptions": mistakes(3),
        "time_limit": 1.0,
    }
    return Exercise(**(settings | changes))


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (lambda: toy(misconceptions=mistakes(2)), 'exercise "scale" names 2 misconceptions'),
        (lambda: toy(misconceptions=mistakes(3) + mistakes(1)), 'two misconceptions "off by 1"'),
        (lambda: toy(points=0), 'exercise "scale": points are 0'),
        (lambda: toy(points=1.5), 'exercise "scale": points are 1.5'),
        (lambda: toy(name="two words"), "exercise 'two words': its name"),
        (lambda: toy(returns={}), 'exercise "scale" does not say what it returns'),
        (lambda: Question("why", -1), 'question "why": points are -1'),
        (lambda: Lab(9, "Toys", "09_toys", (toy(), toy())), 'the name "scale" is used twice'),
        (
            lambda: Lab(9, "Toys", "09_toys", (toy(),), (Question("scale", 1),)),
            'the name "scale" is used twice',
        ),
    ],
)
def test_badly_written_exercises_are_refused_in_one_line(faulty, message):
    with pytest.raises(ExerciseError, match=re.escape(message)) as raised:
        faulty()
    assert "\n" not in str(raised.value)


def test_a_lab_is_loaded_from_another_tree(tmp_path):
    path = tmp_path / "lab07.py"
    path.write_text("LAB = 3")
    with pytest.raises(ExerciseError, match="defines no LAB"):
        load(path)


def test_stages_run_in_separate_processes_and_exchange_plain_arrays(tmp_path):
    cases = toy().draw(5)
    np.savez(
        tmp_path / "cases.npz", **{f"{i}/{n}": v for i, c in enumerate(cases) for n, v in c.items()}
    )
    student = (
        "import numpy as np\n"
        "from unrolled.exercises.running import run\n"
        "data = np.load('cases.npz')\n"
        "count = 1 + max(int(name.split('/')[0]) for name in data)\n"
        "cases = [{'x': data[f'{i}/x'], 'k': int(data[f'{i}/k'])} for i in range(count)]\n"
        "outcome = run(lambda x, k: x * k + 2, cases)\n"
        "np.savez('values.npz', *outcome.values)\n"
    )
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", student], cwd=tmp_path, env=environment, check=True)
    with np.load(tmp_path / "values.npz") as data:
        values = tuple(data[f"arr_{i}"] for i in range(len(cases)))
    assert judge(toy(), cases, Outcome(values)).misconception == "off by 2"


def test_a_run_without_values_is_an_error():
    assert judge(toy(), toy().draw(), Outcome()).status is Status.ERROR


def test_no_failure_passes():
    for kind in Kind:
        result = judge(toy(), toy().draw(), Outcome(failure=Failure(kind)))
        assert not result.passed
        assert result.status is Failure(kind).status


@pytest.mark.parametrize(
    "value",
    [np.array(["a"] * 3), np.array([None] * 3), np.datetime64("2020"), np.zeros(0), (), ((),), 1j],
)
def test_forged_outcomes_get_a_verdict(value):
    result = judge(toy(), toy().draw(), Outcome((value,) * 4))
    assert not result.passed
    assert result.says


def test_two_sources_that_disagree_pass_nothing():
    doubtful = toy(oracle=Source("a patched torch", lambda x, k: x * 0))
    result = verdict(doubtful, lambda x, k: x * 0)
    assert result.status is Status.ERROR
    assert "a patched torch and our own disagree" in repr(result)


# --------------------------------------------------------------------------- what it says
def says(answer, **changes):
    return repr(verdict(toy(**changes), answer))


def test_passed_says_how_many_how_close_and_against_what():
    text = says(right)
    assert text.startswith("✓ scale: passed, 2 of 2 points")
    assert "All 4 cases agree with our own; the largest error" in text
    assert "relative to the largest number, is 0 (allowed: 1e-09)." in text


def test_wrong_shows_the_smallest_case_that_fails():
    result = verdict(toy(), lambda x, k: x * k * (1 if len(x) < 4 else 2))
    assert result.arguments[0].shape == (4,)
    assert "Smallest case that fails: x = [" in repr(result)
    assert [entry.differs for entry in result.entries] == [True] * 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, k: -x * k, "Every number has the wrong sign."),
        (lambda x, k: x * k * 0.5, "Every number is 0.5 times the expected one."),
        (lambda x, k: x * 0.0, "Every number is 0"),
        (lambda x, k: (x * k)[::-1], "their order along the last axis is reversed"),
        (lambda x, k: x, "It is `x` itself, unchanged."),
        (
            lambda x, k: x * k + (k > 1) * x**2,
            "2 of 4 cases are right: those with k = 1, and no other.",
        ),
        (lambda x, k: x * k + 1e-7, "It is nearly right: the largest error is"),
        (lambda x, k: (x * k).astype(np.float32), "digits were lost"),
        (lambda x, k: (x * k).astype(int), "fractions have been cut off"),
        (lambda x, k: x * k + 0j, "complex where floats are expected"),
        (lambda x, k: x > 0, "bool where floats are expected"),
        (lambda x, k: (x * k)[1:], "It has shape (2,); expected is (3,)."),
        (lambda x, k: (x, k), "It came as several values; expected is one array of shape (3,)"),
        (lambda x, k: np.full(len(x), np.inf), "It holds infinity"),
    ],
)
def test_messages(answer, words):
    assert words in says(answer)


@pytest.mark.parametrize(
    ("answer", "kind", "exception", "detail"),
    [
        (lambda x, k: None, Kind.RETURNED_NOTHING, "", ""),
        (lambda x, k: "abc", Kind.NOT_NUMBERS, "", 'the string "abc"'),
        (lambda x, k: x[7], Kind.RAISED, "IndexError", "index 7 is out of bounds"),
        (lambda x: x, Kind.RAISED, "TypeError", "takes 1 positional argument"),
        (3, Kind.NOT_CALLABLE, "", "an int"),
    ],
)
def test_failures_are_told_as_data(answer, kind, exception, detail):
    failure = run(answer, toy().draw()).failure
    assert (failure.kind, failure.exception) == (kind, exception)
    assert detail in failure.detail
    assert (failure.line is not None) == (exception == "IndexError")


def test_an_int_is_asked_for_where_a_float_came():
    whole = toy(
        cases=lambda rng: [{"x": 7, "k": 2}, {"x": 9, "k": 3}],
        shapes={},
        returns={"q": "an int"},
        reference=Source("our own", lambda x, k: x // k),
    )
    assert verdict(whole, lambda x, k: x // k).passed
    assert "Divide with // instead of /" in repr(verdict(whole, lambda x, k: x / k))
    assert "divide with // instead of /" in repr(verdict(whole, lambda x, k: x // k * 1.0))
    assert "`" not in repr(verdict(whole, lambda x, k: x // k + 9)).split("To work")[0]


def test_a_missing_part_of_several_is_named():
    both = toy(
        returns={"y": "a float64 array", "total": "a float"},
        reference=Source("our own", lambda x, k: (x * k, float(x.sum()))),
    )
    assert verdict(both, lambda x, k: [x * k, float(x.sum())]).passed
    assert "expected are 2: return y, total" in repr(verdict(both, lambda x, k: x * k))
    assert "`total` is" in repr(verdict(both, lambda x, k: (x * k, float(x.sum()) + 1)))


def test_of_two_mistakes_at_once_the_first_is_named():
    both = toy(
        returns={"y": "a float64 array", "total": "a float"},
        reference=Source("our own", lambda x, k: (x * k, float(x.sum()))),
        misconceptions=(
            Misconception("off by 1", lambda x, k: (x * k + 1, float(x.sum())), "One too many."),
            Misconception("mean", lambda x, k: (x * k, float(x.mean())), "A sum was asked for."),
            Misconception("zero", lambda x, k: (x * 0, 0.0), "Nothing."),
        ),
    )
    assert verdict(both, lambda x, k: (x * k + 1, float(x.mean()))).misconception == "off by 1"
    assert verdict(both, lambda x, k: (x * k + 1, None)).misconception is None
    assert verdict(both, lambda x, k: (x * k + 2, float(x.mean()))).misconception is None


def test_what_the_answer_prints_is_shown_below_the_verdict():
    def answer(x, k):
        print("k is", k)
        return x * k

    assert "Your code printed:\n    k is 1" in says(answer)


def test_a_call_of_an_unwritten_function_is_not_attempted():
    def helper():
        raise NotImplementedError

    failure = run(lambda x, k: helper(), toy().draw()).failure
    assert failure == Failure(Kind.NOT_WRITTEN, names=("helper",))


def test_verdicts_are_accessible_html():
    bundle = verdict(toy(), lambda x, k: x * k + 1)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("✗ scale: wrong")
    html = bundle["text/html"]
    assert 'role="group" aria-label="Check of scale: wrong"' in html
    assert '<th scope="col">Expected</th>' in html
    assert "<td>differs</td>" in html  # in words, not by colour alone
    assert "You added 1." in html


def test_what_an_answer_says_cannot_become_html():
    def answer(x, k):
        print("<script>")
        raise ValueError("<img src=x>")

    html = verdict(toy(), answer)._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "<img" not in html


# --------------------------------------------------------------------------- the notebook's three
@pytest.fixture
def lab():
    return Lab(9, "Toys", "09_toys", (toy(), toy(name="again", points=3)), (Question("why", 2),))


def test_ready_follows_the_latest_check(lab, capsys):
    assert not lab.ready("scale")
    assert 'when check("scale", …) has passed' in capsys.readouterr().out
    lab.check("scale", right)
    assert lab.ready("scale")
    lab.check("scale", lambda x, k: x)
    assert not lab.ready("scale")


def test_summary_counts_points(lab):
    lab.check("scale", right)
    lab.check("again", lambda x, k: x * k + 1)
    summary = lab.summary()
    assert (summary.score, summary.points, summary.by_hand) == (2, 5, 2)
    assert "again  wrong: off by 1   0 of  3" in repr(summary)
    assert "Total: 2 of 5 points, and 2 to be graded by hand" in repr(summary)
    assert "<caption>Lab 9, Toys: 2 of 5" in summary._repr_mimebundle_()["text/html"]


def test_another_seed_draws_other_cases(lab):
    remembered = {tuple(case["x"]): case for case in toy().draw(0)}
    by_heart = lambda x, k: x * remembered[tuple(x)]["k"]  # noqa: E731
    assert lab.check("scale", by_heart).passed
    assert not lab.check("scale", by_heart, seed=1).passed


def test_an_unknown_name_lists_the_exercises(lab):
    with pytest.raises(ValueError, match="no exercise 'scales'; it has scale, again"):
        lab.check("scales", right)


def test_checks_raise_only_where_nbgrader_runs_them():
    """nbgrader takes a cell for right unless it raises."""
    code = (
        "from unrolled.exercises.lab01 import LAB\n"
        "LAB.check('correlate', LAB.exercises['correlate'].reference.function)\n"
        "print('passed')\n"
        "LAB.check('correlate', lambda x, m: x)\n"
        "print('went on')\n"
    )

    def outcome(**environment):
        environment = {"PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert outcome().stdout == "passed\nwent on\n"
    graded = outcome(NBGRADER_EXECUTION="autograde")
    assert graded.stdout == "passed\n"
    assert "CheckFailed: ✗ correlate: wrong shape" in graded.stderr


def test_a_misconception_made_right_would_be_found():
    harmless = replace(mistakes(1)[0], function=right)
    mended = toy(misconceptions=(harmless, *mistakes(3)[1:]))
    assert verdict(mended, harmless.function).passed  # which the tests above refuse
