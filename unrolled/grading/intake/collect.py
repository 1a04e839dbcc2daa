"""Intake: what students handed in, a folder or a download of Moodle or Canvas, as Submissions.

Names, sizes and contents come from strangers. Nothing is unpacked to disk, no link is followed,
nothing is executed; every student who handed in anything has a Submission that says what became of
it.
"""

import hashlib
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from unrolled.grading.assign.lab_notebook import lab_notebook, select
from unrolled.grading.intake import answers, reading
from unrolled.grading.intake.reading import LARGEST_FILE, Unreadable
from unrolled.grading.model import Ending, GradingError, Submission

MOST_FILES = 50_000
LARGEST_IN_ALL = 8 * 2**30  # bytes read from one archive
DEEPEST = 20  # folders within folders

# Moodle: "Full Name_12345_assignsubmission_file_/lab.ipynb", or all in one file name.
MOODLE = re.compile(
    r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
# Canvas: "lastnamefirst_LATE_12345_67890_lab-2.ipynb"; the first number is the student's.
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)", re.DOTALL)
LOOKS_ALIKE = "The name looks like another student's:"  # for the instructor only
OUTSIDE = "its path leads out of the archive; it was not opened"
JUNK = re.compile(r"\..*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini", re.IGNORECASE)
# files that instructors keep beside submissions
INSTRUCTORS = re.compile(r".*\.(csv|ya?ml|toml|xlsx)|README.*", re.IGNORECASE)
NOTEBOOK = re.compile(r"(?P<stem>.*)\.ipynb(?P<more>(\.(txt|json))?)", re.IGNORECASE | re.DOTALL)
PERHAPS = re.compile(r".*\.(json|txt)|[^.]+", re.IGNORECASE | re.DOTALL)
UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, direction, surrogates, private, lines
# letters of other scripts that look like Latin ones
LOOKALIKES = str.maketrans("аеорсухіјѕԁһԛԝɡαονιρτυкмтнвЬ", "aeopcyxijsdhqwgaovipτukmthbb")


@dataclass(frozen=True)
class Found:
    """A file that a student handed in; `problem` says why it must not be opened."""

    student: str
    file: Path  # for messages
    name: str
    size: int = 0
    read: Callable | None = None
    problem: str | None = None
    late: bool | None = None


@dataclass(frozen=True)
class _Entry:
    """A file of the folder or the archive: its path in it, in parts."""

    parts: tuple
    size: int = 0
    read: Callable | None = None
    problem: str | None = None


def collect(path, assignment, nb=None):
    """One Submission for each student of whom there is anything at `path`, by student.

    path: a folder of notebooks (`alice.ipynb`, or `alice/…/lab.ipynb`), a Moodle or Canvas
    download, packed or unpacked, or a single notebook.
    Raises GradingError where `path` itself cannot be read.
    """
    nb = nb or select(lab_notebook(assignment.lab), assignment)[0]
    handout = answers.Handout.of(nb, assignment)
    path = Path(path)
    found = {}
    for one in _students(path):
        found.setdefault(one.student, []).append(one)
    submissions = [
        _submission(student, sorted(files, key=lambda one: (one.size, str(one.file))), handout)
        for student, files in found.items()
    ]
    if not submissions:
        raise GradingError(
            f"{path}: no notebook in it; give a folder of notebooks, one for each student, or the "
            "archive that Moodle or Canvas offers for download"
        )
    return _alike(sorted(submissions, key=lambda one: one.student))


