"""Grade submissions: each in a sandbox of its own, judged outside it, and never twice."""

import hashlib
import json
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

from unrolled.exercises import load
from unrolled.exercises.running import Outcome
from unrolled.grading.assign.seeds import SEEDS, seeds
from unrolled.grading.judge import partly
from unrolled.grading.judge.noticed import notices
from unrolled.grading.judge.scoring import ended, mark
from unrolled.grading.model import Assignment, Ending, GradingError, Result, Stop, Submission
from unrolled.grading.run import executors, kit, sandbox
from unrolled.grading.run.session import Session
from unrolled.grading.store import gradebook, outcomes, record, results
from unrolled.grading.store.fingerprint import fingerprint
from unrolled.support.progress import Progress

POLICIES = ("due", "extensions", "handed_in", "groups")
FORMAT = 1  # of what is stored; another one is graded again


# A Dask worker may have several threads, and Python 3.11 loses count when two make syntax trees at
# once: one thread at a time, but while an answer runs.
TURN = threading.Lock()


@dataclass(frozen=True)
class Job:
    """What grading needs besides the submission: the assignment, folders to hide, and whether to
    go on where there is no sandbox."""

    assignment: Assignment
    hidden: tuple[str, ...] = ()
    unconfined: bool = False


def grade(
    assignment,
    submissions,
    results_folder,
    workers=None,
    scheduler=None,
    again=False,
    progress=None,
    unconfined=False,
):
    """Grade all submissions, in the order given; returns their Results in that order.

    Each Result is one JSON file in `results_folder`; one that is there already, of the same file,
    assignment and code, is not made again unless `again` says so. So a run that was interrupted is
    taken up where it stopped, and gives what it would have given.

    workers:   processes, by default one for each core; 1 grades in this process
    scheduler: address of a Dask scheduler, whose workers then grade
    progress:  f(done, total, student), called after each; by default a bar in a terminal
    unconfined: run students' code where there is no bubblewrap, too; then no mark can be trusted

    Raises GradingError where the fault is not a student's: nothing is then marked for it.
    """
    submissions = list(submissions)
    if scheduler is None:
        sandbox.require_confined(unconfined)
    folder = prepared(results_folder, submissions)
    started = now()
    keys = [key(assignment, submission) for submission in submissions]
    found = {}
    if not again:
        for index, submission in enumerate(submissions):
            old = results.load(folder, submission.student, keys[index])
            if old is not None:
                found[index] = old
    left = [index for index in range(len(submissions)) if index not in found]
    job = Job(assignment, hidden(folder, submissions), unconfined)
    executor = executors.choose(1 if len(left) < 2 and scheduler is None else workers, scheduler)
    repeated = len(left)
    with Shown(progress, len(submissions), len(found)) as shown:
        for at, result in carried_out(job, executor, [submissions[index] for index in left]):
            index = left[at]
            results.save(folder, result, keys[index], now())
            found[index] = result
            shown.next(result.student)
    ordered = [found[index] for index in range(len(submissions))]
    name = type(executor).__name__.lower()
    written = record.record(assignment, ordered, started, now(), repeated, name)
    try:
        gradebook.note_intake(folder, submissions)
        results.write(folder / results.RECORD, written)
    except OSError as error:
        raise GradingError(f"{folder}: the record cannot be written: {error.strerror}") from None
    return ordered


def carried_out(job, executor, submissions):
    """Yield (index, Result) of each submission as it is done."""
    for at, result in executor.run(partial(examined, job), submissions):
        if isinstance(result, Stop):
            result = unfinished(job.assignment, submissions[at], result)
        yield at, result


def hidden(folder, submissions):
    """Folders that no answer may see: of the results, and of what was handed in."""
    found = {str(folder), *(str(Path(one.file).resolve().parent) for one in submissions)}
    return tuple(sorted(found))


def prepared(results_folder, submissions):
    folder = Path(results_folder).resolve()
    students = set()
    for submission in submissions:
        if submission.student in students:
            says = f"two submissions of {submission.student!r} were given: decide which counts"
            raise GradingError(says)
        students.add(submission.student)
    try:
        (folder / results.FOLDER).mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
    except OSError as error:
        raise GradingError(f"{folder} cannot be made: {error.strerror}") from None
    return folder


