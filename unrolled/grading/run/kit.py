"""The copy of the package that a student's code gets: chapters and tools, without the answers.

A lab's module holds references and known mistakes, so its place is taken by a stub: `check`,
`ready` and `summary` that do nothing, and the functions the lab gives its notebook.
"""

import ast
import compileall
import contextlib
import shutil
import threading
from pathlib import Path

from unrolled.grading.run import scratch

PACKAGE = Path(__file__).resolve().parents[2]
LEFT_OUT = (
    *("authoring", "grading", "__pycache__"),
    *("programs", "recorded.py", "lab[0-9][0-9].py"),  # of the exercises
)
NEEDED = ("confine.py", "worker.py")  # of this folder
STUB = '''"""The lab's module where its checks are not run."""

from unrolled.exercises import guard as _guard

{given}

class _Inert:
    arguments, passed, score, points = (), False, 0, 0

    def __repr__(self):
        return ""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments, **options):
        return self


def check(name, answer=None, seed=0):
    return _Inert()


def ready(name):
    return False


def summary():
    return _Inert()


_guard.watch_package("unrolled")
'''


_made, _making = None, threading.Lock()


def folder():
    """A folder with the package for the sandbox, made once in a process and removed at its end."""
    global _made
    with _making:
        if _made is None:
            _made = _make()
        return _made


def use(made):
    """Take the folder another process has made, and removes."""
    global _made
    _made = Path(made)


def _make():
    made = scratch.make()
    copy = made / "unrolled"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    room = copy / "grading" / "run"
    room.mkdir(parents=True)
    for folder in (room.parent, room):
        (folder / "__init__.py").write_text("")
    for name in NEEDED:
        shutil.copy(Path(__file__).with_name(name), room)
    for lab in sorted((PACKAGE / "exercises").glob("lab[0-9][0-9].py")):
        (copy / "exercises" / lab.name).write_text(stub(lab.read_text()))
    compileall.compile_dir(made, quiet=2)
    _keep_fonts(made)
    for path in (made, *made.rglob("*")):  # readable for whoever the sandbox runs as
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


def _keep_fonts(made):
    """Matplotlib's list of fonts, which it would look for again in every sandbox, for seconds."""
    with contextlib.suppress(ImportError, OSError):
        from matplotlib import font_manager

        name = f"fontlist-v{font_manager.FontManager.__version__}.json"
        font_manager.json_dump(font_manager.fontManager, made / name)


def fonts():
    """The files of `_keep_fonts`; they belong into the folder of Matplotlib's settings."""
    return sorted(folder().glob("fontlist-*.json"))


def stub(source):
    """The stub of a lab's module: what the lab gives its notebook are its public functions."""
    return STUB.format(given="\n".join(given(source)))


def given(source, also=()):
    """The statements of a lab's module that make its public functions, and those of `also`."""
    tree = ast.parse(source)
    made = {name: node for node in tree.body for name in _names(node)}
    wanted = [*also, *(node.name for node in tree.body if _given(node))]
    kept = set()
    while wanted:
        node = made.get(wanted.pop())
        if node is not None and node not in kept:
            kept.add(node)
            wanted += [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return [ast.unparse(node) for node in tree.body if node in kept]


def _given(node):
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def _names(node):
    """What a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, ast.Assign):
        targets = [part for target in node.targets for part in ast.walk(target)]
        return [part.id for part in targets if isinstance(part, ast.Name)]
    return []
