"""Submissions for the tests of grading: honest ones, wrong ones, and whatever a test writes."""

import ast
import hashlib
from functools import cache
from pathlib import Path

import jupytext

from unrolled.exercises import load
from unrolled.exercises import names as labs
from unrolled.grading.model import Assignment, Cell, Limits, Submission

ROOT = Path(__file__).parents[1]
SECRET = "a class secret that no student knows"
IMPORTS = Cell("import numpy as np\n\nfrom unrolled.exercises.lab01 import check, ready, summary")
NOT_HERE = Path("nowhere") / "lab01.ipynb"


def assignment(lab="lab01", exercises=None, secret=SECRET, limits=None, **options):
    """An Assignment of some exercises of a lab, by default all of them."""
    known = load(lab).exercises
    points = {name: known[name].points for name in exercises or known}
    return Assignment(
        f"{lab} of the tests", lab, points, {}, secret, limits=limits or Limits(), **options
    )


def submission(student, cells, file=NOT_HERE, **options):
    """A Submission of cells, with a digest that says what is in them."""
    digest = hashlib.sha256(repr(cells).encode()).hexdigest()
    return Submission(student, Path(file), digest, tuple(cells), **options)


@cache
def solution(lab="lab01"):
    """All code cells of a lab's solution but its checks."""
    (path,) = ROOT.glob(f"solutions/{lab}_*.md")
    cells = []
    for cell in jupytext.read(path).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code" or "check" in tags:
            continue
        name = _defined(cell.source) if "exercise" in tags else None
        cells.append(Cell(cell.source, name))
    return tuple(cells)


def answers(lab="lab01"):
    """{exercise: the solution's cell}."""
    return {cell.exercise: cell for cell in solution(lab) if cell.exercise}


def _defined(source):
    return next(node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


# --------------------------------------------------------------------------- other right answers
@cache
def alternatives(lab="lab01"):
    """{exercise: {function: a cell with that answer}}, of tests/alternatives."""
    tree = ast.parse((ROOT / "tests" / "alternatives" / f"{lab}.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    (table,) = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    found = {}
    for key, names in zip(table.keys, table.values, strict=True):
        exercise = ast.literal_eval(key)
        found[exercise] = {}
        for name in (element.id for element in names.elts):
            body = ast.unparse(functions[name])
            # what is not used is not imported: torch takes a second
            used = [ast.unparse(node) for node in imports if _bound(node) & _words(functions[name])]
            source = "\n".join([*used, body, f"{exercise} = {name}"])
            found[exercise][name] = Cell(source, exercise)
    return found


def _bound(node):
    return {alias.asname or alias.name for alias in node.names}


def _words(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


# --------------------------------------------------------------------------- known mistakes
@cache
def misconceptions(lab="lab01"):
    """{exercise: {misconception: a cell that makes it}}, from the lab's own source.

    The lab's module is not in the sandbox, so its helpers go into the cell of the mistake.
    """
    assert lab in labs()
    tree = ast.parse((ROOT / "unrolled" / "exercises" / f"{lab}.py").read_text())
    helpers = "\n\n".join(ast.unparse(node) for node in tree.body if _helper(node))
    found = {}
    for node in ast.walk(tree):
        if _calls(node) != "Exercise":
            continue
        name = ast.literal_eval(_argument(node, "name", 0))
        made = found[name] = {}
        for one in _argument(node, "misconceptions", 8).elts:
            wrong = ast.unparse(_argument(one, "function", 1))
            source = f"{helpers}\n\n\ndef {name}(*given):\n    return ({wrong})(*given)\n"
            made[ast.literal_eval(_argument(one, "name", 0))] = Cell(source, name)
    return found


def _helper(node):
    if isinstance(node, ast.ImportFrom):
        return node.level == 0
    if isinstance(node, ast.Assign):
        return _calls(node.value) not in ("Exercise", "Lab") and "LAB" not in ast.unparse(node)
    return isinstance(node, ast.FunctionDef | ast.Import)


def _calls(node):
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _argument(call, name, position):
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    return named[name] if name in named else call.args[position]
