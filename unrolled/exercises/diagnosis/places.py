"""Where a wrong result is wrong: in which cases, at which places, by how little."""

import numpy as np

from ..comparing import Allowed, differs, scale
from .answers import facts, listed

NEARLY = 1e-4  # relative error of what is more likely rounded or approximated than wrong
TINY = 1e-6  # an argument so small that a rule for the other sign gives the same
LIMIT = 20  # below it, whole numbers are seldom limited on purpose
FLOAT32 = 3e-6  # relative error of what float32 leaves
DERIVATIVES = ("gradient", "backward", "derivative")


def precision(exercise, parts):
    """What to say of an answer that is right but for its last digits, or ""."""
    wrong = [part for part in parts if any(part.wrong)]
    pairs = [pair for part in wrong for pair in zip(part.got, part.right, strict=True)]
    if not all(one.shape == other.shape and one.dtype.kind in "fiu" for one, other in pairs):
        return ""
    nearly = Allowed(NEARLY, exercise.floor)
    if any(differs(one, other, nearly).any() for one, other in pairs):
        return ""
    floats = [(a.astype("float64"), b) for a, b in pairs if b.dtype.kind == "f" and b.size]
    if not floats:
        return ""
    error = max(_error(one, other, nearly) for one, other in floats)
    how = f"It is nearly right: the largest error is {error:.0e} of the largest number."
    with np.errstate(over="ignore"):
        single = all((one.astype("float32") == one).all() for one, _ in floats)
    if single:
        return f"{how} Its numbers have the digits of float32: something was computed in float32."
    for digits in range(3, 10):
        if all((np.round(one, digits) == one).all() for one, _ in floats):
            return (
                f"{how} It is rounded to {digits} decimals: leave the rounding to whoever prints."
            )
    if any(word in exercise.name for word in DERIVATIVES):
        return (
            f"{how} This looks like a numerical derivative, a difference divided by a small step: "
            "a good way to test a gradient. Asked is the one you derive, which is exact to the "
            "last digits."
        )
    small = "a small number was added, as in a denominator or a logarithm"
    return f"{how} Perhaps {small}, or something is rounded, approximated or cut off."


def _error(one, other, tolerance):
    finite = np.isfinite(other) & np.isfinite(one)
    return np.abs(one - other)[finite].max(initial=0.0) / scale(other[finite], tolerance)


def by_case(exercise, cases, agreed):
    """In how many cases the answer is right, and what they have in common that others lack.

    One right case says nothing of why; several do, and then all that fits is named.
    """
    right = sum(agreed)
    if not right:
        return ""
    count = f"{right} of {len(agreed)} cases {'is' if right == 1 else 'are'} right"
    tables = [facts(case, exercise.shapes) for case in cases]
    if right == 1 or right == len(agreed):
        return f"{count}."
    fits, wrong_fits = [], []
    for name in tables[0]:
        if not all(name in table for table in tables):
            continue
        inside = {table[name] for table, ok in zip(tables, agreed, strict=True) if ok}
        outside = {table[name] for table, ok in zip(tables, agreed, strict=True) if not ok}
        if len(inside) == 1 and not inside & outside and inside <= {0.0, 1.0}:
            fits.append(f"{name} = {inside.pop():g}")
        elif len(outside) == 1 and not inside & outside and outside <= {0.0, 1.0}:
            wrong_fits.append(f"{name} = {outside.pop():g}")
    if fits:
        return f"{count}: those with {listed(fits)}, and no other."
    if wrong_fits and len(agreed) - right > 1:
        return f"{count}: all but those with {listed(wrong_fits)}."
    return f"{count}."


def by_place(part):
    """Where along its axes the result is wrong, in every case in the same way, or ""."""
    masks = []
    for one, other in zip(part.got, part.right, strict=True):
        if one.shape != other.shape or one.dtype.kind not in "biuf":
            return ""
        wrong = differs(one.astype("float64"), other.astype("float64"), part.tolerance)
        if wrong.any():
            masks.append((wrong, one))
    if not masks:
        return ""
    return (
        _padding(part)
        or _by_argument(part)
        or _by_zeros(part)
        or _along_axes(part, masks)
        or _by_expected(part)
        or _entries(part, masks)
    )


