"""The diagnosis engine: what it says of wrong answers, and that it never misleads or fails."""

import ast
import builtins
import json
import keyword
import re
import sys
from collections import namedtuple
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from unrolled.exercises import Exercise, Misconception, Source, judge, load, names, run
from unrolled.exercises.comparing import arranged
from unrolled.exercises.diagnosis import Diagnosis, Kind, diagnose, variants
from unrolled.exercises.diagnosis.alterations import legible
from unrolled.exercises.diagnosis.worlds import World
from unrolled.exercises.plain import plain
from unrolled.language_models import cross_entropy, cross_entropy_backward, softmax

EXERCISES = {
    (lab, exercise.name): exercise for lab in names() for exercise in load(lab).exercises.values()
}
PROGRAMS = [
    pytest.param(exercise, program, id=f"{lab}-{name}-{i}")
    for (lab, name), exercise in EXERCISES.items()
    for i, program in enumerate(
        import_module(f"unrolled.exercises.diagnosis.programs.{lab}").PROGRAMS.get(name, ())
    )
]


def verdict(exercise, answer, seed=0):
    cases = exercise.draw(seed)
    return judge(exercise, cases, run(answer, cases, exercise.time_limit))


# --------------------------------------------------------------------------- the programs
def test_every_exercise_has_a_program():
    with_programs = {parameter.values[0].name for parameter in PROGRAMS}
    assert with_programs == {name for _, name in EXERCISES}


@pytest.mark.parametrize(("exercise", "program"), PROGRAMS)
def test_programs_are_right(exercise, program):
    for seed in range(4):
        result = verdict(exercise, program, seed)
        assert result.passed, result


# --------------------------------------------------------------------------- students' real bugs
# Found in published code and in forums; each is named, or explained by more than where it is wrong.
TELLING = {Kind.MISCONCEPTION, Kind.RELATION, Kind.ALTERATION}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def states(x, h_0, W_i, W_h, b):
    h = [np.tile(h_0, (x.shape[1], 1)) if np.ndim(h_0) == 1 else h_0]
    for x_t in x:
        h.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
    return h


def every_step_from_h_0(x, lengths, h_0, W_i, W_h, b):
    h = np.tile(h_0, (x.shape[1], 1))
    for t in range(len(x)):
        h = np.where((t < lengths)[:, None], np.tanh(x[t] @ W_i.T + h_0 @ W_h.T + b), h)
    return h


def every_word_from_h_0(words, X, W_i, W_h, b, W_o):
    log_p, start = 0.0, np.zeros(len(b))
    for last, token in zip([0, *words], [*words, 1], strict=True):
        z = W_o @ np.tanh(W_i @ X[last] + W_h @ start + b)
        log_p += z[token] - np.log(np.exp(z - z.max()).sum()) - z.max()
    return log_p


def online_from_h_0(x, v, w, W_i):
    h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
    dw, dW_i = np.zeros(len(w)), np.zeros_like(W_i)
    for x_t, v_t in zip(x, v, strict=True):
        new = np.tanh(w * h + W_i @ x_t)
        slope = 1 - new**2
        S, R = slope * (h + w * S), slope[:, None] * (x_t + w[:, None] * R)
        dw, dW_i = dw + v_t * S, dW_i + v_t[:, None] * R
    return dw, dW_i


def coupled_slope_at_the_gate(dc, c_prev, f, g):
    s = sigmoid(f)
    return dc * (c_prev - g) * s * (1 - s), dc * (1 - f) * (1 - g**2), dc * f


def coupled_tanh_of_g(dc, c_prev, f, g):
    return dc * (c_prev - g) * f * (1 - f), dc * (1 - f) * (1 - np.tanh(g) ** 2), dc * f


def base_by(step):
    def answer(x, h_0, W_i, W_h, b, dh_T):
        h, dh = states(x, h_0, W_i, W_h, b), dh_T
        for t in reversed(range(len(x))):
            dh = step(dh, h, t, W_h)
        return dh.sum(axis=0)

    return answer


def leaky_by(slope=lambda f: 1 - f**2, own=0, add=True):
    def answer(dh, x, h_0, W_i, W_h, b, alpha):
        h, f = [h_0], []
        for x_t in x:
            f.append(np.tanh(x_t @ W_i.T + h[-1] @ W_h.T + b))
            h.append((1 - alpha) * h[-1] + alpha * f[-1])
        dW_h, d = np.zeros_like(W_h), np.zeros_like(h_0)
        for t in reversed(range(len(x))):
            d = d + dh[t]
            da = alpha * d * slope(f[t])
            dW_h = (dW_h if add else 0) + da.T @ h[t + own]
            d = (1 - alpha) * d + da @ W_h
        return dW_h, d

    return answer


