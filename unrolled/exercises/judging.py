"""The trusted side of a check: compare what a run gave with what is right, and explain.

`judge` never calls the student's code. What it needs of numpy it took by name at import, and it
reads an Outcome as data that may come from another process.
"""

from dataclasses import dataclass

from numpy import (
    absolute,
    array,
    errstate,
    isfinite,
    isnan,
    logical_or,
    maximum,
    ndarray,
    not_equal,
    unravel_index,
)

from .plain import NotPlain, plain, stacked
from .sentences import of_failure
from .verdict import Entry, Status, Verdict
from .weights import CannotRun

NEARLY = 1e-4  # relative error of what is more likely rounded than wrong
SHOWN = 6  # entries of an array in a table, or of a small argument in a line


@dataclass(frozen=True)
class Difference:
    """How an answer differs from the right one: status, a sentence, and numbers side by side."""

    status: Status
    says: str
    entries: tuple = ()


def judge(exercise, cases, outcome):
    """The Verdict on the Outcome of running an answer to `exercise` on `cases`."""
    if outcome.failure is not None:
        return _failed_run(exercise, cases, outcome)
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
        values = [exercise.result(value, case) for value, case in zip(values, cases, strict=True)]
    except CannotRun as error:
        return Verdict(exercise.name, Status.WRONG_SHAPE, exercise.points, (str(error),))
    got = [_arranged(value, right) for value, right in zip(values, expected, strict=True)]
    differences = [
        compare(one, right, exercise.tolerance, exercise.returns)
        for one, right in zip(got, expected, strict=True)
    ]
    if not any(differences):
        says = _praise(got, expected, source, exercise.tolerance)
        return Verdict(
            exercise.name, Status.PASSED, exercise.points, (says,), printed=outcome.printed
        )
    first = next(i for i, difference in enumerate(differences) if difference)
    known = next(iter(recognise(exercise, cases, got)), None)
    known = known or _recognise_part(exercise, cases, got, expected)
    return Verdict(
        exercise.name,
        Status.WRONG if known else differences[first].status,
        exercise.points,
        (differences[first].says,),
        case=in_short(cases[first], exercise.shapes),
        arguments=tuple(cases[first].values()),
        entries=differences[first].entries,
        misconception=known.name if known else None,
        diagnosis=known.says if known else _pattern(exercise, cases, got, expected, differences),
        advice=_advice(exercise, known),
        printed=outcome.printed,
    )


def recognise(exercise, cases, got, part=None):
    """The misconceptions which give exactly these answers, in every case.

    With `part`, the answers are that part of a tuple, and so are the misconceptions'.
    """

    def gives(misconception, case, answer):
        (value,) = exercise.results(misconception.function, [case])
        value = value if part is None else value[part]
        return compare(answer, value, exercise.tolerance) is None

    return [
        misconception
        for misconception in exercise.misconceptions
        if all(gives(misconception, case, one) for case, one in zip(cases, got, strict=True))
    ]


def _recognise_part(exercise, cases, got, right):
    """The one misconception that explains the first wrong part of answers with several parts.

    Two mistakes at once match no misconception as a whole; the first of them can still be named.
    """
    parts = len(right[0]) if type(right[0]) is tuple else 0
    if any(type(answer) is not tuple or len(answer) != parts for answer in got):
        return None
    for part in range(parts):
        ours = [answer[part] for answer in got]
        theirs = [answer[part] for answer in right]
        if any(map(compare, ours, theirs, [exercise.tolerance] * len(ours))):
            known = recognise(exercise, cases, ours, part)
            return known[0] if len(known) == 1 else None
    return None


def compare(got, right, tolerance, returns=None):
    """None if two plain values agree, else the Difference; `returns` names the parts of a tuple."""
    if type(right) is tuple:
        if type(got) is not tuple or len(got) != len(right):
            came = f"{len(got)} values" if type(got) is tuple else "a single value"
            names = ", ".join(returns or ())
            says = f"It returned {came}; expected are {len(right)}: return {names}."
            return Difference(Status.WRONG_TYPE, says)
        names = list(returns or range(len(right)))
        for name, one, other in zip(names, got, right, strict=True):
            difference = _compare_arrays(one, other, tolerance, f"`{name}`")
            if difference is not None:
                return difference
        return None
    return _compare_arrays(got, right, tolerance, "It")


