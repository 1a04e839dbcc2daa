"""Partial credit: part of the points for an answer that is right in some kinds of cases.

The cases of an exercise are drawn anew for each seed, but their kinds are not: the first of every
seed is of one kind, and so on. A kind counts as right where the answer is, at every seed.
"""

from dataclasses import replace
from math import floor

from numpy import errstate

from unrolled.exercises.comparing import arranged, compare
from unrolled.exercises.plain import NotPlain, plain
from unrolled.exercises.weights import CannotRun
from unrolled.grading.run.sandbox import Stop

PARTS = 2  # of a point: half a point is the least that is given


def right(exercise, cases, outcome):
    """For each case whether the answer is right; empty where there is no answer to each."""
    if isinstance(outcome, Stop) or outcome.failure or len(outcome.values) != len(cases):
        return []
    expected, _ = exercise.expected(cases)
    with errstate(all="ignore"):
        return [
            _right(exercise, case, value, correct)
            for case, value, correct in zip(cases, outcome.values, expected, strict=True)
        ]


def _right(exercise, case, value, correct):
    try:
        got = arranged(exercise.result(plain(value), case), correct)
    except (NotPlain, CannotRun):
        return False
    return compare(got, correct, exercise.allowed, exercise.returns) is None


def credited(mark, by_seed, seeds):
    """The Mark with the points for the kinds of cases in which the answer is right.

    by_seed: what `right` says of each seed
    seeds:   how many there should be
    """
    if len(by_seed) != seeds or not all(by_seed) or len({len(one) for one in by_seed}) != 1:
        return mark
    kinds = [all(kind) for kind in zip(*by_seed, strict=True)]
    score = floor(PARTS * mark.points * sum(kinds) / len(kinds)) / PARTS
    says = f"It is right in {sum(kinds)} of {len(kinds)} kinds of cases."
    return replace(mark, score=score, says=(*mark.says, says))