def memory_by(cell=lambda c, t: c[t], add=True):
    def answer(v, f, c):
        df, dw, dc = np.zeros_like(f), np.zeros_like(f), np.zeros_like(c[0])
        for t in reversed(range(len(f))):
            dc = dc + v[t] if add else v[t]
            df[t], dw[t] = dc * cell(c, t), dc
            dc = dc * f[t]
        return df, dw, dc

    return answer


def minimal_by(gate_slope=lambda f: f * (1 - f), slope=lambda n: 1 - n**2, through=True):
    def answer(dh, x, h_prev, W_i, W_h, b):
        (U_f, U_n), (W_f, W_n), (b_f, b_n) = (np.split(a, 2) for a in (W_i, W_h, b))
        f = sigmoid(x @ U_f.T + h_prev @ W_f.T + b_f)
        s = f * h_prev
        n = np.tanh(x @ U_n.T + s @ W_n.T + b_n)
        da_n = dh * f * slope(n)
        ds = da_n @ W_n
        da_f = (dh * (n - h_prev) + ds * h_prev) * gate_slope(f)
        dh_prev = dh * (1 - f) + ds * f + (da_f @ W_f if through else 0)
        dW_h = np.concatenate([da_f.T @ h_prev, da_n.T @ s])
        da = np.hstack([da_f, da_n])
        return dh_prev, da.T @ x, dW_h, da.sum(axis=0)

    return answer


def gates_read_x_only(x, h_0, W_i, W_h, b):
    (U_f, U_n), (_, W_n), (b_f, b_n) = (np.split(a, 2) for a in (W_i, W_h, b))
    h = [h_0]
    for x_t in x:
        f = sigmoid(x_t @ U_f.T + b_f)
        n = np.tanh(x_t @ U_n.T + (f * h[-1]) @ W_n.T + b_n)
        h.append((1 - f) * h[-1] + f * n)
    return np.array(h)


def tanh_in_the_cell(z, c_prev):
    i, f, g, o = np.split(z, 4, axis=1)
    c = np.tanh(sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g))
    return sigmoid(o) * c, c


def softmax_of(axis):
    def answer(h, z, y):
        e = np.exp(z - z.max())
        return (e / e.sum(axis=axis, keepdims=True) - np.eye(z.shape[1])[y]).T @ h

    return answer


def maxima_by(overwritten, first):
    def answer(dout, x, n, stride):
        dx = np.zeros_like(x)
        for l in range(dout.shape[2]):
            here = slice(stride * l, stride * l + n)
            window = x[:, :, here]
            wins = window == window.max(axis=2, keepdims=True)
            if first:
                wins = wins & (np.cumsum(wins, axis=2) == 1)
            paid = wins * dout[:, :, l, None]
            dx[:, :, here] = paid if overwritten else dx[:, :, here] + paid
        return dx

    return answer


REAL = [
    ("last_states", every_step_from_h_0),
    ("sentence_log_prob", every_word_from_h_0),
    ("online_gradient", online_from_h_0),
    ("coupled_cell_backward", coupled_slope_at_the_gate),
    ("coupled_cell_backward", coupled_tanh_of_g),
    ("base_gradient", base_by(lambda d, h, t, W: d * (1 - np.tanh(h[t + 1]) ** 2) @ W)),
    ("base_gradient", base_by(lambda d, h, t, W: d / (1 - h[t + 1] ** 2) @ W)),
    ("base_gradient", base_by(lambda d, h, t, W: d * (1 - h[t] ** 2) @ W)),
    ("base_gradient", base_by(lambda d, h, t, W: h[t + 1] * (1 - h[t + 1] ** 2) @ W)),
    ("leaky_gradient", leaky_by(lambda f: 1 - np.tanh(f) ** 2)),
    ("leaky_gradient", leaky_by(own=1)),
    ("leaky_gradient", leaky_by(add=False)),
    ("memory_backward", memory_by(lambda c, t: c[t - 1])),
    ("memory_backward", memory_by(lambda c, t: c[t + 1])),
    ("memory_backward", memory_by(add=False)),
    ("minimal_backward", minimal_by(lambda f: sigmoid(f) * (1 - sigmoid(f)))),
    ("minimal_backward", minimal_by(slope=lambda n: 1 - np.tanh(n) ** 2)),
    ("minimal_backward", minimal_by(lambda f: 1)),
    ("minimal_backward", minimal_by(through=False)),
    ("minimal_gated", gates_read_x_only),
    ("cell", tanh_in_the_cell),
    ("output_gradient", softmax_of(0)),
    ("output_gradient", softmax_of(None)),
    ("fair_max_backward", maxima_by(overwritten=True, first=False)),
    ("fair_max_backward", maxima_by(overwritten=True, first=True)),
    ("fair_max_backward", maxima_by(overwritten=False, first=True)),
]


