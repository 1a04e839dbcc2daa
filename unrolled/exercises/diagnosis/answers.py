"""Answers taken apart: each result of each case beside the right one, and what is known of it."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..comparing import differs

LOOSEST = 1e-7  # an answer explained by other numbers has to equal them, whatever is allowed


@dataclass(frozen=True)
class Part:
    """One result of a function, in every case.

    name: as in "`dW_h`", or "" where the function returns only one
    axes: the names of its axes as the exercise states them, as in ("T + 1", "B", "H")
    """

    name: str
    axes: tuple
    got: tuple
    right: tuple
    cases: tuple
    shapes: dict
    tolerance: float

    @property
    def wrong(self):
        """For each case, whether the result is wrong there."""
        pairs = zip(self.got, self.right, strict=True)
        return [not same(one, other, self.tolerance) for one, other in pairs]

    @property
    def comparable(self):
        """Whether every result is an array of numbers."""
        return all(type(one) is np.ndarray and one.dtype.kind in "biuf" for one in self.got)

    @property
    def holds_nan(self):
        return any(np.isnan(one.astype("float64")).any() for one in self.got)

    def along(self, axis):
        """An axis in words: by its letter, or by its number."""
        name = self.axes[axis] if axis < len(self.axes) else ""
        return f"along {name}" if name.isidentifier() else f"along axis {axis}"


def same(one, other, tolerance):
    """Whether two arrays have one shape and the same numbers, whatever their dtype."""
    if type(one) is not np.ndarray or type(other) is not np.ndarray or one.shape != other.shape:
        return False
    if one.dtype.kind not in "biuf" or other.dtype.kind not in "biuf":
        return one.dtype.kind == other.dtype.kind and bool((one == other).all())
    tolerance = min(tolerance, LOOSEST) if one.dtype.itemsize > 4 else 1e-6
    return not differs(one.astype("float64"), other.astype("float64"), tolerance).any()


def parts(exercise, cases, got, right):
    """The Parts of an answer, or [] where it has another number of results than asked for."""
    several = type(right[0]) is tuple
    names = list(exercise.returns)
    if several and any(type(one) is not tuple or len(one) != len(right[0]) for one in got):
        return []
    given = {
        "cases": tuple(cases),
        "shapes": exercise.shapes,
        "tolerance": exercise.allowed,
    }
    if not several:
        axes = () if exercise.carry_out else _axes(exercise.returns[names[0]])
        return [Part("", axes, tuple(got), tuple(right), **given)]
    return [
        Part(name, _axes(exercise.returns[name]), _column(got, i), _column(right, i), **given)
        for i, name in enumerate(names)
    ]


def _column(values, i):
    return tuple(value[i] for value in values)


def _axes(text):
    """The axes named in a description such as "a float64 array (T + 1, B, H)"."""
    inside = re.search(r"\(([^()]*)\)", text)
    return tuple(a.strip() for a in inside[1].split(",") if a.strip()) if inside else ()


def facts(case, shapes):
    """Every number of a case by name: its scalar arguments, then its dimensions by letter."""
    found = {n: float(v) for n, v in case.items() if np.ndim(v) == 0 and np.isreal(v)}
    for name, letters in shapes.items():
        sizes = zip(letters.split(), np.shape(case[name]), strict=False)
        found |= {letter: float(size) for letter, size in sizes if letter.isidentifier()}
    return found


def evidence(got, right, tolerance):
    """How much an explanation of what is wrong would explain, over all cases.

    Two wholly different mistakes agree in one number now and then, in several hardly ever. So
    different pairs of a wrong number and the right one are counted, but no more than there are
    different wrong numbers. Whole numbers count by their distance, small ones half.
    """
    seen, wrong = set(), set()
    for one, other in zip(got, right, strict=True):
        whole = other.dtype.kind in "biu"
        one, other = one.astype("float64"), other.astype("float64")
        if one.shape != other.shape:
            seen.update((x, None, False) for x in np.round(one.ravel(), 9).tolist())
            continue
        where = differs(one, other, tolerance)
        a, b = np.round(one[where], 9).tolist(), np.round(other[where], 9).tolist()
        wrong.update(a)
        if whole:
            seen.update((x - y, None, True) for x, y in zip(a, b, strict=True))
        else:
            seen.update((x, y, False) for x, y in zip(a, b, strict=True))
    count = sum(0.5 if whole and _small(a) else 1 for a, _, whole in seen)
    return min(count, len(wrong)) if wrong else count


def _small(number):
    return number == round(number) and abs(number) < 20 if np.isfinite(number) else True


def listed(words):
    """Words in a row: "a", "a and b", "a, b and c"."""
    words = list(words)
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def steps(values):
    """Whether the values differ between the cases, so that a fact could be told from another."""
    return any(one != other for one, other in pairwise(values))
