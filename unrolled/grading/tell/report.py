"""Reports: tables for spreadsheet, Canvas and Moodle, feedback for each student, the class page."""

import re
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

from unrolled.common.files import write_atomically
from unrolled.grading.assign.handout import due_in_words
from unrolled.grading.assign.lab_notebook import EXERCISE, lab_notebook, role
from unrolled.grading.intake.collect import LOOKS_ALIKE
from unrolled.grading.model import Ending, GradingError
from unrolled.grading.store import gradebook, results
from unrolled.grading.store.fingerprint import fingerprint
from unrolled.grading.tell import similarity, tables, templating

NUMBERED = re.compile(r"(?P<name>.*)_(?P<id>\d+)", re.DOTALL)  # as Moodle and Canvas name files
OWN = {"grades.csv", "canvas.csv", "moodle.csv", "class.html", "feedback"}
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MOODLE = [
    *("Identifier", "Full name", "Username", "Grade", "Maximum Grade"),
    *("Last modified (grade)", "Feedback comments"),
]


def write(folder, out, as_zero=(), roster=None, exercises_only=False, address=None):
    """Write all reports to `out`; returns sentences on what the instructor should know.

    as_zero: endings (missing, crashed, ambiguous) whose blank becomes a zero in the tables
    roster: a CSV of Canvas's gradebook or Moodle's grading worksheet, to be filled in
    exercises_only: leave the questions answered in words out of the tables' totals
    address: of the site of the book, for links to its sections
    """
    book, out = gradebook.read(folder), Path(out)
    if out.exists() and {path.name for path in out.iterdir()} - OWN:
        raise GradingError(f"{out} holds files of another kind; name another folder")
    as_zero = frozenset(map(Ending, as_zero))
    address = address.rstrip("/") if address else None
    names = list(book.assignment.exercises) if exercises_only else list(book.maxima)
    totals = {one.student: book.total(one, as_zero, names) for one in book.results}
    most = sum(book.maxima[name] for name in names)

    feedback = {one.student: _feedback_path(one.student) for one in book.results}
    for one in book.results:
        write_atomically(out / feedback[one.student], feedback_page(book, one, address))
    tables.write(out / "grades.csv", grades(book, as_zero, names, totals))
    says = []
    for file, rows in {
        "canvas.csv": canvas(book, totals, most, roster, says),
        "moodle.csv": moodle(book, totals, most, roster, says),
    }.items():
        if rows is None:
            (out / file).unlink(missing_ok=True)
        else:
            tables.write(out / file, rows)
    write_atomically(out / "class.html", class_page(book, feedback, address))
    blank = sum(total is None for total in totals.values())
    if blank:
        says.insert(0, f"{blank} of {len(totals)} totals are blank: class.html says what is open")
    return says


def _feedback_path(student):
    return f"feedback/{results.path('.', student).stem}.html"


# ------------------------------------------------------------------------------------ tables
def grades(book, as_zero, names, totals):
    """The generic table: a line for each student, a column for each exercise and question."""
    head = ["student", *names, "total", "of", "open", "late", "notes"]
    rows = [head]
    for one in book.results:
        scores = [tables.number(book.score(one, name, as_zero)) for name in names]
        waiting = [name for name, _ in book.open(one) if name in names]
        late = {True: "late", False: "in time", None: ""}[one.late]
        most = sum(book.maxima[name] for name in names)
        rows.append(
            [
                *(one.student, *scores, tables.number(totals[one.student]), most),
                *("; ".join(waiting), late, " ".join(one.notes)),
            ]
        )
    return rows


