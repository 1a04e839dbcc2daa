"""Solutions to labs: solutions/labNN_topic.md makes labs/labNN_topic.ipynb.

nbgrader's own preprocessors make the release, in process, so that a lab is what
`nbgrader generate_assignment` would have written, without its database. What nbgrader would let
pass, or report by a traceback, is refused here first, by file, cell and line.

Which exercises a lab has, and their points, is said in unrolled/exercises/labNN.py.
"""

import ast
import json
import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml
from nbgrader.nbgraderformat import ValidationError
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

from unrolled import exercises
from unrolled.authoring import notebooks
from unrolled.authoring.notebooks import ROOT, AuthoringError, Cell
from unrolled.authoring.planned import supplied

# The order of nbgrader's generate_assignment, without the steps that need its database or a kernel.
PREPROCESSORS = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
)
CONFIG = Config(
    ClearSolutions={
        "code_stub": {"python": 'raise NotImplementedError("replace this line with your answer")'},
        "text_stub": "*Write your answer here, in place of this line.*",
        "begin_solution_delimeter": "### BEGIN SOLUTION",
        "end_solution_delimeter": "### END SOLUTION",
    }
)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# The first lines of a lab: whoever opens it without the package is told what to do.
GUARD = """try:
    import unrolled
except ModuleNotFoundError:
    raise ModuleNotFoundError({says!r}) from None

"""
FROM_ADDRESS = (
    "This lab needs its package. Run this in a cell above, then this cell again: "
    '%pip install "unrolled @ git+{url}"'
)
FROM_FOLDER = (
    "This lab needs its package. Open it in the folder it came with, or run `%pip install FOLDER` "
    "in a cell above, where FOLDER holds the project's pyproject.toml, and then this cell again."
)
ROLES = {"exercise", "check", "answer"}  # the tags of cells that count
MARKER = re.compile(r"\s*### (BEGIN|END) SOLUTION\s*")
NAME = re.compile(r"[A-Za-z0-9_-]+")  # what nbgrader allows in a grade_id


@dataclass
class Graded:
    """The cells that count, by the name of the exercise or the question they belong to."""

    exercises: dict[str, tuple[Cell, Cell]] = field(default_factory=dict)  # the cell, its check
    questions: dict[str, Cell] = field(default_factory=dict)  # free-text answers

    @property
    def names(self):
        """{name: the cell that holds the answer}."""
        return {name: cell for name, (cell, _) in self.exercises.items()} | self.questions


def labs(root=ROOT, modules=None):
    """All that `labs/` should hold: {path: text of the .ipynb, or None to remove the file}.

    modules: what `export.modules` plans, so that a registry that imports from a chapter finds the
    code of today's chapter before it is written; by default it finds what is on disk.

    Raises AuthoringError at the first solution that cannot be released. Writes nothing.
    """
    root = Path(root)
    with supplied(modules or {}):
        return _labs(root)


def _labs(root):
    planned, owners = {}, {}
    for path in notebooks.solutions(root):
        solution = notebooks.read(path, root)
        text, names = lab(solution, root)
        for name, cell in names.items():
            first = owners.setdefault(name, solution.name)
            if first != solution.name:
                raise solution.error(
                    f"the exercise {name!r} is in {first} too; rename one of the two", cell
                )
        planned[root / "labs" / f"{path.stem}.ipynb"] = text
    return planned | _orphans(root, planned)


def lab(solution, root=ROOT):
    """The lab of one solution: (text of the .ipynb, {name of exercise or question: its cell})."""
    nb, graded = annotated(solution, root)
    try:
        for preprocessor in PREPROCESSORS:
            nb, _ = preprocessor(parent=None, config=CONFIG).preprocess(nb, {})
        nbformat.validate(nb)
    except (ValidationError, nbformat.ValidationError, RuntimeError) as error:
        raise solution.error(f"nbgrader refuses it: {error}; mend what it names") from None
    for cell, _ in graded.exercises.values():
        _require_stub(solution, cell, nb.cells[cell.index].source)
    return nbformat.writes(nb) + "\n", graded.names


