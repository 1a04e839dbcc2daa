"""Canvas: "Download submissions", with names or anonymous, and the gradebook's export."""

import re

from unrolled.grading.intake.system import Layout, Owner, System, indices, people, student_id
from unrolled.grading.model import Person

# "lastnamefirst_LATE_12345_67890_lab-2.ipynb": the student's number, then the file's.
NAMED = re.compile(
    r"(?P<name>.+?)_(?P<late>LATE_)?(?P<id>\d+)_(?P<attachment>\d+)_(?P<file>.+)", re.DOTALL
)
# "LATE_anon_aB3xY_67890_lab.ipynb", where grading is anonymous.
ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?anon_(?P<later>LATE_)?(?P<id>[A-Za-z0-9]+)_(?P<attachment>\d+)_(?P<file>.+)",
    re.DOTALL,
)
# "lastnamefirst_12345_text.html": what was typed into a box, or a link
TYPED = re.compile(
    r"(?:(?P<anon>(?P<before>LATE_)?anon)|(?P<name>.+?))_(?P<late>LATE_)?(?P<id>[A-Za-z0-9]+)_"
    r"(?:\d+_)?(?P<file>(?:text|link)\.html)",
    re.DOTALL,
)
COLUMN = re.compile(r"(?P<title>.+) \((?P<id>\d+)\)", re.DOTALL)
FIXED = (
    "Student",
    "ID",
    "SIS User ID",
    "SIS Login ID",
    "Integration ID",
    "Section",
    "Root Account",
)


class Canvas(System):
    """Files named after student, user and attachment; marks go into a column of the gradebook."""

    name, target, order = "Canvas", "canvas.csv", 20
    archive = "feedback-canvas.zip"

    def owner(self, parts):
        top = parts[0]
        typed = TYPED.fullmatch(top)
        if typed and (typed["anon"] or typed["id"].isdigit()):
            return self._owner(typed, typed["anon"] is not None, beside=True)
        match = ANONYMOUS.fullmatch(top)
        if match:
            return self._owner(match, True, match["later"])
        match = NAMED.fullmatch(top)
        return match and self._owner(match, False)

    def _owner(self, match, anonymous, later=None, beside=False):
        groups = match.groupdict()
        name = "" if anonymous else match["name"]
        late = bool(groups.get("late") or groups.get("before") or later)
        prefix = "anon" if anonymous else name
        named = f"{prefix}_LATE" if late and not anonymous else prefix
        returns = ""
        if groups.get("attachment"):
            returns = f"{named}_{match['id']}_{match['attachment']}_feedback.html"
        return Owner(
            student_id(f"{prefix}_{match['id']}"),
            Person(self.name, number=match["id"], name=name, returns=returns),
            match["file"],
            late=late,
            beside=beside,
        )

    @classmethod
    def layout(cls, table, wanted):
        places = indices(
            table.columns,
            number=("ID",),
            sid=("SIS User ID",),
            login=("SIS Login ID",),
            name=("Student",),
        )
        if not {"number", "name"} <= places.keys():
            return None
        fixed = {*FIXED}
        free = [i for i, c in enumerate(table.columns) if c not in fixed]
        grade = wanted.find(table.columns, free, _title)
        student = places["name"]
        points = [
            number
            for number, row in enumerate(table.rows)
            if row and row[student].strip() == "Points Possible"
        ]
        found = people(
            cls.name,
            table.rows,
            places,
            lambda row: not row[places["number"]].strip() and not _text(row, places.get("login")),
        )
        return Layout(
            "Canvas's gradebook",
            {row: person for row, person in found.items() if row not in points},
            grade,
            title=wanted.titles[0],
            maxima=dict.fromkeys(points),
        )

    @classmethod
    def known_tables(cls):
        return ("Canvas's gradebook (columns `Student` and `ID`)",)


def _title(column):
    match = COLUMN.fullmatch(column)
    return match["title"] if match else column


def _text(row, place):
    return "" if place is None or place >= len(row) else row[place].strip()
