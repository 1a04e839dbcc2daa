"""Runs every lab's checks with an installed Unrolled, and says on stdout what came out, as JSON.

With another Python than this tree's: `python tests/wheel_labs.py PYTHON` tries the solutions and
the misconceptions with the package that PYTHON has installed, and fails unless all is as it should
be. That PYTHON needs numpy and matplotlib only; the one that runs this needs jupytext.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# runs there: what the labs' cells need, and nothing of this tree
THERE = """
import importlib, json, pkgutil, sys
import numpy, unrolled
from unrolled import exercises, support

for package in (unrolled, support, exercises):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.ispkg and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
found = {}
for lab, cells in json.load(sys.stdin).items():
    known, namespace = exercises.load(lab), {}
    for cell in cells:
        exec(compile(cell, f"<solution of {lab}>", "exec"), namespace)
    for name, exercise in known.exercises.items():
        verdict = known.check(name, namespace["ANSWERS"][name])
        wrong = [known.check(name, m.function).misconception for m in exercise.misconceptions]
        found[f"{lab}.{name}"] = {
            "passed": bool(verdict.passed),
            "says": str(verdict),
            "misconceptions": [m.name for m in exercise.misconceptions],
            "named": wrong,
        }
json.dump({"at": unrolled.__file__, "loaded": loaded, "exercises": found}, sys.stdout)
"""


def solved():
    """{lab: code of its solution}: imports, exercises, and ANSWERS, {exercise: function}."""
    from unrolled.authoring import notebooks

    labs = {}
    for path in notebooks.solutions(ROOT):
        cells = ["ANSWERS = {}"]
        for cell in notebooks.read(path, ROOT).code:
            tree = ast.parse(cell.source)
            if "check" in cell.tags:
                name, answer = tree.body[0].value.args
                cells.append(f"ANSWERS[{name.value!r}] = {answer.id}")
            elif "exercise" in cell.tags:
                cells.append(cell.source)
            else:
                imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
                cells += map(ast.unparse, imports)
        labs[path.name.partition("_")[0]] = cells
    return labs


def run(python):
    """What the package that `python` has installed makes of every lab. Raises AssertionError with
    the traceback where the checks themselves fail."""
    hidden = ("PYTHONPATH", "PYTHONHOME")  # nothing of this tree
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(Path(python).absolute()), "-c", THERE],
            input=json.dumps(solved()),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env={k: v for k, v in os.environ.items() if k not in hidden} | {"PYTHONUTF8": "1"},
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def faults(report):
    """What is not as it should be, a line each."""
    lines = []
    for name, one in report["exercises"].items():
        if not one["passed"]:
            lines.append(f"{name}: the solution does not pass: {one['says']}")
        for wanted, named in zip(one["misconceptions"], one["named"], strict=True):
            if wanted != named:
                lines.append(f"{name}: {wanted} is named {named}")
    return lines


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    report = run(sys.argv[1])
    found = faults(report)
    print("\n".join([*found, f"{len(report['exercises'])} exercises with {report['at']}"]))
    sys.exit(bool(found))
