"""The misconceptions an exercise names, recognised in an answer or in a part of one."""

import numpy as np

from ..comparing import compare


def recognise(exercise, cases, got, part=None):
    """The misconceptions which give exactly these answers, in every case.

    With `part`, the answers are that part of a tuple, and so are the misconceptions'.
    """
    return [
        misconception
        for misconception in exercise.misconceptions
        if gives_part(exercise, cases, misconception, got, part)
    ]


def gives_part(exercise, cases, misconception, got, part):
    """Whether the misconception gives these answers, or that part of them, in every case."""

    def gives(case, answer):
        (value,) = exercise.results(misconception.function, [case])
        value = value if part is None else value[part]
        return compare(answer, value, exercise.allowed) is None

    return all(gives(case, one) for case, one in zip(cases, got, strict=True))


def recognise_where_finite(exercise, cases, got, right):
    """The misconceptions which give these answers wherever their own numbers are finite.

    How an answer guards itself against an overflow is its own affair. At least two wrong answers
    have to be among those that agree.
    """
    wrong = [
        compare(one, true, exercise.allowed) is not None
        for one, true in zip(got, right, strict=True)
    ]
    return [one for one in exercise.misconceptions if _agrees(exercise, cases, one, got, wrong)]


def _agrees(exercise, cases, misconception, got, wrong):
    agreed = 0
    for case, answer, fails in zip(cases, got, wrong, strict=True):
        (value,) = exercise.results(misconception.function, [case])
        if compare(answer, value, exercise.allowed) is None:
            agreed += fails
        elif _finite(value):
            return False
    return agreed >= 2


def _finite(value):
    values = value if isinstance(value, tuple) else (value,)
    return all(np.isfinite(np.asarray(one, dtype=float)).all() for one in values)
