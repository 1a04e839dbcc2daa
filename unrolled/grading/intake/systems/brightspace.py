"""Brightspace (D2L): a download of an assignment's folder, and the table of grades."""

import re
from collections import Counter
from contextlib import suppress
from datetime import datetime

from unrolled.grading.intake.system import (
    NOBODY,
    Layout,
    Owner,
    System,
    indices,
    people,
    student_id,
)
from unrolled.grading.model import Person

# "123456-7890 - Ada Lovelace - Jan 30, 2027 1105 PM/lab01.ipynb"
PATTERN = re.compile(
    r"(?P<one>\d+)-(?P<other>\d+) - (?P<name>.+) - (?P<when>[^-]+ \d{1,2}:?\d\d(?: ?[AP]M)?)"
)
TIMES = ("%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %B, %Y %I%M %p", "%d %b, %Y %I%M %p")
ITEM = re.compile(r"(?P<title>.+?) Points Grade(?: <[^<>]*>)?", re.DOTALL)


class Brightspace(System):
    """A folder for each attempt, named after student and time, and a page `index.html`."""

    name, target, order = "Brightspace", "brightspace.csv", 30

    def __init__(self, entries=()):
        matches = [PATTERN.fullmatch(one.parts[0]) for one in entries]
        self.found = any(matches)
        # one of the two numbers is that of the folder, the same for all
        others = Counter(match["other"] for match in matches if match)
        ones = Counter(match["one"] for match in matches if match)
        self.place = "other" if len(ones) == 1 and len(others) > 1 else "one"

    def owner(self, parts):
        if self.found and parts == ("index.html",):
            return NOBODY
        match = PATTERN.fullmatch(parts[0])
        if match is None or len(parts) == 1:
            return None
        when = _time(match["when"])
        number = match[self.place]
        return Owner(
            student_id(f"{match['name']}_{number}"),
            Person(self.name, number=number, name=match["name"]),
            parts[-1],
            when=when,
            attempt=when.isoformat() if when else "",
        )

    @classmethod
    def layout(cls, table, wanted):
        places = indices(
            table.columns,
            sid=("OrgDefinedId",),
            login=("Username",),
            last=("Last Name",),
            first=("First Name",),
            address=("Email",),
        )
        items = [i for i, column in enumerate(table.columns) if ITEM.fullmatch(column)]
        last = any(column.strip() == "End-of-Line Indicator" for column in table.columns)
        if not last or not {"sid", "login"} & places.keys():
            return None
        grade = wanted.find(table.columns, items, lambda title: ITEM.fullmatch(title)["title"])
        return Layout(
            "Brightspace's table of grades",
            people(cls.name, table.rows, places, mark="#"),
            grade,
            title=f"{wanted.titles[0]} Points Grade",
        )

    @classmethod
    def known_tables(cls):
        return (
            "Brightspace's grades (`OrgDefinedId` or `Username`, columns as `Lab 1 Points Grade`, "
            "and `End-of-Line Indicator`)",
        )


def _time(text):
    """The time in the name of a folder, which has no zone; None in a language we do not read."""
    for form in TIMES:
        with suppress(ValueError):
            return datetime.strptime(text.replace(":", ""), form)
    return None
