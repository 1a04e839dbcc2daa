"""Collects the book's notebooks as tests: each code cell of a chapter, solution or lab is one.

A notebook which the site has executed as it is, with all it uses as it is, is not executed once
more: its cells pass by that record (`make test AGAIN=1` does not ask for it).

nbval reads .ipynb only; chapters and solutions are MyST Markdown, read here by jupytext. Cells show
as `chapters/01_convolution.md::Cell 7`. No output is compared: the checks in a notebook are
assertions, which fail its cell.
"""

import os
import re
from functools import partial
from unittest.mock import patch

import jupytext
import nbformat
from nbval.plugin import IPyNbCell, IPyNbFile

# kernels inherit these: one BLAS thread each, and the package of this tree
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [os.path.dirname(os.path.abspath(__file__)), os.environ.get("PYTHONPATH")])
)
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else debugpy warns in each kernel

# two workers end together when the longest files begin; xdist would begin with those of most tests
LONGEST = (
    *("test_site.py", "test_exercises.py", "test_grade.py", "test_hostile_answers.py"),
    *("test_release.py", "test_book.py", "test_hostile_submissions.py", "test_handout.py"),
)
NOTEBOOK = re.compile(r"(chapters/\d\d_\w+|solutions/lab\d\d_\w+)\.md")


class MystFile(IPyNbFile):
    """A notebook in MyST Markdown, for nbval."""

    recorded = False

    def collect(self):
        with patch.object(nbformat, "read", return_value=jupytext.read(self.path)):
            cells = list(super().collect())
        for cell in cells:
            cell.runtest = partial(self.run, cell)
        return cells

    def setup(self):
        from unrolled.authoring import execute, notebooks

        name = notebooks.relative_name(self.path, notebooks.ROOT)
        self.recorded = "UNROLLED_AGAIN" not in os.environ and execute.holds(name)
        if not self.recorded:
            super().setup()

    def run(self, cell):
        if not self.recorded:
            IPyNbCell.runtest(cell)


def pytest_collect_file(file_path, parent):
    name = "/".join(file_path.parts[-2:])
    options = parent.config.option
    if NOTEBOOK.fullmatch(name) and (options.nbval or options.nbval_lax):
        return MystFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(items):
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))  # stable: files stay whole
