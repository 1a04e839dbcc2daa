"""A graded class without a sandbox: results as `grade` would have written them."""

from classes import LAB01

from unrolled.grading.model import FOR_A_PERSON, Ending, Mark, Result, Submission
from unrolled.grading.store import gradebook, record, results
from unrolled.grading.store.fingerprint import fingerprint

EVIL = '=cmd|"/c calc",<script>alert(1)</script>'
GRADED_CASE = "x = [3, -7], expected 4711"


def result(student, texts=None, late=None, code="", notes=(), sandbox="bubblewrap", **endings):
    """A Result in which all exercises passed but those named: an Ending, or a misconception."""
    marks = []
    for name, points in LAB01.exercises.items():
        given = endings.get(name, Ending.PASSED)
        ending = given if isinstance(given, Ending) else Ending.WRONG
        passed = ending is Ending.PASSED
        score = None if ending in FOR_A_PERSON else points * passed
        says = ("It agrees.",) if passed else ("It differs; read `the` <b>chapter</b>.",)
        mistake = given if ending is Ending.WRONG and given is not Ending.WRONG else None
        marks.append(Mark(name, ending, points, score, mistake, says, GRADED_CASE, 0.25, 80.0))
    texts = {"spikes": "Because."} if texts is None else texts
    print_ = fingerprint([code])
    return Result(student, "0" * 64, tuple(marks), texts, notes, sandbox, late, print_)


def keep(folder, found, assignment=LAB01):
    """Write the Results into a folder, as grading does."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        results.save(folder, one, "key", "2027-01-31T12:00:00+00:00")
    told = record.record(assignment, found, "2027-01-31T12:00", "2027-01-31T12:05", 0, "here")
    results.write(folder / results.RECORD, told)
    files = [Submission(one.student, folder / f"{n}.ipynb", "") for n, one in enumerate(found)]
    gradebook.note_intake(folder, files)
    return folder
