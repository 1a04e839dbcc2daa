"""Google Drive and Classroom: files called "Copy of …", with or without the student's name."""

import re

from unrolled.grading.intake.system import Owner, System, student_id
from unrolled.grading.model import Person

COPY = r"(?:Copy of|Kopie von|Copie de|Copia de|Cópia de|Copia di|Kopie van|Kopia av)"
# Classroom makes a copy for each student: "Ada Lovelace - Copy of lab01.ipynb"
ASSIGNED = re.compile(rf"(?P<name>.+?) - {COPY} (?P<file>.+)", re.DOTALL)
COPIED = re.compile(rf"(?:{COPY} )+(?P<file>(?P<stem>.+?)(?:\.ipynb)?)", re.DOTALL | re.IGNORECASE)


class Drive(System):
    """A copy is its owner's as the original would be; the words before it are nobody's name."""

    name, order = "Google Drive", 60

    def owner(self, parts):
        assigned = ASSIGNED.fullmatch(parts[0])
        if assigned and len(parts) == 1:
            student = student_id(assigned["name"])
            return Owner(student, Person(self.name, name=assigned["name"]), assigned["file"])
        copied = COPIED.fullmatch(parts[0])
        if copied is None:
            return None
        student = student_id(copied["stem"])
        return Owner(student, Person(plain=student), parts[-1])
