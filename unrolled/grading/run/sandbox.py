"""A process for one student's code, which sees nothing of the machine but Python and the kit.

With bubblewrap: namespaces of its own for users, processes, network, IPC and host name; a file
system of its own, read-only but for a small /tmp in memory; no capabilities. In both kinds the
process denies itself memory, file size, new processes, programs and sockets (see confine.py), and
the supervisor here stops it when its time is up, or when it writes too much. Without bubblewrap
it can read and write what the instructor can: "limits only", which grading refuses unless it is
asked for, and which the results say loudly.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from unrolled.grading.model import Ending, GradingError, Limits, Stop
from unrolled.grading.run import kit, scratch, visible
from unrolled.grading.run.process import START, Process

__all__ = ["BUBBLEWRAP", "LIMITS_ONLY", "START", "Sandbox", "kind", "why_limited"]

BUBBLEWRAP, LIMITS_ONLY = "bubblewrap", "limits only"
FILES = 10_000  # in its own folder: each takes memory that counts nowhere
KIT = "/kit"  # where the kit is in the sandbox
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp",
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "TMPDIR": "/tmp",
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
}


class Sandbox(Process):
    """A worker for one submission; see Process for what can be done with it.

    hidden:     folders nobody may see even where they lie in one that is needed, say a prefix
    unconfined: whether it may run without bubblewrap; raises GradingError where it would have to
    mapped:     bytes of libraries it may map into memory besides what its limit allows
    """

    def __init__(self, limits, hidden=(), unconfined=False, mapped=0):
        self.kind, self.limits, self.scratch = kind(), limits, None
        self.mapped = mapped
        environment, info = dict(ENVIRONMENT), None
        if self.kind == BUBBLEWRAP:
            info = os.pipe()
            command = [*_bubblewrap(limits, tuple(hidden)), "--info-fd", str(info[1]), "--"]
            command += self._worker(KIT)
        else:
            require_confined(unconfined)
            self.scratch = scratch.make()
            # a copy of its own: nothing else keeps it from writing there
            shutil.copytree(kit.folder(), self.scratch, dirs_exist_ok=True)
            environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(self.scratch))
            command = self._worker(str(self.scratch))
        super().__init__(command, environment, limits.output_mb, self.scratch, info)

    def _worker(self, package):
        arguments = {
            "package": package,
            "paths": visible.site_folders(),
            "limits": {
                "memory": (self.limits.memory_mb << 20) + self.mapped,
                "file": self.limits.file_mb << 20,
                "seconds": int(20 * self.limits.start_seconds) + 3600,  # the last resort
                "processes": self.limits.processes if _processes_bind(self.kind) else None,
            },
        }
        worker = f"{package}/unrolled/grading/run/worker.py"
        return [sys.executable, "-I", "-B", worker, json.dumps(arguments)]

    def _overfull(self):
        if self.kind == BUBBLEWRAP and self._pid() is not None:
            with contextlib.suppress(OSError):
                found = os.statvfs(f"/proc/{self.pid}/root/tmp")
                if found.f_files - found.f_ffree > FILES:
                    return Stop(Ending.ERROR, f"It makes more than {FILES:,} files.")
        return None

    def close(self):
        """End every process of the sandbox, and remove its folder."""
        super().close()
        if self.scratch is not None:
            scratch.remove(self.scratch)


# --------------------------------------------------------------------------- what it is made of
@cache
def kind():
    """BUBBLEWRAP where it works, else LIMITS_ONLY; `why_limited()` says what is missing."""
    return LIMITS_ONLY if why_limited() else BUBBLEWRAP


def require_confined(unconfined):
    """Raise GradingError where there is no bubblewrap and nobody chose to do without."""
    if kind() == LIMITS_ONLY and not unconfined:
        raise GradingError(
            f"there is no sandbox here: {why_limited()} Students' code could read and change "
            "every file of yours, these marks too. Install bubblewrap, or grade in a virtual "
            "machine that holds nothing else, with --unconfined"
        )


@cache
def why_limited():
    """Why bubblewrap cannot be used here, in a sentence; empty when it can."""
    if sys.platform != "linux":
        return f"bubblewrap runs on Linux, and this is {platform.system()}."
    if shutil.which("bwrap") is None:
        return (
            "bubblewrap is not installed (Debian and Ubuntu: apt install bubblewrap; Fedora: dnf "
            "install bubblewrap)."
        )
    if "--size" not in _options():
        return "bubblewrap is older than 0.7 and cannot limit a folder's size."
    done = subprocess.run(
        [*_bubblewrap(Limits(), ()), "--", sys.executable, "-I", "-c", "print('here')"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    if done.stdout.strip() != "here":
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        return f"bubblewrap is installed, but does not start here: {said}"
    return ""


@cache
def _options():
    return subprocess.run([shutil.which("bwrap"), "--help"], capture_output=True, text=True).stdout


def _bubblewrap(limits, hidden):
    """The command that starts bubblewrap, up to the program to run."""
    command = [
        shutil.which("bwrap"),
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
    ]
    command += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    command += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session"]
    if "--disable-userns" in _options():
        command += ["--disable-userns"]
    # first, because Python itself may be installed somewhere below it
    command += ["--size", str(limits.file_mb << 20), "--tmpfs", "/tmp"]
    command += visible.arguments()
    for path in _covered(hidden):
        command += ["--tmpfs", path, "--remount-ro", path]
    command += ["--ro-bind", str(kit.folder()), KIT]
    command += ["--dev", "/dev", "--remount-ro", "/dev"]
    for path in kit.fonts():
        command += ["--ro-bind", str(path), f"/tmp/{path.name}"]
    return [*command, "--remount-ro", "/", "--chdir", "/tmp"]


def _covered(hidden):
    own = [kit.PACKAGE, *(kit.PACKAGE.parent / name for name in ("solutions", "tests", ".git"))]
    with contextlib.suppress(OSError):  # a folder that was removed
        own.append(Path.cwd())
    return visible.covered([*own, *visible.packages()], hidden)


@cache
def _processes_bind(kind):
    """Whether a limit of processes counts those of the sandbox alone: since Linux 5.14."""
    if kind != BUBBLEWRAP:
        return False
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    return release is not None and tuple(map(int, release.groups())) >= (5, 14)
