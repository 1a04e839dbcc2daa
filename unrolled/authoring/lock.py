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
    *("--quiet", "--extra=dev", "--strip-extras", "--allow-unsafe", "--no-header", "--no-annotate"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-emit-options"),
)
LOCAL_VERSION = re.compile(r"\+[\w.]+$", re.MULTILINE)  # torch==2.13.0+cpu


def compile_lock(root=ROOT, upgrade=False):
    """Write requirements.txt; versions already in it are kept where they still fit."""
    lock = Path(root, "requirements.txt")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, lock.name)
        if lock.exists():
            fresh.write_text(lock.read_text(encoding="utf-8"), encoding="utf-8")
        command = [sys.executable, "-m", "piptools", "compile", *OPTIONS]
        command += ["--upgrade"] if upgrade else []
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
        compiled = LOCAL_VERSION.sub("", fresh.read_text(encoding="utf-8"))
    write_atomically(lock, compiled)
