"""Answers as plain arrays: the numbers a function returned, and nothing that could act.

Everything downstream compares only what comes from here, so an answer with an `__eq__` of its own,
an array subclass or any other object that behaves cannot take part in its own judgement.
"""

import sys

# Taken by name at import: what is rebound in numpy's namespace later has no effect here.
from numpy import array, generic, ndarray, stack

LARGEST = 10_000_000  # elements; far above any exercise, far below what fills a memory
DEEPEST = 8  # levels of nested lists
NUMERIC = "biufc"  # bool, int, unsigned, float, complex: numpy's letters for kinds of dtype


class NotPlain(Exception):
    """The value is not made of numbers; str(error) says what it is, as in "a string"."""


def plain(value, depth=0):
    """`value` as a base-class numeric array (0-d for a number), or a tuple of such values.

    Accepts arrays and their subclasses, numbers, torch tensors, and nested lists and tuples (named
    ones, too) of them. A list of one shape and dtype becomes one array; a tuple stays a tuple,
    because functions hand back several values so. Raises NotPlain for everything else.
    """
    kind = type(value)
    if issubclass(kind, ndarray):
        return _copy(value)
    if kind is bool or kind is int or kind is float or kind is complex:
        return _number(value)
    if issubclass(kind, generic) and kind.__module__ == "numpy":
        return _number(value)
    if kind is list:
        return _sequence(value, list, depth)
    if issubclass(kind, tuple):  # a namedtuple, too; its own methods are not asked
        return _sequence(tuple(tuple.__iter__(value)), tuple, depth)
    if _is_tensor(kind):
        return _copy(_from_torch(value))
    raise NotPlain(describe(value))


def describe(value):
    """What `value` is, in words, without calling any of its methods."""
    kind = type(value)
    if value is None:
        return "None"
    if kind is str:
        return f'the string "{value[:30]}"'
    words = {
        "function": "a function (was it meant to be called?)",
        "builtin_function_or_method": "a function (was it meant to be called?)",
        "generator": "a generator (use return, not yield)",
        "int": "an int",
        "float": "a float",
        "bool": "a bool",
        "ndarray": "an array",
        "list": "a list",
        "tuple": "a tuple",
        "dict": "a dict",
        "set": "a set",
        "type": "a class",
    }
    name = class_name(value)
    return words.get(name, f"an object of class {name}")


def class_name(value):
    """The name of its class, whatever the class itself says."""
    return str.__str__(type.__dict__["__name__"].__get__(type(value)))[:60]


def _number(value):
    number = array(value)
    if number.dtype.kind not in NUMERIC or number.shape != ():
        raise NotPlain("a number that does not fit into 64 bits")
    return number


def _copy(value):
    # Descriptors of ndarray itself: a subclass may have overridden both attributes.
    if ndarray.size.__get__(value) > LARGEST:
        raise NotPlain(f"an array of more than {LARGEST:,} elements")
    dtype = ndarray.dtype.__get__(value)
    if dtype.kind not in NUMERIC:
        raise NotPlain(f"an array of dtype {dtype.name}")
    return array(value, dtype=dtype.newbyteorder("="), copy=True, subok=False)


def _sequence(items, kind, depth):
    if depth == DEEPEST:
        raise NotPlain(f"a {kind.__name__} nested more than {DEEPEST} levels deep")
    if len(items) > LARGEST:
        raise NotPlain(f"a {kind.__name__} of more than {LARGEST:,} elements")
    parts = []
    for item in items:
        try:
            parts.append(plain(item, depth + 1))
        except NotPlain as error:
            raise NotPlain(_holding(kind, parts, error, depth)) from None
    parts = tuple(parts)
    alike = all(type(p) is ndarray and p.dtype == parts[0].dtype for p in parts)
    return stacked(parts) if kind is list and alike else parts


def _holding(kind, before, error, depth):
    """What to say of a list or tuple with a part that is no number, at the outermost level best."""
    if depth or kind is list or not before:
        return f"a {kind.__name__} that holds {error}"
    numbers = "an array" if type(before[0]) is ndarray and before[0].shape else "numbers"
    return (
        f"several values, of which the first is {numbers} and another is {error}. Does it return "
        "the cache, too? A function such as `rnn_forward` returns (result, cache): its result is "
        "`rnn_forward(...)[0]`"
    )


def stacked(parts):
    """One array of `parts` where they are arrays of one shape, else `parts` unchanged."""
    if not parts:
        return array([], dtype=float)
    if all(type(part) is ndarray and part.shape == parts[0].shape for part in parts):
        return stack(parts)
    return parts


def _is_tensor(kind):
    """Whether `kind` is torch's tensor; torch is not imported, without it there are none."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return isinstance(tensor, type) and issubclass(kind, tensor)


def _from_torch(value):
    try:
        numbers = value.detach().cpu().resolve_conj().resolve_neg().numpy()
    except Exception:  # torch has many reasons
        raise NotPlain("a tensor that NumPy cannot represent") from None
    if not issubclass(type(numbers), ndarray):
        raise NotPlain("an object that only looks like a tensor")
    return numbers
