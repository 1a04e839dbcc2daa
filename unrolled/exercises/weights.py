"""Answers that are weights: not compared themselves, but run by the check.

Many weights do the same, so what counts is what they do.
"""

from numpy import ndarray

from .plain import stacked
from .verdict import Status


class CannotRun(Exception):
    """Weights that a check cannot run; str(error) is one sentence, `status` the verdict's."""

    def __init__(self, says, status=Status.WRONG_SHAPE):
        super().__init__(says)
        self.status = status


def as_weights(value, **shapes):
    """The parts of a plain value as float64 arrays, where their shapes are those by name.

    Raises CannotRun where they are not.
    """
    parts = value if type(value) is tuple else (value,)
    if len(parts) != len(shapes):
        raise CannotRun(f"Expected are {len(shapes)} arrays: return {', '.join(shapes)}.")
    parts = [_whole(part) for part in parts]
    for (name, shape), part in zip(shapes.items(), parts, strict=True):
        if type(part) is not ndarray:
            raise CannotRun(f"`{name}` came as several values; expected is one array {shape}.")
        if part.shape != shape:
            raise CannotRun(f"`{name}` has shape {part.shape}; expected is {shape}.")
        if part.dtype.kind == "c":
            raise CannotRun(f"`{name}` is complex where floats are expected.", Status.WRONG_DTYPE)
    return [part.astype(float) for part in parts]


def _whole(part):
    """One array of what was a list of ints and floats, which stay apart in a plain value."""
    return stacked(tuple(map(_whole, part))) if type(part) is tuple else part
