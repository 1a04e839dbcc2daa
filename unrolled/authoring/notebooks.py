"""Reading the notebooks this book is written in: MyST Markdown, by way of jupytext.

Every tool of the press reads its sources here, so that all of them mean the same cell by the same
number and report what is wrong in the same words: file, cell, line, what it is, what to do.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from unrolled.common.files import ROOT

# nbformat and jupytext take a second to import: only what reads a notebook pays for them, and a
# build that finds nothing changed answers at once.

CHAPTER_NAME = re.compile(r"(?P<number>\d\d)_(?P<topic>[a-z][a-z0-9_]*)\.md")
SOLUTION_NAME = re.compile(r"lab(?P<number>\d\d)_(?P<topic>[a-z][a-z0-9_]*)\.md")


class AuthoringError(Exception):
    """A source file that cannot be used, said in one line.

    path: the file, relative to the root of the book.
    cell: a `Cell`, or None where the whole file is meant.
    line: counted from 1, in the file; by default the first line of the cell.
    message: what is wrong; what to do.
    """

    def __init__(self, path, cell, line, message):
        self.path = str(path)
        self.cell = cell
        self.line = line if line is not None or cell is None else cell.line
        self.message = " ".join(str(message).split())
        super().__init__(self.path, self.cell, self.line, self.message)

    def __str__(self):
        if self.cell is not None:
            place = f", {self.cell.label} (line {self.line})"
        else:
            place = f" (line {self.line})" if self.line is not None else ""
        return f"{self.path}{place}: {self.message}"


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook.

    index: its place in `Notebook.cells`, which is its place in the .ipynb too.
    label: how messages call it. Code cells are counted from 0, as nbval's test names count them;
        text is called by the code cell that follows it.
    line: the line of the file, counted from 1, on which `source` begins.
    """

    index: int
    label: str
    line: int
    kind: str  # 'code', 'markdown' or 'raw'
    source: str
    tags: tuple[str, ...] = ()
    metadata: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Notebook:
    """A notebook as read: `path` is absolute, `name` is relative to the root of the book."""

    path: Path
    name: str
    cells: list[Cell]
    metadata: dict

    @property
    def code(self):
        """The code cells, in order."""
        return [cell for cell in self.cells if cell.kind == "code"]

    def tagged(self, tag):
        """The cells that carry `tag`, in order."""
        return [cell for cell in self.cells if tag in cell.tags]

    def error(self, message, cell=None, line=None):
        """An AuthoringError about this notebook; `line` counts from 1 in the cell's source."""
        if line is not None and cell is not None:
            line = cell.line + line - 1
        return AuthoringError(self.name, cell, line, message)


def relative_name(path, root=ROOT):
    """`path` as messages show it: relative to the root, with forward slashes."""
    path, root = Path(path).resolve(), Path(root).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def read(path, root=ROOT):
    """Read one MyST notebook. Raises AuthoringError where the file is not a valid one."""
    path = Path(path)
    name = relative_name(path, root)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise AuthoringError(name, None, line, "not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise AuthoringError(name, None, None, f"cannot be read: {error.strerror}") from None
    return _parsed(path, name, text)


@lru_cache(maxsize=64)  # a build asks for each several times
def _parsed(path, name, text):
    """The notebook at `path`, called `name`, whose text is `text`."""
    import nbformat
    import yaml
    from jupytext.myst import MystMetadataParsingError, myst_to_notebook

    try:
        nb = myst_to_notebook(text, add_source_map=True)
    except MystMetadataParsingError as error:
        found = re.search(r"at line (\d+)", str(error))
        hint = "mend the options at the head of that cell, or the front matter of the file"
        raise AuthoringError(
            name, None, int(found[1]) if found else None, f"{error}; {hint}"
        ) from None
    except yaml.YAMLError as error:
        raise AuthoringError(name, None, None, f"invalid YAML: {error}; mend it") from None
    except nbformat.ValidationError as error:
        raise AuthoringError(name, None, *_invalid(error, text)) from None
    _require_myst(nb, name)
    starts = nb.metadata.pop("source_map")
    lines = text.splitlines()
    cells = []
    number = 0  # of the code cell at hand or, in text, of the next
    for index, (raw, start) in enumerate(zip(nb.cells, starts, strict=True)):
        label = f"cell {number}" if raw.cell_type == "code" else f"text before cell {number}"
        line = _first_line(lines, start, raw.source)
        tags = tuple(raw.metadata.get("tags", ()))
        cells.append(Cell(index, label, line, raw.cell_type, raw.source, tags, raw.metadata))
        number += raw.cell_type == "code"
    return Notebook(path, name, cells, nb.metadata)


def syntax_tree(notebook, cell, magics=True):
    """The `ast` of a code cell; None where the cell is meant to fail and is no Python at all.

    magics: whether lines that are IPython's, as `%timeit f(x)`, may stand in it.
    """
    source = cell.source
    if magics:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
    try:
        return ast.parse(source)
    except SyntaxError as error:
        if magics and "raises-exception" in cell.tags:
            return None
        line = min(error.lineno or 1, cell.source.count("\n") + 1)
        raise notebook.error(f"not valid Python: {error.msg}; mend this line", cell, line) from None


def to_nbformat(notebook):
    """The notebook as an nbformat object, without outputs; cell ids follow from the place."""
    import nbformat

    make = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }
    cells = [
        make[cell.kind](cell.source, id=f"cell-{cell.index:03d}", metadata=dict(cell.metadata))
        for cell in notebook.cells
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=dict(notebook.metadata))


