"""What the parts of grading hand to one another: plain data, nothing that acts."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class GradingError(ValueError):
    """A fault in what the instructor gave us; str(error) is one line that says what to do."""


class Ending(StrEnum):
    """How one exercise of one student ended; exactly one of these."""

    PASSED = "passed"
    WRONG = "wrong"
    NOT_ATTEMPTED = "not attempted"
    ERROR = "error"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class Stop:
    """Why there is no verdict on an exercise: it was not run, or its run gave no outcome.

    says:   what student and instructor are told, in a sentence
    detail: for the instructor alone
    """

    ending: Ending
    says: str
    detail: str = ""


# a person has to look: exported as blank, never as zero
FOR_A_PERSON = frozenset({Ending.CRASHED, Ending.MISSING, Ending.AMBIGUOUS})


@dataclass(frozen=True)
class Limits:
    """What one submission may use; an exercise gets its own `time_limit`, times the factor."""

    time_factor: float = 2.0
    start_seconds: float = 20.0  # imports and the notebook's other cells
    memory_mb: int = 2048
    processes: int = 64
    file_mb: int = 64  # the largest file it may write
    output_mb: int = 16  # all it may hand back


@dataclass(frozen=True)
class Late:
    """What lateness costs: points for each day that has begun, and never more than `at_most`."""

    points_per_day: float
    at_most: float

    def off(self, days):
        """Points that are taken off for so many days."""
        return min(self.at_most, self.points_per_day * days)


@dataclass(frozen=True)
class Assignment:
    """What was assigned: exercises of a lab with points, and the secret of the graded cases.

    extensions: {student: a later date that is theirs}
    handed_in:  {student: when}, for what the download does not tell
    attempts:   "latest" or "best", which of several counts
    groups:     {group: its students}, who hand in one notebook together
    partial:    points for the kinds of cases in which a wrong answer is right
    """

    name: str
    lab: str  # "lab01"
    exercises: dict[str, int]  # name: points, in the lab's order
    questions: dict[str, int]  # answered in words, marked by hand
    secret: str = field(repr=False)
    due: str | None = None  # ISO 8601, with a time zone
    variants: bool = False  # each student has cases of their own
    limits: Limits = Limits()
    extensions: dict[str, str] = field(default_factory=dict)
    handed_in: dict[str, str] = field(default_factory=dict)
    late: Late | None = None
    attempts: str = "latest"
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    partial: bool = False


@dataclass(frozen=True)
class Person:
    """What a download tells of a student; empty where it tells nothing.

    system:  the learning system, as "Moodle"; "" for a folder that an instructor made
    number:  the system's own: Moodle's participant, Canvas's user
    sid:     the registration number
    plain:   the name of a file in a folder of the instructor's, whatever kind of name that is
    returns: the name under which the system takes a file back
    """

    system: str = ""
    number: str = ""
    sid: str = ""
    login: str = ""
    address: str = ""
    name: str = ""
    plain: str = ""
    returns: str = ""


@dataclass(frozen=True)
class Cell:
    """A code cell of a student's notebook; `exercise` is None for a cell that answers none."""

    source: str
    exercise: str | None = None


@dataclass(frozen=True)
class Submission:
    """One student's notebook, read and taken apart; nothing of it has been executed.

    cells:    the code to run, in the notebook's order, without checks, magics and duplicates
    endings:  {exercise: Stop} where no run is needed: missing, ambiguous, or a
              cell that is as it was handed out
    texts:    {question: the student's answer in Markdown}; None where the cell is gone
    doubts:   {exercise: why a person has to look if it does not pass}, as where two cells define a
              helper differently and only the later one can hold
    problem:  why the whole file cannot be read; then every exercise is MISSING, and says so
    late:     True when it came after the student's due date, None when that is not known
    days_late: days that had begun by then, None when that is not known
    handed_in: when, in ISO 8601, as far as the download tells
    group:    of the students who handed it in together, "" for one alone
    earlier:  attempts before this one, where the best counts
    """

    student: str
    file: Path  # as found, for messages
    digest: str  # SHA-256 of the file
    cells: tuple[Cell, ...] = ()
    endings: dict[str, Stop] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was mended on the way: renamed, reordered, duplicated cells
    notes_for_instructor: tuple[str, ...] = ()  # as those that name another student
    problem: str | None = None
    late: bool | None = None
    days_late: int | None = None
    handed_in: str | None = None
    group: str = ""
    person: Person = Person()
    earlier: tuple["Submission", ...] = ()


@dataclass(frozen=True)
class Wrong:
    """What a wrong answer gave that the lab knows no name for: kept to be compared with others.

    seed:   of the cases
    cases:  a digest of them, so that they are known again
    values: a plain value for each case
    code:   of the cell that answers the exercise
    """

    seed: int
    cases: str
    values: tuple
    code: str


@dataclass(frozen=True)
class Mark:
    """The verdict on one exercise of one student."""

    exercise: str
    ending: Ending
    points: int  # to be had
    score: float | None  # None: a person decides
    misconception: str | None = None
    says: tuple[str, ...] = ()  # for the student: sentences that give away no graded case
    for_instructor: str = ""  # the whole verdict, cases included
    # measured, so never the same twice: kept in times.jsonl, and no part of what is compared
    seconds: float = field(default=0.0, compare=False)
    memory_mb: float = field(default=0.0, compare=False)
    wrong: Wrong | None = field(default=None, compare=False, repr=False)  # in a file of its own


@dataclass(frozen=True)
class Result:
    """Everything known about one submission after grading; one JSON file each."""

    student: str
    digest: str
    marks: tuple[Mark, ...]
    texts: dict[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    notes_for_instructor: tuple[str, ...] = ()
    sandbox: str = "bubblewrap"  # or "limits only"
    late: bool | None = None
    fingerprint: tuple[int, ...] = ()  # of the code, for near-identical submissions
    days_late: int | None = None  # days that had begun after the due date