def annotated(solution, root=ROOT):
    """A solution as nbgrader's source: (notebook with its answers, what counts in it).

    Raises AuthoringError where it cannot be released.
    """
    for cell in solution.cells:
        _require_known_tags(solution, cell)
        _require_markers(solution, cell)
    graded = _graded(solution)
    metadata = _metadata(graded, _registered(solution, graded, root))
    nb = notebooks.to_nbformat(solution)
    nb.metadata = nbformat.from_dict(METADATA | {"unrolled": {"source": solution.name}})
    for cell, raw in zip(solution.cells, nb.cells, strict=True):
        kept = [tag for tag in cell.tags if tag not in ROLES and not tag.startswith("name-")]
        raw.metadata.pop("tags", None)
        if kept:
            raw.metadata["tags"] = kept
        if cell.index in metadata:
            raw.metadata["nbgrader"] = metadata[cell.index]
    first = next((raw for raw in nb.cells if raw.cell_type == "code"), None)
    if first is not None and re.search(r"^(from|import) unrolled", first.source, re.MULTILINE):
        first.source = GUARD.format(says=_what_to_do(Path(root))) + first.source
    return nb, graded


def _what_to_do(root):
    """Where the package comes from: the repository's address, or the folder of the lab."""
    config = root / "_config.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else {}
    url = (settings.get("repository") or {}).get("url")
    return FROM_ADDRESS.format(url=url) if url else FROM_FOLDER


def _require_known_tags(solution, cell):
    roles = sorted(ROLES & set(cell.tags))
    if len(roles) > 1:
        raise solution.error(f"is tagged {' and '.join(roles)}; keep one of these tags", cell)
    if roles and (cell.kind == "markdown") != (roles == ["answer"]):
        raise solution.error(
            "`exercise` and `check` are tags of code cells, `answer` of text; move the tag", cell
        )
    for tag in cell.tags:
        if tag.startswith("points-"):
            raise solution.error(
                f"points are kept in {_registry(solution)}; remove the tag {tag!r}", cell
            )
        if tag.startswith("name-") and roles != ["answer"]:
            raise solution.error(
                f"the tag {tag!r} belongs to an `answer` cell; remove it, or add `answer`", cell
            )


def _require_markers(solution, cell):
    """Every answer between its markers, and no marker anywhere else."""
    answers = {"exercise", "answer"} & set(cell.tags)
    opened, pairs = None, 0
    for number, line in enumerate(cell.source.splitlines(), start=1):
        if not re.search(r"(BEGIN|END) SOLUTION", line):
            continue
        marker = MARKER.fullmatch(line)
        if marker is None:
            fault = "a malformed marker; write `### BEGIN SOLUTION` or `### END SOLUTION`, alone "
            fault += "on its line"
        elif not answers:
            fault = "a solution marker outside an exercise; tag the cell `exercise` (code) or "
            fault += "`answer` (text)"
        elif (marker[1] == "BEGIN") == (opened is not None):
            fault = "unbalanced markers: BEGIN inside a solution" if opened else ""
            fault = fault or "unbalanced markers: END without a BEGIN"
            fault += "; pair each `### BEGIN SOLUTION` with one `### END SOLUTION`"
        else:
            opened, pairs = (number, pairs) if opened is None else (None, pairs + 1)
            continue
        raise solution.error(fault, cell, number)
    if opened is not None:
        raise solution.error(
            "unbalanced markers: BEGIN without an END; close it by `### END SOLUTION`", cell, opened
        )
    if answers and not pairs:
        raise solution.error(
            "no solution markers; put the answer between `### BEGIN SOLUTION` and "
            "`### END SOLUTION`",
            cell,
        )


def _graded(solution):
    """Which cells count: each exercise with its check, and the free-text answers."""
    graded = Graded()
    waiting = None  # the exercise that still lacks its check
    for cell in solution.cells:
        if "exercise" in cell.tags:
            if waiting is not None:
                break
            waiting = cell
        elif "check" in cell.tags:
            name = _checked_name(solution, cell, waiting)
            _require_new(solution, graded, name, waiting)
            graded.exercises[name] = (waiting, cell)
            waiting = None
        elif "answer" in cell.tags:
            name = _question_name(solution, cell)
            _require_new(solution, graded, name, cell)
            graded.questions[name] = cell
    if waiting is not None:
        raise solution.error(
            "an exercise without a check; add after it a cell tagged `check`, with "
            '`check("name", function)`',
            waiting,
        )
    return graded


def _checked_name(solution, cell, exercise):
    """The name in `check("name", function)`, the only statement of a check cell."""
    match notebooks.syntax_tree(solution, cell, magics=False).body:
        case [
            ast.Expr(
                ast.Call(
                    func=ast.Name("check"), args=[ast.Constant(str() as name), answer], keywords=[]
                )
            )
        ]:
            pass
        case _:
            raise solution.error(
                'a check cell holds one statement, `check("name", function)`; make it so', cell
            )
    if exercise is None:
        raise solution.error(
            f"the check {name!r} has no exercise before it; tag the cell with its solution "
            "`exercise`",
            cell,
        )
    bound = _bound(notebooks.syntax_tree(solution, exercise, magics=False))
    if isinstance(answer, ast.Name) and answer.id not in bound:
        raise solution.error(
            f"checks {answer.id!r}, which the exercise before it ({exercise.label}) does not "
            "define; pass the function defined there",
            cell,
        )
    return name


