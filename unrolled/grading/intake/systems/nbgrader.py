"""nbgrader: a course's folder `submitted`, with the time of handing in beside each assignment."""

from datetime import UTC, datetime

from unrolled.grading.intake.system import NOBODY, Owner, System, student_id, without
from unrolled.grading.model import Person

TIMESTAMP = "timestamp.txt"
LARGEST = 1000  # bytes


class Nbgrader(System):
    """`submitted/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb`."""

    name, order = "nbgrader", 40

    def __init__(self, entries=()):
        self.times = {one.parts[:-1]: one for one in entries if one.parts[-1] == TIMESTAMP}

    def inside(self, entries):
        depths = {len(one.parts) for one in entries if one.parts[-1] == TIMESTAMP}
        submitted = all(one.parts[0] == "submitted" for one in entries)
        return without(entries, 1) if depths == {4} and submitted else None

    def owner(self, parts):
        at = self.times.get(parts[:2])
        if at is None or len(parts) < 3:
            return None
        if parts[-1] == TIMESTAMP:
            return NOBODY
        student = student_id(parts[0])
        return Owner(student, Person(plain=student), parts[-1], when=_time(at))


def _time(entry):
    """nbgrader writes "2027-01-31 12:00:00.000000 UTC"."""
    if entry.problem or entry.read is None or entry.size > LARGEST:
        return None
    try:
        text = entry.read().decode("ascii", "replace").strip()
        when = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except (ValueError, OSError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
