"""What the assignment says of when and by whom: due dates and extensions, groups."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from unrolled.grading.intake.system import folded
from unrolled.grading.model import Ending, GradingError, Person

KINDS = ("number", "sid", "login", "address", "name", "plain")


def applied(submissions, assignment):
    """The Submissions with their lateness, one for each student of a group."""
    grouped = _grouped(submissions, assignment.groups)
    extensions = _meant(assignment.extensions, grouped, "extensions")
    told = _meant(assignment.handed_in, grouped, "handed_in")
    return [_timed(one, assignment.due, extensions, told) for one in grouped]


def unknown(submissions, assignment):
    """Sentences on names in the assignment file that are nobody's who handed in."""
    for key in ("extensions", "handed_in"):
        there = {name for one in submissions for name in names(one)}
        absent = [name for name in getattr(assignment, key) if folded(name) not in there]
        if absent:
            yield f"`{key}` names {', '.join(absent)}, from whom nothing was handed in"


def names(submission):
    """What a student can be called in the assignment file, folded."""
    person = submission.person
    told = [submission.student, *(getattr(person, kind) for kind in KINDS)]
    return {folded(name) for name in told if name}


def _meant(values, submissions, key):
    """{student: value} of {name: value}."""
    found = {}
    for name, value in values.items():
        students = [one.student for one in submissions if folded(name) in names(one)]
        if len(students) > 1:
            raise GradingError(
                f"`{key}`: {name} may be {' or '.join(students)}; write the whole of one of these"
            )
        found |= dict.fromkeys(students, value)
    return found


# ------------------------------------------------------------------------------------ time
def _timed(one, due, extensions, told):
    """With the lateness of the submission and of its earlier attempts."""
    due = extensions.get(one.student, due)
    handed_in = told.get(one.student, one.handed_in)
    earlier = tuple(_timed(attempt, due, {}, {}) for attempt in one.earlier)
    one = replace(one, handed_in=handed_in, earlier=earlier)
    if due is None or handed_in is None:
        return one
    late, days = lateness(handed_in, due)
    return replace(one, late=late, days_late=days)


def lateness(handed_in, due):
    """(whether it is late, the days that had begun); a time without a zone is in that of `due`."""
    due, when = datetime.fromisoformat(due), datetime.fromisoformat(handed_in)
    if when.tzinfo is None:
        when = when.replace(tzinfo=due.tzinfo)
    days = math.ceil((when - due) / timedelta(days=1))
    return when > due, max(0, days)


# ------------------------------------------------------------------------------------ groups
def _grouped(submissions, groups):
    """With one Submission for each student of a group, of what any of them handed in."""
    left = {one.student: one for one in submissions}
    made = []
    for group, students in groups.items():
        called = {folded(name) for name in (group, *students)}
        theirs = [one for one in left.values() if called & names(one)]
        for one in theirs:
            del left[one.student]
        if theirs:
            made += _members(group, students, theirs)
    taken = [one.student for one in made]
    for student in taken:
        if student in left or taken.count(student) > 1:
            raise GradingError(f"`groups`: {student} handed in alone, too, or is in two groups")
    return sorted([*left.values(), *made], key=lambda one: one.student)


def _members(group, students, theirs):
    several = len({one.digest for one in theirs}) > 1
    for student in students:
        own = [one for one in theirs if folded(student) in names(one)]
        one = (own or theirs)[0]
        if not own:
            by = f"Handed in by {one.student} for the group {group}."
            one = replace(
                one, student=student, person=Person(plain=student), notes=(*one.notes, by)
            )
        if several:
            one = _ambiguous(one, group, theirs)
        yield replace(one, group=group)


def _ambiguous(one, group, theirs):
    files = " and ".join(sorted(other.student for other in theirs))
    says = f"Of the group {group} there are different notebooks, of {files}; a person has to say."
    exercises = {cell.exercise for cell in one.cells if cell.exercise} | one.endings.keys()
    return replace(one, cells=(), endings=dict.fromkeys(exercises, (Ending.AMBIGUOUS, says)))
