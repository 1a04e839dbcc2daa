"""What grading has to know of a learning system; each is one class, in one file of `systems`.

A system says whose a file of its download is, reads its own tables of students, and says what it
takes back. Adding one is adding a file: `all_systems` finds it there.
"""

import hashlib
import importlib
import io
import pkgutil
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from unrolled.grading.model import GradingError, Person

KINDS = ("number", "sid", "login", "address")  # what tells people apart; a name does not
UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, direction, surrogates, private, lines
LONGEST_ID = 200  # characters of a name that is shown and compared


@dataclass(frozen=True)
class Entry:
    """A file of a folder or an archive: its path in it, in parts."""

    parts: tuple
    size: int = 0
    read: Callable | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Owner:
    """Whose file it is.

    student: the name under which the student is graded
    file:    as the student named it
    when:    the time of handing in, where the download tells it
    attempt: orders the attempts
    beside:  put there by the system, and no answer: a receipt, a text typed into a box
    others:  who handed it in together with the student, by the names they are graded under
    """

    student: str
    person: Person
    file: str
    late: bool | None = None
    when: datetime | None = None
    attempt: str = ""
    beside: bool = False
    others: tuple[tuple[str, Person], ...] = ()


NOBODY = Owner("", Person(), "")  # a page of the system's own


@dataclass(frozen=True)
class Layout:
    """Where a table of students has what; columns by their index.

    kind:    what it is, for messages, as "Canvas's gradebook"
    people:  {row: Person}; rows that are no student are left out
    grade:   the column that takes the mark, None where a new one has to be added
    title:   of a new column
    comment: the column that takes a sentence on each exercise, if there is one
    maxima:  rows whose mark is the most points, filled in where it is empty
    limit:   the column that has the most points of each line, if there is one
    empty:   what stands in the column for "no mark yet"
    """

    kind: str
    people: dict
    grade: int | None
    title: str = ""
    comment: int | None = None
    maxima: dict | None = None
    limit: int | None = None
    empty: frozenset = frozenset({"", "-"})


@dataclass(frozen=True)
class Returned:
    """What goes back to a student.

    page:  the feedback as HTML
    parts: [(exercise or question, points or None where it is open, points to be had, sentences)]
    total: points, None where something is open
    """

    person: Person
    page: str
    parts: tuple
    total: float | None


class System:
    """A learning system. The class is made anew for each download, from all of its Entries."""

    name = ""
    target = ""  # the table that is filled in, as "canvas.csv"
    archive = ""  # what it takes back besides, as "feedback-canvas.zip"
    order = 50  # who is asked first whose a file is

    def __init__(self, entries=()):
        pass

    def owner(self, parts):
        """The Owner of a file, NOBODY, or None where the path is not of this system's making."""
        return

    def inside(self, entries):
        """The Entries without what this system wraps its download in, or None if it is not its."""
        return

    @classmethod
    def layout(cls, table, wanted):
        """The Layout of a Table of this system's students, or None where it is no such table.

        wanted: a Wanted, which knows the column that is meant
        """
        return

    @classmethod
    def known_tables(cls):
        """Sentences on the tables that `layout` knows."""
        return ()

    @classmethod
    def give_back(cls, returned):
        """The bytes of `archive`, from a list of Returned of this system's students."""
        return zipped({one.person.returns: one.page for one in returned if one.person.returns})


@cache
def all_systems():
    """The classes of all systems, in the order in which they are asked."""
    from unrolled.grading.intake import systems

    for module in pkgutil.iter_modules(systems.__path__, f"{systems.__name__}."):
        importlib.import_module(module.name)
    return sorted(System.__subclasses__(), key=lambda one: (one.order, one.name))


def unwrapped(entries, packed=False):
    """Entries without the folders that a system, or a person, put around all of them.

    packed: they come from an archive, in which a folder around several others is no student
    """
    for system in all_systems():
        inner = system(entries).inside(entries)
        if inner is not None:
            return inner
    if len({one.parts[0] for one in entries}) != 1 or any(len(one.parts) < 2 for one in entries):
        return entries
    inner = without(entries, 1)
    several = packed and len({one.parts[0] for one in inner}) > 1
    if not _of_a_system(entries) and (several or _of_a_system(inner)):
        return inner
    return entries


