"""Runs the studies whose result is missing, or was made by other code than today's."""

import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from unrolled.authoring.execute import ONE_THREAD
from unrolled.authoring.notebooks import ROOT
from unrolled.support import study

FOLDER = "chapters/studies"


def scripts(root=ROOT):
    """The studies of a tree, by name."""
    return sorted(Path(root, FOLDER).glob("[a-z]*.py"))


def stale(script):
    """Why a study has to run, in words; '' when its result is the code's."""
    try:
        header = study.read(script.with_suffix(".csv")).header
    except FileNotFoundError:
        return "no result yet"
    except ValueError as error:
        return str(error)
    return "" if header["code"] == study.digest(script) else "its code changed"


def run(root=ROOT, again=False):
    """Run what is stale, or everything; the exit code. A study that fails keeps its old result."""
    root = Path(root).resolve()
    console = Console(highlight=False)
    reasons = {script: "asked for" if again else stale(script) for script in scripts(root)}
    todo = {script: reason for script, reason in reasons.items() if reason}
    if not todo:
        console.print(f"nothing to do: {len(reasons)} studies are up to date; AGAIN=1 repeats them")
        return 0
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    failed = []
    for number, (script, reason) in enumerate(todo.items(), start=1):
        console.print(f"{number} of {len(todo)}: {script.stem} ({reason})")
        start = time.monotonic()
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": path}
        done = subprocess.run([sys.executable, script], cwd=root, env=environment)
        if done.returncode or stale(script):
            failed.append(script.stem)
            console.print(f"{script.stem} failed; its result is left as it was")
        else:
            console.print(f"{script.stem}: {time.monotonic() - start:.0f} s")
    return 1 if failed else 0
