"""Mistakes that an instructor gave a name: kept beside the results, and laid over them.

A name holds for every answer that gave the same on the same cases. No answer is run for that.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from unrolled import exercises
from unrolled.common import wire
from unrolled.common.files import write_bytes_atomically
from unrolled.exercises.plain import NotPlain
from unrolled.grading.judge.scoring import read_again, recognised
from unrolled.grading.model import GradingError, Wrong
from unrolled.grading.store import groups, outcomes

FOLDER = "named"


@dataclass(frozen=True)
class Named:
    """A mistake of a class.

    name, says, section: as of a Misconception of the lab
    code:                that makes it
    wrong:               what it gave
    """

    group: str
    exercise: str
    name: str
    says: str
    section: str
    code: str
    wrong: Wrong


def save(folder, named):
    """Keep a Named in a folder of results, in place of an earlier one of its group."""
    write_bytes_atomically(_file(folder, named), wire.pack(asdict(named)), mode=0o600)


def remove(folder, named):
    """Take a Named out of a folder of results."""
    _file(folder, named).unlink()


def _file(folder, named):
    return Path(folder) / FOLDER / f"{named.group}.npz"


def load(folder):
    """All that were named, by group."""
    found = []
    for file in sorted((Path(folder) / FOLDER).glob("*.npz")):
        try:
            told = wire.unpack(file.read_bytes())
            found.append(Named(**{**told, "wrong": outcomes.read(told["wrong"])}))
        except (OSError, wire.Unreadable, NotPlain, KeyError, TypeError):
            raise GradingError(f"{file} is no named mistake: remove it, name it again") from None
    return tuple(found)


def laid_over(lab, results, named):
    """The Results, in which every answer that gives what a named one gave bears its name."""
    known = [(one, groups.given(lab, one.exercise, one.wrong)) for one in named]
    return tuple(
        replace(one, marks=tuple(_named(lab, mark, known) for mark in one.marks)) for one in results
    )


def _named(lab, mark, known):
    of_it = [(one, given) for one, given in known if one.exercise == mark.exercise]
    given = groups.behaviour(lab, mark) if of_it else None
    for one, other in of_it:
        shared = given is not None and groups.comparable(one.wrong, mark.wrong)
        if shared and groups.alike(given, other, groups.tolerance(lab, mark.exercise)):
            first, *rest = mark.says
            kept = [says for says in rest if says != read_again(own_section(lab, mark.exercise))]
            told = (first, recognised(one.name, one.says), *kept, read_again(one.section))
            return replace(mark, misconception=one.name, says=told)
    return mark


def own_section(lab, exercise):
    """The section that is read again where nothing else is known."""
    return exercises.load(lab).exercises[exercise].section
