"""A hand-out: a folder that a student unpacks, installs and works in; and nbgrader's course tree.

It is made from the lab, never from the solution, so that no answer can slip in. (The nbgrader tree
has the solution, in `source/`, which is the instructor's and which nbgrader does not release.)
"""

import ast
import importlib.metadata
import json
import re
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from packaging.requirements import Requirement

from unrolled import exercises
from unrolled.authoring import notebooks, release
from unrolled.common.code import imported
from unrolled.common.files import ROOT, write_atomically
from unrolled.grading.assign import recording
from unrolled.grading.assign.lab_notebook import lab_notebook, lab_path, select
from unrolled.grading.model import GradingError

# rooms of the package, and files in it, that a student does not need
LEFT_OUT = ("authoring", "grading", "__main__.py", "__pycache__")
OPTIONAL = {"torch"}  # the checks use it where it is installed; it is large
ALWAYS = {"jupyterlab"}
LAB_MODULE = re.compile(r"lab\d\d\.py")

_templates = Environment(
    loader=PackageLoader("unrolled.grading.assign"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write(assignment, out, force=False, book=None, root=ROOT):
    """Make the hand-out folder `out`; returns what the instructor should know, as sentences.

    The folder appears whole or not at all. One that has something in it is refused, or, with
    `force`, replaced if all it has is an earlier hand-out's.
    """
    out = Path(out) if Path(out).name else Path(out).resolve()
    nb, practice = select(lab_notebook(assignment.lab, root), assignment, book)
    notebook_name = lab_path(assignment.lab, root).name
    _require_free(out, force, {notebook_name})
    with _staged(out) as folder:
        _fill(folder, assignment, nb, notebook_name, root)
        text = readme(assignment, notebook_name, root)
        (folder / "README.md").write_text(text, encoding="utf-8")
    return _about(practice)


def write_site(assignment, out, force=False, book=None, root=ROOT):
    """Make the hand-out a site, the folder `out`, in whose pages a browser runs the lab.

    Returns what the instructor should know. Raises GradingError without Pyodide.
    """
    from unrolled.authoring.lite import assemble, pyodide

    out = Path(out) if Path(out).name else Path(out).resolve()
    nb, practice = select(lab_notebook(assignment.lab, root), assignment, book)
    name = lab_path(assignment.lab, root).name
    _require_free(out, force, {"index.html", "lite"})
    with _staged(out) as folder, tempfile.TemporaryDirectory() as package:
        copy_package(Path(package, "unrolled"), [assignment.lab], root)
        notebook = json.loads(nbformat.writes(nb))
        try:
            assemble.assemble(folder, Path(package), {name: notebook})
        except pyodide.NotReached as why:
            raise GradingError(f"Python for the browser was not to be had: {why}") from None
        address = f"lite/index.html?lab={Path(name).stem}"
        (folder / "index.html").write_text(
            _templates.get_template("site.html.jinja").render(address=address), encoding="utf-8"
        )
    return _about(practice)


def write_nbgrader(assignment, course, force=False, book=None, root=ROOT):
    """Add the assignment to an nbgrader course, which is made if it is not there."""
    course, name = Path(course), assignment.name
    lab, practice = select(lab_notebook(assignment.lab, root), assignment, book)
    solution = root / "solutions" / f"{lab_path(assignment.lab, root).stem}.md"
    source, _ = release.annotated(notebooks.read(solution, root), root)
    source, _ = select(source, assignment, book)
    targets = {course / "source" / name: source, course / "release" / name: lab}
    for folder in targets:
        _require_free(folder, force, {f"{name}.ipynb"})
    for folder, nb in targets.items():
        with _staged(folder) as staged:
            _fill(staged, assignment, nb, f"{name}.ipynb", root)
    says = _about(practice)
    config = course / "nbgrader_config.py"
    text = _templates.get_template("nbgrader_config.py.jinja").render(config=release.CONFIG)
    if not config.exists():
        write_atomically(config, text)
    elif config.read_text(encoding="utf-8") != text:
        says.append(f"{config} was there and stays as it is; it has to set ClearSolutions as ours")
    return says


def readme(assignment, notebook_name, root=ROOT):
    """The hand-out's README.md."""
    lab = exercises.load(assignment.lab)
    return _templates.get_template("handout.md.jinja").render(
        a=assignment,
        title=f"Lab {lab.number}: {lab.title}",
        notebook=notebook_name,
        due=due_in_words(assignment.due),
        total=sum(assignment.exercises.values()) + sum(assignment.questions.values()),
        torch=_locked(root)["torch"],
    )


def due_in_words(due):
    """ "Sunday, 31 January 2027, 23:59 (UTC+01:00)", or None."""
    if due is None:
        return None
    when = datetime.fromisoformat(due)
    return f"{when:%A}, {when.day} {when:%B %Y, %H:%M} ({when.tzname()})"


def requirements(sources, root=ROOT):
    """Lines of a requirements file: what the imports in `sources` need, as the lock has it."""
    locked = _locked(root)
    owners = importlib.metadata.packages_distributions()
    wanted = {_canonical(name) for name in ALWAYS}
    for module in _imported(sources) - OPTIONAL:
        wanted |= {_canonical(name) for name in owners.get(module, ())}
    return [locked[name] for name in sorted(_closure(wanted & locked.keys(), locked))]


def _fill(folder, assignment, nb, notebook_name, root):
    copy_package(folder / "unrolled", [assignment.lab], root)
    nbformat.write(nb, folder / notebook_name)
    sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    sources += [cell.source for cell in nb.cells if cell.cell_type == "code"]
    lines = requirements(sources, root)
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _locked(root):
    """{name of a package: its line in the lock}."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line.strip() for line in lines if "==" in line and not line.startswith("#")]
    return {_canonical(line.partition("==")[0]): line for line in lines}


def copy_package(target, labs, root=ROOT):
    """The package as a student needs it: chapters, support, and the checks of some labs, without
    the programs that are right or wrong."""

    def left_out(folder, names):
        top = Path(folder) == root / "unrolled"
        return {
            name
            for name in names
            if (top and name in LEFT_OUT)
            or name in ("__pycache__", "programs", "explorables.py")
            or LAB_MODULE.fullmatch(name)
        }

    shutil.copytree(root / "unrolled", target, ignore=left_out)
    for lab in labs:
        source = (root / "unrolled/exercises" / f"{lab}.py").read_text(encoding="utf-8")
        recording.write(target / "exercises", lab, source)
    shutil.copy(root / "LICENSE", target / "LICENSE")


def _imported(sources):
    """Top-level names of imported modules, without ours and the standard library's."""
    names = {name for source in sources for name in imported(ast.parse(source))}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"unrolled", ""}


def _closure(names, locked):
    """The names and all they require, as far as the lock has them."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                other = _canonical(need.name)
                if other in locked:
                    waiting.append(other)
    return found


def _canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower().strip()


def _about(practice):
    if not practice:
        return []
    many = len(practice) > 1
    return [
        f"{', '.join(practice)} {'are' if many else 'is'} not assigned, but the notebook's later "
        f"cells use {'them' if many else 'it'}: kept for practice, without points"
    ]


def _require_free(out, force, own):
    """Refuse a folder in which there is something that `assign` would not have put there."""
    if not out.exists():
        return
    if not out.is_dir():
        raise GradingError(f"{out} is a file; name a folder")
    there = {path.name for path in out.iterdir()} - {".ipynb_checkpoints"}
    if not there:
        return
    if not force:
        raise GradingError(f"{out} is not empty; name another folder, or replace it by --force")
    foreign = there - {"README.md", "requirements.txt", "unrolled"} - own
    if foreign:
        raise GradingError(
            f"{out} holds {', '.join(sorted(foreign)[:3])}, which no hand-out has; --force "
            "replaces only an earlier hand-out"
        )


class _staged:
    """A folder beside `out` that takes its place when the block ends well."""

    def __init__(self, out):
        self.out = out

    def __enter__(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=self.out.parent, prefix=f".{self.out.name}."))
        self.folder.chmod(0o755)
        return self.folder

    def __exit__(self, kind, error, trace):
        if kind is None:
            if self.out.exists():
                old = Path(tempfile.mkdtemp(dir=self.out.parent, prefix=f".{self.out.name}."))
                self.out.replace(old / "old")
                self.folder.replace(self.out)
                shutil.rmtree(old)
            else:
                self.folder.replace(self.out)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
