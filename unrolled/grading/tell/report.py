"""Reports: tables for spreadsheet, Canvas and Moodle, feedback for each student, the class page."""

import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from unrolled.common.files import write_atomically, write_bytes_atomically
from unrolled.grading.assign.handout import due_in_words
from unrolled.grading.assign.lab_notebook import lab_notebook
from unrolled.grading.assign.roles import EXERCISE, role
from unrolled.grading.intake.system import Returned, all_systems
from unrolled.grading.model import Ending, GradingError
from unrolled.grading.store import gradebook, groups, results
from unrolled.grading.store.fingerprint import fingerprint
from unrolled.grading.tell import bounds, rosters, similarity, tables, templating

IMPORTS = {one.target for one in all_systems() if one.target} | {"roster.csv"}
ARCHIVES = {one.archive for one in all_systems() if one.archive}
OWN = IMPORTS | ARCHIVES | {"grades.csv", "class.html", "feedback"}
SIDE_BY_SIDE, MOST_STUDENTS = 3, 10  # codes of one group, and names of its students
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MOODLE = [
    *("Identifier", "Full name", "Username", "Grade", "Maximum Grade"),
    *("Last modified (grade)", "Feedback comments"),
]


@dataclass(frozen=True)
class Options:
    """What an instructor may choose for the tables.

    as_zero:        endings (missing, crashed, ambiguous) whose blank becomes a zero
    exercises_only: leave the questions answered in words out of the totals
    roster:         a table of a learning system, to be filled in
    overwrite:      also where a mark stands in it already
    column:         of the table that takes the marks, where it is not found by its title
    named_by:       what the files of a folder are named by, one of `rosters.NAMED`
    """

    as_zero: tuple = ()
    exercises_only: bool = False
    roster: Path | None = None
    overwrite: bool = False
    column: str | None = None
    named_by: str | None = None


def write(folder, out, options=Options(), address=None):
    """Write all reports to `out`; returns sentences on what the instructor should know.

    address: of the site of the book, for links to its sections
    """
    as_zero = frozenset(map(Ending, options.as_zero))
    book, out = replace(gradebook.read(folder), as_zero=as_zero), Path(out)
    if out.exists() and {path.name for path in out.iterdir()} - OWN:
        raise GradingError(f"{out} holds files of another kind; name another folder")
    address = address.rstrip("/") if address else None
    names = list(book.assignment.exercises) if options.exercises_only else list(book.maxima)
    totals = {one.student: book.total(one, names) for one in book.results}
    most = sum(book.maxima[name] for name in names)
    made, says = _for_import(book, totals, most, options)

    feedback = {one.student: _feedback_path(one.student) for one in book.results}
    pages = {one.student: feedback_page(book, one, address) for one in book.results}
    for student, page in pages.items():
        write_atomically(out / feedback[student], page)
    for old in set((out / "feedback").glob("*.html")) - {out / path for path in feedback.values()}:
        old.unlink()  # of a student who has another name now
    _give_back(book, out, pages, totals)
    tables.write(out / "grades.csv", grades(book, names, totals))
    for name in IMPORTS - made.keys():
        (out / name).unlink(missing_ok=True)
    for name, table in made.items():
        if isinstance(table, tables.Table):
            table.write(out / name)
        else:
            tables.write(out / name, table)
    write_atomically(out / "class.html", class_page(book, feedback, address))
    says += _on_lateness(book)
    blank = sum(total is None for total in totals.values())
    if blank:
        are = "is" if blank == 1 else "are"
        what = f"{blank} of {len(totals)} totals {are} blank"
        says.insert(0, f"{what}: class.html says what is open")
    return says


def _on_lateness(book):
    """Sentences on what the policy did, and on whom it could not be applied to."""
    if book.assignment.late is None:
        return
    fined = [one for one in book.results if book.off(one)]
    if fined:
        who = f"{len(fined)} student{'s' * (len(fined) != 1)}"
        yield f"{who} lost points by being late; the column `late` of grades.csv says so"
    untold = [one.student for one in book.results if one.late is None]
    if untold:
        yield f"when it was handed in is not known, and nothing was taken off: {_some(untold)}"


def _some(names):
    return ", ".join(bounds.few(names))


def _for_import(book, totals, most, options):
    """({name of a file: table}, sentences): one table filled in, or two from what is known."""
    comments = {one.student: comment(book, one) for one in book.results}
    if options.roster is None:
        made = {
            "canvas.csv": canvas(book, totals, most),
            "moodle.csv": moodle(book, totals, most, comments),
        }
        return made, []
    filled = rosters.fill(
        Path(options.roster),
        book,
        totals,
        most,
        comments,
        options.overwrite,
        options.column,
        options.named_by,
    )
    return {filled.target: filled.table, "roster.csv": filled.account}, filled.says


