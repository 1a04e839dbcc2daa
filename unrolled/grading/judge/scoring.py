"""From outcomes to marks, in a process that never imports a student's code.

A student is told what kind of mistake it is, and which one where it is known, but no number of a
graded case. The instructor is told everything.
"""

import builtins
import re

from numpy import errstate

from unrolled.exercises.judging import judge
from unrolled.exercises.verdict import Status
from unrolled.grading.model import FOR_A_PERSON, Ending, Mark
from unrolled.grading.run.sandbox import Stop

ENDINGS = {
    Status.PASSED: Ending.PASSED,
    Status.NOT_ATTEMPTED: Ending.NOT_ATTEMPTED,
    Status.ERROR: Ending.ERROR,
    Status.TIMED_OUT: Ending.TIMED_OUT,
}  # all others: WRONG
MEMORY = re.compile(r"_?\w*MemoryError\b")
RAISED = re.compile(r"(\w+)(?::|,)")
LINE = re.compile(r"in line (\d+) of your cell(?:: `(.*)`)?", re.DOTALL)
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
BUILT_IN = {name for name, kind in vars(builtins).items() if isinstance(kind, type)}
OWN_WORDS = ("It ends the program (exit)", "It returned None: is the return statement missing?")


def mark(exercise, points, cases, outcome, lines=frozenset()):
    """The Mark of an exercise for one seed's cases.

    outcome: an Outcome, or a Stop where the process gave none
    lines:   the lines of the student's cells, stripped; one of them may be quoted back
    """
    if isinstance(outcome, Stop):
        return ended(exercise.name, points, outcome.ending, outcome.says, outcome.detail)
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


def ended(name, points, ending, says, detail=""):
    """The Mark of an exercise that was not judged; `detail` is for the instructor alone."""
    score = None if ending in FOR_A_PERSON else 0
    whole = _steady(f"{says} ({detail})" if detail else says)
    return Mark(name, ending, points, score, says=(says,), for_instructor=whole)


def _failed(exercise, points, verdict, outcome, lines):
    ending = ENDINGS.get(verdict.status, Ending.WRONG)
    if outcome.status is Status.ERROR and MEMORY.match(outcome.message):
        ending = Ending.OUT_OF_MEMORY
    return Mark(
        exercise.name,
        ending,
        points,
        0,
        misconception=verdict.misconception,
        says=tuple(filter(None, _says(exercise, verdict, outcome, lines))),
        for_instructor=_steady(repr(verdict)),
    )


def _steady(text):
    """Without addresses of objects, which differ from run to run."""
    return ADDRESS.sub("0x…", text)


# --------------------------------------------------------------------------- for the student
def _says(exercise, verdict, outcome, lines):
    """Sentences that hold no number of a case: neither drawn nor slipped into a message."""
    if outcome.status is not None:
        return _of_a_failed_run(exercise, outcome, lines)
    kind = {
        Status.WRONG_TYPE: f"It returns something else than {_returns(exercise)}.",
        Status.WRONG_SHAPE: f"The shape is not right. Expected is {_returns(exercise)}.",
        Status.WRONG_DTYPE: f"The dtype is not right. Expected is {_returns(exercise)}.",
        Status.NOT_FINITE: "It gives nan or infinity. Is there a division by zero, or an array "
        "never filled?",
    }
    says = [kind.get(verdict.status, "It does not give the right numbers in all graded cases.")]
    if verdict.misconception:
        says += [f"Recognised: {verdict.misconception}. {verdict.diagnosis}"]
        known = {known.name: known for known in exercise.misconceptions}[verdict.misconception]
        section = known.section or exercise.section
    else:
        section = exercise.section
        if verdict.diagnosis and not re.search(r"\d", verdict.diagnosis):
            says += [verdict.diagnosis]
    return [*says, f'Read again: section "{section}" of the chapter.']


def _of_a_failed_run(exercise, outcome, lines):
    status, message = outcome.status, outcome.message
    if status is Status.NOT_ATTEMPTED:
        return ["It was handed in without an answer."]
    if status is Status.CHANGED_INPUT:
        return ["It changes its arguments in place. Work on a copy, or fill a new array."]
    if status is Status.WRONG_TYPE:
        fixed = [words for words in OWN_WORDS if message.startswith(words)]
        return [*fixed, f"Expected is {_returns(exercise)}."]
    if status is not Status.ERROR:
        return [f"It ended so: {status}."]
    if message.startswith("Your code replaced "):
        return ["Your code replaces functions of NumPy or Python by others of the same name."]
    raised = RAISED.match(message)
    if message.startswith(OWN_WORDS[0]):
        what = "It ends the program (exit) instead of returning a result"
    elif raised and raised[1] in BUILT_IN:
        what = f"It raises {raised[1]}"
    else:
        what = "It raises an exception"
    line = LINE.search(message)
    if line is None:
        return [f"{what}."]
    quoted = f": `{line[2]}`" if line[2] and line[2] in lines else "."
    return [f"{what}, in line {line[1][:5]} of its cell{quoted}"]


def _returns(exercise):
    return ", ".join(f"`{name}` ({what})" for name, what in exercise.returns.items())
