"""Name a mistake of a class: a short YAML to fill in, and its way back into the results."""

import difflib
import re
from pathlib import Path

import yaml

from unrolled.common.files import ROOT
from unrolled.grading.model import GradingError
from unrolled.grading.store import gradebook, groups, named
from unrolled.grading.store.named import Named
from unrolled.grading.tell import bounds

LONGEST = {  # characters
    "group": 200,
    "exercise": 200,
    "name": 60,
    "says": 1000,
    "section": 200,
    "code": 40_000,
}
HEAD = """\
# A mistake of your class, {count}. Fill in what is empty, then:
# python -m unrolled name RESULTS --read THIS_FILE
# name:    two to four words, as in "flipped filter"
# says:    to the student, in one or two sentences: what they did, and why it is not asked for
# section: a heading of the chapter, to read again
"""


class _Dumper(yaml.SafeDumper):
    """YAML with several lines as several lines."""


def _text(dumper, value):
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def skeleton(folder, name):
    """The text of a file that describes a group, its name and its sentence left empty."""
    group, book = _group(folder, name)
    filled = {
        "group": group.name,
        "exercise": group.exercise,
        "name": "",
        "says": "",
        "section": book.lab.exercises[group.exercise].section,
        "code": group.shortest.strip() + "\n",
    }
    students = len(group.codes)
    head = HEAD.format(count=f"made by {students} student{'s' * (students != 1)}")
    body = yaml.dump(filled, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return head + body


def read(folder, path):
    """Take a file that was filled in; returns (the Named, the students it now holds for).

    Raises GradingError where something is missing or cannot be; then nothing is taken.
    """
    path = Path(path)
    told = _told(path)
    group, book = _group(folder, told["group"])
    if told["exercise"] != group.exercise:
        raise GradingError(f"{path}: the group {group.name} is of `{group.exercise}`")
    lab_knows = {one.name for one in book.lab.exercises[group.exercise].misconceptions}
    if told["name"] in lab_knows:
        raise GradingError(f"{path}: the lab has a mistake {told['name']!r} already; rename yours")
    _check_heading(path, told["section"], book.lab.chapter)
    mistake = Named(**told, wrong=group.mark.wrong)
    named.save(folder, mistake)
    return mistake, tuple(group.codes)


def forget(folder, name):
    """Take back what a group was named; returns the Named. Raises GradingError for another one."""
    given = {one.group: one for one in named.load(folder)}
    if name not in given:
        there = ", ".join(f"{group} ({one.name})" for group, one in given.items()) or "none"
        raise GradingError(
            f"no group {bounds.clipped(name)!r} was named in {folder}; named are: {there}"
        )
    named.remove(folder, given[name])
    return given[name]


def _check_heading(path, section, chapter):
    """Refuse a section that is no heading of the chapter, where the chapter is at hand."""
    file = ROOT / "chapters" / f"{chapter}.md"
    if not file.is_file():
        return
    headings = re.findall(r"^##+ (.+?) *$", file.read_text(encoding="utf-8"), re.M)
    if section in headings:
        return
    near = difflib.get_close_matches(section, headings, n=3, cutoff=0.3)
    meant = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    raise GradingError(
        f"{path}: `section` {bounds.clipped(section)!r} is no heading of {file.name}{meant}"
    )


def _group(folder, name):
    """(the Group of that name, the Gradebook as it was graded)."""
    book = gradebook.read(folder, as_graded=True)
    found = {one.name: one for one in groups.groups(book.assignment.lab, book.results)}
    if name not in found:
        there = ", ".join(bounds.few(tuple(found))) or "none"
        raise GradingError(f"no group {bounds.clipped(name)!r} in {folder}; there are: {there}")
    return found[name], book


def _told(path):
    """{key: text} of a file that is filled in."""
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise GradingError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise GradingError(f"{path}: not valid YAML in UTF-8: {error}") from None
    if not isinstance(told, dict) or set(told) != set(LONGEST):
        raise GradingError(f"{path}: has to hold {', '.join(LONGEST)}, and nothing else")
    for key, most in LONGEST.items():
        value = told[key]
        if not isinstance(value, str) or not value.strip():
            raise GradingError(f"{path}: fill in `{key}`, as text")
        if len(value) > most:
            raise GradingError(f"{path}: `{key}` has more than {most:,} characters")
        told[key] = value.strip() if key == "code" else " ".join(value.split())
    return told