def _give_back(book, out, pages, totals):
    """Write what each learning system takes back of the students whose files it named."""
    for system in all_systems():
        if not system.archive:
            continue
        returned = [
            Returned(person, pages[one.student], _parts(book, one), totals[one.student])
            for one in book.results
            if (person := book.persons[one.student]).system == system.name
        ]
        if any(one.person.returns for one in returned):
            write_bytes_atomically(out / system.archive, system.give_back(returned))
        else:
            (out / system.archive).unlink(missing_ok=True)


def _parts(book, one):
    """((exercise or question, points or None, points to be had, sentences), …)."""
    says = {mark.exercise: mark.says for mark in one.marks}
    return tuple(
        (name, book.score(one, name), points, bounds.few(says.get(name, ())))
        for name, points in book.maxima.items()
    )


def _feedback_path(student):
    return f"feedback/{results.path('.', student).stem}.html"


# ------------------------------------------------------------------------------------ tables
def grades(book, names, totals):
    """The generic table: a line for each student, a column for each exercise and question."""
    head = ["student", *names, "total", "of", "open", "late", "notes"]
    rows = [head]
    for one in book.results:
        scores = [tables.number(book.score(one, name)) for name in names]
        shown = {*names, gradebook.EVERYTHING, gradebook.LATENESS}
        waiting = [name for name, _ in book.open(one) if name in shown]
        late = {True: lateness(book, one), False: "in time", None: ""}[one.late]
        most = sum(book.maxima[name] for name in names)
        rows.append(
            [
                *(one.student, *scores, tables.number(totals[one.student]), most),
                *("; ".join(waiting), late, " ".join(bounds.few(_notes(one)))),
            ]
        )
    return rows


def canvas(book, totals, most):
    """Columns of Canvas's gradebook, as far as the names of the files tell them."""
    rows = [[*CANVAS, book.assignment.name], ["    Points Possible", "", "", "", "", most]]
    for one in book.results:
        person = book.persons[one.student]
        login = person.login or person.plain
        known = [person.name or one.student, person.number, person.sid, login, ""]
        rows.append([*known, tables.number(totals[one.student])])
    return rows


def moodle(book, totals, most, comments):
    """Columns of Moodle's grading worksheet, as far as the names of the files tell them."""
    rows = [MOODLE]
    for one in book.results:
        person = book.persons[one.student]
        identifier = f"Participant {person.number}" if person.number else ""
        known = [identifier, person.name, person.login or person.plain]
        rows.append([*known, tables.number(totals[one.student]), most, "", comments[one.student]])
    return rows


def lateness(book, one):
    """How late, and what it costs; "" for a submission that is not late."""
    if not one.late:
        return ""
    days = one.days_late
    said = "late" if days is None else f"late, {days} day{'s' * (days != 1)} begun"
    off = book.off(one)
    return f"{said}: {tables.number(off)} point{'s' * (off != 1)} off" if off else said


def comment(book, one):
    """One line for each exercise, as a comment beside a grade."""
    said = [lateness(book, one)] if book.assignment.late and one.late else []
    for name, points in book.maxima.items():
        score = book.score(one, name)
        mark = next((mark for mark in one.marks if mark.exercise == name), None)
        what = f" ({mark.misconception or mark.ending})" if mark else ""
        reached = "open" if score is None else tables.number(score)
        said.append(f"{name}: {reached} of {points}{what}")
    return "; ".join(said)


# ------------------------------------------------------------------------------------ pages
def _title(book):
    return f"Lab {book.lab.number}, {book.lab.title}"


def _section(book, mark):
    """The chapter's section to read again after a mark, None after one that passed."""
    if mark.ending is not Ending.WRONG:
        return None
    exercise = book.lab.exercises[mark.exercise]
    known = {known.name: known.section for known in exercise.misconceptions}
    known |= {one.name: one.section for one in book.named if one.exercise == mark.exercise}
    return known.get(mark.misconception) or exercise.section


