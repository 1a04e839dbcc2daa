"""A process for one student's code, which sees nothing of the machine but Python and the kit.

With bubblewrap: namespaces of its own for users, processes, network, IPC and host name; a file
system of its own, read-only but for a small /tmp in memory; no capabilities. In both kinds the
process denies itself memory, file size, new processes, programs and sockets (see confine.py), and
the supervisor here stops it when its time is up, or when it writes too much. Without bubblewrap
it can read what the instructor can read: "limits only", which the results say loudly.
"""

import contextlib
import json
import os
import platform
import re
import selectors
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from unrolled.grading.model import Ending, GradingError
from unrolled.grading.run import kit, wire

BUBBLEWRAP, LIMITS_ONLY = "bubblewrap", "limits only"
PAUSE = 0.02  # seconds between two looks at the clock
# A process may be idle for longer than it may compute. Where it only waits for a core, on a machine
# that is busy, no time counts: that would make a verdict depend on what else is running.
IDLE, IDLE_EXTRA = 3.0, 2.0  # times as long, and seconds
FILES = 10_000  # in its own folder: each takes memory that counts nowhere
START = 120.0  # seconds until the worker is there, on a machine that is busy
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


@dataclass(frozen=True)
class Stop:
    """Why a process gave no answer."""

    ending: Ending
    says: str
    detail: str = ""  # for the instructor


