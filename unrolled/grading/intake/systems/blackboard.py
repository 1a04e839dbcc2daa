"""Blackboard: "Assignment File Download", and the Grade Centre's table."""

import re
from datetime import datetime

from unrolled.grading.intake.system import Layout, Owner, System, indices, people, student_id
from unrolled.grading.model import Person

# "Lab 1_alovelace_attempt_2027-01-30-12-00-00_lab01.ipynb", and the receipt without a file's name
PATTERN = re.compile(
    r"(?P<title>.+)_(?P<login>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+))?",
    re.DOTALL,
)
RECEIPT = re.compile(r"(?P<name>.+)\.txt", re.DOTALL)
ITEM = re.compile(r"(?P<title>.*\S)\s*+\[[^\[\]]*+\]\s*+\|\s*+\d++", re.DOTALL)


class Blackboard(System):
    """Files named after assignment, user name and time; each attempt has a text of its own."""

    name, target, order = "Blackboard", "blackboard.csv", 30

    def owner(self, parts):
        receipt = RECEIPT.fullmatch(parts[0])
        match = receipt and PATTERN.fullmatch(receipt["name"])
        beside = bool(match) and match["file"] is None
        match = match if beside else PATTERN.fullmatch(parts[0])
        if match is None:
            return None
        try:
            when = datetime.strptime(match["when"], "%Y-%m-%d-%H-%M-%S")
        except ValueError:
            when = None
        return Owner(
            student_id(match["login"]),
            Person(self.name, login=match["login"]),
            match["file"] or parts[-1],
            when=when,
            attempt=match["when"],
            beside=beside,
        )

    @classmethod
    def layout(cls, table, wanted):
        places = indices(
            table.columns,
            last=("Last Name",),
            first=("First Name",),
            login=("Username",),
            sid=("Student ID",),
        )
        items = [i for i, column in enumerate(table.columns) if ITEM.fullmatch(column)]
        if not {"last", "first", "login"} <= places.keys() or not items:
            return None
        grade = wanted.find(table.columns, items, lambda title: ITEM.fullmatch(title)["title"])
        return Layout(
            "Blackboard's Grade Centre",
            people(cls.name, table.rows, places),
            grade,
            title=wanted.titles[0],
        )

    @classmethod
    def known_tables(cls):
        return (
            "Blackboard's Grade Centre (columns `Last Name`, `First Name`, `Username`, and as "
            "`Lab 1 [Total Pts: 20 Score] |12345`)",
        )
