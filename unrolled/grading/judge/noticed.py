"""What an instructor should read in an answer: code that may not be the student's own work.

None of it is a verdict. A lab allows what its handed-out cells import; a name of a chapter beyond
that may solve the exercise in a line, code that is made from text hides what it does, and whole
lines of the lab's own module are hardly a coincidence.
"""

import ast
import re
from functools import cache

from unrolled.common.files import ROOT
from unrolled.grading.assign.lab_notebook import lab_notebook

HIDING = {"exec", "eval", "compile", "__import__", "importlib"}
CHAPTERS = re.compile(r"unrolled(\.(?!support\b|common\b)\w++)*+")
FROM_LAB = 6  # lines of the lab's module: as many as no solution shares with it by chance
SHORTEST = 25  # characters of such a line
LONGEST = 90  # characters of a line that is shown
MOST = 5  # notes on one exercise


def notices(lab, cells):
    """Sentences on the cells of a submission, each with its exercise and the line."""
    allowed = _imported(_handed_out(lab))
    found = []
    for cell in cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        lines = cell.source.splitlines()
        where = cell.exercise or "beside the answers"
        for line, what in [*_reached(tree, allowed), *_copied(lab, lines)][:MOST]:
            shown = lines[line - 1].strip()[:LONGEST]
            found.append(f"{where}: {what}, in line {line}: {shown}")
    return tuple(dict.fromkeys(found))


def _reached(tree, allowed):
    """(line, what) of imports of chapters that nobody handed out, and of code made from text."""
    for name, line in _imported(tree).items():
        module = name.rpartition(":")[0]
        if name not in allowed and CHAPTERS.fullmatch(module):
            yield line, f"it takes {name.replace(':', '.')}, which the lab does not hand out"
        elif module.partition(".")[0] == "importlib":
            yield line, "it imports by importlib"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in HIDING:
            yield node.lineno, f"it uses {node.id}"
        if isinstance(node, ast.Attribute) and node.attr == "reference":
            yield node.lineno, "it asks for a reference"


def _imported(tree):
    """{"module:name": line} of all that is imported, anywhere."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {f"{alias.name}:": node.lineno for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module or ''}:{alias.name}": node.lineno for alias in node.names}
    return found


def _copied(lab, lines):
    """(line, what) where several lines are those of the lab's own module."""
    own = _own_lines(lab)
    same = [number for number, line in enumerate(lines, start=1) if _plain(line) in own]
    if len(same) >= FROM_LAB:
        yield same[0], f"{len(same)} lines are those of {lab}.py"


@cache
def _own_lines(lab):
    """The lines of the lab's module that nobody was handed."""
    text = (ROOT / "unrolled" / "exercises" / f"{lab}.py").read_text(encoding="utf-8")
    handed = {_plain(line) for cell in lab_notebook(lab).cells for line in cell.source.splitlines()}
    lines = {_plain(line) for line in text.splitlines()} - handed
    return frozenset(line for line in lines if len(line) >= SHORTEST)


@cache
def _handed_out(lab):
    """The handed-out code, as one tree."""
    cells = [cell.source for cell in lab_notebook(lab).cells if cell.cell_type == "code"]
    return ast.parse("\n".join(cells))


def _plain(line):
    return " ".join(line.split())
