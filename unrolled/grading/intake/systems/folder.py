"""A folder that an instructor made: `ada.ipynb`, or `ada/anything.ipynb`."""

import re
from pathlib import PurePosixPath

from unrolled.grading.intake.system import NOBODY, Owner, System, student_id
from unrolled.grading.model import Person

NOTEBOOK = re.compile(r"(?P<stem>.*)\.ipynb(?P<more>(\.(txt|json))?)", re.IGNORECASE | re.DOTALL)
# files that instructors keep beside submissions
INSTRUCTORS = re.compile(r".*\.(csv|ya?ml|toml|xlsx)|README.*", re.IGNORECASE)


class Folder(System):
    """The name of the folder, or of the file, is the student's; it takes what no system knows."""

    name, order = "", 100

    def owner(self, parts):
        top = parts[0]
        if len(parts) > 1:
            student = top
        elif INSTRUCTORS.fullmatch(top):
            return NOBODY
        else:
            match = NOTEBOOK.fullmatch(top)
            student = match["stem"] if match else PurePosixPath(top).stem
        student = student_id(student)
        return Owner(student, Person(plain=student), parts[-1])
