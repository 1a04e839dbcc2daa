"""The trusted side of a check: compare what a run gave with what is right, and explain.

`judge` never calls the student's code. What it needs of numpy it took by name at import, and it
reads an Outcome as data that may come from another process.
"""

from dataclasses import replace

from numpy import absolute, isfinite, maximum, ndarray

from .comparing import SHOWN, arranged, compare, number, parts, scale
from .diagnosis import Diagnosis, Kind, diagnose
from .plain import NotPlain, plain
from .running import Outcome
from .sentences import of_failure
from .verdict import Status, Verdict
from .weights import CannotRun


def judge(exercise, cases, outcome):
    """The Verdict on the Outcome of running an answer to `exercise` on `cases`."""
    if outcome.failure is not None:
        return _wrong_before(exercise, cases, outcome) or _failed_run(exercise, cases, outcome)
    try:
        expected, source = exercise.expected(cases)
    except RuntimeError as error:
        says = f"This session's references disagree ({error}). Restart the kernel and run again."
        return Verdict(exercise.name, Status.ERROR, exercise.points, (says,))
    if len(outcome.values) != len(cases):
        says = f"{len(outcome.values)} results came for {len(cases)} cases."
        return Verdict(exercise.name, Status.ERROR, exercise.points, (says,))
    try:  # once more: the outcome may come from a process in which a student's code ran
        values = [plain(value) for value in outcome.values]
    except NotPlain as error:
        says = f"It returned {error}."
        return Verdict(exercise.name, Status.WRONG_TYPE, exercise.points, (says,))
    try:
        results = [exercise.result(value, case) for value, case in zip(values, cases, strict=True)]
    except CannotRun as error:
        return Verdict(exercise.name, error.status, exercise.points, (str(error),))
    got = [arranged(value, right) for value, right in zip(results, expected, strict=True)]
    differences = [
        compare(one, right, exercise.allowed, exercise.returns)
        for one, right in zip(got, expected, strict=True)
    ]
    if not any(differences):
        says = _praise(got, expected, source, exercise.allowed)
        return Verdict(
            exercise.name, Status.PASSED, exercise.points, (says,), printed=outcome.printed
        )
    first = next(i for i, difference in enumerate(differences) if difference)
    try:
        found = diagnose(exercise, cases, got, expected, values)
    except Exception:  # a fault in explaining must not cost the verdict
        found = Diagnosis()
    return Verdict(
        exercise.name,
        Status.WRONG if found.name else differences[first].status,
        exercise.points,
        (differences[first].says,),
        case=in_short(cases[first], exercise.shapes),
        arguments=tuple(cases[first].values()),
        entries=differences[first].entries,
        misconception=found.name,
        diagnosis=_explained(found, differences[first].hint),
        kind=found.kind or "",
        advice=_advice(exercise, found),
        printed=outcome.printed,
    )


# ------------------------------------------------------------------------------ explanations
def _wrong_before(exercise, cases, outcome):
    """The Verdict on the cases before the one that failed, where a smaller one is wrong already."""
    if not outcome.values or len(outcome.values) != outcome.case:
        return None
    before = cases[: outcome.case]
    verdict = judge(exercise, before, Outcome(outcome.values, printed=outcome.printed))
    if verdict.passed or not verdict.case:
        return None
    failed = " ".join(of_failure(outcome.failure, exercise, tuple(cases[outcome.case])))
    later = f"Besides, with {in_short(cases[outcome.case], exercise.shapes)} it fails: {failed}"
    return replace(verdict, says=(*verdict.says, later))


def _failed_run(exercise, cases, outcome):
    failure, at = outcome.failure, outcome.case
    case = cases[at] if at is not None and 0 <= at < len(cases) else {}
    says = of_failure(failure, exercise, tuple(case))
    case = {} if failure.status is Status.NOT_ATTEMPTED else case
    return Verdict(
        exercise.name,
        failure.status,
        exercise.points,
        says,
        case=in_short(case, exercise.shapes),
        arguments=tuple(case.values()),
        advice=_again(exercise) if case else "",
        printed=outcome.printed,
    )


def _praise(got, right, source, tolerance):
    errors = [
        float(maximum.reduce(absolute((one.astype("float64") - other)[isfinite(other)]), initial=0))
        / scale(other, tolerance)
        for g, r in zip(got, right, strict=True)
        for one, other in zip(parts(g), parts(r), strict=True)
        if other.dtype.kind == "f"
    ]
    if not errors:
        return f"All {len(right)} cases equal those of {source}."
    largest = f"{max(errors):.1e}" if max(errors) else "0"
    return (
        f"All {len(right)} cases agree with {source}; the largest error, relative to the largest "
        f"number, is {largest} (allowed: {tolerance:.0e})."
    )


def _explained(found, hint):
    """The diagnosis; what a dtype hints at is worth saying where that has not said why."""
    if found.kind not in (None, Kind.PLACE, Kind.CASES):
        return found.says
    if hint and found.says:  # the hint knows one case, in which the numbers may be right
        hint = hint.replace("The numbers are right.", "In this case the numbers are right.")
    says = f"By their numbers, {found.says}" if hint and found.kind is Kind.CASES else found.says
    return " ".join(filter(None, (hint, says)))


def _advice(exercise, found):
    section = found.section or exercise.section
    read = f'Read again: section "{section}" of the chapter.' if found.name else ""
    return f"{read} {_again(exercise)}".strip()


def _again(exercise):
    return f"To work on this case alone, run `{exercise.name}(*_.arguments)` in the next cell."


def in_short(case, shapes):
    """The arguments of a case in one line: small ones in full, larger ones by their shape."""
    return ", ".join(f"{name} {_short(v, shapes.get(name))}" for name, v in case.items())


def _short(value, letters):
    if type(value) is not ndarray:
        return f"= {value}"
    if value.size <= SHOWN or (value.dtype.kind in "iu" and value.size <= 4 * SHOWN):
        return f"= {_nested(value)}"
    named = zip((letters or "").split(), value.shape, strict=False)
    sizes = [str(size) if n == str(size) else f"{n}={size}" for n, size in named]
    return f"of shape ({', '.join(sizes)})" if sizes else f"of shape {value.shape}"


def _nested(value):
    if value.ndim == 0:
        return number(value)
    return "[" + ", ".join(_nested(part) for part in value) + "]"