def _compare_arrays(got, right, tolerance, what):
    if type(got) is not ndarray:
        says = f"{what} came as several values; expected is {_an_array(right)}."
        return Difference(Status.WRONG_TYPE, says)
    if got.shape != right.shape:
        says = f"{what} has shape {got.shape}; expected is {right.shape}."
        if right.shape == ():
            says = f"{what} is an array of shape {got.shape}; expected is a single number."
        entries = _entries(got, right, tolerance) if got.ndim == right.ndim == 1 else ()
        return Difference(Status.WRONG_SHAPE, says, entries)
    complaint = _dtype_complaint(got.dtype, right.dtype, right.shape == ())
    if complaint:
        return Difference(Status.WRONG_DTYPE, f"{what} {complaint}")
    differs = _differs(got, right, tolerance)
    if not logical_or.reduce(differs, axis=None):
        return None
    entries = _entries(got, right, tolerance)
    if not isfinite(got).all() and isfinite(right).all():
        bad = "nan" if isnan(got).any() else "infinity"
        says = f"{what} holds {bad}. Is there a division by zero, or an array never filled?"
        return Difference(Status.NOT_FINITE, says, entries)
    count = int(differs.sum())
    says = f"{what} differs in {count} of {right.size} numbers." if right.shape else ""
    says = says or f"{what} is {_number(got)}; expected is {_number(right)}."
    return Difference(Status.WRONG, says, entries if right.shape else ())


def _differs(got, right, tolerance):
    """Elementwise, for arrays of one shape; a NaN equals only a NaN."""
    if right.dtype.kind != "f" or got.dtype.kind == "c":
        return not_equal(got, right)
    got, right = got.astype("float64"), right.astype("float64")
    scale = float(maximum.reduce(absolute(right[isfinite(right)]), initial=1.0))
    with errstate(invalid="ignore", over="ignore"):  # inf - inf: not close, if not equal
        close = absolute(got - right) <= tolerance * scale
    return ~(close | (got == right) | (isnan(got) & isnan(right)))


def _dtype_complaint(got, right, single):
    kinds = {"b": "bool", "c": "complex"}
    if right.kind in "iu":
        if got.kind in "iu":
            return ""
        if got.kind == "f":
            came = "a float" if single else "floats"
            wanted = "an int" if single else "ints"
            return f"is {came} where {wanted} is expected: divide with // instead of /."
        return f"is {kinds[got.kind]} where whole numbers are expected."
    if right.kind == "f":
        if got.kind in "iu":
            return (
                f"has dtype {got.name}, so fractions have been cut off. "
                "An array made from ints, or with dtype=int, keeps no fractions."
            )
        if got.kind == "f" and got.itemsize < right.itemsize:
            return (
                f"has dtype {got.name}, the arguments have {right.name}: digits were lost. "
                f"Look for np.{got.name}, or a torch tensor made without dtype."
            )
        if got.kind == "f" and got.itemsize > right.itemsize == 4:
            return f"has dtype {got.name}, the arguments have float32: keep their dtype."
        return f"is {kinds[got.kind]} where floats are expected." if got.kind in kinds else ""
    return "" if got.kind == right.kind else f"has dtype {got.name}; expected is {right.name}."


def _arranged(value, right):
    """A list where a tuple was asked for, or the reverse, is no mistake worth a word."""
    if type(right) is tuple and type(value) is ndarray and value.shape[:1] == (len(right),):
        return tuple(array(value[i]) for i in range(len(right)))
    if type(right) is ndarray and type(value) is tuple:
        return stacked(tuple(_arranged(v, right[0] if right.ndim else right) for v in value))
    return value


# ------------------------------------------------------------------------------ explanations
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
        float(maximum.reduce(absolute(one.astype("float64") - other), axis=None, initial=0.0))
        for g, r in zip(got, right, strict=True)
        for one, other in zip(_parts(g), _parts(r), strict=True)
        if other.dtype.kind == "f"
    ]
    if not errors:
        return f"All {len(right)} cases equal those of {source}."
    largest = f"{max(errors):.1e}" if max(errors) else "0"
    return (
        f"All {len(right)} cases agree with {source}; "
        f"the largest error is {largest} (allowed: {tolerance:.0e})."
    )


def _advice(exercise, known):
    section = (known and known.section) or exercise.section
    read = f'Read again: section "{section}" of the chapter.' if known else ""
    return f"{read} {_again(exercise)}".strip()


def _again(exercise):
    return f"To work on this case alone, run `{exercise.name}(*_.arguments)` in the next cell."


