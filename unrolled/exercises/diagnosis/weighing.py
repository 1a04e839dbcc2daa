"""Weights that a check runs, beside those of right answers.

Many weights do the same; but the one array that is wrong says more than what all of them do.
"""

import numpy as np

from ..plain import NotPlain, plain
from ..weights import CannotRun, as_weights
from .answers import listed, same
from .variants import programs

TOLERANCE = 1e-9


def only_wrong(exercise, cases, returned):
    """The one array that is not that of some right answer while all others are, or "".

    returned: the weights of each case, as plain values
    """
    names = list(exercise.returns)
    for program in programs(exercise):
        if not callable(program):  # recorded values hold no weights
            continue
        ours = [plain(program(*case.values())) for case in cases]
        try:
            places = [_places(names, *pair) for pair in zip(returned, ours, strict=True)]
        except (NotPlain, CannotRun):
            return ""
        wrong = {name for found in places for name in found}
        if len(wrong) == 1:
            (name,) = wrong
            others = listed(f"`{other}`" for other in names if other != name)
            where = {found[name] for found in places if found}
            size = ours[0][names.index(name)].size
            at = _in_words(where.pop()) if len(where) == 1 and size > 1 else ""
            return f"{others} are those of a right answer. Only `{name}` is not{at}."
    return ""


def _places(names, one, other):
    """{name: indices at which it differs from ours} of the arrays that differ."""
    shapes = {name: part.shape for name, part in zip(names, other, strict=True)}
    pairs = zip(names, as_weights(one, **shapes), as_weights(other, **shapes), strict=True)
    return {
        name: tuple(map(tuple, np.argwhere(np.abs(a - b) > TOLERANCE * (1 + np.abs(b))).tolist()))
        for name, a, b in pairs
        if not same(a, b, TOLERANCE)
    }


def _in_words(indices):
    """Where the number is that differs, if it is one."""
    return f", in its number at {list(indices[0])}" if len(indices) == 1 else ""
