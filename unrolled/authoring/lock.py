"""Compiles pyproject.toml's ranges to requirements.txt: every dependency at an exact version."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from unrolled.authoring.notebooks import ROOT, AuthoringError
from unrolled.common.files import write_atomically

# nothing of the machine that compiles may stay in the lock: no index, no path, no local version
OPTIONS = (
    *(
        "--quiet",
        "--all-extras",
        "--strip-extras",
        "--allow-unsafe",
        "--no-header",
        "--no-annotate",
    ),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-emit-options"),
)
LOCAL_VERSION = re.compile(r"\+[\w.]+$", re.MULTILINE)  # torch==2.13.0+cpu
OURSELVES = re.compile(r"^unrolled @ .*\n", re.MULTILINE)  # an extra that names another one does so


def compile_lock(root=ROOT, upgrade=()):
    """Write requirements.txt, and return what changed, a line for each package.

    Versions already in it are kept where they still fit, except those of the packages named in
    `upgrade`, which are raised to the newest that fit; "all" stands for every package. Raises
    AuthoringError when pyproject.toml cannot be resolved, or a name is not in the lock.
    """
    lock = Path(root, "requirements.txt")
    old = lock.read_text(encoding="utf-8") if lock.exists() else ""
    for name in upgrade:
        if name != "all" and name not in pins(old):
            raise AuthoringError(lock.name, None, None, f"no package {name}; check the spelling")
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS]
    command += ["--upgrade"] if "all" in upgrade else [f"--upgrade-package={n}" for n in upgrade]
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, lock.name)
        fresh.write_text(old, encoding="utf-8")
        done = subprocess.run(
            [*command, f"--output-file={fresh}", str(Path(root, "pyproject.toml"))],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no reason given"]
            raise AuthoringError(
                "pyproject.toml", None, None, f"pip-compile cannot resolve it: {said[-1]}"
            )
        new = OURSELVES.sub("", LOCAL_VERSION.sub("", fresh.read_text(encoding="utf-8")))
    write_atomically(lock, new)
    return changes(pins(old), pins(new))


def pins(text):
    """{name: version} of a lock's text."""
    return dict(line.split("==") for line in text.splitlines() if "==" in line)


def changes(old, new):
    """What differs between two locks' pins, a line for each package."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"{name} {new[name]} is new")
        elif name not in new:
            lines.append(f"{name} {old[name]} is gone")
        elif old[name] != new[name]:
            lines.append(f"{name} {old[name]} → {new[name]}")
    return lines