def now():
    return datetime.now().astimezone().isoformat(timespec="seconds")


def key(assignment, submission):
    """Tells whether a stored result is still the result of this."""
    assigned = asdict(assignment)
    assigned["secret"] = record.secret_digest(assignment.secret)
    for policy in POLICIES:  # they change no verdict, but for which attempt counts
        del assigned[policy]
    handed = asdict(submission)
    for one in (handed, *handed["earlier"]):
        del one["file"]  # where it lies does not matter
    whole = [FORMAT, SEEDS, assigned, handed, record.code_digest()]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


# --------------------------------------------------------------------------- one submission
def examined(job, submission):
    """The Result of the attempt that counts: of the only one, or of the best, late points off."""
    *earlier, last = [_examined_safely(job, one) for one in (*submission.earlier, submission)]
    if not earlier:
        return last
    best = max((last, *reversed(earlier)), key=partial(_worth, job.assignment))
    number = [*earlier, last].index(best) + 1
    note = f"Attempt {number} of {len(earlier) + 1} counts."
    return replace(best, notes=(*last.notes[:1], note, *best.notes[best is last :]))


def _worth(assignment, result):
    """Points that are certain, less what lateness takes."""
    off = assignment.late.off(result.days_late or 0) if assignment.late and result.late else 0
    return sum(mark.score or 0 for mark in result.marks) - off


def _examined_safely(job, submission):
    """`examine`, in which a fault of ours costs nobody a mark, and nobody else theirs."""
    with TURN:
        try:
            return examine(job, submission)
        except GradingError:
            raise
        except Exception as error:
            says, detail = "Grading it failed, and a person has to look.", _named(error)
            return unfinished(job.assignment, submission, Stop(Ending.CRASHED, says, detail))


@contextmanager
def others_turn():
    """Let other threads go on meanwhile."""
    TURN.release()
    try:
        yield
    finally:
        TURN.acquire()


def _named(error):
    return f"{type(error).__name__}: {error}"


def examine(job, submission: Submission):
    """The Result of one submission: run in a sandbox, judged here. The caller has its TURN."""
    assignment = job.assignment
    if submission.problem is not None:
        stop = Stop(Ending.MISSING, submission.problem)
        return unfinished(assignment, submission, stop)
    lab = load(assignment.lab)
    kit.folder()  # is made of syntax trees, too
    answered = {cell.exercise for cell in submission.cells}
    lines = {line.strip() for cell in submission.cells for line in cell.source.splitlines()}
    marks = []
    with Session(submission.cells, assignment.limits, job.hidden, job.unconfined) as session:
        for name, points in assignment.exercises.items():
            if name in submission.endings:
                marks.append(ended(name, points, submission.endings[name]))
                continue
            if name not in answered:
                stop = Stop(Ending.MISSING, "The notebook has no cell for it.")
                marks.append(ended(name, points, stop))
                continue
            exercise = lab.exercises[name]
            drawn = seeds(assignment, name, submission.group or submission.student)
            cases = [(seed, _cases(assignment.lab, name, seed)) for seed in drawn]
            made, at = _examined(session, exercise, assignment, cases, lines)
            if made.ending is not Ending.PASSED and name in submission.doubts:
                made = _doubted(made, submission.doubts[name])
            if made.ending is Ending.WRONG and made.misconception is None:
                wrong = _wrong(session, exercise, assignment, submission, *at)
                made = replace(made, wrong=wrong)
            marks.append(made)
    made = _result(submission, marks)
    noticed = notices(assignment.lab, submission.cells)
    told = (*made.notes_for_instructor, *noticed)
    return replace(made, notes_for_instructor=told)


