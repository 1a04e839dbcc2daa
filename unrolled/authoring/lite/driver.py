"""Runs the cells of a chapter in the browser's Python, one by one; the worker of a page calls it.

What a cell gives goes to the page while it runs. A package that is not there is stood in for: its
import succeeds, its use ends the statement, and the cell goes on with the next. What such a
statement would have defined is unknown from then on, so later ones that ask for it end likewise.

Of the book it needs nothing but `svg`, which lies beside it; so it is part of no package there.
"""

import ast
import builtins
import importlib.abc
import importlib.machinery
import io
import linecache
import sys
import time
import traceback
import types
from pathlib import Path

# packages that chapters use and the browser has not, by the name in an import
ABSENT = ("torch", "sklearn", "scipy", "onnx", "onnxruntime", "babel")
# settings of theirs, without which nothing is lost
SETTINGS = ("torch.set_num_threads", "torch.manual_seed", "torch.set_default_dtype")
OPERATORS = """call getitem setitem iter len bool float int index array contains eq ne lt le gt ge
    neg add radd sub rsub mul rmul matmul rmatmul truediv rtruediv pow rpow enter mro_entries"""
LIMIT = 100_000  # characters of text that one cell may print
PAUSE = 0.1  # seconds between two messages about what is printed

space = {}  # the names of the page
lacking = {}  # name: the package without which it could not be defined
_emit = print  # emit(kind, text, key), to the page; set by `start`
_keys = iter(range(10**9))


class Needs(BaseException):
    """A package was used that is not there; `except Exception` of a cell is not to catch it."""


class Absent:
    """Stands for a name of an absent package."""

    __hash__ = object.__hash__

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return absent(f"{self._name}.{name}")

    def __instancecheck__(self, instance):
        return False

    def __repr__(self):
        raise Needs(self._name.partition(".")[0])


def _refuse(self, *arguments, **options):
    raise Needs(self._name.partition(".")[0])


for _operator in OPERATORS.split():
    setattr(Absent, f"__{_operator}__", _refuse)


def absent(name):
    """What stands for a name: a setting does nothing."""
    return (lambda *arguments: None) if name in SETTINGS else Absent(name)


