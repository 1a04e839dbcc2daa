"""From outcomes to marks, in a process that never imports a student's code.

A student is told what kind of mistake it is, and which one where it is known, but no number of a
graded case. The instructor is told everything.
"""

import builtins
import re
from dataclasses import replace

from numpy import errstate

from unrolled.exercises.failure import Kind
from unrolled.exercises.judging import judge
from unrolled.exercises.verdict import Status
from unrolled.grading.model import FOR_A_PERSON, Ending, Mark, Stop

ENDINGS = {
    Status.PASSED: Ending.PASSED,
    Status.NOT_ATTEMPTED: Ending.NOT_ATTEMPTED,
    Status.ERROR: Ending.ERROR,
    Status.TIMED_OUT: Ending.TIMED_OUT,
}  # all others: WRONG
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
BUILT_IN = {name for name, kind in vars(builtins).items() if isinstance(kind, type)}


def mark(exercise, points, cases, outcome, lines=frozenset()):
    """The Mark of an exercise for one seed's cases.

    outcome: an Outcome, or a Stop where the process gave none
    lines:   the lines of the student's cells, stripped; one of them may be quoted back
    """
    if isinstance(outcome, Stop):
        return ended(exercise.name, points, outcome)
    with errstate(all="ignore"):  # known mistakes may divide by zero
        verdict = judge(exercise, cases, outcome)
    if not verdict.passed:
        return _failed(exercise, points, verdict, outcome, lines)
    return Mark(
        exercise.name,
        Ending.PASSED,
        points,
        points,
        says=("It agrees with the right answers in all graded cases.",),
        for_instructor=_steady(repr(verdict)),
    )


def ended(name, points, stop):
    """The Mark of an exercise on which there is no verdict, because of a Stop."""
    score = None if stop.ending in FOR_A_PERSON else 0
    whole = _steady(f"{stop.says} ({stop.detail})" if stop.detail else stop.says)
    return Mark(name, stop.ending, points, score, says=(stop.says,), for_instructor=whole)


def _failed(exercise, points, verdict, outcome, lines):
    ending = ENDINGS.get(verdict.status, Ending.WRONG)
    if outcome.failure is not None and outcome.failure.kind is Kind.OUT_OF_MEMORY:
        ending = Ending.OUT_OF_MEMORY
    return Mark(
        exercise.name,
        ending,
        points,
        0,
        misconception=verdict.misconception,
        says=tuple(filter(None, _says(exercise, verdict, outcome, lines))),
        for_instructor=_steady(repr(replace(verdict, advice=""))),
    )


def _steady(text):
    """Without addresses of objects, which differ from run to run."""
    return ADDRESS.sub("0x…", text)


# --------------------------------------------------------------------------- for the student
def _says(exercise, verdict, outcome, lines):
    """Sentences that hold no number of a case: neither drawn nor slipped into a message."""
    if outcome.failure is not None:
        return _of_a_failed_run(exercise, outcome.failure, lines)
    kind = {
        Status.WRONG_TYPE: f"It returns something else than {_returns(exercise)}.",
        Status.WRONG_SHAPE: f"The shape is not right. Expected is {_returns(exercise)}.",
        Status.WRONG_DTYPE: f"The dtype is not right. Expected is {_returns(exercise)}.",
        Status.NOT_FINITE: "It gives nan or infinity. Is there a division by zero, or an array "
        "never filled?",
    }
    says = [kind.get(verdict.status, "It does not give the right numbers in all graded cases.")]
    if verdict.misconception:
        says += [recognised(verdict.misconception, verdict.diagnosis)]
        known = {known.name: known for known in exercise.misconceptions}[verdict.misconception]
        section = known.section or exercise.section
    else:
        section = exercise.section
        if verdict.diagnosis and not re.search(r"\d", verdict.diagnosis):
            says += [verdict.diagnosis]
    return [*says, read_again(section)]


def recognised(name, says):
    """The sentences on a mistake that has a name."""
    return f"Recognised: {name}. {says}"


def read_again(section):
    """Where the chapter says how it is done."""
    return f'Read again: section "{section}" of the chapter.'


def _of_a_failed_run(exercise, failure, lines):
    """The kind of failure and the student's own line; nothing that their code put into words."""
    expected = f"Expected is {_returns(exercise)}."
    says = {
        Kind.NOT_CALLABLE: "Its name stands for something else than a function.",
        Kind.NOT_WRITTEN: "It was handed in without an answer.",
        Kind.CHANGED_INPUT: "It changes its arguments in place. Work on a copy, or fill a new "
        "array.",
        Kind.REPLACED: "Your code replaces functions of NumPy or Python by others of the same "
        "name.",
        Kind.RETURNED_NOTHING: f"It returns None: is the return statement missing? {expected}",
        Kind.NOT_NUMBERS: f"It returns something else than numbers. {expected}",
    }.get(failure.kind)
    return [says or f"{_what_it_does(failure)}{_where(failure, lines)}"]


def _what_it_does(failure):
    if failure.kind is Kind.EXITED:
        return "It ends the program (exit) instead of returning a result"
    if failure.kind is Kind.OUT_OF_MEMORY:
        return "It asks for more memory than there is"
    if failure.kind is Kind.SYNTAX:
        return "It is not valid Python"
    known = failure.exception in BUILT_IN
    return f"It raises {failure.exception}" if known else "It raises an exception"


def _where(failure, lines):
    """The place in the student's cells, with the line itself if it is one that they handed in."""
    if failure.line is None or failure.file:
        return "."
    quoted = f": `{failure.source}`" if failure.source and failure.source in lines else "."
    return f", in line {failure.line} of its cell{quoted}"


def _returns(exercise):
    return ", ".join(f"`{name}` ({what})" for name, what in exercise.returns.items())
