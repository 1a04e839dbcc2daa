"""ruff, over the whole tree."""

import subprocess
import sys

import pytest

from unrolled.authoring.notebooks import ROOT


@pytest.mark.parametrize("command", [("check",), ("format", "--check", "--diff")])
def test_ruff(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