@pytest.mark.parametrize(("name", "answer"), REAL)
def test_real_bugs_are_named_or_explained(name, answer):
    exercise = next(one for (_, other), one in EXERCISES.items() if other == name)
    for seed in range(3):
        result = verdict(exercise, answer, seed)
        assert not result.passed
        assert result.kind in TELLING, result


# --------------------------------------------------------------------------- section by section
def toy(**changes):
    settings = {
        "name": "toy_gradient",
        "points": 1,
        "section": "Toys",
        "cases": lambda rng: [
            {"x": rng.normal(size=(B, H)), "k": k}
            for B, H, k in ((1, 4, 2), (2, 3, 3), (3, 5, 4), (1, 2, 5), (4, 3, 6))
        ],
        "shapes": {"x": "B H"},
        "returns": {"dx": "a float64 array (B, H)", "db": "a float64 array (H,)"},
        "reference": Source("our own", lambda x, k: (np.tanh(x) * k, x.sum(axis=0))),
        "misconceptions": tuple(
            Misconception(f"off by {i}", lambda x, k, i=i: (x + i, x.sum(axis=0)), f"Off by {i}.")
            for i in (1, 2, 3)
        ),
    }
    return Exercise(**(settings | changes))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, k: (x.sum(axis=0), np.tanh(x) * k), "`dx` and `db` are exchanged"),
        (lambda x, k: (-np.tanh(x) * k, x.sum(axis=0)), "`db` is right. In `dx`: every number has"),
        (lambda x, k: (np.tanh(x), x.sum(axis=0)), "is the expected one divided by k"),
        (
            lambda x, k: (np.tanh(x) * k, x.mean(axis=0)),
            "In `db`: every number is the expected one",
        ),
        (lambda x, k: (np.tanh(x) * k, x), "summed over axis 0, your result would be right"),
        (lambda x, k: (x * k, x.sum(axis=0)), "in `dx`, `tanh` is missing"),
        (lambda x, k: (np.tanh(x) * k, x.sum(axis=0)[::-1]), "their order along the last axis is"),
        (lambda x, k: (np.tanh(x) * k, x[0]), "it is the first item of `x`"),
        (lambda x, k: (x + 1, x.mean(axis=0)), "In `dx`: Off by 1."),
        (lambda x, k: (np.tanh(x) * k * (1 + 3e-7), x.sum(axis=0)), "a numerical derivative"),
        (lambda x, k: (np.round(np.tanh(x) * k, 5), x.sum(axis=0)), "is rounded to 5 decimals"),
        (lambda x, k: np.tanh(x) * k, "It returned a single value"),
        (lambda x, k: (np.tanh(x) * k * (1 - x), x.sum(axis=0)), "expected one times `1 - x`."),
        (lambda x, k: (np.tanh(x) * k, x.sum(axis=0) + x[-1]), "In `db`: `x[-1]` was added to it"),
        (
            lambda x, k: (np.tanh(x) * k, np.full(x.shape[1], x.sum())),
            "every item is the sum of those asked for",
        ),
        (
            lambda x, k: (np.tanh(x) * k, np.abs(x.sum(axis=0)) * -1),
            "where the expected number is positive, it has the wrong sign; all else is right",
        ),
        (
            lambda x, k: (np.tanh(x) * k + (x < 0) * np.sin(x * 3.3) ** 2, x.sum(axis=0)),
            "it is wrong exactly where `x` is negative",
        ),
    ],
)
def test_what_is_said(answer, words):
    assert words in repr(verdict(toy(), answer))


def test_mistakes_with_the_same_numbers_are_both_named():
    twins = (
        *toy().misconceptions,
        Misconception("plus one", lambda x, k: (x + 1, x.sum(axis=0)), "One was added."),
    )
    says = verdict(toy(misconceptions=twins), lambda x, k: (x + 1, x.sum(axis=0))).diagnosis
    assert says.startswith("Off by 1.")
    assert '"plus one": One was added.' in says


def test_one_right_case_says_nothing_of_its_dimensions():
    def answer(x, k):
        return np.tanh(x) * k + (k > 2) * np.sin(x * 3.3) ** 2, x.sum(axis=0) + (k > 2) * x[-1] ** 3

    assert verdict(toy(), answer).diagnosis == "1 of 5 cases is right."


