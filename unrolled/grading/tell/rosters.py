"""Marks into a table of a learning system: into each student's own line, or into none.

Like is compared with like: a number with the column of numbers, an address with the addresses, a
name only where the download and the table have nothing better in common. One submission fills one
line, one line takes one submission. Whatever is not certain is left blank and told by name.
"""

import re
from dataclasses import dataclass, field

from unrolled.grading.intake.system import KINDS, Wanted, agree, all_systems, folded, same_name
from unrolled.grading.model import GradingError
from unrolled.grading.tell import tables

NAMED = ("number", "login", "address", "name")  # what the files of a folder may be named by
WORDS = {"number": "number", "sid": "ID number", "login": "login", "address": "address"}
SHOWN = 10  # names in a sentence
NONE_FITS = "no line fits"
HOW = {NONE_FITS: ": name the file by the full name, address or login that the table shows"}


@dataclass
class Matched:
    """Which line is whose.

    students: {row: student}
    doubts:   {student: why a person has to look}
    lines:    {row: why a person has to look}; lines in doubt take no mark either
    by_name:  students who were found by their name alone
    """

    students: dict = field(default_factory=dict)
    doubts: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)
    by_name: list = field(default_factory=list)


def match(persons, lines, named_by=None):
    """The Matched of {student: Person} of a download and {row: Person} of one table.

    named_by: what the files of a folder are named by, one of NAMED; None compares with whichever
    the table has
    """
    kinds = {kind for kind in KINDS if any(getattr(one, kind) for one in lines.values())}
    matched, certain, named = Matched(), {}, {}
    for student, person in persons.items():
        wanted, name = _compared(person, lines, kinds, named_by)
        rows = _candidates(wanted, name, lines)
        why = _several_or_none(rows, lines) or _contrary(person, wanted, lines[rows[0]])
        for row in rows:
            claims = certain if wanted else named
            claims.setdefault(row, []).append((student, why))
        if why:
            matched.doubts[student] = why
    for row, claims in certain.items():
        _decide(matched, row, lines[row], claims)
    for row, claims in named.items():
        taken = matched.students.get(row)
        if taken is None:
            claims = certain.get(row, []) + claims
            _decide(matched, row, lines[row], claims)
            matched.by_name += [matched.students[row]] if row in matched.students else []
        else:  # something better than a name says whose it is
            for student, _ in claims:
                matched.doubts[student] = f"the line of {_shown(lines[row])} is that of {taken}"
    return matched


def _decide(matched, row, line, claims):
    """Give the line to the only one who claims it, if that is without doubt; else to nobody."""
    students = [student for student, _ in claims]
    if len(claims) == 1 and claims[0][1] is None:
        matched.students[row] = students[0]
        return
    matched.lines[row] = f"may be that of {_some(students)}"
    for student in students:
        matched.doubts.setdefault(student, f"{_some(students)} fit the line of {_shown(line)}")


def _compared(person, lines, kinds, named_by):
    """([(kind, value)] to be compared, the name to be compared where that is empty)."""
    if person.plain:
        return _of_a_file(person.plain, kinds, named_by)
    system = next((one.system for one in lines.values()), "")
    wanted = [
        (kind, getattr(person, kind))
        for kind in KINDS
        if kind in kinds and getattr(person, kind) and (kind != "number" or person.system == system)
    ]
    return wanted, person.name


def _of_a_file(plain, kinds, named_by):
    """What a name that an instructor gave to a file may be."""
    if named_by == "name" or (named_by is None and " " in plain):
        return [], plain
    if named_by is not None:
        kind = "sid" if named_by == "number" else named_by
        return ([(kind, plain)], "") if kind in kinds else ([], "")
    if "@" in plain:
        return [("address", plain)], ""
    wanted = [(kind, plain) for kind in ("sid", "login") if kind in kinds]
    return (wanted, "") if wanted else ([], "" if plain.isdigit() else plain)


def _candidates(wanted, name, lines):
    if wanted:
        return [
            row
            for row, line in lines.items()
            if any(folded(getattr(line, kind)) == folded(value) for kind, value in wanted)
        ]
    return [row for row, line in lines.items() if name and same_name(name, line.name)]


def _contrary(person, wanted, line):
    """Why the line that fits in one thing cannot be the student's, or None."""
    if not person.plain:
        for kind, value in wanted:
            there = getattr(line, kind)
            if there and folded(there) != folded(value):
                return f"the line of {_shown(line)} has another {WORDS[kind]}, {there}"
    if not agree(person.name, line.name):
        return f"the line that fits has another name, {line.name}"
    return None


def _several_or_none(rows, lines):
    if len(rows) == 1:
        return None
    if not rows:
        return NONE_FITS
    return f"several lines fit: {_some([_shown(lines[row]) for row in rows])}"