def canvas(book, totals, most, roster, says):
    """Canvas's gradebook: its export filled in, or its columns from the names of the files."""
    title = book.assignment.name
    if roster is None:
        rows = [[*CANVAS, title], ["    Points Possible", "", "", "", "", most]]
        for one in book.results:
            name, number = _name_and_number(one.student)
            login = "" if number else one.student
            rows.append([name, number, "", login, "", tables.number(totals[one.student])])
        return rows
    columns, lines = tables.read(Path(roster))
    if not {"Student", "ID"} <= {*columns}:
        return None
    column = next((c for c in columns if re.sub(r" \(\d+\)$", "", c) == title), title)
    columns = [*columns, *([column] if column not in columns else [])]
    match = _Matcher(totals, ("ID", "SIS Login ID", "SIS User ID", "Student"))
    rows = [columns]
    for _, line in lines:
        if line["Student"].strip() == "Points Possible":
            line = line | ({} if line.get(column) else {column: str(most)})
        else:
            student = match(line)
            if student is not None and totals[student] is not None:
                line = line | {column: tables.number(totals[student])}
        rows.append([line.get(name, "") for name in columns])
    match.tell(says, roster)
    return rows


def moodle(book, totals, most, roster, says):
    """Moodle's grading worksheet: its download filled in, or its columns as far as is known."""
    comments = {one.student: comment(book, one) for one in book.results}
    if roster is None:
        rows = [MOODLE]
        for one in book.results:
            name, number = _name_and_number(one.student)
            identifier = f"Participant {number}" if number else ""
            known = [identifier, name if number else "", "" if number else one.student]
            total = tables.number(totals[one.student])
            rows.append([*known, total, most, "", comments[one.student]])
        return rows
    columns, lines = tables.read(Path(roster))
    if not {"Identifier", "Grade"} <= {*columns}:
        return None
    match = _Matcher(totals, ("Identifier", "ID number", "Username", "Email address", "Full name"))
    rows = [columns]
    for _, line in lines:
        student = match(line)
        if student is not None and totals[student] is not None:
            line = line | {"Grade": tables.number(totals[student])}
            if "Feedback comments" in columns:
                line["Feedback comments"] = comments[student]
        rows.append([line.get(name, "") for name in columns])
    match.tell(says, roster)
    return rows


def comment(book, one):
    """One line for each exercise, as a comment beside a grade."""
    said = []
    for name, points in book.maxima.items():
        score = book.score(one, name)
        mark = next((mark for mark in one.marks if mark.exercise == name), None)
        what = f" ({mark.misconception or mark.ending})" if mark else ""
        reached = "open" if score is None else tables.number(score)
        said.append(f"{name}: {reached} of {points}{what}")
    return "; ".join(said)


class _Matcher:
    """Finds the student of a line of a roster, by number, login, address or name."""

    def __init__(self, students, columns):
        self.columns, self.left, self.strangers = columns, set(students), 0
        self.known = {}
        for student in students:
            name, number = _name_and_number(student)
            for key in {student, number, name if number else student} - {""}:
                self.known.setdefault(_folded(key), []).append(student)

    def __call__(self, line):
        for column in self.columns:
            value = (line.get(column) or "").removeprefix("'").strip()
            value = re.sub(r"^Participant (?=\d+$)", "", value)
            keys = [value, value.partition("@")[0], *_turned(value)]
            for key in keys:
                found = self.known.get(_folded(key), []) if key else []
                if len(found) == 1:
                    self.left -= {*found}
                    return found[0]
        self.strangers += 1
        return None

    def tell(self, says, roster):
        if self.left:
            says.append(f"{roster} has no line for {', '.join(sorted(self.left))}")
        if self.strangers:
            says.append(
                f"{self.strangers} in {roster} handed in nothing; their grade is left alone"
            )


def _turned(name):
    """ "Doe, Jane" as "Jane Doe", and as Canvas writes it in names of files, "doejane"."""
    last, comma, first = name.partition(",")
    if comma:
        yield f"{first.strip()} {last.strip()}"
        yield re.sub(r"\W", "", f"{last}{first}")


def _folded(text):
    return unicodedata.normalize("NFC", text).casefold().strip()


def _name_and_number(student):
    """("Jane Doe", "12345") of a student in a download of Moodle or Canvas."""
    match = NUMBERED.fullmatch(student)
    return (match["name"], match["id"]) if match else (student, "")


# ------------------------------------------------------------------------------------ pages
def _title(book):
    return f"Lab {book.lab.number}, {book.lab.title}"


