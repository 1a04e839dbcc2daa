"""What every function of the book asks of its arguments: the rule of the notation page.

Each of these raises a ValueError that begins with the name of the argument.
"""

import math
import operator

import numpy as np

FLOATS = {2: np.dtype("float16"), 4: np.dtype("float32"), 8: np.dtype("float64")}  # by bytes


def _refuse(name, expected, got):
    raise ValueError(f"{name}: {expected} expected, got {got}")


def _array(name, value, expected):
    """The value as an array with at least one entry."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # lists of different lengths, for one
        _refuse(name, expected, f"a {type(value).__name__} that makes no array")
    if array.size == 0:
        _refuse(name, "at least one entry", f"shape {array.shape}")
    return array


def floats(**arrays):
    """Arrays of numbers, in the order given, all of one type: the widest float that came.

    float16, float32 and float64 stay what they are, integers and lists of them become float64.
    Among several, None stays None. What comes back lies in memory row by row, so that a
    transposed or strided array gives the same bits. One comes back alone, several as a list.
    """
    made, width = [], 0
    for name, value in arrays.items():
        if value is not None or len(arrays) == 1:
            value = _array(name, value, "numbers")
            kind = value.dtype
            if kind.char not in "efdbhilqBHILQ":
                _refuse(name, "integers, or floats of 16 to 64 bits,", kind)
            width = max(width, kind.itemsize if kind.kind == "f" else 8)
        made.append(value)
    made = [v if v is None else np.asarray(v, FLOATS[width], order="C") for v in made]
    return made if len(made) > 1 else made[0]


def integers(name, value, count=None, where=None):
    """An array of integers in 0 … count - 1, of whatever integer type they came in.

    where: a mask of their shape; the ids where it is False mean nothing, and become 0.
    """
    array = _array(name, value, "integers")
    if array.dtype.kind not in "iu":
        _refuse(name, "integers", array.dtype)
    if where is not None:
        check_shape(name, array, where.shape)
        array = np.where(where, array, 0)
    low, high = array.min(), array.max()
    if low < 0 or (count is not None and high >= count):
        last = "…" if count is None else f"… {count - 1}"
        _refuse(name, f"integers in 0 {last}", low if low < 0 else high)
    return np.asarray(array, np.intp, order="C")


def booleans(name, value, expected):
    """A mask: an array of bool of the shape expected. Zeros and ones are numbers, and refused."""
    array = _array(name, value, "a mask of bool")
    if array.dtype != bool:
        _refuse(name, "a mask of bool", array.dtype)
    check_shape(name, array, expected)
    return np.asarray(array, order="C")


def floats_like(name, value, expected, kind):
    """An upstream gradient: floats of the shape expected, no narrower than `kind`.

    kind: the type of what the forward function returned. The backward function computes in the
    type of what comes back.
    """
    array = floats(**{name: value})
    check_shape(name, array, expected)
    return array if array.itemsize >= kind.itemsize else array.astype(kind)


def in_place(**arrays):
    """Raise ValueError for what cannot be changed in place, such as the parameters of a step."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS.values():
            got = getattr(array, "dtype", type(array).__name__)
            _refuse(name, "an array of floats, which is changed in place,", got)
        if array.size == 0:
            _refuse(name, "at least one entry", f"shape {array.shape}")
        if not array.flags.writeable:
            _refuse(name, "an array that may be changed", "one that is read-only")


def check_shape(name, array, expected, why=""):
    """Raise ValueError unless the array has the shape expected.

    expected: for each axis its length, or a letter for any length.
    """
    got = np.shape(array)
    if got != expected and not (
        len(got) == len(expected)
        and all(wanted in (length, str(wanted)) for wanted, length in zip(expected, got))
    ):
        sides = f"({', '.join(map(str, expected))}{',' * (len(expected) == 1)})"
        because = f" ({why})" if why else ""
        raise ValueError(f"{name}: shape {sides} expected{because}, got {got}")


def one_number(name, value, above=None):
    """One finite real number, as Python's float, which leaves float32 what it is.

    above: it must be larger than this.
    """
    array = np.asarray(value)
    if array.shape != () or array.dtype.kind not in "iuf" or not math.isfinite(array):
        _refuse(name, "a finite number", repr(value))
    if above is not None and not array > above:
        _refuse(name, f"a number above {above}", repr(value))
    return float(array)


def one_integer(name, value, least=0):
    """One integer of at least `least`, as Python's int, which cannot overflow."""
    try:
        found = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        found = None
    if found is None or found < least:
        _refuse(name, f"an integer of at least {least}", repr(value))
    return found


def one_or_two(name, value):
    """An option for rows and columns: one value for both, or two."""
    both = tuple(value) if np.ndim(value) else (value, value)
    if len(both) != 2:
        _refuse(name, "one value, or a pair,", repr(value))
    return both