def _all_numbers(part, values):
    """The numbers of all cases in a row: those of `values`, of the answer and of the right one."""
    rows = (values, part.got, part.right)
    return [np.concatenate([np.ravel(one).astype("float64") for one in row]) for row in rows]


def _by_argument(part):
    """Whether it is wrong exactly where an argument of the same shape is negative, 0 or small."""
    for name in part.cases[0]:
        values = [np.asarray(case[name]) for case in part.cases]
        pairs = zip(values, part.right, strict=True)
        if any(a.ndim == 0 or a.shape != r.shape or a.dtype.kind not in "fiu" for a, r in pairs):
            continue
        a, got, right = _all_numbers(part, values)
        wrong = differs(got, right, part.tolerance)
        if min(wrong.sum(), (~wrong).sum()) < 3 or not np.isfinite(got[wrong]).any():
            continue
        tiny = (a != 0) & (np.abs(a) < TINY)  # there, a wrong rule may do no harm
        for holds, word in ((a < 0, "negative"), (a > 0, "positive"), (a == 0, "0")):
            if ((wrong == holds) | tiny).all():
                return f"it is wrong exactly where `{name}` is {word}"
        if wrong.sum() > 2 * (~wrong).sum():  # what is extreme may come out right by accident
            continue
        came = set(got[wrong].tolist())
        there = f": there it is {came.pop():.4g}" if len(came) == 1 else ""
        if a[wrong].max() < a[~wrong].min():
            return f"it is right down to `{name}` = {a[~wrong].min():.4g}, and wrong below{there}"
        if a[wrong].min() > a[~wrong].max():
            return f"it is right up to `{name}` = {a[~wrong].max():.4g}, and wrong above{there}"
    return ""


def _by_zeros(part):
    """Whether exactly those items along an axis are wrong for which an argument holds a 0."""
    for axis, letter in enumerate(part.axes):
        for name, letters in part.shapes.items():
            if letter not in letters.split() or not letter.isidentifier():
                continue
            its = letters.split().index(letter)
            wrong, zero, mixed = [], [], 0
            for case, one, other in zip(part.cases, part.got, part.right, strict=True):
                array = np.asarray(case[name])
                if array.ndim <= its or array.shape[its] != other.shape[axis]:
                    break
                where = differs(one.astype("float64"), other.astype("float64"), part.tolerance)
                wrong += _lines(where, axis)
                zero += _lines(array == 0, its)
                mixed += len(set(_lines(where, axis))) > 1
            else:
                if wrong == zero and mixed > 1:
                    items = "those items" if part.right[-1].ndim > 1 else "those"
                    return (
                        f"exactly {items} {part.along(axis)} are wrong for which `{name}` holds a 0"
                    )
    return ""


def _lines(flags, axis):
    """For each item along an axis, whether any of its flags is set."""
    return flags.any(axis=tuple(a for a in range(flags.ndim) if a != axis)).tolist()


def _by_expected(part):
    """Whether it is wrong exactly where one number is expected, or a large one."""
    _, got, right = _all_numbers(part, part.right)
    wrong = differs(got, right, part.tolerance)
    if wrong.sum() < 2 or len(set(right[~wrong].tolist())) < 3:
        return ""
    expected, came = set(right[wrong].tolist()), set(got[wrong].tolist())
    special = expected <= {-1.0, 0.0} or (part.right[0].ndim and part.right[0].dtype.kind in "iu")
    if len(expected) == 1 and special and not expected & set(right[~wrong].tolist()):
        says = f"it is wrong exactly where {expected.pop():.4g} is expected"
        return f"{says}: there it is {came.pop():.4g}" if len(came) == 1 else says
    large = part.right[0].dtype.kind == "f" or right[wrong].min() >= LIMIT
    if large and right[wrong].min() > right[~wrong].max() and len(came) == 1:
        return (
            f"it is right where up to {right[~wrong].max():.4g} is expected, and wrong where "
            f"{right[wrong].min():.4g} or more is: is there a limit?"
        )
    return ""