class AbsentModule(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return absent(f"{self.__name__}.{name}")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds absent packages, last of all."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return AbsentModule(spec.name)

    def exec_module(self, module):
        pass


# What a notebook has ---------------------------------------------------------------------------


class Handle:
    """An output that can be replaced."""

    def __init__(self):
        self.key = str(next(_keys))

    def display(self, value, raw=False):
        show(value, raw, self.key)

    update = display


def display(*values, raw=False, display_id=None, **options):
    """As IPython's, for text and HTML."""
    handle = Handle()
    for value in values:
        handle.display(value, raw)
    return handle if display_id else None


def show(value, raw=False, key=""):
    """Send a value to the page: a figure, HTML where it has some, else its text."""
    flush()
    if raw:
        _emit("text", value.get("text/plain", ""), key)
    elif _is_figure(value):
        _emit("figure", _drawn(value), key)
    elif getattr(value, "_repr_html_", None) is not None and not isinstance(value, type):
        _emit("html", value._repr_html_(), key)
    else:
        _emit("text", repr(value), key)


class HTML:
    def __init__(self, data):
        self.data = data

    def _repr_html_(self):
        return self.data


def glue(name, value, display=True):
    """What the text of the page shows stays as it was when the book was made."""
    if display:
        show(value)


def _notebook_modules():
    ipython, shown, glued = map(types.ModuleType, ("IPython", "IPython.display", "myst_nb"))
    events = types.SimpleNamespace(register=lambda *arguments: None)  # pyplot registers itself
    shell = types.SimpleNamespace(kernel=True, events=events)
    ipython.get_ipython, ipython.version_info = lambda: shell, (9, 0)
    ipython.display = shown
    shown.display, shown.HTML = display, HTML
    glued.glue = glue
    return {module.__name__: module for module in (ipython, shown, glued)}


class Printed(io.TextIOBase):
    """stdout and stderr: sent in pieces, up to a limit."""

    def __init__(self):
        self.begin()

    def begin(self):
        self.kept, self.left, self.last = "", LIMIT, time.monotonic()

    def writable(self):
        return True

    def write(self, text):
        if self.left > 0:
            self.kept += text[: self.left]
            self.left -= len(text)
            if self.left <= 0:
                self.kept += "\n… and more, which is not shown."
            if self.left <= 0 or time.monotonic() - self.last > PAUSE:
                self.send()
        return len(text)

    def send(self):
        if self.kept:
            _emit("stream", self.kept, "")
        self.kept, self.last = "", time.monotonic()


printed = Printed()


def flush():
    printed.send()


# Figures ---------------------------------------------------------------------------------------

_figure = {"alt": "", "narrow": False}


def _is_figure(value):
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and isinstance(value, pyplot.Figure)


def _drawn(figure):
    """The markup of a figure in the page's colours; on a phone laid out for it."""
    import svg

    if _figure["narrow"]:
        figures = sys.modules.get("unrolled.support.figures")
        if figures:
            figures.narrow(figure)
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    markup, _ = svg.themed(text.getvalue(), f"live{next(_keys)}-", _figure["alt"])
    return markup


def _draw_open():
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        for number in pyplot.get_fignums():
            show(pyplot.figure(number))
        pyplot.close("all")


# Running ---------------------------------------------------------------------------------------


def start(emit, folder, files):
    """Prepare for a chapter: files, {name: text}, are where it looks for them."""
    global _emit
    _emit = emit
    here = Path(folder)
    for name, text in files.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.meta_path.append(Finder())
    sys.modules.update(_notebook_modules())
    space.clear()
    lacking.clear()
    space.update(__name__="__main__", __builtins__=builtins, display=display)


def run(name, source, alt="", narrow=False):
    """Run a cell; "done", "needs" (a package, for some or all of it) or "error"."""
    printed.begin()
    _figure.update(alt=alt, narrow=narrow)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = printed
    try:
        return _run(name, source)
    finally:
        sys.stdout, sys.stderr = before


def _run(name, source):
    needed = []
    try:
        statements = ast.parse(source, name).body
        for statement in statements:
            final = statement is statements[-1] and not source.rstrip().endswith(";")
            package = _execute(name, statement, final)
            if package:
                needed.append(package)
        _draw_open()
    except BaseException as error:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        flush()
        _emit("error", told(error, name), "")
        return "error"
    flush()
    if not needed:
        return "done"
    whole = len(needed) == len(statements)
    _emit("needs", f"{'all' if whole else 'part'} {' and '.join(dict.fromkeys(needed))}", "")
    return "needs"


def _execute(name, statement, final):
    """Run one statement; the package that it needs, or None."""
    bound = names_bound(statement)
    try:
        if final and isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), name, "eval"), space)
            if value is not None:
                show(value)
        else:
            exec(compile(ast.Module([statement], []), name, "exec"), space)
    except BaseException as error:
        package = needed_by(error, statement)
        if package is None:
            raise
        for one in bound | names_changed(statement):
            lacking[one] = package
        for one in bound:
            space.pop(one, None)
        return package
    for one in bound:
        lacking.pop(one, None)
    return None


def needed_by(error, statement):
    """The package for want of which a statement failed, or None."""
    if isinstance(error, Needs):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.partition(".")[0]
    if isinstance(error, NameError) and error.name not in space:
        return lacking.get(error.name)
    # what it uses is there, but not all that a statement left out would have put into it
    used = [one.id for one in ast.walk(statement) if isinstance(one, ast.Name)]
    return next((lacking[one] for one in used if one in lacking), None)


def names_bound(statement):
    """The names a statement defines on the page."""
    found, todo = set(), [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.DictComp, ast.GeneratorExp)):
            todo += ast.iter_child_nodes(node)
    return found


def names_changed(statement):
    """Names whose contents a statement changes, as in `found["a"] = 1` and `found.append(1)`."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            inner = node.value
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ):
            inner = node.value.func.value
        else:
            continue
        while isinstance(inner, (ast.Subscript, ast.Attribute)):
            inner = inner.value
        if isinstance(inner, ast.Name) and not isinstance(space.get(inner.id), types.ModuleType):
            found.add(inner.id)
    return found


def told(error, name):
    """An error as text: the lines of the page's cells that led to it, and what it says."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith("cell "):
            lines.append(f"{frame.filename}, line {frame.lineno}:  {frame.line}")
    if isinstance(error, SyntaxError) and error.filename == name:
        lines.append(f"{name}, line {error.lineno}:  {(error.text or '').strip()}")
    shown = [*lines[:8], "…"] if len(lines) > 9 else lines
    said = "".join(traceback.format_exception_only(type(error), error)).strip()
    said = said.splitlines()[-1] if isinstance(error, SyntaxError) else said
    return "\n".join([*shown, said])
