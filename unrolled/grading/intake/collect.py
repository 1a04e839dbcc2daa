"""Intake: what students handed in, a folder or a download of a learning system, as Submissions.

Names, sizes and contents come from strangers. Nothing is unpacked to disk, no link is followed,
nothing is executed; every student who handed in anything has a Submission that says what became of
it.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from unrolled.grading.assign.lab_notebook import lab_notebook, select
from unrolled.grading.intake import answers, archives, policies
from unrolled.grading.intake.readers import Readers
from unrolled.grading.intake.reading import LARGEST_FILE, Unreadable
from unrolled.grading.intake.system import NOBODY, Owner, all_systems, student_id, unwrapped
from unrolled.grading.intake.systems.folder import NOTEBOOK
from unrolled.grading.model import Ending, GradingError, Person, Stop, Submission

PERHAPS = re.compile(r".*\.(json|txt)|[^.]+", re.IGNORECASE | re.DOTALL)
# letters of other scripts that look like Latin ones
LOOKALIKES = str.maketrans("аеорсухіјѕԁһԛԝɡαονιρτυкмтнвЬ", "aeopcyxijsdhqwgaovipτukmthbb")


@dataclass(frozen=True)
class Found:
    """A file that a student handed in; `problem` says why it must not be opened."""

    student: str
    owner: Owner
    file: Path  # for messages
    name: str
    size: int = 0
    read: Callable | None = None
    problem: str | None = None


def collect(path, assignment, nb=None):
    """One Submission for each student of whom there is anything at `path`, by student.

    path: a folder of notebooks (`alice.ipynb`, or `alice/…/lab.ipynb`), the download of a learning
    system, packed or unpacked, or a single notebook.
    Raises GradingError where `path` itself cannot be read.
    """
    nb = nb or select(lab_notebook(assignment.lab), assignment)[0]
    handout = answers.Handout.of(nb, assignment)
    path = Path(path)
    found = {}
    for one in _students(path):
        found.setdefault(one.student, []).append(one)
    with Readers(handout) as readers:
        begun = []
        for student, files in found.items():
            attempts = _attempts(files)
            counting = attempts if assignment.attempts == "best" else attempts[-1:]
            read = [_begun(student, files, readers) for files in counting]
            begun.append((read, len(attempts)))
        submissions = [
            _last([_submission(*one, handout) for one in read], attempts, assignment.attempts)
            for read, attempts in begun
        ]
    if not submissions:
        raise GradingError(
            f"{path}: no notebook in it; give a folder of notebooks, one for each student, or the "
            "archive that your learning system offers for download"
        )
    return _alike(policies.applied(submissions, assignment))


def _students(path):
    """The Found of everything at `path`."""
    entries, root = archives.entries(path)
    entries = unwrapped(entries, packed=root.suffix.casefold() == ".zip" and root.is_file())
    systems = [system(entries) for system in all_systems()]
    for entry in entries:
        owners = (one.owner(entry.parts) for one in systems)
        owner = next(one for one in owners if one is not None)
        if owner is NOBODY:
            continue
        file = root.joinpath(*entry.parts)
        for student in (owner.student, *(name for name, _ in owner.others)):
            yield Found(student, owner, file, owner.file, entry.size, entry.read, entry.problem)


def _attempts(files):
    """The files of each attempt, the last at the end, the small ones of each first."""
    found = {}
    for one in sorted(files, key=lambda one: (one.owner.attempt, one.size, str(one.file))):
        found.setdefault(one.owner.attempt, []).append(one)
    return list(found.values())


def _last(read, attempts, counts):
    """The Submission of the last attempt, with those before it that may count."""
    *earlier, last = read
    if attempts == 1:
        return last
    note = f"Handed in {attempts} times; the {'best' if counts == 'best' else 'last'} counts."
    return replace(last, earlier=tuple(earlier), notes=(note, *last.notes))


# ------------------------------------------------------------------------------------ one student
def _begun(student, files, readers):
    """(a Submission without what is in the files, what of them is being read, notes): the read are
    (Found, digest, a function that waits for what was taken and a problem)."""
    notes = []
    late = {one.owner.late for one in files}
    times = [one.owner.when for one in files if one.owner.when is not None]
    together = next((one.owner.person.returns for one in files if one.owner.others), "")
    blank = Submission(
        student,
        files[0].file,
        "",
        late=True if True in late else (False if late == {False} else None),
        handed_in=max(times).isoformat() if times else None,
        group=together,
        person=_person(student, files),
    )
    given = [one for one in files if not one.owner.beside]
    notebooks = [one for one in given if NOTEBOOK.fullmatch(one.name)]
    if not notebooks:
        notebooks = [one for one in given if PERHAPS.fullmatch(one.name) and not one.problem]
        notes += [f"Handed in as {_shown(one.name)}." for one in notebooks]
    if not notebooks:
        names = ", ".join(_shown(one.name) for one in files[:3])
        problem = next((one.problem for one in files if one.problem), None)
        return replace(blank, problem=problem or f"no notebook was handed in, but {names}"), [], []
    return blank, [(one, *_read(one, readers)) for one in notebooks], notes


def _submission(blank, begun, notes, handout):
    if blank.problem:
        return _refused(blank, blank.problem, handout)
    read = {}
    for one, digest, result in begun:
        taken, problem = result()
        known = read.get(digest)
        if known is None or not digest:
            read[digest or f"{len(read)}"] = (one, taken, problem)
        else:
            notes.append(f"{_shown(one.name)} and {_shown(known[0].name)} are the same file.")
    return _decided(blank, read, notes, handout)


def _person(student, files):
    """Who the student is, by the file that says most of it."""
    told = [
        dict(((one.owner.student, one.owner.person), *one.owner.others))[student] for one in files
    ]
    return max(told, key=lambda one: (bool(one.returns), one.name, one.returns), default=Person())


def _decided(blank, read, notes, handout):
    """The one file that counts, or a refusal that names what there is."""
    readable = {digest: one for digest, one in read.items() if one[1] is not None}
    if not readable:
        one, _, problem = next(iter(read.values()))
        return _refused(replace(blank, file=one.file, notes=tuple(notes)), problem, handout)
    for one, _, problem in read.values():
        if problem:
            notes.append(f"{_shown(one.name)} was left out: {problem}.")
    relevant = {digest: one for digest, one in readable.items() if one[1].relevant} or readable
    answered = {digest: one for digest, one in relevant.items() if not one[1].untouched} or relevant
    for one, _, _ in readable.values():
        if len(answered) == 1 and one not in (kept[0] for kept in answered.values()):
            notes.append(f"{_shown(one.name)} was handed in, too, and answers nothing.")
    if len(answered) > 1:
        names = " and ".join(sorted(_shown(one.name) for one, _, _ in answered.values()))
        says = f"There are several notebooks, {names}; a person has to say which counts."
        return replace(
            blank,
            digest=hashlib.sha256("".join(sorted(answered)).encode()).hexdigest(),
            endings=dict.fromkeys(handout.functions, Stop(Ending.AMBIGUOUS, says)),
            texts={
                question: _joined(answered.values(), question) for question in handout.questions
            },
            notes=tuple(notes),
        )
    ((digest, (one, taken, _)),) = answered.items()
    if NOTEBOOK.fullmatch(one.name) and NOTEBOOK.fullmatch(one.name)["more"]:
        notes.append(f"The file was called {_shown(one.name)}.")
    return replace(
        blank,
        file=one.file,
        digest=digest,
        cells=taken.cells,
        doubts=taken.doubts,
        endings=taken.endings,
        texts=taken.texts,
        notes=(*notes, *taken.notes),
    )


def _read(one, readers):
    """(digest of the file, a function that gives what was taken from it or None, and a problem)."""
    if one.problem:
        return "", lambda: (None, one.problem)
    if one.size > LARGEST_FILE:
        size = f"{one.size / 2**20:,.0f} MB; at most {LARGEST_FILE / 2**20:,.0f} MB are read"
        problem = f"it has {size}: clear the outputs and hand it in again"
        return "", lambda: (None, problem)
    try:
        data = one.read()
    except Unreadable as error:
        problem = str(error)
        return "", lambda: (None, problem)
    return hashlib.sha256(data).hexdigest(), readers.read(data).result


def _refused(blank, problem, handout):
    says = f"The file could not be read: {problem}."
    return replace(
        blank,
        problem=problem,
        endings=dict.fromkeys(handout.functions, Stop(Ending.MISSING, says)),
        texts=dict.fromkeys(handout.questions),
    )


def _joined(answered, question):
    said = [
        f"*In {_shown(one.name)}:*\n\n{taken.texts[question]}"
        for one, taken, _ in answered
        if taken.texts.get(question)
    ]
    return "\n\n".join(said)


def _shown(name):
    return student_id(name)[:100]


def _alike(submissions):
    """Note students whose names a person could take for one another's."""
    looks = {}
    for one in submissions:
        looks.setdefault(_looks(one.student), []).append(one.student)
    return [
        replace(
            one,
            notes_for_instructor=(
                *one.notes_for_instructor,
                f"The name looks like another student's: {', '.join(others)}.",
            ),
        )
        if (others := [name for name in looks[_looks(one.student)] if name != one.student])
        else one
        for one in submissions
    ]


def _looks(name):
    folded = unicodedata.normalize("NFKD", name).casefold().translate(LOOKALIKES)
    return "".join(letter for letter in folded if not unicodedata.combining(letter))
