"""Marking by hand: the texts of a question on one page, a table to fill in, and that read back."""

import hashlib
import secrets
from dataclasses import asdict
from pathlib import Path

from unrolled.common.files import write_atomically
from unrolled.grading.model import GradingError
from unrolled.grading.store import gradebook, results
from unrolled.grading.store.gradebook import EVERYTHING
from unrolled.grading.tell import bounds, tables, templating

COLUMNS = ["student", "question", "points", "comment", "of", "why"]
CODES = "codes.json"
TABLE = "marks.csv"


def collect(folder, out, anonymous=False, force=False):
    """Write a page for each question and marks.csv to `out`; returns the names of the files.

    The table has a line for each text, and one for each exercise that a person has to decide, in
    the lab's order, or one line for a file that is broken as a whole; what has been marked before
    is filled in.
    """
    book, out = gradebook.read(folder), Path(out)
    table = out / TABLE
    if table.exists() and not force:
        raise GradingError(
            f"{table} is there already; read it back first, then replace it by --force"
        )
    names = _codes(book) if anonymous else {one.student: one.student for one in book.results}
    rows = [COLUMNS]
    for result in _shuffled(book.results, EVERYTHING):
        if book.broken(result):
            rows.append(_row(book, names, result, EVERYTHING, sum(book.maxima.values())))
    for name, points in book.maxima.items():
        for result in _shuffled(book.results, name):
            if not book.broken(result) and _has_a_line(book, result, name):
                rows.append(_row(book, names, result, name, points))
    made = [TABLE]
    for question, points in book.assignment.questions.items():
        answers = [
            (
                names[result.student],
                bounds.clipped(result.texts.get(question) or "", bounds.LONGEST_TEXT),
                _about(result, question),
            )
            for result in _shuffled(book.results, question)
        ]
        text = templating.render(
            "marking.html.jinja", book=book, question=question, points=points, answers=answers
        )
        write_atomically(out / f"{question}.html", text)
        made.append(f"{question}.html")
    tables.write(table, rows)
    return made


def read(folder, table):
    """Take the marks of a filled-in table into the results; returns (marked, still open).

    Everything is checked before anything is kept; GradingError names the line.
    """
    book, table = gradebook.read(folder), Path(table)
    columns, rows = tables.read(table)
    for column in COLUMNS[:4]:
        if column not in columns:
            raise GradingError(f"{table}: no column `{column}`; the first line has to name it")
    known = {one.student: one.student for one in book.results}
    known |= {code: student for student, code in _codes(book, new=False).items()}
    known |= {tables.safe(one.student): one.student for one in book.results}
    digests = {one.student: one.digest for one in book.results}
    given, seen = {}, {}
    for line, row in rows:
        student, name, points = _checked(book, f"{table}, line {line}", known, row)
        for one in book.maxima if name == EVERYTHING else [name]:
            first = seen.setdefault((student, one), line)
            if first != line:
                raise GradingError(
                    f"{table}, line {line}: {one} of {student} stands in line {first} already"
                )
            if points is not None:
                comment = (row.get("comment") or "").strip()
                given[student, one] = gradebook.ByHand(points, comment, digests[student])
    taken_back = {key for key in seen.keys() - given.keys() if _holds(book, *key)}
    marks = {}
    for (student, name), one in sorted((book.by_hand | given).items()):
        if (student, name) not in taken_back:
            marks.setdefault(student, {})[name] = asdict(one)
    results.write(book.folder / gradebook.BY_HAND, marks)
    left = sum(len(gradebook.read(folder).open(result)) for result in book.results)
    return len(given), left


def _holds(book, student, name):
    """Whether points were given by hand for what is there now."""
    result = next(one for one in book.results if one.student == student)
    return book.given(result, name) is not None


def _checked(book, place, known, row):
    """(student, question or exercise, points or None) of a line, or a GradingError."""
    student, name = (row.get("student") or "").strip(), (row.get("question") or "").strip()
    if student not in known:
        raise GradingError(f"{place}: no student {student!r} was graded")
    if name not in book.maxima and name != EVERYTHING:
        raise GradingError(
            f"{place}: no question or exercise {name!r}; there are {', '.join(book.maxima)}"
        )
    written = (row.get("points") or "").strip()
    if not written:
        return known[student], name, None
    try:
        points = float(written.replace(",", "."))
    except ValueError:
        raise GradingError(f"{place}: the points are {written!r}; write a number") from None
    if name == EVERYTHING and points != 0:
        raise GradingError(
            f"{place}: {written} points for {EVERYTHING}; only 0 can stand here, other points need "
            "a line for each exercise"
        )
    most = 0 if name == EVERYTHING else book.maxima[name]
    if not 0 <= points <= most:
        raise GradingError(f"{place}: {written} points for {name}, which has from 0 to {most}")
    return known[student], name, points


def _has_a_line(book, result, name):
    """Whether a person decides: of every text, of what is open, and of what was decided before."""
    decided = (result.student, name) in book.by_hand
    return decided or name in book.assignment.questions or book.score(result, name) is None


def _row(book, names, result, name, points):
    given = book.by_hand.get((result.student, name))
    score = None if name == EVERYTHING else book.score(result, name)
    why = dict(book.open(result)).get(name, "")
    if name in book.assignment.questions and not book.reconsider(result, name):
        why = _about(result, name)
    comment = given.comment if given else ""
    return [
        *(names[result.student], name, tables.number(score), comment, points),
        bounds.clipped(why, bounds.LONGEST_CELL),
    ]


def _about(result, question):
    text = result.texts.get(question)
    if text is None:
        return "its cell is gone: look at the notebook"
    return "" if text else "left empty"


def _shuffled(found, question):
    """An order that is the same each time, another for each question, and nobody's rank."""
    return sorted(
        found, key=lambda one: hashlib.sha256(f"{question}\0{one.student}".encode()).digest()
    )


def _codes(book, new=True):
    """{student: a code that tells nothing}, kept with the results."""
    path = book.folder / CODES
    codes = gradebook.load_json(path) or {}
    left = [one.student for one in book.results if one.student not in codes]
    if left and new:
        taken = {*codes.values(), *(one.student for one in book.results)}
        for student in left:
            code = None
            while code is None or code in taken:
                code = f"S{secrets.randbelow(9000) + 1000}"
            taken.add(code)
            codes[student] = code
        results.write(path, codes)
    return codes