def _bound(tree):
    """The names that the top level of a cell defines or assigns."""
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _question_name(solution, cell):
    names = [tag.removeprefix("name-") for tag in cell.tags if tag.startswith("name-")]
    if len(names) != 1:
        raise solution.error("an `answer` cell has one name; tag it `name-my-question`", cell)
    return names[0]


def _require_new(solution, graded, name, cell):
    if not NAME.fullmatch(name):
        raise solution.error(
            f"{name!r} is no name for nbgrader; use letters, digits, _ and -", cell
        )
    if name in graded.names:
        first = graded.names[name]
        raise solution.error(
            f"a second exercise {name!r}, after {first.label}; rename one of them", cell
        )


def _registry(solution):
    number = notebooks.SOLUTION_NAME.fullmatch(solution.path.name)["number"]
    return f"unrolled/exercises/lab{number}.py"


def _registered(solution, graded, root):
    """The `exercises.Lab` of this solution; both name the same exercises and questions."""
    registry = _registry(solution)
    path = Path(root).resolve() / registry
    if not path.exists():
        raise solution.error(f"{registry} is missing; register the lab's exercises there")
    try:
        known = exercises.load(path)
    except Exception as error:  # an import may raise anything
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = frames[-1].lineno if frames else getattr(error, "lineno", None)
        said = str(error)
        if not isinstance(error, exercises.ExerciseError):
            said = f"{type(error).__name__}: {said}; mend it, or the chapter it imports from"
        raise AuthoringError(registry, None, line, said) from None
    if known.number != int(notebooks.SOLUTION_NAME.fullmatch(solution.path.name)["number"]):
        raise AuthoringError(
            registry,
            None,
            None,
            f"its Lab has the number {known.number}; give it the file's number",
        )
    if not (Path(root) / "chapters" / f"{known.chapter}.md").exists():
        raise AuthoringError(
            registry,
            None,
            None,
            f"its Lab follows chapters/{known.chapter}.md, which is not there; name the chapter as "
            "its file is named",
        )
    checks = {name: check for name, (_, check) in graded.exercises.items()}
    _require_same(solution, registry, "exercise", "check cell", checks, known.exercises)
    _require_same(
        solution, registry, "question", "`answer` cell", graded.questions, known.questions
    )
    return known


def _require_same(solution, registry, noun, place, cells, known):
    for name, cell in cells.items():
        if name not in known:
            raise solution.error(
                f"no {noun} {name!r} is registered in {registry}, which knows "
                f"{', '.join(known) or 'none'}; register it there, or correct the name",
                cell,
            )
    for name in known:
        if name not in cells:
            raise solution.error(
                f"the {noun} {name!r}, registered in {registry}, has no {place} here; add one, or "
                f"remove the {noun} there"
            )


def _metadata(graded, known):
    """{index of the cell: what nbgrader is told of it}; the points are the registry's."""
    found = {}
    for name, (cell, check) in graded.exercises.items():
        points = known.exercises[name].points
        found[cell.index] = _nbgrader(name, solution=True)
        found[check.index] = _nbgrader(f"check-{name}", grade=True, locked=True, points=points)
    for name, cell in graded.questions.items():
        points = known.questions[name].points
        found[cell.index] = _nbgrader(name, grade=True, solution=True, points=points)
    return found


def _nbgrader(grade_id, *, grade=False, solution=False, locked=False, points=None):
    told = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    return told if points is None else told | {"points": points}


def _require_stub(solution, cell, source):
    """Without its solution the cell must still be Python that runs: a lab runs untouched."""
    try:
        nodes = list(ast.parse(source).body)
    except SyntaxError as error:
        raise solution.error(
            f"without its solution the cell is not valid Python ({error.msg}); move the markers",
            cell,
        ) from None
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Raise):
            raise solution.error(
                "the solution is not inside a function, so the untouched lab would stop here; put "
                "the markers inside the function's body",
                cell,
            )
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nodes += ast.iter_child_nodes(node)


def _orphans(root, planned):
    """Labs made by this module whose solution is gone. A student's copy has another name."""
    gone = {}
    for path in sorted((root / "labs").glob("lab*.ipynb")):
        if path in planned:
            continue
        try:
            source = json.loads(path.read_text(encoding="utf-8"))["metadata"]["unrolled"]["source"]
        except (ValueError, KeyError, TypeError):
            continue
        if source == f"solutions/{path.stem}.md":
            gone[path] = None
    return gone
