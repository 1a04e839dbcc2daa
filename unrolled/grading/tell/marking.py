"""Marking by hand: the texts of a question on one page, a table to fill in, and that read back."""

import hashlib
import secrets
from dataclasses import asdict
from pathlib import Path

from unrolled.common.files import write_atomically
from unrolled.grading.model import GradingError
from unrolled.grading.store import gradebook, results
from unrolled.grading.tell import tables, templating

COLUMNS = ["student", "question", "points", "comment", "of", "why"]
CODES = "codes.json"
TABLE = "marks.csv"


def collect(folder, out, anonymous=False, force=False):
    """Write a page for each question and marks.csv to `out`; returns the names of the files.

    The table has a line for each text, and one for each exercise that a person has to decide;
    what has been marked before is filled in.
    """
    book, out = gradebook.read(folder), Path(out)
    table = out / TABLE
    if table.exists() and not force:
        raise GradingError(
            f"{table} is there already; read it back first, or replace it by --force"
        )
    names = _codes(book) if anonymous else {one.student: one.student for one in book.results}
    rows = [COLUMNS]
    for question, points in book.assignment.questions.items():
        for result in _shuffled(book.results, question):
            rows.append(_row(book, names, result, question, points, _about(result, question)))
    for result in book.results:
        for mark in result.marks:
            if book.score(result, mark.exercise) is None or (
                (result.student, mark.exercise) in book.by_hand
            ):
                why = f"{mark.ending}: {' '.join(mark.says)}"
                rows.append(_row(book, names, result, mark.exercise, mark.points, why))
    made = [TABLE]
    for question, points in book.assignment.questions.items():
        answers = [
            (names[result.student], result.texts.get(question), _about(result, question))
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
    known = {tables.safe(one.student): one.student for one in book.results}
    known |= {code: student for student, code in _codes(book, new=False).items()}
    known |= {one.student: one.student for one in book.results}
    given, seen = {}, {}
    for line, row in rows:
        student, name, points = _checked(book, f"{table}, line {line}", known, row)
        first = seen.setdefault((student, name), line)
        if first != line:
            raise GradingError(
                f"{table}, line {line}: {name} of {student} stands in line {first} already"
            )
        if points is not None:
            comment = (row.get("comment") or "").strip()
            given[student, name] = gradebook.ByHand(points, comment)
    marks = {}
    for (student, name), one in sorted((book.by_hand | given).items()):
        if (student, name) in seen and (student, name) not in given:
            continue  # its points were taken back
        marks.setdefault(student, {})[name] = asdict(one)
    results.write(book.folder / gradebook.BY_HAND, marks)
    left = sum(len(gradebook.read(folder).open(result)) for result in book.results)
    return len(given), left


def _checked(book, place, known, row):
    student, name = (row.get("student") or "").strip(), (row.get("question") or "").strip()
    if student not in known:
        raise GradingError(f"{place}: no student {student!r} was graded")
    if name not in book.maxima:
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
    if not 0 <= points <= book.maxima[name]:
        raise GradingError(
            f"{place}: {written} points for {name}, which has from 0 to {book.maxima[name]}"
        )
    return known[student], name, points


def _row(book, names, result, name, points, why):
    given = book.by_hand.get((result.student, name))
    score = given.points if given else (0 if result.texts.get(name) == "" else None)
    comment = given.comment if given else ""
    return [names[result.student], name, tables.number(score), comment, points, why]


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
