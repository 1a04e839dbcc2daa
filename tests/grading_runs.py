"""What test_grade.py runs in other processes; light to import.

As a script it grades the class of test_grade.py into a folder, to be killed by it:
grading_runs.py FOLDER.
"""

import os
import sys
from pathlib import Path


def dies_once(path):
    if not Path(path).exists():
        Path(path).touch()
        os._exit(1)
    return "done"


def dies_if_bad(task):
    if task == "bad":
        os._exit(1)
    return task


if __name__ == "__main__":
    from submissions import assignment
    from test_grade import LAB, class_of

    from unrolled.grading.judge.grade import grade

    grade(assignment(LAB), class_of()[0], sys.argv[1])
