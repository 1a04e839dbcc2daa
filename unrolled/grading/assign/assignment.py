"""The assignment file: a short YAML that says what is handed out, and holds the class's secret."""

import difflib
import secrets
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import yaml

from unrolled import exercises
from unrolled.grading.model import Assignment, GradingError, Late, Limits

KEYS = (
    *("lab", "name", "exercises", "questions", "due", "secret", "secret_file", "variants"),
    *("limits", "extensions", "handed_in", "late", "attempts", "groups", "partial"),
)
ATTEMPTS = ("latest", "best")
SECRET_LENGTH = 16  # characters; `new` writes 32
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class _Loader(yaml.SafeLoader):
    """YAML without its dates: "due" stays the text that was written, zone included."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _File:
    """An assignment file being read: its values, and the line of each for messages."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise GradingError(f"{self.path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise GradingError(f"{self.path}: not UTF-8; save the file as UTF-8") from None
        self.lines = {}
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            self._number(node, ())
            self.values = loader.construct_document(node) if node else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or getattr(error, "reason", "not YAML")
            at = f", line {mark.line + 1}" if mark else ""
            raise GradingError(f"{self.path}{at}: not valid YAML: {problem}; mend it") from None
        if not isinstance(self.values, dict):
            raise self.error("", "has to be lines of `key: value`; begin with `lab: lab01`")

    def _number(self, node, place):
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                here = (*place, key.value if isinstance(key.value, str) else "?")
                self.lines[here] = key.start_mark.line + 1
                if here in seen:
                    raise self.error(here, f"`{here[-1]}` stands here twice; remove one of them")
                seen.add(here)
                self._number(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                if isinstance(value, yaml.ScalarNode):
                    self.lines[*place, value.value] = value.start_mark.line + 1

    def error(self, place, message):
        """A GradingError about the value at `place`, a key or a tuple of keys."""
        place = (place,) if isinstance(place, str) else tuple(map(str, place))
        line = self.lines.get(place) or self.lines.get(place[:1])
        return GradingError(f"{self.path}{f', line {line}' if line else ''}: {message}")


def load(path):
    """The Assignment of a YAML file; GradingError, with the line, where it says what cannot be."""
    file = _File(path)
    for key in file.values:
        if key not in KEYS:
            raise file.error(key, f"unknown key `{key}`{_meant(key, KEYS)}")
    lab = _lab(file)
    known = exercises.load(lab)
    chosen = _points(file, "exercises", "exercise", known.exercises)
    asked = _points(file, "questions", "question", known.questions)
    if not chosen and not asked:
        raise file.error(
            "exercises", "nothing is assigned; name an exercise, or leave the list out"
        )
    return Assignment(
        name=_name(file, lab),
        lab=lab,
        exercises=chosen,
        questions=asked,
        secret=_secret(file),
        due=_time(file, ("due",), file.values.get("due")),
        variants=_switch(file, "variants"),
        limits=_limits(file),
        extensions=_times(file, "extensions"),
        handed_in=_times(file, "handed_in"),
        late=_late(file),
        attempts=_attempts(file),
        groups=_groups(file),
        partial=_switch(file, "partial"),
    )


def new(lab, now=None):
    """The text of an assignment file for a whole lab, with a fresh secret."""
    known = exercises.load(_known_lab(lab, lambda message: GradingError(message)))
    due = (now or datetime.now().astimezone()) + timedelta(days=14)
    due = due.replace(hour=23, minute=59, second=0, microsecond=0)

    def listed(entries):
        return "".join(f"\n  {entry.name}: {entry.points}" for entry in entries.values()) or " {}"

    text = """\
        # What is assigned. Keep this file to yourself: who knows the secret knows the graded cases.
        lab: {lab}
        name: {lab}
        due: {due}

        # Points are the lab's own; change them, or remove the lines of what is not assigned.
        exercises:{exercises}
        questions:{questions}  # answered in words, marked by hand

        # The graded cases are drawn from this. A new one for every class and every year.
        secret: {secret}

        # true: every student is graded on cases of their own.
        variants: false

        # latest or best: which of several attempts counts, where the learning system tells them
        # apart.
        attempts: latest

        # More that can be said, without the signs before it:
        # late: {{points_per_day: 2, at_most: 6}}
        # extensions: {{ada: {due}}}
        # groups: {{team1: [ada, bert]}}
        # partial: true
        """
    return dedent(text).format(
        lab=lab,
        due=due.isoformat(),
        exercises=listed(known.exercises),
        questions=listed(known.questions),
        secret=secrets.token_urlsafe(24),
    )


def from_record(told):
    """The Assignment that a grading record describes, in the lab's order; without its secret."""
    known = exercises.load(told["lab"])
    ordered = {
        key: {name: told[key][name] for name in entries if name in told[key]}
        for key, entries in (("exercises", known.exercises), ("questions", known.questions))
    }
    late = told["late"] and Late(**told["late"])
    groups = {name: tuple(students) for name, students in told["groups"].items()}
    plain = {"limits": Limits(**told["limits"]), "late": late, "groups": groups, "secret": ""}
    return Assignment(**told | ordered | plain)


def _meant(name, known):
    """ "; did you mean `x`?", or what there is."""
    close = difflib.get_close_matches(str(name), list(known), 1, 0.6)
    return f"; did you mean `{close[0]}`?" if close else f"; there are {', '.join(known)}"


def _known_lab(lab, error):
    if lab not in exercises.names():
        raise error(f"no lab {lab!r}; there are {', '.join(exercises.names())}")
    return lab


def _lab(file):
    if "lab" not in file.values:
        raise file.error("", f"`lab` is missing; add `lab: {exercises.names()[0]}`, or another")
    return _known_lab(file.values["lab"], lambda message: file.error("lab", message))


def _name(file, lab):
    name = file.values.get("name", lab)
    if not (isinstance(name, str) and name and set(name) <= NAME_CHARACTERS):
        raise file.error("name", f"the name {name!r} has to be of letters, digits, _ and -")
    return name


def _points(file, key, noun, known):
    """{name: points} in the lab's order; without the key, everything with its own points."""
    given = file.values.get(key, list(known))
    if isinstance(given, list):
        given = dict.fromkeys(map(str, given)) if len(set(map(str, given))) == len(given) else given
    if not isinstance(given, dict):
        raise file.error(
            key, f"`{key}` has to be a list of names, each once, or lines of `name: points`"
        )
    for name, points in given.items():
        if name not in known:
            raise file.error((key, name), f"the lab has no {noun} {name!r}{_meant(name, known)}")
        if points is not None and (type(points) is not int or points < 1):
            raise file.error(
                (key, name), f"the points of {name} are {points!r}; write a whole number from 1"
            )
    return {name: given[name] or entry.points for name, entry in known.items() if name in given}


def _secret(file):
    if ("secret" in file.values) == ("secret_file" in file.values):
        raise file.error(
            "secret",
            "give one of `secret` and `secret_file`; `python -m unrolled assign --new LAB` writes "
            "a fresh one",
        )
    if "secret" in file.values:
        secret = file.values["secret"]
    else:
        path = file.path.parent / str(file.values["secret_file"])
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            raise file.error("secret_file", f"{path} cannot be read: {why}") from None
    if not isinstance(secret, str):
        raise file.error("secret", "the secret has to be text; put it in quotes")
    if len(secret) < SECRET_LENGTH:
        raise file.error(
            "secret" if "secret" in file.values else "secret_file",
            f"the secret has {len(secret)} characters and needs {SECRET_LENGTH}, or it can be "
            "guessed",
        )
    return secret


def _switch(file, key):
    value = file.values.get(key, False)
    if not isinstance(value, bool):
        raise file.error(key, f"`{key}` is {value!r}; write true or false")
    return value


def _time(file, place, value):
    """A date, time and zone as it was written, or None; GradingError where it is something else."""
    if value is None:
        return None
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except (TypeError, ValueError):
        zone = None
    if zone is None:
        raise file.error(
            place,
            f"`{place[-1]}` is {value!r}; write date, time and zone, as 2027-01-31T23:59:00+01:00",
        )
    return value


def _mapping(file, key, what):
    given = file.values.get(key) or {}
    if not isinstance(given, dict):
        raise file.error(key, f"`{key}` has to be lines of `{what}`")
    return {str(name): value for name, value in given.items()}


def _times(file, key):
    """{student: time}."""
    given = _mapping(file, key, "student: date, time and zone")
    return {
        name: _time(file, (key, name), "nothing" if value is None else value)
        for name, value in given.items()
    }


def _late(file):
    if file.values.get("late") is None:
        return None
    given = _mapping(file, "late", "points_per_day: number, at_most: number")
    known = [field.name for field in fields(Late)]
    for name, value in given.items():
        if name not in known:
            raise file.error(("late", name), f"unknown key `{name}`{_meant(name, known)}")
        if type(value) not in (int, float) or not 0 < value < float("inf"):
            raise file.error(
                ("late", name), f"`{name}` is {value!r}; write a number greater than 0"
            )
    if {*given} != {*known}:
        raise file.error("late", f"`late` needs both {' and '.join(known)}")
    if file.values.get("due") is None:
        raise file.error("late", "`late` needs a date: give `due`")
    return Late(**given)


def _attempts(file):
    given = file.values.get("attempts", ATTEMPTS[0])
    if given not in ATTEMPTS:
        raise file.error("attempts", f"`attempts` is {given!r}; write {' or '.join(ATTEMPTS)}")
    return given


def _groups(file):
    """{group: its students}, each in one group only."""
    found, of = {}, {}
    for group, students in _mapping(file, "groups", "group: [student, student]").items():
        if not isinstance(students, list) or not students:
            raise file.error(("groups", group), f"{group} has to be a list of students")
        found[group] = tuple(map(str, students))
        for student in found[group]:
            if of.setdefault(student, group) != group:
                raise file.error(("groups", group), f"{student} is in {of[student]} and in {group}")
    return found


def _limits(file):
    given = file.values.get("limits", {})
    known = {field.name: field.type for field in fields(Limits)}
    if not isinstance(given, dict):
        raise file.error("limits", f"`limits` has to be lines of `name: number`{_meant('', known)}")
    for name, value in given.items():
        if name not in known:
            raise file.error(("limits", name), f"unknown limit `{name}`{_meant(name, known)}")
        whole = isinstance(getattr(Limits(), name), int)
        if type(value) not in ((int,) if whole else (int, float)) or not value > 0:
            number = "whole number" if whole else "number"
            raise file.error(
                ("limits", name), f"`{name}` is {value!r}; write a {number} greater than 0"
            )
    return Limits(**given)