def test_all_that_right_cases_share_is_named():
    def answer(x, k):
        wrong = len(x) > 1
        return np.tanh(x) * k + wrong * np.sin(x * 3.3) ** 2, x.sum(axis=0) + wrong * x[-1] ** 3

    says = verdict(toy(), answer).diagnosis
    assert says == "2 of 5 cases are right: those with B = 1, and no other."


def test_a_lone_array_is_not_taken_apart():
    result = verdict(toy(), lambda x, k: np.ones((2, 3)))
    assert "It returned a single value; expected are 2: return dx, db." in repr(result)


def test_named_tuples_are_tuples_and_caches_are_recognised():
    Gradients = namedtuple("Gradients", "dx db")
    assert verdict(toy(), lambda x, k: Gradients(np.tanh(x) * k, x.sum(axis=0))).passed
    says = repr(verdict(toy(), lambda x, k: (x, (x, None))))
    assert "Does it return the cache, too?" in says


def told(name, answer):
    exercise = next(one for (_, other), one in EXERCISES.items() if other == name)
    return verdict(exercise, answer).diagnosis


def test_a_mistake_that_spoils_more_is_not_named_for_one_result():
    def turned(dc, c_prev, f, g):
        return dc * (g - c_prev) * f * (1 - f), dc * (1 - f) * (1 - g**2), dc * f

    assert told("coupled_cell_backward", turned).startswith(
        "`dz_g` and `dc_prev` are right. In `dz_f`: every number has the wrong sign."
    )


def first_unit_only(k):
    W_o = np.array([[1.0, -k]])
    return np.ones((2, 1)), np.array([[1.0, -k], [1.0, 0.0]]), np.array([0.0, 1.0 - k]), W_o


def latch_with(z=-200.0, n=(1.0, 0.0), b=(0.0, 100.0, 0.0), b_n=0.0):
    """A latch; n: the candidate's weights on value and mark."""

    def answer(D, value, mark):
        W_i = np.zeros((3, D))
        W_i[1, mark], W_i[2, value], W_i[2, mark] = z, *n
        return W_i, np.zeros((3, 1)), np.array(b, dtype=float), np.array([b_n])

    return answer


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("count_modulo", first_unit_only, "Only `W_h` is not, in its number at [1, 1]."),
        ("latch", latch_with(b_n=1.0), "b_n has to be 0"),
        ("latch", latch_with(b=(0, 100, 0.5)), "b[2] has to be 0"),
        ("latch", latch_with(b=(0, -50, 0), z=0.0), "z is near 0 at every step, with a mark"),
        ("latch", latch_with(b=(0, 50, 0), z=0.0), "nothing is ever stored"),
        ("latch", latch_with(b=(0, 20, 0), z=-40.0), "Without a mark z is σ(20) = 1 - 2e-09"),
        ("latch", latch_with(n=(1.0, 0.5)), "in the mark's column"),
        ("latch", latch_with(n=(2.0, 0.0)), "The candidate is tanh(2 v)"),
    ],
)
def test_of_weights_it_is_told_which_differ(name, answer, words):
    assert words in told(name, answer)


def position_0(c, lengths, n):
    u, position = np.zeros(c.shape[:2]), np.zeros(c.shape[:2], int)
    for b, length in enumerate(lengths):
        if length >= n:
            allowed = c[b, :, : length - n + 1]
            u[b], position[b] = allowed.max(axis=1), allowed.argmax(axis=1)
    return u, position


def multiplications_in_full(x, w_depth, w_point):
    right = EXERCISES["lab01", "separable_conv"].reference.function
    out, separable, full = right(x, w_depth, w_point)
    return out, separable, full * out.shape[2]


def test_a_mistake_in_one_result_alone_is_told_as_such():
    assert "minus infinity" not in str(told("masked_max", position_0))
    assert "made here alone: These are multiplications" in told(
        "separable_conv", multiplications_in_full
    )


def test_a_nan_is_told_of_and_not_what_it_spoils():
    def overflowing(z, u, temperature, top_k, top_p):
        q = np.zeros_like(z)
        for row, e in zip(q, np.exp(z / temperature), strict=True):  # the largest not taken off
            p = e / e.sum()
            order = np.argsort(-p)[:top_k]
            kept = p[order] / p[order].sum()
            stays = np.r_[0, np.cumsum(kept)[:-1]] < top_p
            row[order[stays]] = kept[stays] / kept[stays].sum()
        tokens = (np.cumsum(q, axis=1) > u[:, None]).argmax(axis=1)
        return tokens, np.log(q[np.arange(len(z)), tokens])

    with np.errstate(all="ignore"):
        result = verdict(load("lab04").exercises["draw_batch"], overflowing)
    assert "In `tokens`" not in (result.diagnosis or "")