# ------------------------------------------------------------------------------------ files
def _students(path):
    """The Found of everything at `path`, smallest first, so that what is huge comes last."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise GradingError(f"{path}: cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        entries = list(_folder(path))
    elif NOTEBOOK.fullmatch(path.name):
        entries = [_Entry((path.name,), path.stat().st_size, lambda file=path: _read_file(file))]
        path = path.parent
    else:
        entries = _unwrapped(list(_archive(path)))
    for entry in entries:
        one = _whose(entry, path)
        if one is not None:
            yield one


def _folder(root):
    """Entries of a folder, with nothing followed that is not a plain file or folder."""
    waiting, count = [(root, ())], 0
    while waiting:
        folder, parts = waiting.pop()
        try:
            there = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            yield _Entry((*parts, "?"), problem=f"the folder cannot be read: {error.strerror}")
            continue
        for one in there:
            count += 1
            if count > MOST_FILES:
                raise GradingError(f"{root}: more than {MOST_FILES:,} files; is it the right one?")
            inside = (*parts, one.name)
            if one.is_symlink():
                yield _Entry(inside, problem="a link, not a file; links are not followed")
            elif one.is_dir(follow_symlinks=False):
                if not JUNK.fullmatch(one.name):
                    if len(inside) > DEEPEST:
                        yield _Entry(inside, problem="folders are nested too deeply")
                    else:
                        waiting.append((Path(one.path), inside))
            elif one.is_file(follow_symlinks=False):
                size = one.stat(follow_symlinks=False).st_size
                yield _Entry(inside, size, lambda path=one.path: _read_file(path))
            else:
                yield _Entry(inside, problem="not a file (a pipe, a socket or a device)")


def _read_file(path):
    """The bytes of a plain file, or Unreadable; a link put there meanwhile is not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Unreadable("not a file")
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from None


def _archive(path):
    """Entries of a zip file; what is unsafe in it is named, not opened."""
    try:
        archive = zipfile.ZipFile(path)
        members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise GradingError(
            f"{path}: neither a folder nor a zip file that can be read: {why}"
        ) from None
    if len(members) > MOST_FILES:
        raise GradingError(f"{path}: {len(members):,} files; at most {MOST_FILES:,} are read")
    budget = [LARGEST_IN_ALL]
    for member in members:
        name = _member_name(member).replace("\\", "/")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if member.is_dir() or not parts:
            continue
        problem = _unsafe(member, name, parts)
        if problem:
            if problem is OUTSIDE:  # under a name of its own: it may not pass for another's file
                parts = ("__".join(["outside", *parts]),)
            yield _Entry(parts, problem=problem)
        else:
            yield _Entry(parts, member.file_size, lambda m=member: _inflate(archive, m, budget))


def _member_name(member):
    """Python takes names that are not marked as UTF-8 for code page 437; most are UTF-8."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return member.filename


def _unsafe(member, name, parts):
    if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return OUTSIDE
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, not a file; links are not followed"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is compressed in a way that is not read"
    if member.file_size > LARGEST_FILE:
        return f"it unpacks to {member.file_size / 2**20:,.0f} MB; it was not opened"
    return None


def _inflate(archive, member, budget):
    budget[0] -= member.file_size
    if budget[0] < 0:
        raise Unreadable("the archive unpacks to more than is read; this file was not opened")
    try:
        with archive.open(member) as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise Unreadable(f"it is damaged in the archive: {error}") from None


def _unwrapped(entries):
    """Without the one folder in which everything lies, as when a folder was packed as a whole."""
    entries = [entry for entry in entries if not any(JUNK.fullmatch(part) for part in entry.parts)]
    tops = {entry.parts[0] for entry in entries if len(entry.parts) > 1}
    if len(tops) == 1 and all(len(entry.parts) > 1 for entry in entries):
        (top,) = tops
        if not MOODLE.fullmatch(top) and len({entry.parts[1] for entry in entries}) > 1:
            return [replace(entry, parts=entry.parts[1:]) for entry in entries]
    return entries


def _whose(entry, root):
    """The Found of an entry, or None for what is nobody's."""
    if any(JUNK.fullmatch(part) for part in entry.parts):
        return None
    late, top, name = None, entry.parts[0], entry.parts[-1]
    moodle, canvas = MOODLE.fullmatch(top), CANVAS.fullmatch(top)
    if moodle:
        student = f"{moodle['name']}_{moodle['id']}"
        if len(entry.parts) == 1:
            name = moodle["file"] or name
    elif canvas:
        student = f"{canvas['name']}_{canvas['id']}"
        late = bool(canvas["late"])
        if len(entry.parts) == 1:
            name = canvas["file"]
    elif len(entry.parts) > 1:
        student = top
    elif INSTRUCTORS.fullmatch(top):
        return None
    else:
        match = NOTEBOOK.fullmatch(top)
        student = match["stem"] if match else PurePosixPath(top).stem
    return Found(
        student_id(student),
        root.joinpath(*entry.parts),
        name,
        entry.size,
        entry.read,
        entry.problem,
        late,
    )