def _examined(session, exercise, assignment, drawn, lines):
    """The Mark of one exercise: seed after seed, until one is not passed; and (that seed, its
    outcome).

    drawn: [(seed, cases)]

    With partial credit a wrong answer is tried at every seed.
    """
    seconds = memory = 0.0
    made, at, by_seed = None, None, []
    for seed, cases in drawn:
        outcome = _outcome(session, exercise, cases, assignment.limits)
        seconds += session.measured.seconds
        memory = max(memory, session.measured.memory_mb)
        one, right = _judged(exercise, assignment, cases, outcome, lines)
        by_seed.append(right)
        if made is None or made.ending is Ending.PASSED:
            made, at = one, (seed, outcome)
        goes_on = {Ending.PASSED, Ending.WRONG} if assignment.partial else {Ending.PASSED}
        if one.ending not in goes_on:
            break
    if made.ending is Ending.WRONG and assignment.partial:
        made = partly.credited(made, by_seed, len(drawn))
    return replace(made, seconds=round(seconds, 4), memory_mb=round(memory, 1)), at


def _wrong(session, exercise, assignment, submission, seed, outcome):
    """The Wrong that is kept of an answer, or None where it gave nothing that can be.

    Where each student has cases of their own, it is run on cases that all share.
    """
    if assignment.variants:
        seed = seeds(replace(assignment, variants=False), exercise.name, "")[0]
    cases = _cases(assignment.lab, exercise.name, seed)
    if assignment.variants:
        outcome = _outcome(session, exercise, cases, assignment.limits)
    if not isinstance(outcome, Outcome) or outcome.failure:
        return None
    cells = (cell.source for cell in submission.cells if cell.exercise == exercise.name)
    return outcomes.kept(seed, cases, outcome.values, "\n\n".join(cells))


def _outcome(session, exercise, cases, limits):
    """What the answer gave, or a Stop; whatever was handed back costs this exercise alone."""
    try:
        with others_turn():
            return session.run(exercise.name, cases, exercise.time_limit * limits.time_factor)
    except GradingError:
        raise
    except Exception as error:
        return Stop(Ending.CRASHED, "What it handed back is no result.", repr(error))


def _judged(exercise, assignment, cases, outcome, lines):
    """(the Mark at one seed, for each case whether it is right, where that is asked for)."""
    points = assignment.exercises[exercise.name]
    try:
        made = mark(exercise, points, cases, outcome, lines)
        return made, partly.right(exercise, cases, outcome) if assignment.partial else []
    except Exception as error:  # a fault of ours is no zero of theirs
        says = "Judging it failed, and a person has to look."
        return ended(exercise.name, points, Stop(Ending.CRASHED, says, _named(error))), []


def _doubted(made, why):
    """A mark that a person decides, with what was found."""
    says = (f"{why} With that one it does not pass; a person looks at it.",)
    return replace(
        made,
        ending=Ending.AMBIGUOUS,
        score=None,
        misconception=None,
        says=says,
        for_instructor=f"{says[0]}\n{made.for_instructor}",
    )


@lru_cache(maxsize=256)
def _cases(lab, exercise, seed):
    return load(lab).exercises[exercise].draw(seed)


def unfinished(assignment, submission, stop):
    """The Result of a submission on which there is no verdict at all."""
    marks = [ended(name, points, stop) for name, points in assignment.exercises.items()]
    return _result(submission, marks)


def _result(submission, marks):
    return Result(
        student=submission.student,
        digest=submission.digest,
        marks=tuple(marks),
        texts=dict(submission.texts),
        notes=tuple(submission.notes),
        notes_for_instructor=tuple(submission.notes_for_instructor),
        sandbox=sandbox.kind(),
        late=submission.late,
        days_late=submission.days_late,
        fingerprint=fingerprint(cell.source for cell in submission.cells if cell.exercise),
    )


# --------------------------------------------------------------------------- progress
class Shown:
    """Calls the caller's function, or moves a bar where somebody watches."""

    def __init__(self, function, total, done):
        self.function, self.total, self.done = function, total, done
        self.began = time.monotonic()
        self.bar = None

    def __enter__(self):
        if self.function is None:
            self.bar = Progress(self.total)
            self.bar.update(self.done, "grading")
        return self

    def next(self, student):
        self.done += 1
        if self.bar is not None:
            self.bar.update(self.done, "grading")
        else:
            self.function(self.done, self.total, student)

    def __exit__(self, *error):
        if self.bar is not None:
            seconds = time.monotonic() - self.began
            self.bar.finish(f"{self.done} of {self.total} graded in {seconds:.0f} s")
