"""Runs the studies whose result is missing, or was made by other code than today's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click
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
    if study.part(script).is_file():
        return "it was interrupted"
    try:
        header = study.read(script.with_suffix(".csv")).header
    except FileNotFoundError:
        return "no result yet"
    except ValueError as error:
        return str(error)
    if header["code"] != study.digest(script):
        return "its code changed"
    reworded = "rule" in header and header["question"] != study.question(script)
    return "its question was reworded" if reworded else ""


def run(root=ROOT, again=False, names=(), processes=None):
    """Run what is stale, or everything; the exit code. A study that fails keeps its old result.

    names: of the studies meant, when not all are; processes: how many a study may use. Raises
    click.ClickException for a name that no study has.
    """
    root = Path(root).resolve()
    console = Console(highlight=False)
    chosen = scripts(root)
    if unknown := set(names) - {script.stem for script in chosen}:
        there = ", ".join(script.stem for script in chosen)
        raise click.ClickException(f"no study {sorted(unknown)[0]}; there are {there}")
    chosen = [script for script in chosen if not names or script.stem in names]
    reasons = {script: "asked for" if again else stale(script) for script in chosen}
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
        environment |= {study.PROCESSES: str(processes)} if processes else {}
        environment |= {study.AGAIN: "1"} if again else {}
        done = subprocess.run([sys.executable, script], cwd=root, env=environment)
        if reason := f"exit code {done.returncode}" if done.returncode else stale(script):
            failed.append(script.stem)
            console.print(f"{script.stem} failed: {reason}")
        else:
            console.print(f"{script.stem}: {time.monotonic() - start:.0f} s")
    return 1 if failed else 0