def student_id(name):
    """A name as it is shown and compared: composed letters, nothing that cannot be seen."""
    name = unicodedata.normalize(
        "NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )
    name = "".join(
        f"\\x{ord(letter):02x}" if unicodedata.category(letter) in UNSAFE else letter
        for letter in name
    )
    return name.strip() or "unnamed"


# ------------------------------------------------------------------------------------ one student
def _submission(student, files, handout):
    late = {one.late for one in files}
    blank = Submission(
        student,
        files[0].file,
        "",
        late=True if True in late else (False if late == {False} else None),
    )
    notebooks = [one for one in files if NOTEBOOK.fullmatch(one.name)]
    notes = []
    if not notebooks:
        notebooks = [one for one in files if PERHAPS.fullmatch(one.name) and not one.problem]
        notes = [f"Handed in as {_shown(one.name)}." for one in notebooks]
    if not notebooks:
        names = ", ".join(_shown(one.name) for one in files[:3])
        problem = next((one.problem for one in files if one.problem), None)
        return _refused(blank, problem or f"no notebook was handed in, but {names}", handout)
    read = {}
    for one in notebooks:
        digest, taken, problem = _read(one, handout)
        known = read.get(digest)
        if known is None or not digest:
            read[digest or f"{len(read)}"] = (one, taken, problem)
        else:
            notes.append(f"{_shown(one.name)} and {_shown(known[0].name)} are the same file.")
    return _decided(blank, read, notes, handout)


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
            endings=dict.fromkeys(handout.functions, (Ending.AMBIGUOUS, says)),
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


def _read(one, handout):
    """(digest of the file, what was taken from it or None, problem or None)."""
    if one.problem:
        return "", None, one.problem
    if one.size > LARGEST_FILE:
        size = f"{one.size / 2**20:,.0f} MB; at most {LARGEST_FILE / 2**20:,.0f} MB are read"
        return "", None, f"it has {size}: clear the outputs and hand it in again"
    try:
        data = one.read()
    except Unreadable as problem:
        return "", None, str(problem)
    digest = hashlib.sha256(data).hexdigest()
    try:
        raw, notes = reading.cells(data)
    except Unreadable as problem:
        return digest, None, str(problem)
    finally:
        del data
    try:
        taken = answers.take(raw, handout)
    except Exception as error:  # a fault of ours, and then no other student's
        return digest, None, f"it could not be taken apart ({type(error).__name__})"
    taken.notes[:0] = notes
    return digest, taken, None


def _refused(blank, problem, handout):
    says = f"The file could not be read: {problem}."
    return replace(
        blank,
        problem=problem,
        endings=dict.fromkeys(handout.functions, (Ending.MISSING, says)),
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
            notes=(*one.notes, f"{LOOKS_ALIKE} {', '.join(others)}."),
        )
        if (others := [name for name in looks[_looks(one.student)] if name != one.student])
        else one
        for one in submissions
    ]


def _looks(name):
    folded = unicodedata.normalize("NFKD", name).casefold().translate(LOOKALIKES)
    return "".join(letter for letter in folded if not unicodedata.combining(letter))
