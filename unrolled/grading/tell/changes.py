"""What grading one exercise again changed, for whom."""

from pathlib import Path

from unrolled.grading.tell import tables

COLUMNS = ["student", "before", "points before", "after", "points after", "set by hand"]


def write(folder, exercise, changes):
    """Write the table of Changes beside the results; returns its path."""
    path = Path(folder) / f"regraded-{exercise}.csv"
    tables.write(path, [COLUMNS, *(_row(one) for one in changes)])
    return path


def lines(changes):
    """A line for each Change, to be read on a screen."""
    for one in changes:
        student, before, had, after, has, by_hand = _row(one)
        held = f" (set by hand: {by_hand})" if by_hand else ""
        yield f"{student}: {before}, {had or 'open'} -> {after}, {has or 'open'}{held}"


def _row(one):
    return [
        one.student,
        *_told(one.before),
        *_told(one.after),
        tables.number(one.by_hand),
    ]


def _told(mark):
    """(how it ended, the mistake if it has a name; points or "")."""
    if mark is None:
        return "not graded", ""
    known = f" ({mark.misconception})" if mark.misconception else ""
    return f"{mark.ending}{known}", tables.number(mark.score)
