"""Studies: computations too long for a page, run by `make studies`, their results kept as CSV.

A study is a script chapters/studies/NAME.py that calls `write`; its result, NAME.csv, lies beside
it. The lines at the head of a result say what made it: the command, the versions, the machine, and
a digest of the code, by which `make studies` sees whether the result is still the code's.
"""

import ast
import csv
import hashlib
import io
import os
import platform
import re
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from unrolled.common.code import reached
from unrolled.common.files import ROOT, write_atomically

HEADER = ("command", "versions", "machine", "code")
VERSIONS = ("numpy", "scikit-learn", "babel")  # what numbers may depend on, besides Python


class Result(dict):
    """The columns of a study by name, as arrays; `header` holds the lines at its head."""

    def __init__(self, columns, header):
        super().__init__(columns)
        self.header = header

    def where(self, **values):
        """The rows in which every named column has the value given: a Result again."""
        unknown = [name for name in values if name not in self]
        if unknown:
            raise ValueError(f"{unknown[0]}: one of the columns {', '.join(self)} expected")
        rows = np.logical_and.reduce([self[name] == value for name, value in values.items()])
        return Result({name: column[rows] for name, column in self.items()}, self.header)


def over(function, settings, text="study"):
    """[function(*setting) for setting in settings], in several processes, with a progress bar.

    The function has to be at the top level of the script, so that other processes find it.
    """
    from rich.progress import track

    results = [None] * len(settings)
    workers = min(len(settings), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        places = {pool.submit(function, *setting): i for i, setting in enumerate(settings)}
        for done in track(as_completed(places), text, total=len(settings)):
            results[places[done]] = done.result()
    return results


def write(script, columns):
    """Write the result of the study `script` (its `__file__`) beside it, whole or not at all.

    columns: {name: values}, all of one length. Raises ValueError when they are not.
    """
    script = Path(script).resolve()
    header = {
        "command": f"python chapters/studies/{script.name}",
        "versions": versions(),
        "machine": machine(),
        "code": digest(script),
    }
    return write_table(script.with_suffix(".csv"), columns, header)


def write_table(target, columns, header):
    """Write columns, {name: values}, under the lines of a header to the path `target`.

    Raises ValueError when the columns are not of one length, at least 1.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths or len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"columns: values of one length, at least 1, expected, got {lengths}")
    text = io.StringIO(newline="")
    text.writelines(f"# {name}: {value}\n" for name, value in header.items())
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values()), strict=True))
    write_atomically(target, text.getvalue())
    return target


def read(path, expected=HEADER):
    """The Result of a study: columns as arrays of int, float or str, and its header.

    expected: the names of the lines at its head. Raises FileNotFoundError, or ValueError when
    the file is not a study's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no result {path.name}; `make studies` computes it")
    header, lines = {}, path.read_text(encoding="utf-8").splitlines()
    while lines and (found := re.fullmatch(r"# (\w+): (.*)", lines[0])):
        header[found[1]] = found[2]
        del lines[0]
    missing = [name for name in expected if name not in header]
    if missing:
        raise ValueError(f"path: {path.name} has no line '# {missing[0]}: …' at its head")
    names, *rows = [*csv.reader(lines)] or [[]]
    if not rows or any(len(row) != len(names) for row in rows):
        raise ValueError(f"path: {path.name}: names, and rows of as many values, expected")
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return Result({name: _array(values) for name, values in columns}, header)


def digest(script):
    """Digest of the code a script reaches: its own, and that of the package's modules.

    Comments, docstrings and layout do not count: they change no number.
    """
    script = Path(script)
    files = sorted(reached(script.read_text("utf-8"), ROOT) - {Path(__file__).resolve()})
    total = hashlib.sha256()
    for path in [script, *files]:
        if path.suffix == ".py":
            total.update(_without_comments(path.read_text("utf-8")).encode())
        else:
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


def machine():
    """The machine in neutral terms: cores and processor."""
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)[1]
    except (OSError, TypeError):
        pass  # not Linux, or a processor without a name
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def versions(names=VERSIONS):
    """Python and the packages named, with their versions."""
    packages = [f"{name} {metadata.version(name)}" for name in names]
    return ", ".join([f"Python {platform.python_version()}", *packages])


def _without_comments(code):
    tree = ast.parse(code)
    for node in ast.walk(tree):
        holds = (ast.Module, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
        if isinstance(node, holds) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _texts(values):
    return [f"{v:.6g}" if isinstance(v, (float, np.floating)) else str(v) for v in values]


def _array(values):
    for kind in (int, float):
        try:
            return np.array([kind(value) for value in values])
        except ValueError:
            continue
    return np.array(values)
