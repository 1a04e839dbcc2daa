"""Grade one exercise again, after a fault in it was mended; every other mark stays as it is."""

import json
from dataclasses import dataclass, replace

from unrolled.grading.judge.grade import Job, Shown, carried_out, hidden, key, now, prepared
from unrolled.grading.model import GradingError, Mark
from unrolled.grading.run import executors, sandbox
from unrolled.grading.store import gradebook, record, results


@dataclass(frozen=True)
class Change:
    """A student whose mark is another one now; `by_hand`: points that a person gave, and that
    hold in either case."""

    student: str
    before: Mark | None
    after: Mark
    by_hand: float | None


def regrade(
    assignment,
    submissions,
    results_folder,
    exercise,
    workers=None,
    scheduler=None,
    progress=None,
    unconfined=False,
):
    """Grade one exercise of all submissions again; returns the Changes, by student.

    Parameters as of `grade`. Raises GradingError where a submission was not graded before: then
    nothing is changed.
    """
    if exercise not in assignment.exercises:
        there = ", ".join(assignment.exercises)
        raise GradingError(f"the assignment has no exercise {exercise!r}; there are {there}")
    submissions = list(submissions)
    if scheduler is None:
        sandbox.require_confined(unconfined)
    folder = prepared(results_folder, submissions)
    book = gradebook.read(folder, as_graded=True)
    before = {one.student: one for one in book.results}
    counting = [_counting(one, before.get(one.student)) for one in submissions]
    narrow = replace(assignment, exercises={exercise: assignment.exercises[exercise]})
    job = Job(narrow, hidden(folder, submissions), unconfined)
    executor = executors.choose(
        1 if len(counting) < 2 and scheduler is None else workers, scheduler
    )
    changes = []
    with Shown(progress, len(counting), 0) as shown:
        for at, result in carried_out(job, executor, counting):
            old = before[result.student]
            marks = {mark.exercise: mark for mark in (*old.marks, *result.marks)}
            ordered = tuple(marks[name] for name in assignment.exercises if name in marks)
            merged = replace(old, marks=ordered, sandbox=result.sandbox)
            results.save(folder, merged, key(assignment, submissions[at]), now())
            changes += _changed(book, old, marks[exercise])
            shown.next(result.student)
    _note(folder, assignment, exercise, len(changes))
    return sorted(changes, key=lambda one: one.student)


def _counting(submission, old):
    """The attempt that was graded before."""
    attempts = {one.digest: one for one in (*submission.earlier, submission)}
    if old is None or old.digest not in attempts:
        raise GradingError(
            f"{submission.student}: this file was not graded before; give `grade` instead, which "
            "grades all exercises of what is new"
        )
    return replace(attempts[old.digest], earlier=())


def _changed(book, old, after):
    before = next((mark for mark in old.marks if mark.exercise == after.exercise), None)
    if before is not None and _verdict(before) == _verdict(after):
        return []
    given = None if before is None else book.given(old, after.exercise)
    return [Change(old.student, before, after, given and given.points)]


def _verdict(mark):
    return mark.ending, mark.score, mark.misconception


def _note(folder, assignment, exercise, changed):
    """Keep in the record that it was done, when, with which code, and for how many points."""
    path = folder / results.RECORD
    told = json.loads(path.read_text(encoding="utf-8"))
    done = {
        "exercise": exercise,
        "finished": now(),
        "code": record.code_digest(),
        "changed": changed,
    }
    told["assignment"]["exercises"][exercise] = assignment.exercises[exercise]
    results.write(path, told | {"regraded": [*told.get("regraded", []), done]})
