"""Runs everything CI checks, and remembers for which files, on which machine, it passed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from unrolled.authoring import machine
from unrolled.authoring.notebooks import ROOT
from unrolled.common.files import write_atomically

HIDDEN = {".ci", ".github", ".gitignore", ".pre-commit-config.yaml"}  # the others are no source
BUILT = {"_build", "__pycache__"}


def digest(root=ROOT):
    """Digest of every source file, and of what the machine brings: Python, browser, sandbox."""
    total = hashlib.sha256(machine.described().encode())
    for name in sorted(_files(Path(root).resolve())):
        path = Path(root, name)
        content = path.read_bytes() if path.is_file() else b"gone"
        total.update(name.encode("utf-8", "surrogateescape") + b"\0" + content + b"\0")
    return total.hexdigest()


def _files(root):
    """Names of the files that git tracks or would track; of all sources where there is no git."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel").rstrip("\n")
        if Path(top) == root:
            listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
            return set(listed.split("\0")) - {""}
    except (OSError, subprocess.CalledProcessError):
        pass  # no git, or no checkout: a download
    found = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if _is_source(name)]
        found |= {
            Path(folder, name).relative_to(root).as_posix() for name in files if _is_source(name)
        }
    return found


def _git(root, *arguments):
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def _is_source(name):
    if name.startswith("."):
        return name in HIDDEN
    return name not in BUILT and not name.endswith(".egg-info")


def run(root=ROOT, again=False):
    """Run pytest over the whole tree, unless nothing changed since it passed; the exit code."""
    stamp = Path(root, "_build", "tests-passed")
    if not again and stamp.exists() and stamp.read_text(encoding="utf-8") == digest(root):
        print("nothing to do: all checks passed on exactly these files; AGAIN=1 repeats them")
        for name in machine.missing():
            print(f"not checked: {machine.CHECKED[name]}")
        return 0
    stamp.unlink(missing_ok=True)
    machine.fetch()
    before = digest(root)
    environment = os.environ | ({"UNROLLED_AGAIN": "1"} if again else {})
    code = subprocess.run([sys.executable, "-m", "pytest"], cwd=root, env=environment).returncode
    if code == 0 and digest(root) == before:
        write_atomically(stamp, before)
    return code
