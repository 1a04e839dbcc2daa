"""A lab's notebook, and a copy of it with some exercises only."""

import ast
import copy
import re

import nbformat
from nbgrader.utils import compute_checksum

from unrolled.common import scopes
from unrolled.common.files import ROOT
from unrolled.common.links import linked
from unrolled.grading.assign.roles import EXERCISE, role
from unrolled.grading.model import GradingError

HEADING = re.compile(r"^(?=## )", re.MULTILINE)
READY = re.compile(r"""\bready\(["'](\w+)["']\)""")
PRACTICE = "*For practice: a later cell uses this function, but the exercise carries no points.*"


def lab_path(lab, root=ROOT):
    """labs/labNN_topic.ipynb of a clone of the book."""
    found = sorted((root / "labs").glob(f"{lab}_*.ipynb"))
    if len(found) != 1:
        raise GradingError(
            f"no notebook labs/{lab}_….ipynb; run this in a clone of the book's repository"
        )
    return found[0]


def lab_notebook(lab, root=ROOT):
    """The lab as students open it, an nbformat notebook."""
    return nbformat.read(lab_path(lab, root), as_version=4)


def select(nb, assignment, book=None):
    """(a copy of a lab's notebook with what is assigned, names of exercises kept for practice).

    A section goes when it has exercises or questions and none of them is assigned. An exercise
    that is not assigned stays, without points, where a cell that stays needs its function.

    book: the site's address, to which links to chapters then lead; without it they become text.
    """
    counted = assignment.exercises | assignment.questions
    sections = _sections(nb.cells)
    kept = [_stays(section, counted) for section in sections]
    while True:
        needed = _needed(
            [cell for section, keep in zip(sections, kept) if keep for cell in section]
        )
        rescued = [not keep and bool(needed & _bound(s)) for s, keep in zip(sections, kept)]
        if not any(rescued):
            break
        kept = [keep or rescue for keep, rescue in zip(kept, rescued)]
    selected = copy.deepcopy(nb)
    if not all(kept):
        selected.cells = [cell for section, keep in zip(sections, kept) if keep for cell in section]
    practice = _value(selected.cells, counted)
    _announce(selected.cells, assignment, practice)
    for cell in selected.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, book)
        if "checksum" in cell.metadata.get("nbgrader", {}):
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return selected, practice


def _sections(cells):
    """Copies of the cells, by section; a text that holds a heading is cut before it."""
    sections = [[]]
    for cell in cells:
        pieces = [cell.source]
        if cell.cell_type == "markdown" and role(cell) == (None, None):
            pieces = HEADING.split(cell.source)
        for number, piece in enumerate(pieces):
            if cell.cell_type == "markdown" and piece.startswith("## "):
                sections.append([])
            if piece.strip():
                copied = copy.deepcopy(cell)
                copied.source = piece.strip("\n") if len(pieces) > 1 else piece
                copied.id += f"-{number}" if number else ""
                sections[-1].append(copied)
    return sections


def _stays(section, counted):
    names = {name for _, name in map(role, section) if name}
    return not names or bool(names & counted.keys())


def _bound(cells):
    """What the cells give a name to."""
    return frozenset().union(*(n.bound for n in _names(cells)))


def _needed(cells):
    """What the cells read without naming it themselves, and what they ask `ready` for."""
    asked = {
        name for cell in cells if cell.cell_type == "code" for name in READY.findall(cell.source)
    }
    return (asked.union(*(n.read for n in _names(cells)))) - _bound(cells)


def _names(cells):
    return [scopes.names(cell.source) for cell in cells if cell.cell_type == "code"]


def _value(cells, counted):
    """Give the cells their points; a check that is not counted is one no more.

    Returns the names of the exercises that are not counted.
    """
    practice = []
    for index, cell in enumerate(cells):
        kind, name = role(cell)
        if name is None:
            continue
        if name in counted:
            if "points" in cell.metadata.nbgrader:
                cell.metadata.nbgrader.points = counted[name]
            continue
        if kind == EXERCISE:
            practice.append(name)
            cells[index - 1].source += f"\n\n{PRACTICE}"
            continue
        for key in ("nbgrader", "deletable", "editable"):
            cell.metadata.pop(key, None)
    return practice


def _announce(cells, assignment, practice):
    """Let the notebook's own summary count what is assigned, by a line in its first cell."""
    module = f"unrolled.exercises.{assignment.lab}"
    counted = assignment.exercises | assignment.questions
    for cell in cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        found = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == module]
        if not found:
            continue
        lines = cell.source.splitlines()
        imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        end = max(node.end_lineno for node in imports)
        points = ", ".join(f"{name}={value}" for name, value in counted.items())
        call = f"LAB.assign({points})"
        if len(call) > 100:
            rows = "".join(f"    {name}={value},\n" for name, value in counted.items())
            call = f"LAB.assign(\n{rows})"
        names = sorted({"LAB", *(alias.name for alias in found[0].names)}, key=_import_order)
        lines[end:end] = ["", call]
        lines[found[0].lineno - 1 : found[0].end_lineno] = [
            f"from {module} import {', '.join(names)}"
        ]
        cell.source = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
        return
    raise GradingError(f"the notebook of {assignment.lab} does not import its checks")


def _import_order(name):
    return not name.isupper(), name
