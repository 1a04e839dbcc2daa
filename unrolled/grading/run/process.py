"""A process that is watched: messages to and from it, its time, its memory, and its end."""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import time
from pathlib import Path

from unrolled.common import wire
from unrolled.grading.model import Ending, GradingError, Stop

PAUSE = 0.02  # seconds between two looks at the clock
# A process may be idle for longer than it may compute. Where it only waits for a core, on a machine
# that is busy, no time counts: that would make a verdict depend on what else is running.
IDLE, IDLE_EXTRA = 3.0, 2.0  # times as long, and seconds
START = 120.0  # seconds until a worker is there, on a machine that is busy


class Process:
    """A running worker. `ask` sends a message and waits for the next; `close` ends everything.

    output_mb: the largest message it may send
    info:      where bubblewrap tells, as JSON, which its first process is: (file to read, to write)
    """

    def __init__(self, command, environment, output_mb, folder=None, info=None):
        self.output_mb = output_mb
        self.seconds = self.peak_mb = 0.0
        self.buffer, self.sending = bytearray(), []
        self.pid = self.first = None
        self.info, *passed = info or (None,)
        try:
            self.process = subprocess.Popen(
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
        if info is None:
            self.pid = self.process.pid
        os.set_blocking(self.process.stdin.fileno(), False)
        os.set_blocking(self.process.stdout.fileno(), False)

    # ---------------------------------------------------------------------- messages
    def ask(self, message, seconds, data=None):
        """The next message after sending one (None: only wait), or a Stop.

        seconds: of computing; waiting may take longer. After a Stop the process is closed.
        data:    bytes that are sent after the message, as they are
        """
        for frame in (message if message is None else wire.pack(message), data):
            if frame is not None:
                self.sending += [memoryview(wire.LENGTH.pack(len(frame))), memoryview(frame)]
        used, clock = self._cpu(), _Clock(self, seconds)
        frame = self._exchanged(clock)
        self.seconds = max(0.0, self._cpu() - used)
        self._look_at_memory()
        if not isinstance(frame, Stop):
            frame = _understood(frame)
        if isinstance(frame, Stop):
            self.close()
        return frame

    def _exchanged(self, clock):
        """The next whole frame, or a Stop; what is to be sent is sent meanwhile."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            if self.sending:
                ready.register(self.process.stdin, selectors.EVENT_WRITE)
            while True:
                frame = self._frame() or self._moved(ready)
                frame = frame or clock.over() or self._overfull()
                if frame is not None:
                    return frame

    def _moved(self, ready):
        """Read and write what can be read and written now; a Stop where its end was seen."""
        stop, events = None, ready.select(PAUSE)
        if not events and self.process.poll() is not None:
            return self._left_behind()
        for key, _ in events:
            if key.fileobj is self.process.stdout:
                stop = self._receive()
                continue
            self._send()
            if not self.sending:
                ready.unregister(self.process.stdin)
        return stop

    def _frame(self):
        """The first whole frame that has arrived, a Stop if there can be none, or None."""
        head = wire.LENGTH.size
        if len(self.buffer) < head:
            return None
        (size,) = wire.LENGTH.unpack(self.buffer[:head])
        if size > self.output_mb << 20:
            return self._too_much()
        if len(self.buffer) < head + size:
            return None
        frame = bytes(self.buffer[head : head + size])
        del self.buffer[: head + size]
        return frame

    def _too_much(self):
        return Stop(Ending.ERROR, f"It hands back more than {self.output_mb} MB.")

    def _overfull(self):
        """A Stop where it fills more of the disk than it may, else None."""

    def _receive(self):
        try:
            part = os.read(self.process.stdout.fileno(), 1 << 18)
        except BlockingIOError:
            return None
        if not part:
            return self._ended()
        self.buffer += part
        if len(self.buffer) > (self.output_mb << 20) + wire.LENGTH.size:
            return self._too_much()
        return None

    def _send(self):
        try:
            done = os.write(self.process.stdin.fileno(), self.sending[0][: 1 << 16])
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.sending.clear()  # its end is seen by reading
            return
        self.sending[0] = self.sending[0][done:]
        if not self.sending[0]:
            del self.sending[0]

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

    def _left_behind(self):
        """It has ended, and something that it started, which holds its output open, has not: so
        does bubblewrap, rarely, at its start."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self._ended()

    # ---------------------------------------------------------------------- looking at it
    def _pid(self):
        """The worker's number as the supervisor sees it, or None as long as it is not known."""
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

    def _look_at_memory(self):
        if self._pid() is not None:
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{self.pid}/status").read_text()
                # none once it has ended
                peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
                self.peak_mb = max(self.peak_mb, int(peak[1]) / 1024 if peak else 0.0)

    def close(self):
        """End the process and all that it started."""
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

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class _Clock:
    """How long one message of a process may take."""

    def __init__(self, process, seconds):
        self.process, self.seconds = process, seconds
        self.idle = IDLE * seconds + IDLE_EXTRA
        self.began, self.used, self.waited = time.monotonic(), process._cpu(), process._waited()

    def over(self):
        """A Stop when the time is over, else None."""
        past = time.monotonic() - self.began
        if past > self.idle:
            past -= self.process._waited() - self.waited
        if self.process._cpu() - self.used > self.seconds or past > self.idle:
            return Stop(Ending.TIMED_OUT, f"It did not finish within {self.seconds:g} s.")
        return None


def _understood(frame):
    """The message in a frame, or a Stop."""
    try:
        answer, detail = wire.unpack(frame), "no message"
    except wire.Unreadable as error:
        answer, detail = None, str(error)
    if not isinstance(answer, dict) or not isinstance(answer.get("type"), str):
        return Stop(Ending.CRASHED, "What it handed back cannot be read.", detail)
    return answer


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