def _of_a_system(entries):
    """Whether a learning system, and not a person, named one of these."""
    asked = [system(entries) for system in all_systems()]
    owners = (one.owner(entry.parts) for entry in entries for one in asked)
    return any(owner is not None and owner.person.system for owner in owners)


def without(entries, depth):
    """Entries with the first `depth` folders of their paths taken off; others are left out."""
    return [replace(one, parts=one.parts[depth:]) for one in entries if len(one.parts) > depth]


def zipped(texts):
    """{name: text} as a zip file, the same bytes for the same texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            member = zipfile.ZipInfo(name)  # with a date of its own: 1980
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------ names
def student_id(name):
    """A name as it is shown and compared: composed letters, nothing that cannot be seen."""
    name = unicodedata.normalize(
        "NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )
    name = "".join(
        f"\\x{ord(letter):02x}" if unicodedata.category(letter) in UNSAFE else letter
        for letter in name
    ).strip()
    if len(name) > LONGEST_ID:  # and no two become one
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        name = f"{name[:LONGEST_ID]}…{digest}"
    return name or "unnamed"


def folded(text):
    """A value of a table or a download as it is compared."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def words(name):
    """The words of a person's name; "Doe, Jane" and "Jane Doe" have the same."""
    return re.findall(r"\w+", folded(name).replace("_", " "))


def same_name(one, other):
    """Whether two names are the same, in whatever order; Canvas's files run them together."""
    one, other = words(one), words(other)
    if not one or not other:
        return False
    if len(one) == 1 or len(other) == 1:
        return _joined(one) & _joined(other) != set()
    return sorted(one) == sorted(other)


def _joined(parts):
    """What `parts` are when they are written as one word, in either order."""
    return {"".join(parts), "".join([*parts[-1:], *parts[:-1]])}


def agree(one, other):
    """Whether two names can be of one person: the same, or one the other with a name less."""
    first, second = set(words(one)), set(words(other))
    return first <= second or second <= first or same_name(one, other)


# ------------------------------------------------------------------------------------ tables
@dataclass(frozen=True)
class Wanted:
    """The column a mark belongs into: given by name, or recognised by the assignment's titles."""

    titles: tuple[str, ...]  # of the assignment and its lab
    number: int  # of the lab
    column: str | None = None

    def find(self, columns, candidates, plain=lambda title: title):
        """The index of the column, or None where no candidate is meant.

        candidates: indices of the columns that can take a mark
        plain:      takes what the system adds to a title off it
        Raises GradingError where several could be meant, or the one that was named is not there.
        """
        titles = {index: plain(columns[index]).strip() for index in candidates}
        if self.column is not None:
            named = [
                index for index, title in titles.items() if self.column in (title, columns[index])
            ]
            if len(named) != 1:
                there = ", ".join(columns[index] for index in candidates) or "none"
                raise GradingError(
                    f"the table has no column {self.column!r} for marks; there are: {there}"
                )
            return named[0]
        for rule in (self._is_title, self._names_lab):
            found = [index for index, title in titles.items() if rule(title)]
            if len(found) == 1:
                return found[0]
            if found:
                several = " and ".join(columns[index] for index in found)
                raise GradingError(f"which column is meant, {several}? Name it by --column")
        return None

    def _is_title(self, title):
        return words(title) in [words(one) for one in self.titles]

    def _names_lab(self, title):
        return re.search(rf"(?<![a-z])lab[ _-]*0*{self.number}(?!\d)", title.casefold()) is not None


def indices(columns, **names):
    """{kind: index} of the columns that bear one of the given names, whatever their case."""
    found = {}
    lowered = [folded(column) for column in columns]
    for kind, known in names.items():
        for name in known:
            if folded(name) in lowered:
                found[kind] = lowered.index(folded(name))
                break
    return found


def people(system, rows, places, skip=lambda row: False, mark="'"):
    """{row: Person} from rows of a table.

    places: the columns as `indices` gives them; a name may be in two, `first` and `last`
    mark:   what the system, or a spreadsheet, puts before a value that is text
    """
    found = {}
    for number, row in enumerate(rows):
        values = {
            kind: row[place].strip().removeprefix(mark) if place < len(row) else ""
            for kind, place in places.items()
        }
        first, last = values.pop("first", ""), values.pop("last", "")
        values.setdefault("name", f"{first} {last}".strip())
        if any(values.values()) and not skip(row):
            found[number] = Person(system=system, **values)
    return found
