"""Gradescope: "Export submissions", in which a file of metadata says whose each folder is."""

import json
import re
from datetime import UTC, datetime

import yaml

from unrolled.grading.intake.system import NOBODY, Owner, System, student_id, without, zipped
from unrolled.grading.model import GradingError, Person

METADATA = "submission_metadata.yml"
FOLDER = re.compile(r"submission_\d+")
LARGEST = 50 * 2**20  # bytes
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Gradescope(System):
    """Folders `submission_123`, in one called `assignment_456_export`."""

    name, order = "Gradescope", 5
    archive = "gradescope.zip"

    def __init__(self, entries=()):
        told = next((one for one in entries if one.parts == (METADATA,)), None)
        self.told = {} if told is None else _metadata(told)

    def inside(self, entries):
        """A student's own file of that name, in a download of another system, is nobody's word."""
        tops = {one.parts[0] for one in entries}
        told = any(one.parts[1:] == (METADATA,) for one in entries)
        others = (one.parts[1] for one in entries if len(one.parts) > 2)
        if len(tops) == 1 and told and all(FOLDER.fullmatch(name) for name in others):
            return without(entries, 1)
        return None

    def owner(self, parts):
        if self.told and parts == (METADATA,):
            return NOBODY
        told = self.told.get(parts[0])
        if told is None or len(parts) == 1:
            return None
        people = [_person(one, parts[0]) for one in _listed(told, "submitters")]
        if not people:
            people = [(student_id(parts[0]), Person(self.name, returns=parts[0]))]
        (student, person), *others = people
        return Owner(
            student, person, parts[-1], when=_time(_value(told, "created_at")), others=tuple(others)
        )

    @classmethod
    def give_back(cls, returned):
        """`results.json` for each submission, as Gradescope's autograders write it."""
        told = {}
        for one in returned:
            name = f"{one.person.returns}/results.json"
            told.setdefault(name, json.dumps(_results(one), indent=1))
        return zipped(told)


def _results(one):
    """Of a Returned; without a score where something is open, for Gradescope would make it zero."""
    tests = [
        {"name": name, "max_score": points, "output": " ".join(says), "visibility": "visible"}
        | ({} if score is None else {"score": score})
        for name, score, points, says in one.parts
    ]
    whole = {"tests": tests, "visibility": "visible"}
    return whole if one.total is None else whole | {"score": one.total}


def _metadata(entry):
    """{folder: what is told of it}."""
    if entry.problem or entry.read is None or entry.size > LARGEST:
        raise GradingError(f"{METADATA} cannot be read: {entry.problem or 'it is too large'}")
    try:
        told = yaml.load(entry.read().decode("utf-8", "replace"), Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise GradingError(f"{METADATA} is not valid YAML: {why}") from None
    if not isinstance(told, dict):
        raise GradingError(f"{METADATA} does not say whose submissions these are")
    return {str(key): value for key, value in told.items() if isinstance(value, dict)}


def _value(told, key):
    """Gradescope writes its keys as Ruby does, with a colon before them."""
    return told.get(f":{key}", told.get(key))


def _listed(told, key):
    found = _value(told, key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _person(told, folder):
    name, sid, address = (_text(_value(told, key)) for key in ("name", "sid", "email"))
    student = f"{name}_{sid}" if name and sid else name or address or folder
    return student_id(student), Person(
        "Gradescope", sid=sid, address=address, name=name, returns=folder
    )


def _text(value):
    return str(value) if isinstance(value, str | int) else ""


def _time(value):
    """Of a time, or of a text that is one; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace(" UTC", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
