"""What the book-wide pages say of each chapter, read from the chapter itself."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from unrolled.authoring import notebooks, reading_time
from unrolled.common.code import chapters_and_rooms


@dataclass(frozen=True)
class Chapter:
    """What the book-wide pages say of a chapter."""

    number: int
    stem: str
    title: str
    prose_minutes: float  # to read it without its code
    minutes: float  # with its code
    module: frozenset  # topics of the chapters that its module imports
    page: frozenset  # topics of those that its page imports

    @property
    def topic(self):
        return self.stem.partition("_")[2]


def chapters(root):
    """The book's chapters, in order."""
    stamps = tuple((path, path.stat().st_mtime_ns) for path in notebooks.chapters(root))
    return _chapters(stamps, Path(root))


@cache
def _chapters(stamps, root):
    return [_chapter(notebooks.read(path, root), root) for path, _ in stamps]


def _chapter(notebook, root):
    stem = notebook.path.stem
    text = [cell for cell in notebook.cells if cell.kind == "markdown"]
    title = next(re.search(r"^# (.+)", cell.source, re.MULTILINE) for cell in text)[1]
    module = root / "unrolled" / f"{stem.partition('_')[2]}.py"
    code = [notebooks.syntax_tree(notebook, cell) for cell in notebook.code]
    topics = {path.stem.partition("_")[2] for path in notebooks.chapters(root)}
    return Chapter(
        int(stem[:2]),
        stem,
        title,
        *reading_time.minutes(notebook),
        frozenset(chapters_and_rooms([ast.parse(module.read_text("utf-8"))]) & topics),
        frozenset(chapters_and_rooms(code) & topics),
    )