class Sandbox:
    """One running worker. `ask` sends a message and waits for the next; `close` ends everything.

    hidden: folders nobody may see even where they lie in one that is needed, say a prefix.
    """

    def __init__(self, limits, hidden=()):
        self.kind, self.limits = kind(), limits
        self.seconds = self.peak_mb = 0.0
        self.buffer = bytearray()
        self.scratch = self.pid = self.first = self.info = None
        self.process = self._start(tuple(hidden))
        os.set_blocking(self.process.stdin.fileno(), False)
        os.set_blocking(self.process.stdout.fileno(), False)

    def _start(self, hidden):
        folder = None
        if self.kind == LIMITS_ONLY:
            self.scratch = folder = tempfile.mkdtemp(prefix="unrolled-")
            # a copy of its own: nothing else keeps it from writing there
            shutil.copytree(kit.folder(), folder, dirs_exist_ok=True)
        arguments = {
            "package": KIT if self.kind == BUBBLEWRAP else folder,
            "paths": _site_folders(),
            "limits": {
                "memory": self.limits.memory_mb << 20,
                "file": self.limits.file_mb << 20,
                "seconds": int(20 * self.limits.start_seconds) + 3600,  # the last resort
                "processes": self.limits.processes if _processes_bind(self.kind) else None,
            },
        }
        worker = f"{arguments['package']}/unrolled/grading/run/worker.py"
        command = [sys.executable, "-I", "-B", worker, json.dumps(arguments)]
        environment, passed = dict(ENVIRONMENT), ()
        if self.kind == BUBBLEWRAP:
            self.info, write = os.pipe()
            passed = (write,)
            command = [*_bubblewrap(self.limits, hidden), "--info-fd", str(write), "--", *command]
        else:
            environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), folder)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                pass_fds=passed,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise GradingError(f"the sandbox does not start: {error}") from None
        finally:
            for number in passed:
                os.close(number)

    # ---------------------------------------------------------------------- messages
    def ask(self, message, seconds):
        """The next message after sending one (None: only wait), or a Stop.

        seconds: of computing; waiting may take longer. After a Stop the sandbox is closed.
        """
        began, used, waited = time.monotonic(), self._cpu(), self._waited()
        idle, data = IDLE * seconds + IDLE_EXTRA, b""
        if message is not None:
            data = wire.pack(message)
            data = memoryview(wire.LENGTH.pack(len(data)) + data)
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            if data:
                ready.register(self.process.stdin, selectors.EVENT_WRITE)
            while True:
                frame = self._frame()
                if frame is not None:
                    break
                for key, _ in ready.select(PAUSE):
                    if key.fileobj is self.process.stdout:
                        frame = self._receive()
                    elif not (data := self._send(data)):
                        ready.unregister(self.process.stdin)
                if isinstance(frame, Stop):
                    break
                past = time.monotonic() - began
                if past > idle:
                    past -= self._waited() - waited
                if self._cpu() - used > seconds or past > idle:
                    says = f"It did not finish within {seconds:g} s."
                    frame = Stop(Ending.TIMED_OUT, says)
                    break
                if self._files() > FILES:
                    frame = Stop(Ending.ERROR, f"It makes more than {FILES:,} files.")
                    break
        self.seconds = max(0.0, self._cpu() - used)
        self._look_at_memory()
        if isinstance(frame, Stop):
            self.close()
            return frame
        try:
            answer = wire.unpack(frame)
        except wire.Unreadable as error:
            answer, detail = None, str(error)
        else:
            detail = "no message"
        if not isinstance(answer, dict) or not isinstance(answer.get("type"), str):
            self.close()
            return Stop(Ending.CRASHED, "What it handed back cannot be read.", detail)
        return answer

    def _frame(self):
        """The first whole frame that has arrived, a Stop if there can be none, or None."""
        head = wire.LENGTH.size
        if len(self.buffer) < head:
            return None
        (size,) = wire.LENGTH.unpack(self.buffer[:head])
        if size > self.limits.output_mb << 20:
            return self._too_much()
        if len(self.buffer) < head + size:
            return None
        frame = bytes(self.buffer[head : head + size])
        del self.buffer[: head + size]
        return frame

    def _too_much(self):
        return Stop(Ending.ERROR, f"It hands back more than {self.limits.output_mb} MB.")

    def _receive(self):
        try:
            part = os.read(self.process.stdout.fileno(), 1 << 18)
        except BlockingIOError:
            return None
        if not part:
            return self._ended()
        self.buffer += part
        if len(self.buffer) > (self.limits.output_mb << 20) + wire.LENGTH.size:
            return self._too_much()
        return None

    def _send(self, data):
        try:
            return data[os.write(self.process.stdin.fileno(), data[: 1 << 16]) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            return b""  # its end is seen by reading

    def _ended(self):
        """The output is closed: the process has ended, or only pretends to."""
        try:
            code = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            return Stop(Ending.CRASHED, "It closed the way its results are handed back.")
        number = -code if code < 0 else code - 128  # bubblewrap passes a signal on as 128 + number
        if number == signal.SIGXCPU:
            return Stop(Ending.TIMED_OUT, "It used up its time.")
        if 0 < number < 65:
            name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
            return Stop(Ending.CRASHED, f"Its process ended by the signal {name}.")
        return Stop(Ending.CRASHED, "Its process ended before it gave a result.")

    # ---------------------------------------------------------------------- looking at it
    def _pid(self):
        """The worker's number as the supervisor sees it, or None as long as it is not known."""
        if self.pid is None and self.kind == LIMITS_ONLY:
            self.pid = self.process.pid
        if self.pid is None and self.info is not None:
            with selectors.DefaultSelector() as ready:
                ready.register(self.info, selectors.EVENT_READ)
                if not ready.select(0):
                    return None
            self.first = _first_process(os.read(self.info, 4096))
            os.close(self.info)
            self.info = None
        if self.pid is None and self.first is not None:
            self.pid = _child(self.first)
        return self.pid

    def _cpu(self):
        """Seconds the worker has computed so far."""
        pid = self._pid()
        if pid is None:
            return 0.0
        try:
            return time.clock_gettime((~pid << 3) | 2)  # Linux: the clock of another process
        except (OSError, OverflowError, AttributeError):
            return 0.0

    def _waited(self):
        """Seconds its threads, together, were ready to run and had no core."""
        total = 0
        if self._pid() is not None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                for task in os.listdir(f"/proc/{self.pid}/task"):
                    text = Path(f"/proc/{self.pid}/task/{task}/schedstat").read_text()
                    total += int(text.split()[1])
        return total / 1e9

    def _files(self):
        """How many files there are in its folder."""
        if self.kind == BUBBLEWRAP and self._pid() is not None:
            with contextlib.suppress(OSError):
                found = os.statvfs(f"/proc/{self.pid}/root/tmp")
                return found.f_files - found.f_ffree
        return 0

    def _look_at_memory(self):
        if self._pid() is not None:
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{self.pid}/status").read_text()
                peak = re.search(
                    r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE
                )  # none once it has ended
                self.peak_mb = max(self.peak_mb, int(peak[1]) / 1024 if peak else 0.0)

    def close(self):
        """End every process of the sandbox, and remove its folder."""
        if self.process.poll() is None:
            self._pid()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            if self.first is not None:  # the first process takes all others with it
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self.first, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()
        if self.info is not None:
            os.close(self.info)
            self.info = None
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _first_process(text):
    try:
        return json.loads(text)["child-pid"]
    except (ValueError, KeyError, TypeError):
        return None


def _child(pid):
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


# --------------------------------------------------------------------------- what it is made of
@cache
def kind():
    """BUBBLEWRAP where it works, else LIMITS_ONLY; `why_limited()` says what is missing."""
    return LIMITS_ONLY if why_limited() else BUBBLEWRAP


@cache
def why_limited():
    """Why bubblewrap cannot be used here, in a sentence; empty when it can."""
    if sys.platform != "linux":
        return f"bubblewrap runs on Linux, and this is {platform.system()}."
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (on Debian and Ubuntu: apt install bubblewrap)."
    if "--size" not in _options():
        return "bubblewrap is older than 0.7 and cannot limit a folder's size."
    from unrolled.grading.model import Limits

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
    shown = _shown()
    for path in shown:
        command += ["--ro-bind", path, path]
    for path in ("/lib", "/lib64", "/lib32"):
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += ["--ro-bind", path, path]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for path in _covered(hidden, shown):
        command += ["--tmpfs", path, "--remount-ro", path]
    command += ["--ro-bind", str(kit.folder()), KIT]
    command += ["--dev", "/dev", "--remount-ro", "/dev"]
    for path in kit.fonts():
        command += ["--ro-bind", str(path), f"/tmp/{path.name}"]
    return [*command, "--remount-ro", "/", "--chdir", "/tmp"]


def _covered(hidden, shown):
    """What has to be hidden although it lies in a folder that is shown."""
    own = [kit.PACKAGE, *(kit.PACKAGE.parent / name for name in ("solutions", "tests", ".git"))]
    needed = [sysconfig.get_path("stdlib"), *_site_folders(), os.path.realpath(sys.executable)]
    with contextlib.suppress(OSError):  # a folder that was removed
        own.append(os.getcwd())
    paths = {os.path.realpath(path) for path in (*own, *hidden)}
    return sorted(
        path
        for path in paths
        if os.path.isdir(path)
        and any(_inside(path, one) for one in shown)
        and not any(_inside(one, path) for one in needed)
    )


def _inside(path, folder):
    return os.path.commonpath([path, folder]) == folder


@cache
def _shown():
    """The folders that Python and its libraries are in, outermost first, none in another."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    prefixes |= {os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}
    found = {"/usr", "/nix/store", *prefixes, *map(os.path.realpath, prefixes), *_site_folders()}
    kept = []
    for path in sorted(found, key=len):
        if path != "/" and os.path.isdir(path) and not any(_inside(path, one) for one in kept):
            kept.append(path)
    return tuple(kept)


@cache
def _site_folders():
    """Where libraries are installed; the student's own site has none to add."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    folders += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [path for path in dict.fromkeys(folders) if path and os.path.isdir(path)]


@cache
def _processes_bind(kind):
    """Whether a limit of processes counts those of the sandbox alone: since Linux 5.14."""
    if kind != BUBBLEWRAP:
        return False
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    return release is not None and tuple(map(int, release.groups())) >= (5, 14)
