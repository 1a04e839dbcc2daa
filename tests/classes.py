"""Notebooks as students hand them in, made from the lab and its solution, for tests of grading."""

import copy
import json
from functools import cache

import nbformat

from unrolled.authoring import notebooks, release
from unrolled.grading.assign.lab_notebook import lab_notebook, lab_path
from unrolled.grading.assign.roles import EXERCISE, QUESTION, role
from unrolled.grading.model import Assignment

LAB01 = Assignment(
    "lab01",
    "lab01",
    {
        "correlate": 1,
        "stack_geometry": 3,
        "causal_conv": 3,
        "transposed_conv": 4,
        "separable_conv": 3,
        "shared_filter_gradient": 4,
    },
    {"spikes": 2},
    "a secret for the tests only",
)


@cache
def _lab(lab):
    return lab_notebook(lab)


@cache
def solutions(lab="lab01"):
    """{exercise: the source of its solved cell}."""
    path = notebooks.ROOT / "solutions" / f"{lab_path(lab).stem}.md"
    nb, _ = release.annotated(notebooks.read(path))
    return {name: c.source for c in nb.cells for kind, name in [role(c)] if kind == EXERCISE}


class Work:
    """A student's notebook: the lab, solved or as handed out, to be changed."""

    def __init__(self, lab="lab01", solved=True, nb=None, **sources):
        self.nb = copy.deepcopy(nb or _lab(lab))
        there = {role(cell)[1] for cell in self.nb.cells}
        given = (solutions(lab) if solved else {}) | sources
        for name in given.keys() & there:
            self[name] = given[name]

    def place(self, name):
        """The index of the cell that holds the answer to an exercise or a question."""
        return next(
            index
            for index, cell in enumerate(self.nb.cells)
            if role(cell) in ((EXERCISE, name), (QUESTION, name))
        )

    def cell(self, name):
        return self.nb.cells[self.place(name)]

    def __setitem__(self, name, source):
        self.cell(name).source = source

    def add(self, source, after=None, kind="code"):
        """A cell of the student's own, at the end or below an answer."""
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        place = len(self.nb.cells) if after is None else self.place(after) + 1
        self.nb.cells.insert(place, make(source))
        return self

    def remove(self, name):
        del self.nb.cells[self.place(name)]
        return self

    def forget(self):
        """Lose all metadata, as when cells are pasted into a new notebook."""
        for cell in self.nb.cells:
            cell.metadata.clear()
        return self

    def text(self):
        return json.dumps(self.nb, indent=1, ensure_ascii=False)

    def bytes(self):
        return self.text().encode()

    def dict(self):
        return json.loads(self.text())

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.bytes())
        return path