def chapters(root=ROOT):
    """The chapters' files in order: chapters/NN_topic.md. Other pages there are no notebooks."""
    found = sorted(Path(root, "chapters").glob("[0-9]*.md"))
    return _well_named(found, CHAPTER_NAME, "NN_topic.md, as in 01_convolution.md", root)


def solutions(root=ROOT):
    """The labs' sources in order: solutions/labNN_topic.md."""
    found = sorted(Path(root, "solutions").glob("*.md"))
    found = [path for path in found if path.name != "index.md"]
    return _well_named(found, SOLUTION_NAME, "labNN_topic.md, as in lab01_convolution.md", root)


def _require_myst(nb, name):
    """Without this header jupytext would read the file as plain Markdown, without code cells."""
    found = nb.metadata
    for key in ("jupytext", "text_representation", "format_name"):
        found = found.get(key) if isinstance(found, dict) else None
    if found != "myst" or "kernelspec" not in nb.metadata:
        raise AuthoringError(
            name,
            None,
            1,
            "no header of a MyST notebook; begin the file with the front matter of another chapter "
            "(jupytext: text_representation: format_name: myst, and kernelspec: name: python3)",
        )


def _invalid(error, text):
    """The line and the message for options that nbformat does not accept in a notebook."""
    import yaml

    if "tags" not in error.schema_path and "tags" not in error.path:
        return 1, f"invalid front matter: {error.message}; write it as `key: value`"
    written = (re.fullmatch(r"\s*:?tags:\s*(.*)", line) for line in text.splitlines())
    same = (found and yaml.safe_load(found[1]) == error.instance for found in written)
    number = next((number for number, hit in enumerate(same, start=1) if hit), None)
    return number, f"tags are {error.instance!r}; write a list, each tag once: `:tags: [export]`"


def _first_line(lines, start, source):
    """The line, from 1, on which `source` begins: a cell's options and blank lines precede it."""
    wanted = source.splitlines()
    for first in range(start, len(lines) - len(wanted) + 1):
        candidate = lines[first : first + len(wanted)]
        if wanted and [line.rstrip() for line in candidate] == [line.rstrip() for line in wanted]:
            return first + 1
    return start + 1


def _well_named(paths, pattern, shape, root):
    numbers = {}
    for path in paths:
        name = relative_name(path, root)
        match = pattern.fullmatch(path.name)
        if match is None:
            raise AuthoringError(
                name, None, None, f"the file's name is not {shape}, in small letters; rename it"
            )
        other = numbers.setdefault(match["number"], name)
        if other != name:
            raise AuthoringError(
                name, None, None, f"has the same number as {other}; renumber one of them"
            )
    return paths