def test_a_mistake_is_known_by_its_finite_numbers():
    def guarded(z, y):  # -1 / P(y) of a probability that is 0 is minus infinity in ours
        gradient = np.zeros(len(z))
        gradient[y] = -1 / max(softmax(z)[0][y], 1e-300)
        return gradient

    def clipped(z, y):  # wrong where ours overflows, and right everywhere else
        return cross_entropy_backward(1.0, cross_entropy(np.minimum(z, 500), np.array(y))[1])

    result = verdict(load("lab04").exercises["score_gradient"], guarded)
    assert result.misconception == "stops at the probabilities"
    result = verdict(load("lab04").exercises["score_gradient"], clipped)
    assert result.misconception is None
    assert result.status == "wrong"


def test_a_sentence_names_its_result_once():
    def skipped(words, lengths, start, end):
        inputs, targets, mask = right_layout(words, lengths, start, end)
        return np.where(lengths, inputs, end), targets, mask & (lengths > 0)

    right_layout = load("lab04").exercises["inputs_and_targets"].reference.function
    says = told("inputs_and_targets", skipped)
    assert "In `inputs` an empty" in says
    assert "In `mask` a sentence" in says


def test_small_numbers_count_where_they_have_to_be_right():
    def rounded(x):
        e = np.exp(-np.abs(x))
        s = np.where(x >= 0, 1, e) / (1 + e)
        return s, np.where(x >= 0, np.log(np.maximum(s, 0.1)), x - np.log1p(e))

    assert "log1p" in told("sigmoid_and_log", rounded)


def test_an_alteration_is_told_as_what_would_give_the_same():
    def from_h_0(x, W_1, W_2, W_3, steps):
        h, guesses = sigmoid(W_1 @ x[-1]), []
        for _ in range(steps):
            guesses.append(W_3 @ h)
            h = sigmoid(W_1 @ guesses[-1] + W_2 @ h)
        return np.array(guesses)

    says = told("dream", from_h_0)
    assert says.startswith("This is also what a right answer would give with one change: ")


def test_no_result_is_called_right_that_is_wrong():
    def smallest(kind, x):
        return 0, 0

    says = told("reach", smallest)
    assert "`back` is always 0" in says
    assert "is right" not in says


def test_sentences_hold_no_name_that_only_our_programs_have():
    def one_more(c, lengths, n):
        u, position = np.zeros(c.shape[:2]), np.full(c.shape[:2], -1)
        for b, length in enumerate(lengths):
            if length >= n:
                some = c[b, :, : length - n + 2]
                u[b], position[b] = some.max(axis=1), some.argmax(axis=1)
        return u, position

    says = told("masked_max", one_more)
    assert "`arange(c.shape[2]) <= (lengths - n + 1)[:, None]` stands for" in says
    assert "(`mask`: which responses count)" in says
    tree = ast.parse("def f(x):\n  total = x * 2\n  later = total\n  total = 0\n  return later")
    clear = legible(tree.body[0], ())
    assert clear("the term `x * 2` is missing") == "the term `x * 2` is missing"
    assert clear("the term `later` is missing") == ""  # it was computed from what has changed
    assert clear("in `later`, the factor `2` is missing") == "the factor `2` is missing"
    assert clear("in `later`, it is transposed") == ""


ANYBODY = {"i", "y", "sigmoid", "np", "axis", "keepdims", "mode", "constant", "strict", "pairwise"}
LABS = Path(__file__).parents[1] / "labs"