def feedback_page(book, one, address=None):
    """What a student is told: no graded case, no seed, no solution."""
    scores = {name: book.score(one, name) for name in book.maxima}
    return templating.render(
        "feedback.html.jinja",
        title=_title(book),
        result=replace(one, notes=bounds.few(one.notes)),
        broken=book.broken(one),
        lateness=lateness(book, one),
        policy=book.assignment.late,
        total=book.total(one),
        off=book.off(one),
        ran=any(mark.ending is not Ending.NOT_ATTEMPTED for mark in one.marks),
        known=sum(score for score in scores.values() if score is not None),
        points=sum(book.maxima.values()),
        exercises=[
            (
                replace(mark, says=bounds.few(mark.says, longest=bounds.LONGEST_CELL)),
                scores[mark.exercise],
                book.given(one, mark.exercise),
                _section(book, mark),
            )
            for mark in one.marks
        ],
        questions=[
            (
                name,
                points,
                scores[name],
                one.texts.get(name) and bounds.clipped(one.texts[name], bounds.LONGEST_TEXT),
                getattr(book.given(one, name), "comment", ""),
            )
            for name, points in book.assignment.questions.items()
        ],
        chapter=book.lab.chapter,
        address=address,
    )


def _notes(result):
    """All notes on a result; some are for the instructor alone."""
    return (*result.notes, *result.notes_for_instructor)


def class_page(book, feedback, address=None):
    """The page for the instructor."""
    totals = {one.student: book.total(one) for one in book.results}
    complete = [total for total in totals.values() if total is not None]
    return templating.render(
        "class.html.jinja",
        title=_title(book),
        book=book,
        folder=shlex.quote(str(book.folder)),
        points=sum(book.maxima.values()),
        mean=sum(complete) / len(complete) if complete else None,
        complete=len(complete),
        due=due_in_words(book.assignment.due),
        limited=sum(one.sandbox != "bubblewrap" for one in book.results),
        open=_open(book),
        unmarked=sum(
            why == gradebook.TO_BE_MARKED for one in book.results for _, why in book.open(one)
        ),
        mistakes=mistakes(book),
        named={(one.exercise, one.name): one.says for one in book.named},
        unnamed=unnamed(book),
        exercises=[_exercise(book, name) for name in book.assignment.exercises],
        students=[
            (
                one,
                [(book.score(one, name), _sign(book, one, name)) for name in book.maxima],
                totals[one.student],
                feedback[one.student],
                lateness(book, one),
            )
            for one in book.results
        ],
        alike=similarity.pairs(book.results, _handed_out(book), book.groups),
        noted=[(one.student, bounds.few(notes)) for one in book.results if (notes := _notes(one))],
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


def unnamed(book):
    """(groups of wrong answers without a name, how many more there are), the largest first.

    A group is (its Group, students, what the verdict says, [(students, code)]): codes that differ
    stand side by side.
    """
    found = groups.groups(book.assignment.lab, book.results)
    shown = [
        (
            one,
            bounds.few(tuple(one.codes), MOST_STUDENTS),
            bounds.clipped(one.mark.for_instructor, bounds.LONGEST_CELL),
            _codes(one),
        )
        for one in found[: bounds.MOST]
    ]
    return shown, len(found) - len(shown)


def _codes(group):
    """[(who wrote it, code)] of up to three that differ in more than layout, the shortest first."""
    authors = {}
    for student, code in group.codes.items():
        authors.setdefault("".join(code.split()), (code, []))[1].append(student)
    chosen = sorted(authors.values(), key=lambda one: len(one[0]))[:SIDE_BY_SIDE]
    return [
        (", ".join(bounds.few(names, SIDE_BY_SIDE)), bounds.clipped(code, bounds.LONGEST_CELL))
        for code, names in chosen
    ]


def _open(book):
    """[(student, [([names], why)], file)]: what is open for the same reason stands together."""
    found = []
    for one in book.results:
        reasons = {}
        for name, why in book.open(one):
            if why != gradebook.TO_BE_MARKED:
                reasons.setdefault(bounds.clipped(why), []).append(name)
        if reasons:
            items = [(names, why) for why, names in reasons.items()]
            file = bounds.clipped(book.files.get(one.student, ""))
            found.append((one.student, items, file))
    return found


def _sign(book, one, name):
    """(sign, tone, what it says) of an exercise of a student; None for a question."""
    mark = next((mark for mark in one.marks if mark.exercise == name), None)
    if mark is None:
        return None
    given = book.given(one, name)
    if given is not None:  # a person has decided
        return ("✎", "good" if given.points == mark.points else "bad", "set by hand")
    if book.score(one, name) is None:
        return ("?", "open", str(mark.ending))
    return (*templating.SIGNS[mark.ending], str(mark.ending))


def _exercise(book, name):
    """(name, how many ended in which tone, bars of a chart, seconds of the longest run)."""
    marks = [mark for one in book.results for mark in one.marks if mark.exercise == name]
    counts = dict.fromkeys(("good", "bad", "dull", "open"), 0)
    for one in book.results:
        counts[_sign(book, one, name)[1]] += 1
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