def _along_axes(part, masks):
    ndim = masks[0][0].ndim
    for axis in range(ndim):
        where = part.along(axis) if ndim > 1 else ""
        lines = [
            (wrong.any(axis=tuple(a for a in range(ndim) if a != axis)), wrong, one)
            for wrong, one in masks
        ]
        long = [line for line, _, _ in lines if len(line) > 1]
        if len(long) < 2 or max(map(len, long)) < 3:
            continue
        name = part.axes[axis] if axis < len(part.axes) else ""
        blocks = name.replace(" ", "").partition("*")[0] if "*" in name else ""
        if blocks in ("2", "3", "4") and all(len(line) % int(blocks) == 0 for line, _, _ in lines):
            found = {
                tuple(np.any(np.split(line, int(blocks)), axis=1).tolist()) for line, _, _ in lines
            }
            if len(found) == 1 and not all(flags := found.pop()):
                bad = listed(("first", "second", "third", "fourth")[i] for i in _true(flags))
                plural = sum(flags) > 1
                return (
                    f"only the {bad} block{'s' if plural else ''} {where or 'of it'} "
                    f"{'are' if plural else 'is'} wrong, the rest is right"
                )
        for text, chosen in (
            ("only the first item {} is wrong", lambda n: [0]),
            ("only the last item {} is wrong", lambda n: [n - 1]),
            ("only the first item {} is right", lambda n: list(range(1, n))),
            ("only the last item {} is right", lambda n: list(range(n - 1))),
            ("only the first item {} and the last are wrong", lambda n: [0, n - 1]),
            ("only the first item {} and the last are right", lambda n: list(range(1, n - 1))),
        ):
            telling = sum(0 < len(chosen(len(line))) < len(line) for line in long)
            if telling > 2 and all(_true(line) == chosen(len(line)) for line in long):
                return text.format(where).replace("  ", " ")
    return ""


def _true(flags):
    return [i for i, flag in enumerate(flags) if flag]


def _padding(part):
    """Whether exactly what lies beyond the sequences' ends is wrong."""
    cases = [case for case, wrong in zip(part.cases, part.wrong, strict=True) if wrong]
    right = [one for one, wrong in zip(part.right, part.wrong, strict=True) if wrong]
    got = [one for one, wrong in zip(part.got, part.wrong, strict=True) if wrong]
    inside, outside, rows = 0, 0, 0
    for case, one, other in zip(cases, got, right, strict=True):
        lengths = case.get("lengths")
        if not isinstance(lengths, np.ndarray) or lengths.ndim != 1 or other.ndim < 2:
            return ""
        if other.shape[1] != len(lengths) or (lengths > len(other)).any():
            return ""
        if part.axes and part.axes[0].endswith("+ 1"):  # a row more than the sequence has items
            lengths = lengths + 1
        wrong = differs(one.astype("float64"), other.astype("float64"), part.tolerance)
        wrong = wrong.reshape(*wrong.shape[:2], -1).any(axis=2)
        padding = np.arange(len(other))[:, None] >= lengths
        inside += int((wrong & ~padding).sum())
        outside += int((wrong & padding).sum())
        rows += 1
    if rows < 2 or not outside or inside:
        return ""
    return "it is wrong in the padding only, beyond the sequences' ends"


def _entries(part, masks):
    """What the wrong numbers have in common."""
    values = np.concatenate([one[wrong].astype("float64") for wrong, one in masks])
    whole = all(wrong.all() for wrong, _ in masks)
    if whole or len(values) < 3:
        return ""
    if (values == 0).all():
        whence = "never filled, from an empty place, multiplied away, or lost to a 0"
        return f"all that is wrong is 0: {whence}"
    if np.isnan(values).all():
        return "all that is wrong is nan"
    if len(set(values.tolist())) == 1:
        return f"all that is wrong is {values[0]:.4g}"
    return ""