def statement(lab, exercise):
    """The exercise's cells of the notebook: its words and the function's first line."""
    (notebook,) = LABS.glob(f"{lab}_*.ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    at = next(i for i, text in enumerate(texts) if f"def {exercise}(" in text)
    first = max(i for i in range(at) if cells[i]["cell_type"] != "markdown") + 1
    return "\n".join(texts[first : at + 1])


def indices(program):
    """The names by which a program counts."""
    tree = World(program).functions[0].tree
    loops = [n for n in ast.walk(tree) if isinstance(n, (ast.For, ast.comprehension))]
    return {n.id for loop in loops for n in ast.walk(loop.target) if isinstance(n, ast.Name)}


@pytest.mark.parametrize(("lab", "name"), EXERCISES)
def test_sentences_use_names_of_the_statement_or_say_what_they_hold(lab, name):
    exercise = EXERCISES[lab, name]
    cases = exercise.draw(0)
    known = ANYBODY | set(re.findall(r"\w+", statement(lab, name)))
    for program in variants.programs(exercise):
        known |= indices(program)
    right, _ = exercise.expected(cases)
    unknown = set()
    for _, variant in variants.table(exercise, cases, right).variants:
        clause, _, words = variant.says.partition(" (`")
        words = words.replace(", ", "`: `")
        for code in re.findall("`[^`]*`", re.sub("'[^']*'", "", clause)):
            whole = re.findall(r"(?<![\w.])[A-Za-z_]\w*(?![\w. ]*\.\.\.)", code)
            unknown |= {n for n in whole if n not in known and f"`{n}`: " not in f"`{words}"}
    unknown -= {n for n in unknown if keyword.iskeyword(n) or hasattr(builtins, n)}
    assert {n for n in unknown if not hasattr(np, n)} == set()


def test_what_a_name_of_a_program_holds_is_said():
    tree = ast.parse("def f(W):\n  W_r, W_z = np.split(W, 2)\n  da = W_r @ W_z\n  return da")
    clear = legible(tree.body[0], (), {"da": "the gradient before the tanh"})
    assert clear("the term `W_z` is missing") == (
        "the term `W_z` is missing (`W_z`: the second of the 2 blocks of `W`)"
    )
    assert clear("in `da`, the sign is wrong") == (
        "in `da`, the sign is wrong (`da`: the gradient before the tanh)"
    )


def test_two_arguments_mistaken_at_once_are_told_together():
    def cut(x, m, dilation):
        return np.convolve(x, m)[: len(x)]

    says = told("causal_conv", cut)
    assert "`m` is read from its end to its beginning, and `dilation` counts as 1" in says


def test_of_several_places_it_is_told_which_one_is_meant():
    def only_the_last_is_read(x, W_1, W_2, W_3, steps):
        h, guesses = sigmoid(W_1 @ x[-1]), []
        for _ in range(steps):
            guesses.append(W_3 @ h)
            h = sigmoid(W_1 @ guesses[-1] + W_2 @ h)
        return np.array(guesses)

    def by_the_number_of_pairs(tokens, V, d):
        program = next(p.values[1] for p in PROGRAMS if p.values[0].name == "kneser_ney")
        c = np.zeros((V, V))
        np.add.at(c, (tokens[:-1], tokens[1:]), 1)
        m, some = (c > 0).sum(axis=0), c.sum(axis=1) > 0
        P = program(tokens, V, d)
        weight = np.where(some, d * (c > 0).sum(axis=1) / np.maximum(c.sum(axis=1), 1), 1)
        return P + weight[:, None] * (m / c.sum() - m / m.sum())

    assert "in `h` in the loop over `x`, the term `W_2 @ h` is missing" in told(
        "dream", only_the_last_is_read
    )
    says = told("kneser_ney", by_the_number_of_pairs)
    assert "it is divided by `c.sum()` instead of `m.sum()`" in says


def test_two_changes_together_are_told_where_no_single_one_explains_the_answer():
    def two_slips(x, h_0, W_i, W_h, b, dh_T):
        h, dh = states(x, h_0, W_i, W_h, 0 * b), dh_T
        for t in reversed(range(len(x))):
            dh = (dh * (1 - h[t + 1])) @ W_h
        return dh.sum(axis=0)

    says = told("base_gradient", two_slips)
    assert says.startswith("This is also what a right answer would give with two changes: ")
    assert "the square is missing: `1 - h[t + 1] ** 2` is the slope" in says
    assert "`b` counts as 0" in says or "the term `b` is missing" in says


def channels_summed_first(x, dc, n, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, n, axis=2)[:, :, ::stride]
    return np.einsum("bcln,bel->n", windows[:, :, : dc.shape[2]], dc)


def sizes_compared(dout, x, n, stride):
    program = next(p.values[1] for p in PROGRAMS if p.values[0].name == "fair_max_backward")
    return program(dout, np.abs(x), n, stride)


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("shared_filter_gradient", channels_summed_first, "the sum of `x` along its axis 1"),
        ("fair_max_backward", sizes_compared, "`x` are taken without their signs"),
        ("forget_bias", lambda steps, keep: -np.log(2 ** (1 / steps) - 1), "counts as 0.5"),
    ],
)
def test_what_an_argument_may_be_taken_for(name, answer, words):
    assert words in told(name, answer)


def test_a_mistake_known_of_one_result_is_named_beside_what_gives_all():
    def zeros_win(c, lengths, n):
        count = lengths - n + 1
        some = (count > 0)[:, None]
        filled = np.where((np.arange(c.shape[2]) < count[:, None])[:, None], c, 0.0)
        u, position = filled.max(axis=2), filled.argmax(axis=2)
        return np.where(some, u, 0.0), np.where(some, position, -1)

    found = verdict(EXERCISES["lab02", "masked_max"], zeros_win)
    assert found.misconception
    assert found.diagnosis.startswith("In `u`: Responses to padding were set to 0.")
    assert "Taken together, this is also what a right answer would give" in found.diagnosis


