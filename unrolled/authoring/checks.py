"""Runs everything CI checks, and remembers for which state of the tree it passed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from unrolled.authoring.notebooks import ROOT
from unrolled.common.files import write_atomically


def digest(root=ROOT):
    """Digest of every file that git tracks or would track, and of the Python that runs."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    total = hashlib.sha256(sys.version.encode())
    for name in sorted(set(listed.stdout.split(b"\0")) - {b""}):
        path = Path(root, name.decode())
        total.update(name + b"\0" + (path.read_bytes() if path.is_file() else b"gone") + b"\0")
    return total.hexdigest()


def run(root=ROOT, again=False):
    """Run pytest over the whole tree, unless nothing changed since it passed; the exit code."""
    stamp, before = Path(root, "_build", "tests-passed"), digest(root)
    if not again and stamp.exists() and stamp.read_text(encoding="utf-8") == before:
        print("nothing to do: all checks passed on exactly these files; AGAIN=1 repeats them")
        return 0
    stamp.unlink(missing_ok=True)
    environment = os.environ | ({"UNROLLED_AGAIN": "1"} if again else {})
    code = subprocess.run([sys.executable, "-m", "pytest"], cwd=root, env=environment).returncode
    if code == 0 and digest(root) == before:
        write_atomically(stamp, before)
    return code
