"""Results as files: one of each student, whole or not there, the same bytes for the same run."""

import contextlib
import hashlib
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

from unrolled.common.files import write_atomically
from unrolled.grading.model import Ending, GradingError, Mark, Result
from unrolled.grading.store import outcomes

TIMES = "times.jsonl"
RECORD = "record.json"
FOLDER = "marks"
MEASURED = ("seconds", "memory_mb")


def path(folder, student):
    """Where the result of a student is kept, whatever characters the name is made of."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", student)[:40].strip("-").lower() or "student"
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Path(folder) / FOLDER / f"{slug}-{digest}.json"


def save(folder, result, key, stamp=None):
    """Write a Result: the verdicts in its own file, what was measured as a line of times.jsonl.

    What wrong answers gave is a file beside it, written first.
    """
    bare = replace(result, marks=tuple(replace(mark, wrong=None) for mark in result.marks))
    plain = asdict(bare)
    for mark in plain["marks"]:
        del mark["wrong"]
    times = [{name: mark.pop(name) for name in MEASURED} for mark in plain["marks"]]
    line = {"student": result.student, "finished": stamp, "exercises": {}}
    for mark, one in zip(plain["marks"], times, strict=True):
        line["exercises"][mark["exercise"]] = one
    target = path(folder, result.student)
    try:
        with (Path(folder) / TIMES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        outcomes.save(target, key, result.marks)
        write(target, {"key": key, "result": plain})
    except OSError as error:
        raise GradingError(f"{target} cannot be written: {error.strerror or error}") from None


def write(target, value):
    """Write JSON so that the file is there whole or not at all."""
    text = json.dumps(value, indent=1, sort_keys=True)
    write_atomically(target, f"{text}\n", mode=0o600)


def load(folder, student, key=None):
    """The Result of a student, or None where there is none, or one of something else than `key`."""
    try:
        file = path(folder, student)
        found = json.loads(file.read_text(encoding="utf-8"))
        if key is not None and found["key"] != key:
            return None
        return _result(found, file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not whole, or not ours: it is made again


def load_all(folder):
    """The Results in a folder by student, with what was measured."""
    times, found = _times(folder), {}
    for file in sorted((Path(folder) / FOLDER).glob("*.json")):
        try:
            result = _result(json.loads(file.read_text(encoding="utf-8")), file)
        except (OSError, ValueError, KeyError, TypeError):
            raise GradingError(f"{file} is no result: remove it and grade again") from None
        measured = times.get(result.student, {})
        marks = [replace(mark, **measured.get(mark.exercise, {})) for mark in result.marks]
        found[result.student] = replace(result, marks=tuple(marks))
    return found


def _result(found, file):
    plain, wrong = found["result"], outcomes.load(file, found["key"])
    marks = [
        Mark(
            **{**mark, "ending": Ending(mark["ending"]), "says": tuple(mark["says"])},
            wrong=wrong.get(mark["exercise"]),
        )
        for mark in plain["marks"]
    ]
    given = {**plain, "marks": tuple(marks), "notes": tuple(plain["notes"])}
    given["notes_for_instructor"] = tuple(plain["notes_for_instructor"])
    return Result(**{**given, "fingerprint": tuple(plain["fingerprint"])})


def _times(folder):
    """{student: {exercise: what was measured}}, the last run of each."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (Path(folder) / TIMES).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError):  # a line cut by an interruption
                one = json.loads(line)
                found[one["student"]] = one["exercises"]
    return found
