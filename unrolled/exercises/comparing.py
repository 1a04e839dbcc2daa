"""Compare an answer with the right one: whether they agree, and if not, where.

What is needed of numpy is taken by name at import: nothing rebound later has an effect here.
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
    rint,
    trunc,
    unravel_index,
)

from .plain import stacked
from .verdict import Entry, Status

SHOWN = 6  # entries of an array in a table, or of a small argument in a line


@dataclass(frozen=True)
class Difference:
    """How an answer differs from the right one: status, a sentence, and numbers side by side.

    `hint` says what usually leads to such a difference, where the difference alone tells.
    """

    status: Status
    says: str
    entries: tuple = ()
    hint: str = ""


class Allowed(float):
    """An error that is allowed, relative to the largest expected number, or to `floor` if larger.

    A plain float is one with a floor of 1.
    """

    def __new__(cls, error, floor):
        made = super().__new__(cls, error)
        made.floor = floor
        return made


def scale(right, tolerance):
    """What an allowed error is relative to."""
    floor = getattr(tolerance, "floor", 1.0)
    return float(maximum.reduce(absolute(right[isfinite(right)]), initial=floor))


def compare(got, right, tolerance, returns=None):
    """None if two plain values agree, else the Difference; `returns` names the parts of a tuple."""
    if type(right) is tuple:
        if type(got) is not tuple or len(got) != len(right):
            came = f"{len(got)} values" if type(got) is tuple else "a single value"
            names = ", ".join(returns or ())
            says = f"It returned {came}; expected are {len(right)}: return {names}."
            return Difference(Status.WRONG_TYPE, says)
        names = list(returns or range(len(right)))
        parts = zip(names, got, right, strict=True)
        found = [_compare_arrays(one, other, tolerance, f"`{name}`") for name, one, other in parts]
        found = [difference for difference in found if difference is not None]
        if found and found[0].status is Status.WRONG:  # what made a nan spoils other parts, too
            found.sort(key=lambda difference: difference.status is not Status.NOT_FINITE)
        return found[0] if found else None
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
    complaint, hint = _dtype_complaint(got, right)
    if complaint:
        return Difference(Status.WRONG_DTYPE, f"{what} {complaint}", hint=hint)
    where = differs(got, right, tolerance)
    if not logical_or.reduce(where, axis=None):
        return None
    entries = _entries(got, right, tolerance)
    if not isfinite(got).all() and isfinite(right).all():
        bad = "nan" if isnan(got).any() else "infinity"
        says = (
            f"{what} holds {bad}. Is there a division by zero, a logarithm of 0 or less, or an "
            "array never filled?"
        )
        return Difference(Status.NOT_FINITE, says, entries)
    count = int(where.sum())
    says = f"{what} differs in {count} of {right.size} numbers." if right.shape else ""
    expected, came = _told_apart(right, got)
    says = says or f"{what} is {came}; expected is {expected}."
    return Difference(Status.WRONG, says, entries if right.shape else ())


def differs(got, right, tolerance):
    """Elementwise, for arrays of one shape; a NaN equals only a NaN."""
    if right.dtype.kind != "f" or got.dtype.kind == "c":
        return not_equal(got, right)
    got, right = got.astype("float64"), right.astype("float64")
    with errstate(invalid="ignore", over="ignore"):  # inf - inf: not close, if not equal
        close = absolute(got - right) <= tolerance * scale(right, tolerance)
    return ~(close | (got == right) | (isnan(got) & isnan(right)))


def _dtype_complaint(got, right):
    """(what is wrong with the dtype, where it usually comes from), or two empty strings."""
    kind, single = got.dtype.kind, right.shape == ()
    names = {"b": "bool", "c": "complex"}
    if right.dtype.kind in "iu":
        if kind in "iu":
            return "", ""
        came, wanted = ("a float", "an int") if single else ("floats", "ints")
        if kind != "f":
            return f"is {names[kind]} where {wanted} {_is(single)} expected.", ""
        if not (isfinite(got) & (got == rint(got))).all():
            return f"is {came} where {wanted} {_is(single)} expected, and not whole.", (
                "Divide with // instead of /, or round: int(...) cuts off what follows the point."
            )
        equal = "The numbers are right. " if not differs(right, got, 0).any() else ""
        return f"is {came} where {wanted} {_is(single)} expected.", equal + (
            "Whole numbers come as floats from /, `np.ceil`, `np.floor` and `np.zeros` without "
            "dtype=int: divide with // instead of /, and convert with int(...) or .astype(int)."
        )
    if right.dtype.kind == "f":
        if kind in "iu":
            cut = not differs(got.astype("float64"), trunc(right), 1e-9).any()
            return f"has dtype {got.dtype.name}{', so fractions have been cut off' * cut}.", (
                "An array made from ints, or with dtype=int, keeps no fractions."
                if cut
                else "Are these positions (as from `np.argmax`) or counts, not the values?"
            )
        if kind == "f" and got.dtype.itemsize < right.dtype.itemsize:
            return (
                f"has dtype {got.dtype.name}, the arguments have {right.dtype.name}: digits were "
                "lost.",
                f"Look for np.{got.dtype.name}, or a torch tensor made without dtype.",
            )
        if kind == "f" and got.dtype.itemsize > right.dtype.itemsize == 4:
            return f"has dtype {got.dtype.name}, the arguments have float32: keep their dtype.", ""
        return f"is {names[kind]} where floats are expected." if kind in names else "", ""
    if kind == right.dtype.kind:
        return "", ""
    equal = not differs(got.astype("float64"), right.astype("float64"), 0).any()
    hint = "The values are right: compare (with ==, <, ...) to get True and False." if equal else ""
    return f"has dtype {got.dtype.name}; expected is {right.dtype.name}.", hint


def _is(single):
    return "is" if single else "are"


def arranged(value, right):
    """A list where a tuple was asked for, or the reverse, is no mistake worth a word.

    An array is taken apart only where its parts have the dimensions that are expected of them.
    """
    if type(right) is tuple and type(value) is ndarray:
        fit = all(type(part) is ndarray and part.ndim == value.ndim - 1 for part in right)
        return tuple(map(array, value)) if fit and len(value) == len(right) else value
    if type(right) is ndarray and type(value) is tuple:
        return stacked(tuple(arranged(v, right[0] if right.ndim else right) for v in value))
    return value


# ------------------------------------------------------------------------------ numbers, shown
def _entries(got, right, tolerance):
    """Up to SHOWN numbers side by side, from just before the first that differs."""
    if right.dtype.kind == "f":  # one number alone is held to what the array is
        tolerance = Allowed(tolerance, scale(right.astype("float64"), tolerance))
    if got.shape == right.shape:
        if right.size == 0:
            return ()
        wrong = differs(got, right, tolerance).ravel().nonzero()[0].tolist()
        start = max(0, min((wrong or [0])[0] - 1, right.size - SHOWN))
        chosen = range(start, min(start + SHOWN, right.size))
        indices = [tuple(map(int, unravel_index(i, right.shape))) for i in chosen]
    else:
        indices = [(i,) for i in range(min(SHOWN, max(got.size, right.size)))]
    return tuple(_entry(index, got, right, tolerance) for index in indices)


def _entry(index, got, right, tolerance):
    texts = [_at(right, index), _at(got, index)]
    inside = all(text != "none" for text in texts)
    wrong = not inside or bool(differs(got[index], right[index], tolerance))
    if wrong and inside:
        texts = _told_apart(right[index], got[index])
    return Entry(f"[{', '.join(map(str, index))}]", texts[0], texts[1], wrong)


def _told_apart(one, other):
    """Two unequal numbers as texts with digits enough to see that they are."""
    floats = one.dtype.kind == other.dtype.kind == "f" and one.shape == other.shape == ()
    if floats and (abs(float(one) - float(other)) < 1e-3 or number(one) == number(other)):
        return [f"{float(one):.12g}", f"{float(other):.12g}"]
    return [number(one), number(other)] if one.shape == other.shape == () else ["", ""]


def _at(values, index):
    inside = all(i < size for i, size in zip(index, values.shape, strict=True))
    return number(values[index]) if inside else "none"


def number(value):
    """A 0-d array as text of few digits."""
    if value.dtype.kind == "f":
        x = float(value)
        if x == round(x, 1) and abs(x) < 1e5:
            return f"{x:.1f}"
        return f"{x:.4f}" if 1e-3 <= abs(x) < 1e5 or x == 0 else f"{x:.4g}"
    return str(value.item())


def _an_array(right):
    return "a single number" if right.shape == () else f"one array of shape {right.shape}"


def parts(value):
    """The parts of an answer with several, or the one."""
    return value if type(value) is tuple else (value,)