def test_a_logarithm_of_zero_here_and_there_hides_no_relation():
    def logarithm(x, w_a, w_b, W_o):
        program = next(p.values[1] for p in PROGRAMS if p.values[0].name == "slide_textcnn")
        with np.errstate(divide="ignore"):
            return np.log(program(x, w_a, w_b, W_o))

    assert "the logarithm of the expected number" in told("slide_textcnn", logarithm)


def test_padding_may_be_taken_for_what_is_zero():
    def by_value(y, lengths):
        last = np.maximum((y != 0).any(axis=2).sum(axis=0), 1) - 1
        H, n = y.shape[2] // 2, np.arange(len(lengths))
        return np.concatenate([y[last, n, :H], y[0, :, H:]], axis=1)

    assert "steps of `y` that are not 0" in told("both_ends", by_value)


def test_a_function_may_come_before_a_sum_or_after_it():
    def log_of_the_sum(words, X, W_i, W_h, b, W_o):
        h, p = np.zeros(len(b)), []
        for last, token in zip([0, *words], [*words, 1], strict=True):
            h = np.tanh(W_i @ X[last] + W_h @ h + b)
            e = np.exp(W_o @ h)
            p.append(e[token] / e.sum())
        return float(np.log(np.sum(p)))

    assert "the `log` is taken of it" in told("sentence_log_prob", log_of_the_sum)


def test_a_line_left_out_at_the_end_of_a_loop_is_told():
    def one_step_short(dh, x, h_0, W_i, W_h, b, alpha):
        dW_h, _ = leaky_by()(dh, x, h_0, W_i, W_h, b, alpha)
        h_1 = (1 - alpha) * h_0 + alpha * np.tanh(x[0] @ W_i.T + h_0 @ W_h.T + b)
        _, dh_1 = leaky_by()(dh[1:], x[1:], h_1, W_i, W_h, b, alpha)
        return dW_h, dh_1 + dh[0]

    assert "in its last (the first in time) step" in told("leaky_gradient", one_step_short)


def test_each_wrong_result_has_an_alteration_of_its_own():
    def added_up(x, v, w, W_i):
        h, S, R = np.zeros(len(w)), np.zeros(len(w)), np.zeros_like(W_i)
        dw, dW_i = np.zeros(len(w)), np.zeros_like(W_i)
        for x_t, v_t in zip(x, v, strict=True):
            new = np.tanh(w * h + W_i @ x_t)
            slope = 1 - new**2
            S = S + slope * (h + w * S)
            R = R + slope[:, None] * (x_t + w[:, None] * R)
            h, dw, dW_i = new, dw + v_t * S, dW_i + v_t[:, None] * R
        return dw, dW_i

    says = told("online_gradient", added_up)
    assert "in `S`, there is a term `S` too many" in says
    assert "in `R`, there is a term `R` too many" in says


def test_items_in_which_an_argument_is_zero_are_told():
    def empty_ones_forgotten(words, lengths, start, end):
        program = next(p.values[1] for p in PROGRAMS if p.values[0].name == "inputs_and_targets")
        inputs, targets, mask = program(words, lengths, start, end)
        return inputs, np.where(lengths == 0, start, targets), mask

    says = told("inputs_and_targets", empty_ones_forgotten)
    assert "exactly those items along B are wrong for which `lengths` holds a 0" in says


def test_the_row_of_the_end_token_is_no_padding():
    def no_end(words, lengths, start, end):
        L = words.shape[1]
        steps = np.arange(L + 1)[:, None]
        read = np.vstack([np.full((1, len(words)), start), words.T])
        right = np.where(steps <= lengths, read, end), np.vstack([words.T, words.T[:1]])
        return right[0], np.where(steps < lengths, right[1], end), steps < lengths - 1

    assert "padding" not in told("inputs_and_targets", no_end)


def test_variants_leave_our_functions_alone():
    exercise = EXERCISES["lab08", "minimal_backward"]
    program = next(p.values[1] for p in PROGRAMS if p.values[0] is exercise)
    before, defaults = program.__code__, program.__defaults__
    assert verdict(exercise, minimal_by(through=False)).kind is Kind.ALTERATION
    assert (program.__code__, program.__defaults__) == (before, defaults)
    assert verdict(exercise, program).passed


# --------------------------------------------------------------------------- properties
@pytest.mark.parametrize(("lab", "name"), EXERCISES)
def test_variants_are_bounded_kept_and_never_told_of_right_answers(lab, name):
    exercise = EXERCISES[lab, name]
    cases = exercise.draw(3)
    right, _ = exercise.expected(cases)
    assert diagnose(exercise, cases, right, right) == Diagnosis()
    table = variants.table(exercise, cases, right)
    assert 20 <= len(table.variants) <= variants.MOST
    assert variants.table(exercise, cases, right) is table