def _section(book, mark):
    """The chapter's section to read again after a mark, None after one that passed."""
    if mark.ending is not Ending.WRONG:
        return None
    exercise = book.lab.exercises[mark.exercise]
    known = {known.name: known.section for known in exercise.misconceptions}
    return known.get(mark.misconception) or exercise.section


def feedback_page(book, one, address=None):
    """What a student is told: no graded case, no seed, no solution."""
    scores = {name: book.score(one, name) for name in book.maxima}
    return templating.render(
        "feedback.html.jinja",
        title=_title(book),
        result=replace(one, notes=_for_student(one.notes)),
        total=book.total(one),
        known=sum(score for score in scores.values() if score is not None),
        points=sum(book.maxima.values()),
        exercises=[
            (
                mark,
                scores[mark.exercise],
                book.by_hand.get((one.student, mark.exercise)),
                _section(book, mark),
            )
            for mark in one.marks
        ],
        questions=[
            (
                name,
                points,
                scores[name],
                one.texts.get(name),
                getattr(book.by_hand.get((one.student, name)), "comment", ""),
            )
            for name, points in book.assignment.questions.items()
        ],
        chapter=book.lab.chapter,
        address=address,
    )


def _for_student(notes):
    """Notes without those that name another student."""
    return tuple(note for note in notes if not note.startswith(LOOKS_ALIKE))


def class_page(book, feedback, address=None):
    """The page for the instructor."""
    totals = {one.student: book.total(one) for one in book.results}
    complete = [total for total in totals.values() if total is not None]
    return templating.render(
        "class.html.jinja",
        title=_title(book),
        book=book,
        points=sum(book.maxima.values()),
        mean=sum(complete) / len(complete) if complete else None,
        complete=len(complete),
        due=due_in_words(book.assignment.due),
        limited=sum(one.sandbox != "bubblewrap" for one in book.results),
        open=_open(book),
        mistakes=mistakes(book),
        exercises=[_exercise(book, name) for name in book.assignment.exercises],
        students=[
            (
                one,
                [
                    (
                        book.score(one, name),
                        next((m.ending for m in one.marks if m.exercise == name), None),
                    )
                    for name in book.maxima
                ],
                totals[one.student],
                feedback[one.student],
            )
            for one in book.results
        ],
        alike=similarity.pairs(book.results, _handed_out(book)),
        noted=[(one.student, one.notes) for one in book.results if one.notes],
        chapter=book.lab.chapter,
        address=address,
    )


def mistakes(book):
    """[(students, misconception, exercise, section)], the most common first."""
    counts = Counter(
        (mark.misconception, mark.exercise, _section(book, mark))
        for one in book.results
        for mark in one.marks
        if mark.misconception
    )
    found = [(count, *what) for what, count in counts.items()]
    return sorted(found, key=lambda one: (-one[0], one[2], one[1]))


def _open(book):
    """[(student, [([names], why)], file)]: what is open for the same reason stands together."""
    found = []
    for one in book.results:
        reasons = {}
        for name, why in book.open(one):
            if why != gradebook.TO_BE_MARKED:
                reasons.setdefault(why, []).append(name)
        if reasons:
            items = [(names, why) for why, names in reasons.items()]
            found.append((one.student, items, book.files.get(one.student, "")))
    return found


def _exercise(book, name):
    """(name, how many ended in which tone, bars of a chart, seconds of the longest run)."""
    marks = [mark for one in book.results for mark in one.marks if mark.exercise == name]
    counts = dict.fromkeys(("good", "bad", "dull", "open"), 0)
    for mark in marks:
        counts[templating.SIGNS[mark.ending][1]] += 1
    bars, x = [], 0.0
    for tone, count in counts.items():
        width = round(180 * count / max(1, len(marks)), 2)
        if width:
            bars.append((tone, round(x, 2), width))
        x += width
    return name, counts, bars, max((mark.seconds for mark in marks), default=0.0)


def _handed_out(book):
    """Fingerprints of the code that everybody was given."""
    nb = lab_notebook(book.assignment.lab)
    return fingerprint(cell.source for cell in nb.cells if role(cell)[0] == EXERCISE)
