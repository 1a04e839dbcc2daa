"""Why a run gave no values, as data.

Whoever shows a Failure makes the sentences: `sentences` for the notebook, grading for a student's
feedback. Nothing reads a sentence back.
"""

from dataclasses import dataclass
from enum import StrEnum

from .verdict import Status


class Kind(StrEnum):
    """What kept a run from giving values."""

    NOT_CALLABLE = "not callable"
    NOT_WRITTEN = "not written"
    RAISED = "raised"
    SYNTAX = "syntax"
    EXITED = "exited"  # exit(), quit(), sys.exit()
    REPLACED = "replaced"  # functions of NumPy or Python
    CHANGED_INPUT = "changed input"
    RETURNED_NOTHING = "returned nothing"
    NOT_NUMBERS = "not numbers"
    TIMED_OUT = "timed out"
    RUNS_ON = "runs on"  # timed out, and could not be stopped
    OUT_OF_MEMORY = "out of memory"
    ENDED_PROCESS = "ended process"  # os._exit
    KILLED_PROCESS = "killed process"  # as by a segmentation fault


STATUS = {
    Kind.NOT_WRITTEN: Status.NOT_ATTEMPTED,
    Kind.CHANGED_INPUT: Status.CHANGED_INPUT,
    Kind.RETURNED_NOTHING: Status.WRONG_TYPE,
    Kind.NOT_NUMBERS: Status.WRONG_TYPE,
    Kind.TIMED_OUT: Status.TIMED_OUT,
    Kind.RUNS_ON: Status.TIMED_OUT,
}  # all others: ERROR


@dataclass(frozen=True)
class Failure:
    """Why there are no values.

    exception: name of the exception's class, or of the signal that ended the process
    line:      number of the student's line it happened in, and `source`, its text
    file:      name of the file which that line is in; empty for a cell
    names:     what was replaced or changed; the function that is not written yet, if another one
    detail:    the text of the exception, or what was returned instead of numbers. It may hold
               numbers of the case, so it is for whoever runs the check, and not for feedback
    """

    kind: Kind
    exception: str = ""
    line: int | None = None
    source: str = ""
    names: tuple[str, ...] = ()
    detail: str = ""
    file: str = ""

    @property
    def status(self) -> Status:
        return STATUS.get(self.kind, Status.ERROR)

    def as_plain(self):
        """The fields by name: strings, numbers and a list, each of the built-in class."""
        return {
            "kind": str.__str__(self.kind.value),
            "exception": str.__str__(self.exception),
            "line": self.line,
            "source": str.__str__(self.source),
            "names": [str.__str__(name) for name in self.names],
            "detail": str.__str__(self.detail),
            "file": str.__str__(self.file),
        }
