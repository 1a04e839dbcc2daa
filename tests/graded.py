"""A graded class without a sandbox: results as `grade` would have written them."""

from classes import LAB01

from unrolled.grading.intake.system import all_systems
from unrolled.grading.model import FOR_A_PERSON, Ending, Mark, Result, Submission
from unrolled.grading.store import gradebook, record, results
from unrolled.grading.store.fingerprint import fingerprint

EVIL = '=cmd|"/c calc",<script>alert(1)</script>'
GRADED_CASE = "x = [3, -7], expected 4711"


def result(
    student,
    texts=None,
    late=None,
    code="",
    notes=(),
    for_instructor=(),
    sandbox="bubblewrap",
    **endings,
):
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
    return Result(
        student,
        "0" * 64,
        tuple(marks),
        texts,
        notes,
        for_instructor,
        sandbox,
        late,
        print_,
    )


def moodle(student):
    """How Moodle names the folder of a student `Name_123`."""
    return (f"{student}_assignsubmission_file_", "lab01.ipynb")


def canvas(student):
    """How Canvas names the file of a student `name_123`."""
    return (f"{student}_9001_lab01.ipynb",)


def owner(parts):
    """Whose a file is, as the learning systems are asked."""
    owners = (system().owner(parts) for system in all_systems())
    return next(one for one in owners if one is not None)


def keep(folder, found, assignment=LAB01, named=lambda student: (student, "lab01.ipynb")):
    """Write the Results into a folder, as grading does.

    named: the path in the download of a student who is no plain word
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        results.save(folder, one, "key", "2027-01-31T12:00:00+00:00")
    told = record.record(assignment, found, "2027-01-31T12:00", "2027-01-31T12:05", 0, "here")
    results.write(folder / results.RECORD, told)
    files = []
    for n, one in enumerate(found):
        parts = named(one.student) if "_" in one.student else (one.student, "lab01.ipynb")
        files.append(Submission(one.student, folder / f"{n}.ipynb", "", person=owner(parts).person))
    gradebook.note_intake(folder, files)
    return folder
