"""Wrong answers that nobody has named, grouped by what they give: whatever the code, the same
results on the same cases are the same mistake."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from numpy import errstate, ndarray

from unrolled.exercises import load
from unrolled.exercises.comparing import arranged, differs
from unrolled.exercises.weights import CannotRun
from unrolled.grading.model import Ending, Mark
from unrolled.grading.store import outcomes

TOLERANCE = 1e-9  # at least: two ways to the same wrong numbers round differently


@dataclass(frozen=True)
class Group:
    """Students whose answers to an exercise give the same.

    name:  by which an instructor refers to it
    mark:  of the first of them
    codes: {student: the code}, in the order of the students
    """

    name: str
    exercise: str
    mark: Mark
    codes: dict

    @property
    def shortest(self):
        """The shortest code that gives it."""
        return min(self.codes.values(), key=len)


def groups(lab, results):
    """The Groups of all wrong answers without a name in these Results, the largest first."""
    found = {}  # (exercise, seed, cases): [(behaviour, mark, {student: code})]
    for result in results:
        for mark in result.marks:
            given = behaviour(lab, mark)
            if given is None:
                continue
            wrong = mark.wrong
            known = found.setdefault((mark.exercise, wrong.seed, wrong.cases), [])
            for other, _, codes in known:
                if alike(given, other, tolerance(lab, mark.exercise)):
                    codes[result.student] = wrong.code
                    break
            else:
                known.append((given, mark, {result.student: wrong.code}))
    made = [
        Group(_name(mark.exercise, codes), mark.exercise, mark, codes)
        for known in found.values()
        for _, mark, codes in known
    ]
    return sorted(made, key=lambda one: (-len(one.codes), one.name))


def behaviour(lab, mark):
    """What the answer behind a Mark gave in each case, as it is compared.

    None where it has a name, gave nothing that was kept, or belongs to cases (or to a right
    answer) that are others now.
    """
    if mark.ending is not Ending.WRONG or mark.misconception or mark.wrong is None:
        return None
    return given(lab, mark.exercise, mark.wrong)


def given(lab, name, wrong):
    """What a Wrong holds, as it is compared; None as of `behaviour`."""
    exercise = load(lab).exercises[name]
    cases, digest, right = _drawn(lab, name, wrong.seed)
    if wrong.cases != digest or len(wrong.values) != len(cases):
        return None
    whole = zip(wrong.values, cases, right, strict=True)
    got = tuple(_result(exercise, value, case, correct) for value, case, correct in whole)
    return None if alike(got, right, exercise.allowed) else got


def comparable(one, other):
    """Whether two Wrongs are of the same cases."""
    return (one.seed, one.cases) == (other.seed, other.cases)


def tolerance(lab, name):
    """What counts as the same in an exercise."""
    return max(load(lab).exercises[name].allowed, TOLERANCE)


def alike(one, other, tolerance):
    """Whether two values are the same: plain ones, or sentences in place of them."""
    if type(one) is not type(other):
        return False
    if type(one) is tuple:
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(alike(a, b, tolerance) for a, b in pairs)
    if type(one) is not ndarray:
        return one == other
    whole = one.dtype.kind in "iu" and other.dtype.kind in "iu"
    if one.shape != other.shape or not (whole or one.dtype == other.dtype):
        return False
    with errstate(all="ignore"):
        return not differs(one, other, tolerance).any()


@lru_cache(maxsize=256)
def _drawn(lab, name, seed):
    """(cases, their digest, the right answers)."""
    exercise = load(lab).exercises[name]
    cases = exercise.draw(seed)
    return (
        cases,
        outcomes.digest(cases),
        tuple(exercise.results(exercise.reference.function, cases)),
    )


def _result(exercise, value, case, right):
    try:
        with errstate(all="ignore"):
            return arranged(exercise.result(value, case), right)
    except CannotRun as error:
        return str(error)


def _name(exercise, codes):
    """Of the exercise, and of the first student and code: the same as long as these are."""
    whole = json.dumps(next(iter(codes.items()))).encode()
    return f"{exercise}-{hashlib.sha256(whole).hexdigest()[:8]}"