def _pattern(exercise, cases, got, right, differences):
    """What can be said of a mistake nobody named: where it happens, or how it looks."""
    if not any(compare(one, other, NEARLY) for one, other in zip(got, right, strict=True)):
        return "It is nearly right. Is something rounded, approximated, or computed in float32?"
    agreed = [difference is None for difference in differences]
    if any(agreed):
        facts = [_facts(case, exercise.shapes) for case in cases]
        for fact in facts[0]:
            where = {f[fact] for f, a in zip(facts, agreed, strict=True) if a}
            elsewhere = {f[fact] for f, a in zip(facts, agreed, strict=True) if not a}
            if where in ({0}, {1}) and not where & elsewhere:
                return f"It is right in every case with {fact} = {where.pop()}, and in no other."
        return f"{sum(agreed)} of {len(agreed)} cases are right."
    if any(d.status is not Status.WRONG for d in differences) or type(right[0]) is tuple:
        return ""
    pairs = list(zip(got, right, strict=True))
    for factor in (-1.0, *_ratios(pairs)):
        if not any(_differs(one, factor * other, exercise.tolerance).any() for one, other in pairs):
            if factor == -1:
                return "Every number has the wrong sign."
            if factor == 0:
                return "Every number is 0: is the result filled, and is that what you return?"
            return f"Every number is {factor:.4g} times the expected one."
    if right[0].ndim and all(
        not _differs(one[..., ::-1], other, exercise.tolerance).any() for one, other in pairs
    ):
        return "The numbers are right, their order along the last axis is reversed."
    return ""


def _ratios(pairs):
    """The factor between answer and right one, read off the largest number of one case."""
    one, other = pairs[-1]
    if one.size == 0 or one.dtype.kind != "f":
        return ()
    at = int(absolute(other).argmax())
    return (float(one.flat[at] / other.flat[at]),) if other.flat[at] else ()


def _facts(case, shapes):
    """Every int of a case by name: the scalar arguments, then the dimensions."""
    facts = {name: int(v) for name, v in case.items() if type(v) is not ndarray}
    for name, letters in shapes.items():
        facts |= dict(zip(letters.split(), case[name].shape, strict=True))
    return facts


def in_short(case, shapes):
    """The arguments of a case in one line: small ones in full, larger ones by their shape."""
    return ", ".join(f"{name} {_short(v, shapes.get(name))}" for name, v in case.items())


def _short(value, letters):
    if type(value) is not ndarray:
        return f"= {value}"
    if value.size <= SHOWN or (value.dtype.kind in "iu" and value.size <= 4 * SHOWN):
        return f"= {_nested(value)}"
    sizes = [f"{n}={size}" for n, size in zip((letters or "").split(), value.shape, strict=False)]
    return f"of shape ({', '.join(sizes)})" if sizes else f"of shape {value.shape}"


def _nested(value):
    if value.ndim == 0:
        return _number(value)
    return "[" + ", ".join(_nested(part) for part in value) + "]"


def _entries(got, right, tolerance):
    """Up to SHOWN numbers side by side, from just before the first that differs."""
    if got.shape == right.shape:
        if right.size == 0:
            return ()
        differs = _differs(got, right, tolerance)
        wrong = [i for i, d in enumerate(differs.ravel().tolist()) if d]
        start = max(0, min((wrong or [0])[0] - 1, right.size - SHOWN))
        chosen = range(start, min(start + SHOWN, right.size))
        indices = [tuple(map(int, unravel_index(i, right.shape))) for i in chosen]
    else:
        indices = [(i,) for i in range(min(SHOWN, max(got.size, right.size)))]
    return tuple(_entry(index, got, right, tolerance) for index in indices)


def _entry(index, got, right, tolerance):
    texts = [_at(right, index), _at(got, index)]
    inside = all(text != "none" for text in texts)
    differs = not inside or bool(_differs(got[index], right[index], tolerance))
    floats = got.dtype.kind == right.dtype.kind == "f"
    if differs and inside and floats and abs(float(right[index]) - float(got[index])) < 1e-3:
        texts = [f"{float(a[index]):.12g}" for a in (right, got)]  # digits enough to see it
    return Entry(f"[{', '.join(map(str, index))}]", texts[0], texts[1], differs)


def _at(values, index):
    inside = all(i < size for i, size in zip(index, values.shape, strict=True))
    return _number(values[index]) if inside else "none"


def _number(value):
    if value.dtype.kind == "f":
        number = float(value)
        if number == round(number, 1) and abs(number) < 1e5:
            return f"{number:.1f}"
        return f"{number:.4f}" if 1e-3 <= abs(number) < 1e5 or number == 0 else f"{number:.4g}"
    return str(value.item())


def _an_array(right):
    return "a single number" if right.shape == () else f"one array of shape {right.shape}"


def _parts(value):
    return value if type(value) is tuple else (value,)
