"""Make .venv and install the lock into it. Run by make with any Python 3.8 or newer, even one too
old for the book, and so with the standard library only.

Says nothing when there is nothing to do. Every failure is one line on stderr and exit code 1.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own builds without CUDA


def fail(message):
    sys.exit("set-up: " + message)


def find_python():
    """This Python, or a newer one on the path, as a command."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in range(14, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # a version manager's shim answers to names whose Python is not installed
        if found and subprocess.run([found, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0:
            return found
    oldest, this = ".".join(map(str, OLDEST)), sys.version.split()[0]
    return fail(
        f"Python {oldest} or newer is needed, and this is {this}; install one, "
        "or say which with `make PYTHON=/path/to/python3`"
    )


def digest(root):
    """What an installation depends on: the lock and the package's metadata."""
    content = b"".join(
        (root / name).read_bytes() for name in ("requirements.txt", "pyproject.toml")
    )
    return hashlib.sha256(content + str(root).encode()).hexdigest()


def make_environment(python, venv):
    """A new virtual environment at `venv`, without touching a usable one."""
    if (venv / "bin" / "pip").exists():
        return
    made = subprocess.run([python, "-m", "venv", "--clear", str(venv)], capture_output=True)
    if made.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        fail(
            f"{python} cannot make a virtual environment; on Debian and Ubuntu, "
            "`apt install python3-venv` brings what is missing"
        )


def pip(venv, log, *arguments):
    """Run pip quietly, its output into `log`; True if it succeeded."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-input", *arguments]
    with open(log, "a", encoding="utf-8") as file:
        file.write("$ " + " ".join(command) + "\n")
        file.flush()
        return subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode == 0


def install(root, venv):
    """Install the lock, torch first and without CUDA where that can be had, then this package."""
    lock, log = root / "requirements.txt", venv / "install.log"
    packages = lock.read_text(encoding="utf-8").split()
    print(f"set-up: installing {len(packages)} packages into .venv, a minute or two", flush=True)
    log.write_text("", encoding="utf-8")
    torch = next(line for line in packages if line.startswith("torch=="))
    if sys.platform == "linux":
        pip(
            venv,
            log,
            "--no-deps",
            "--index-url",
            TORCH_CPU,
            "--timeout",
            "5",
            "--retries",
            "0",
            torch,
        )
    done = pip(venv, log, "--requirement", str(lock)) and pip(
        venv, log, "--no-deps", "--no-build-isolation", "--editable", str(root)
    )
    if not done:
        fail(
            "pip could not install requirements.txt; the first installation needs a network. "
            f"What it said is in {os.path.relpath(log)}; run the same command again to go on"
        )


def main(root=ROOT):
    venv = root / ".venv"
    stamp, wanted = venv / "installed", digest(root)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    make_environment(find_python(), venv)
    install(root, venv)
    stamp.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
