"""Grades the class of test_grade.py into a folder, to be killed by it: run_class.py FOLDER."""

import sys

if __name__ == "__main__":
    from submissions import assignment
    from test_grade import LAB, class_of

    from unrolled.grading.grade import grade

    grade(assignment(LAB), class_of()[0], sys.argv[1])
