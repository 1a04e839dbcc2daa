"""What has been graded, read back: assignment, results, where files lay, and marks by hand."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from unrolled.exercises import load
from unrolled.grading.assign import assignment as assignments
from unrolled.grading.model import FOR_A_PERSON, Assignment, GradingError, Person, Result
from unrolled.grading.store import named, results

INTAKE = "intake.json"
BY_HAND = "by-hand.json"
TO_BE_MARKED = "to be marked"
LATENESS = "lateness"
EVERYTHING = "everything"  # all exercises and questions of one student


@dataclass(frozen=True)
class ByHand:
    """Points that a person gave, for a question or instead of a verdict.

    digest: of the file that the person looked at; for another file they do not hold
    """

    points: float
    comment: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Gradebook:
    """Everything in a folder of results."""

    folder: Path
    assignment: Assignment
    record: dict
    results: tuple[Result, ...]  # by student
    files: dict  # {student: the file as it was found}
    persons: dict  # {student: the Person that the download tells of}
    groups: dict  # {student: the group that handed in together, "" for one alone}
    by_hand: dict  # {(student, question or exercise): ByHand}
    named: tuple  # mistakes that the instructor named, laid over the results
    as_zero: frozenset = frozenset()  # endings whose blank the instructor made a zero

    @property
    def lab(self):
        return load(self.assignment.lab)

    @property
    def maxima(self):
        """{exercise or question: points to be had}."""
        return self.assignment.exercises | self.assignment.questions

    def given(self, result, name):
        """The ByHand that holds for an exercise or a question, or None."""
        given = self.by_hand.get((result.student, name))
        return None if self.reconsider(result, name) else given

    def reconsider(self, result, name):
        """Why points that were given by hand have to be looked at again, or None."""
        given = self.by_hand.get((result.student, name))
        if given is None:
            return None
        if given.digest != result.digest:
            return f"{given.points:g} were given by hand for an earlier file: look at the new one"
        if not 0 <= given.points <= self.maxima[name]:
            most = self.maxima[name]
            return f"{given.points:g} were given by hand, and there are {most} now: look again"
        return None

    def score(self, result, name):
        """Points for an exercise or a question, or None where a person has to decide."""
        if self.reconsider(result, name):
            return None
        given = self.given(result, name)
        if given is not None:
            return given.points
        if name in self.assignment.questions:
            lost = result.texts.get(name) is None and self._ending(result) in self.as_zero
            return 0 if lost or result.texts.get(name) == "" else None
        mark = next(mark for mark in result.marks if mark.exercise == name)
        if mark.ending in FOR_A_PERSON:
            return 0 if mark.ending in self.as_zero else None
        return mark.score

    def total(self, result, names=None):
        """The sum without what lateness takes, or None while one part of it is open."""
        scores = [self.score(result, name) for name in names or self.maxima]
        off = self.off(result)
        return None if off is None or None in scores else max(0, sum(scores) - off)

    def off(self, result):
        """Points that lateness takes; None where it is late, and nobody knows how late."""
        if self.assignment.late is None or not result.late:
            return 0
        if result.days_late is None:
            return None
        return self.assignment.late.off(result.days_late)

    def broken(self, result):
        """What is wrong with the whole file, where that is all there is to say, or None."""
        reasons = {(mark.ending, mark.says) for mark in result.marks}
        if len(reasons) != 1 or any(result.texts.get(name) for name in self.assignment.questions):
            return None
        ((ending, says),) = reasons
        if ending not in FOR_A_PERSON - self.as_zero:
            return None
        if any(student == result.student for student, _ in self.by_hand):
            return None
        return f"{ending}: {' '.join(says)}"

    def _ending(self, result):
        """What became of all exercises of a file alike, or None."""
        endings = {mark.ending for mark in result.marks}
        return endings.pop() if len(endings) == 1 else None

    def open(self, result):
        """[(name, why)] of what a person has to decide; once, where it is the whole file."""
        broken = self.broken(result)
        if broken:
            return [(EVERYTHING, broken)]
        found = []
        if self.off(result) is None:
            why = "late, by how long the download does not tell: give the time under `handed_in`"
            found.append((LATENESS, f"{why} in the assignment file, and grade again"))
        for name in self.maxima:
            if self.score(result, name) is None:
                found.append((name, self.reconsider(result, name) or self._why(result, name)))
        return found

    def _why(self, result, name):
        if name in self.assignment.questions:
            return "its cell is gone" if result.texts.get(name) is None else TO_BE_MARKED
        mark = next(mark for mark in result.marks if mark.exercise == name)
        return f"{mark.ending}: {' '.join(mark.says)}"


def for_a_person(book):
    """How many students have something to be decided that is not a text to be marked."""
    return sum(any(why != TO_BE_MARKED for _, why in book.open(one)) for one in book.results)


def note_intake(folder, submissions):
    """Keep where each file lay, whose it is, and who belongs to this run, beside the results."""
    told = {
        one.student: {
            "file": str(one.file),
            "person": asdict(one.person),
            "group": one.group,
        }
        for one in submissions
    }
    results.write(Path(folder) / INTAKE, told)


def read(folder, as_graded=False):
    """The Gradebook of a folder of results.

    as_graded: without the names that an instructor gave to mistakes
    """
    folder = Path(folder)
    record = load_json(folder / results.RECORD)
    if record is None:
        raise GradingError(
            f"{folder}: no {results.RECORD}; grade into this folder first, to the end"
        )
    assignment = assignments.from_record(record["assignment"])
    found = results.load_all(folder)
    taken = load_json(folder / INTAKE)
    if taken is None:
        raise GradingError(f"{folder}: no {INTAKE}; grade into this folder first, to the end")
    given = load_json(folder / BY_HAND) or {}
    mistakes = () if as_graded else named.load(folder)
    ordered = tuple(found[student] for student in sorted(taken) if student in found)
    return Gradebook(
        folder,
        assignment,
        record,
        named.laid_over(assignment.lab, ordered, mistakes) if mistakes else ordered,
        {student: one["file"] for student, one in taken.items()},
        {student: Person(**one["person"]) for student, one in taken.items()},
        {student: one["group"] for student, one in taken.items()},
        {
            (student, name): ByHand(**one)
            for student, marks in given.items()
            for name, one in marks.items()
        },
        mistakes,
    )


def load_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GradingError(f"{path}: cannot be read: {error}") from None
