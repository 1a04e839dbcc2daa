"""One submission in its sandbox: cells first, then answers; and again after something broke.

A process that has died, or ran out of time, costs the exercise (or the cell) it was at. The others
go on in a new sandbox, in which that cell is left out.
"""

from dataclasses import dataclass

from unrolled.exercises.failure import Failure, Kind
from unrolled.exercises.plain import NotPlain, plain
from unrolled.exercises.running import LINES, PRINTED, Outcome
from unrolled.grading.model import Ending, GradingError, Stop
from unrolled.grading.run import sandbox, visible
from unrolled.grading.run.sandbox import Sandbox

BROKEN_CELLS = 4  # so many may be left out before the rest is given up
TRIES = 3  # at starting a sandbox
NAMES, NAME, DETAIL, LAST_LINE = 20, 100, 1000, 100_000  # what a failure may hold at most
# what a process can tell of itself: only the supervisor's clock says that time is up
TELLABLE = frozenset(Kind) - {
    *(Kind.TIMED_OUT, Kind.RUNS_ON, Kind.ENDED_PROCESS, Kind.KILLED_PROCESS)
}


@dataclass
class Measured:
    """What an exercise took: seconds of computing, and the process's largest memory so far."""

    seconds: float = 0.0
    memory_mb: float = 0.0


class Session:
    """Runs the answers of one submission. `close` at the end, or use it in a with statement.

    cells:  the submission's
    hidden, unconfined: see Sandbox
    """

    def __init__(self, cells, limits, hidden=(), unconfined=False):
        self.cells = [[cell.source, cell.exercise] for cell in cells]
        self.limits, self.hidden, self.unconfined = limits, hidden, unconfined
        self.box = None
        self.stopped = {}  # index of a cell: why it is left out
        self.hopeless = None
        self.measured = Measured()

    def run(self, exercise, cases, seconds):
        """The Outcome of the student's answer on the cases, or a Stop."""
        self.measured = Measured()
        for index, stop in self.stopped.items():
            if self.cells[index][1] == exercise:
                return stop
        if self.box is None:
            self._start()
        for index, stop in self.stopped.items():  # found on the way
            if self.cells[index][1] == exercise:
                return stop
        if self.hopeless is not None:
            return self.hopeless
        request = {"exercise": exercise, "cases": cases, "seconds": 10 * seconds + 60.0}
        reply = self.box.ask(request, seconds)
        self.measured = Measured(self.box.seconds, self.box.peak_mb)
        if isinstance(reply, Stop):
            self.box = None
            return reply
        return self._read(reply, len(cases))

    def _start(self):
        """A sandbox in which the cells have been executed, or a reason to give up."""
        while self.hopeless is None:
            self.box, at = self._ready(), None
            left = self.limits.start_seconds
            reply = self.box.ask({"cells": self.cells, "skip": sorted(self.stopped)}, left)
            for _ in self.cells:  # each says that it begins
                if isinstance(reply, Stop) or reply["type"] != "cell":
                    break
                index = reply.get("index")
                at = index if type(index) is int and 0 <= index < len(self.cells) else None
                left = max(0.0, left - self.box.seconds)
                reply = self.box.ask(None, left)
            if not isinstance(reply, Stop) and reply["type"] == "started":
                return
            if not isinstance(reply, Stop):
                reply = self._read(reply, 0)
                if not isinstance(reply, Stop):
                    reply = Stop(Ending.CRASHED, "Its cells answered before they were asked.")
            self._drop()
            says = f"While the cells were executed: {reply.says}"
            reply = Stop(reply.ending, says, reply.detail)
            if at is None or at in self.stopped or len(self.stopped) == BROKEN_CELLS:
                self.hopeless = reply
            else:
                self.stopped[at] = reply

    def _mapped(self):
        """What torch maps into memory, for a submission that names it."""
        named = any("torch" in source for source, _ in self.cells)
        return visible.torch_bytes() if named else 0

    def _ready(self):
        """A sandbox with a worker in it. That it does not start is no fault of the student's."""
        for _ in range(TRIES):
            box = Sandbox(self.limits, self.hidden, self.unconfined, self._mapped())
            reply = box.ask(None, sandbox.START)
            if not isinstance(reply, Stop) and reply["type"] == "ready":
                return box
            box.close()
        says = reply.says if isinstance(reply, Stop) else "it says something else than ready."
        raise GradingError(f"the sandbox does not start, tried {TRIES} times: {says}")

    def _drop(self):
        if self.box is not None:
            self.box.close()
            self.box = None

    def _read(self, reply, cases):
        """An Outcome made of what came, each part checked; a Stop where that cannot be done."""
        kind = reply["type"]
        if kind == "memory":
            return Stop(Ending.OUT_OF_MEMORY, f"It needs more than {self.limits.memory_mb} MB.")
        if kind == "undefined":
            return Stop(Ending.MISSING, "No cell defines it under its name.")
        if kind != "outcome":
            return self._unreadable()
        printed = "\n".join(_text(reply.get("printed"), 2 * PRINTED).splitlines()[: LINES + 1])
        if reply.get("failure") is not None:
            failure, case = _failure(reply["failure"]), reply.get("case")
            case = case if type(case) is int and 0 <= case < cases else None
            return Outcome((), failure, case, printed) if failure else self._unreadable()
        values = reply.get("values")
        try:
            values = tuple(map(plain, values)) if type(values) is list else ()
        except (NotPlain, RecursionError):
            values = ()
        return Outcome(values, printed=printed) if len(values) == cases else self._unreadable()

    def _unreadable(self):
        self._drop()
        return Stop(Ending.CRASHED, "What it handed back is no result.")

    def close(self):
        self._drop()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _failure(told):
    """The Failure that a student's process tells of, each field checked; None if it is none."""
    if type(told) is not dict or type(told.get("kind")) is not str:
        return None
    if told["kind"] not in TELLABLE:
        return None
    line, names = told.get("line"), told.get("names")
    return Failure(
        Kind(told["kind"]),
        exception=_text(told.get("exception"), NAME),
        line=line if type(line) is int and 0 < line < LAST_LINE else None,
        source=_text(told.get("source"), NAME),
        names=tuple(_text(one, NAME) for one in names[:NAMES]) if type(names) is list else (),
        detail=_text(told.get("detail"), DETAIL),
        file=_text(told.get("file"), NAME),
    )


def _text(value, most):
    """A text of the student's process, cut, in one piece, and without control characters."""
    if type(value) is not str:
        return ""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value[:most]
    )