def _shown(person):
    """A line of a table, for messages."""
    told = person.number or person.sid or person.login or person.address
    return f"{person.name} ({told})" if person.name and told else person.name or told


def _some(names):
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


# ------------------------------------------------------------------------------------ one table
@dataclass
class Filled:
    """A table with its marks, what was done with each line, and what to tell the instructor."""

    target: str
    table: tables.Table
    account: list  # rows of "what became of whom"
    says: list


ACCOUNT = ["line", "name", "student", "mark", "what"]


def fill(path, book, totals, most, comments, overwrite=False, column=None, named_by=None):
    """The Filled table of a learning system at `path`.

    totals:   {student: points, or None where something is open}
    most:     points to be had
    comments: {student: a line on each exercise}
    Raises GradingError where the table is of no kind that is known.
    """
    table = tables.load(path)
    lab = book.lab
    titles = (
        book.assignment.name,
        lab.title,
        f"Lab {lab.number}: {lab.title}",
        book.assignment.lab,
    )
    system, layout = _recognised(table, Wanted(titles, lab.number, column))
    says = []
    grade = layout.grade
    if grade is None:
        says.append(
            f"{path} has no column for {titles[0]}; a new one is added at its end; --column names "
            "one that is there"
        )
        grade = table.add_column(layout.title)
    matched = match(book.persons, layout.people, named_by)
    for row in layout.maxima or ():
        if not table.rows[row][grade].strip():
            table.set(row, grade, table.number(most))
    others = _other_maxima(table, layout, grade, table.number(most))
    if others:
        says.append(
            f"the most points are {_some(others)} in {path}, and {most:g} in the assignment"
        )
    account, kept = [ACCOUNT], []
    for row, person in layout.people.items():
        student = matched.students.get(row)
        value, what = _put(table, row, grade, layout, totals.get(student), student, overwrite)
        if what.startswith("kept"):
            kept.append(f"{_shown(person)} has {table.rows[row][grade].strip()}, not {value}")
        if what == "filled in" and layout.comment is not None:
            table.set(row, layout.comment, comments[student])
        if student is None:
            what = matched.lines.get(row, _absent(matched))
            what = what if row not in matched.lines else f"for a person: {what}"
        account.append([table.lines[row], _shown(person), student or "", value, what])
    account += [
        ["", "", student, table.number(totals[student]), f"for a person: {why}{HOW.get(why, '')}"]
        for student, why in sorted(matched.doubts.items())
    ]
    return Filled(system.target, table, account, says + _told(path, matched, layout, kept))


def _put(table, row, grade, layout, total, student, overwrite):
    """(the mark as written, what was done): into an empty place, or over what stands there."""
    if student is None:
        return "", ""
    if total is None:
        return "", "open"
    value, there = table.number(total), table.rows[row][grade].strip()
    if there in layout.empty or overwrite or _same(there, value):
        table.set(row, grade, value)
        return value, "filled in"
    return value, f"kept: {there} stands there"


def _same(there, value):
    try:
        return float(there.replace(",", ".")) == float(value.replace(",", "."))
    except ValueError:
        return False


def _told(path, matched, layout, kept):
    says = []
    if matched.doubts:
        names = [f"{student} ({why})" for student, why in sorted(matched.doubts.items())]
        says.append(f"no mark was written for {_some(names)}: see roster.csv")
    if kept:
        says.append(f"left as it stands in {path}: {_some(kept)}; --overwrite replaces it")
    if matched.by_name:
        says.append(f"found by their name alone: {_some(sorted(matched.by_name))}")
    absent = [
        _shown(person)
        for row, person in layout.people.items()
        if row not in matched.students and row not in matched.lines
    ]
    if absent:
        what = f"{_absent(matched)}: {_some(absent)}"
        says.append(f"{len(absent)} of {len(layout.people)} {what}")
    return says


def _other_maxima(table, layout, grade, most):
    """What the table has for the most points, where that is a number and not ours."""
    places = [(row, grade) for row in layout.maxima or ()]
    if layout.limit is not None:
        places += [(row, layout.limit) for row in layout.people]
    there = dict.fromkeys(table.rows[row][column].strip() for row, column in places)
    return [one for one in there if re.fullmatch(r"\d+([.,]\d+)?", one) and not _same(one, most)]


def _absent(matched):
    """What is said of a line without a submission, as long as a submission fits no line."""
    return "are without a file" if matched.doubts else "handed in nothing"


def _recognised(table, wanted):
    for system in all_systems():
        layout = system.layout(table, wanted)
        if layout is not None:
            return system, layout
    known = "; ".join(one for system in all_systems() for one in system.known_tables())
    there = ", ".join(f"`{name}`" for name in table.columns[:SHOWN]) or "none"
    raise GradingError(
        f"{table.path}: no table of students that is known. Its columns are {there}. "
        f"Known are: {known}"
    )
