"""The slides' items and where the book pays each: chapters/slides.yml, read and held against the
book. The Sphinx side of it, the slide map, errata and margin notes, is in `pages`."""

import ast
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from unrolled.authoring.notebooks import ROOT

LABEL = re.compile(r"\(([\w-]+)\)=")
KINDS = ("equation", "concept", "architecture", "claim", "practice")


@dataclass(frozen=True)
class Erratum:
    """What a slide has, what is right, and the label of the section that shows it."""

    kind: str  # 'error' or 'trap'
    has: str
    right: str
    shown: str = ""


@dataclass(frozen=True)
class Item:
    """One thing the slides teach; chapters/slides.yml says what the fields are."""

    id: str
    deck: str
    title: str
    kind: str
    chapter: str
    what: str
    slide: int | None = None
    tex: str = ""
    section: str = ""
    functions: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    exercises: tuple[str, ...] = ()
    errata: tuple[Erratum, ...] = ()

    @property
    def label(self):
        """The label of its row in the slide map."""
        return f"slide-{self.id}"


@dataclass(frozen=True)
class Deck:
    """A set of slides: its name in a sentence, the title of its part of the map, its items."""

    id: str
    name: str
    title: str
    items: tuple[Item, ...]

    def place(self, item):
        """Where the item is on the slides, in words: 'Slide 4' or 'Elman deck'."""
        return self.name if item.slide is None else f"slide {item.slide}"


def read(root=ROOT):
    """The decks of chapters/slides.yml, each with its items in order; none without that file."""
    path = Path(root, "chapters/slides.yml")
    return list(_decks(path.read_text("utf-8"))) if path.exists() else []


@lru_cache(maxsize=4)  # every directive of a page asks for them, and YAML takes a while
def _decks(text):
    import yaml

    ledger = yaml.safe_load(text)
    items = [_item(**entry) for entry in ledger["items"]]
    return [
        Deck(name, deck["name"], deck["title"], tuple(i for i in items if i.deck == name))
        for name, deck in ledger["decks"].items()
    ]


def _item(functions=(), tests=(), exercises=(), errata=(), **entry):
    return Item(
        **entry,
        functions=tuple(functions),
        tests=tuple(tests),
        exercises=tuple(exercises),
        errata=tuple(Erratum(**erratum) for erratum in errata),
    )


@dataclass(frozen=True)
class Book:
    """The names that an item may lead to."""

    labels: dict = field(default_factory=dict)  # chapter: the labels of its headings
    functions: frozenset = frozenset()
    tests: frozenset = frozenset()
    exercises: frozenset = frozenset()


def book(root=ROOT):
    """What there is in the book at `root`, found by reading it."""
    from unrolled import exercises

    root = Path(root)
    chapters = [*root.glob("chapters/[0-9]*.md"), root / "chapters/references.md"]
    package = root / "unrolled"
    rooms = ("", "experiments/", "authoring/")
    modules = [path for room in rooms for path in package.glob(f"{room}*.py")]
    labs = {lab: exercises.load(lab) for lab in exercises.names()}
    return Book(
        {path.stem: labels(path) for path in chapters},
        frozenset(
            f"{'.'.join(path.relative_to(package).with_suffix('').parts)}.{name}"
            for path in modules
            for name in _defined(path)
        ),
        frozenset(
            f"{path.name}::{name}"
            for path in root.glob("tests/test_*.py")
            for name in _defined(path)
            if name.startswith("test_")
        ),
        frozenset(
            f"{lab}.{name}"
            for lab, found in labs.items()
            for name in [*found.exercises, *found.questions]
        ),
    )


def labels(path):
    """The labels that stand before the headings of a page."""
    return _labels(path.read_text("utf-8"))


@lru_cache(maxsize=32)  # every link to a section looks through the chapters
def _labels(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return frozenset(
        found[1]
        for line, following in pairwise(lines)
        if (found := LABEL.fullmatch(line)) and following.startswith("#")
    )


def _defined(path):
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def faults(item, book):
    """What is missing of an item, or leads nowhere: a list of sentences, empty if all is well."""
    found = []
    for name in ("title", "what"):
        if not getattr(item, name):
            found.append(f"{item.id}: no {name}")
    if item.kind not in KINDS:
        found.append(f"{item.id}: kind: one of {', '.join(KINDS)} expected, got {item.kind!r}")
    if item.section not in book.labels.get(item.chapter, ()):
        found.append(f"{item.id}: section: no heading labelled {item.section!r} in {item.chapter}")
    for name in ("functions", "tests", "exercises"):
        given, known = getattr(item, name), getattr(book, name)
        if not given and name != "exercises":
            found.append(f"{item.id}: {name}: at least one expected")
        found += [f"{item.id}: {name}: there is no {link}" for link in given if link not in known]
        if len(set(given)) < len(given):
            found.append(f"{item.id}: {name}: one is named twice")
    everywhere = set().union(*book.labels.values())
    for erratum in item.errata:
        if erratum.kind not in ("error", "trap"):
            found.append(f"{item.id}: errata: 'error' or 'trap' expected, got {erratum.kind!r}")
        if not (erratum.has and erratum.right):
            found.append(f"{item.id}: errata: `has` and `right` expected")
        if erratum.shown not in everywhere:
            found.append(f"{item.id}: errata: no heading labelled {erratum.shown!r}")
    return found


def without(item, name, link):
    """The item with one of its links gone."""
    if name == "section":
        return replace(item, section="")
    if name == "errata":
        rest = (replace(e, shown="") if e is link else e for e in item.errata)
        return replace(item, errata=tuple(rest))
    return replace(item, **{name: tuple(kept for kept in getattr(item, name) if kept != link)})
