"""What wrong answers gave, as files: one beside the result of each student who has some."""

import hashlib
from dataclasses import asdict

from numpy import ndarray

from unrolled.common import wire
from unrolled.common.files import write_bytes_atomically
from unrolled.exercises.plain import plain
from unrolled.grading.model import Wrong

FOLDER = "wrong"
MOST_PARTS = 1000  # arrays of an outcome; a right answer has a few for each case
MOST_NUMBERS = 100_000
LONGEST_CODE = 20_000  # characters


def kept(seed, cases, values, code):
    """The Wrong of plain values on the cases of a seed, or None where they are too many to keep."""
    sizes = list(_sizes(values))
    if not values or len(sizes) > MOST_PARTS or sum(sizes) > MOST_NUMBERS:
        return None
    return Wrong(seed, digest(cases), tuple(values), _printable(code[:LONGEST_CODE]))


def digest(cases):
    """Tells cases from others."""
    return hashlib.sha256(wire.pack(list(cases))).hexdigest()[:32]


def _sizes(values):
    """The number of elements of each array, and 1 for each tuple."""
    for value in values:
        if type(value) is ndarray:
            yield value.size
        else:
            yield 1
            yield from _sizes(value)


def _printable(code):
    """Without control characters and half characters, which no page and no terminal should get."""
    lines = code.replace("\r\n", "\n")
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in lines
    )


# ------------------------------------------------------------------------------------ files
def path(result):
    """Where it is kept, given the file of the result."""
    return result.parents[1] / FOLDER / f"{result.stem}.npz"


def save(result, key, marks):
    """Write what the Marks of one student hold, whole or not at all; remove what is out of date."""
    wrong = {mark.exercise: asdict(mark.wrong) for mark in marks if mark.wrong}
    if wrong:
        write_bytes_atomically(path(result), wire.pack({"key": key, "wrong": wrong}), mode=0o600)
    else:
        path(result).unlink(missing_ok=True)


def load(result, key):
    """{exercise: Wrong} of one student; empty where the file is none, or of another result."""
    try:
        found = wire.unpack(path(result).read_bytes())
        if found["key"] != key:
            return {}
        return {name: read(one) for name, one in found["wrong"].items()}
    except (OSError, wire.Unreadable, KeyError, TypeError, AttributeError):
        return {}


def read(told):
    """The Wrong of plain data; TypeError where it is none."""
    return Wrong(**{**told, "values": tuple(map(plain, told["values"]))})