@pytest.mark.parametrize("name", ["minimal_backward", "draw_batch", "stack_geometry"])
def test_pairs_are_bounded_kept_and_leave_the_programs_as_they_were(name):
    exercise = next(one for (_, other), one in EXERCISES.items() if other == name)
    cases = exercise.draw(3)
    right, _ = exercise.expected(cases)
    table = variants.table(exercise, cases, right)
    members = [member for world in table.worlds for member in world.functions]
    before = [ast.dump(member.tree) for member in members]
    pairs = variants.pairs_of(table, exercise)
    assert 100 < len(pairs) <= variants.MOST_PAIRS
    assert len(pairs) + len(table.variants) <= variants.MOST_TOGETHER
    assert variants.pairs_of(table, exercise) is pairs
    assert [ast.dump(member.tree) for member in members] == before


NUMBERS = st.floats(-1e3, 1e3) | st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1e300])
SPOILERS = st.sampled_from(
    [
        lambda a, n: a * n,
        lambda a, n: a + n,
        lambda a, n: a[..., None],
        lambda a, n: a.T,
        lambda a, n: a.ravel(),
        lambda a, n: np.broadcast_to(n, a.shape),
        lambda a, n: a.astype("float32"),
        lambda a, n: a.astype(complex),
        lambda a, n: a.astype(bool),
        lambda a, n: a[:0] if a.ndim else a,
        lambda a, n: a[:1] if a.ndim else a,
        lambda a, n: np.nan_to_num(a).astype(int) if a.dtype.kind == "f" else a * 1.5,
    ]
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(EXERCISES)), st.data())
def test_a_diagnosis_is_never_an_exception(key, data):
    exercise = EXERCISES[key]
    cases = exercise.draw(3)
    right, _ = exercise.expected(cases)
    number = data.draw(NUMBERS)

    def spoilt(value):
        if type(value) is tuple:
            return tuple(map(spoilt, value))
        with np.errstate(all="ignore"):
            return np.array(data.draw(SPOILERS)(value, number))

    got = [arranged(plain(spoilt(value)), one) for value, one in zip(right, right, strict=True)]
    found = diagnose(exercise, cases, got, right)
    assert isinstance(found.says, str)
    assert bool(found.says) == (found.kind is not None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 9), st.sampled_from([-1, 1]))
def test_a_factor_is_read_off_whatever_it_is(seed, factor, sign):
    assume(abs(factor - round(factor)) > 1e-3)
    exercise, factor = toy(), sign * factor
    cases = exercise.draw(seed)
    right, _ = exercise.expected(cases)
    got = [(factor * dx, db) for dx, db in right]
    says = diagnose(exercise, cases, got, right).says
    assert says == f"`db` is right. In `dx`: every number is {factor:.4g} times the expected one."


TABLE = {}


def writes_into_a_table(x):
    TABLE["x"] = x
    return len(TABLE)


def test_a_program_in_its_world_writes_into_no_table_of_ours():
    assert World(writes_into_a_table).call([np.ones(2)]) == 1
    assert TABLE == {}


def package_state():
    """What the modules with the programs hold besides functions."""
    return {
        (name, key): repr(value)
        for name, module in sys.modules.items()
        if re.fullmatch(r"unrolled\.\w+|unrolled\.exercises\.(diagnosis\.programs\.)?lab\d+", name)
        for key, value in vars(module).items()
        if isinstance(value, (dict, list, set, np.ndarray)) and not key.startswith("__")
    }


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=[name for _, name in EXERCISES])
def test_altered_programs_leave_the_package_and_the_cases_as_they_were(exercise):
    cases, untouched = exercise.draw(0), exercise.draw(0)
    before = package_state()
    right = [plain(exercise.reference.function(*case.values())) for case in cases]
    with np.errstate(all="ignore"):
        known = variants.table(exercise, cases, right)
        for world, variant in known.variants:
            known.result(world, variant, known.probe)
    assert package_state() == before
    assert repr(cases) == repr(untouched)
    assert repr(known.cases) == repr(tuple(untouched))


def test_what_a_larger_case_raises_does_not_hide_what_a_smaller_one_shows():
    def reads_from_the_end(x, m, dilation):
        reach = range(len(m) - 1, -1, -1)
        return np.array(
            [sum(w * x[t - k * dilation] for w, k in zip(m, reach)) for t in range(len(x))]
        )

    found = verdict(EXERCISES["lab01", "causal_conv"], reads_from_the_end)
    assert found.misconception == "negative index"
    assert "IndexError" in found.says[-1]
