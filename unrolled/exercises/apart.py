"""Runs an answer in a process of its own: a copy of this one, which can be ended whatever it does.

A check is on a function that lives in a notebook, with globals, closures and patches around it.
These cannot be sent to another process, but they are all there after `os.fork`. The copy runs the
answer, hands back an Outcome through a pipe and ends. So an answer that never ends, swallows every
exception, computes inside C, exits, takes all memory or crashes costs a verdict and nothing else.
And a check leaves no trace in the notebook: what an answer appends to a global list, keeps in a
cache or replaces in NumPy is gone with the copy. What it prints is shown below the verdict.

Only on Linux. Windows cannot fork; on macOS the system's own libraries, NumPy's BLAS among them,
may hang in a copy; in a browser there are no processes. There an answer runs in a thread, which is
stopped as far as Python allows (see `running`).
"""

import builtins
import contextlib
import faulthandler
import gc
import os
import pickle
import random
import signal
import struct
import sys
import threading
import time
import warnings

from .failure import Failure, Kind
from .running import Outcome, run

POSSIBLE = sys.platform == "linux"
if POSSIBLE:
    import mmap
    import resource
    import select
GRACE = 2.0  # seconds in which the copy tells how far it came, after its time; then it is ended
MEMORY = 2 << 30  # bytes it may take beyond what this process has
LENGTH = struct.Struct(">Q")


def run_apart(answer, cases, time_limit=10.0):
    """`running.run` in a process of its own, which has ended when this returns, or raises.

    Where there can be no such process, `running.run` itself. KeyboardInterrupt is passed on.
    """
    if not POSSIBLE or not callable(answer):
        return run(answer, cases, time_limit)
    shared, state = mmap.mmap(-1, 1), random.getstate()
    reading, writing = os.pipe()
    with _interrupts_kept() as interrupts:
        try:
            pid = _fork()
        except OSError:  # too many processes, or too little memory for one more
            pid = None
        if pid == 0:
            random.setstate(state)  # forking has seeded it anew
            _be_the_copy(writing, shared, answer, cases, time_limit)
    os.close(writing)
    if pid is None:
        os.close(reading)
        return run(answer, cases, time_limit)
    reply = status = None
    try:
        if interrupts:
            raise KeyboardInterrupt
        reply, patience = _received(reading, time_limit + GRACE)
        status = _status(pid, patience)
    finally:
        if status is None:
            status = _killed(pid)
        os.close(reading)
    if reply is not None:
        return pickle.loads(reply)
    case = min(shared[0], len(cases) - 1)
    return Outcome(failure=_failure(status, patience), case=case)


@contextlib.contextmanager
def _interrupts_kept():
    """A list of the interrupts that came meanwhile; what a hook of `os.fork` raises is lost."""
    came, before = [], signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield came
        return
    signal.signal(signal.SIGINT, lambda *arguments: came.append(arguments))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def _fork():
    with warnings.catch_warnings():  # that there are other threads here: see _prepare
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


# --------------------------------------------------------------------------- in this process
def _received(reading, seconds):
    """(the reply or None, seconds in which the process should end by itself)."""
    ready, data = select.poll(), bytearray()
    ready.register(reading, select.POLLIN)
    end = time.monotonic() + seconds
    while ready.poll(max(0.0, 1000 * (end - time.monotonic()))):
        part = os.read(reading, 1 << 20)
        if not part:
            return None, GRACE
        data += part
        end = max(end, time.monotonic() + GRACE)  # a large reply takes as long as it takes
        if len(data) >= LENGTH.size:
            (size,) = LENGTH.unpack_from(data)
            if len(data) >= LENGTH.size + size:
                return bytes(data[LENGTH.size :]), 0.0
    return None, 0.0


def _status(pid, patience):
    """How the process ended by itself within `patience` seconds, or None."""
    end = time.monotonic() + patience
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.005)


def _killed(pid):
    """End the process and wait for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _failure(status, patience):
    """Of a process that has handed back nothing."""
    if not patience:
        return Failure(Kind.TIMED_OUT)
    if status >= 0:
        return Failure(Kind.ENDED_PROCESS)
    return Failure(Kind.KILLED_PROCESS, exception=signal.Signals(-status).name)


# --------------------------------------------------------------------------- in the copy
def _be_the_copy(writing, shared, answer, cases, time_limit):
    """Run the answer, write the Outcome, and end without returning."""
    code = 1
    try:
        _prepare(time_limit)
        outcome = run(answer, _counted(cases, shared), time_limit, leave=True)
        _send(writing, outcome)
        code = 0
    finally:
        os._exit(code)  # nothing that was to happen at this process's end happens in its copy


def _counted(cases, shared):
    """The cases, one by one; the number of the present one is in memory that both processes see."""
    for number, case in enumerate(cases):
        shared[0] = min(number, 255)
        yield case


def _send(writing, outcome):
    try:
        data = pickle.dumps(outcome)
    except MemoryError:
        data = pickle.dumps(Outcome(failure=Failure(Kind.OUT_OF_MEMORY), case=outcome.case))
    for part in (LENGTH.pack(len(data)), data):
        left = memoryview(part)
        while left:
            left = left[os.write(writing, left) :]


def _prepare(time_limit):
    """What differs in the copy: of this process's threads none is there, and nobody to talk to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a kernel is interrupted with all its processes
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # ends it even when the process that waits for it has died
    signal.setitimer(signal.ITIMER_REAL, time_limit + 10 * GRACE)
    faulthandler.disable()
    gc.freeze()  # what the notebook holds is not for the copy to take apart
    builtins.input = _nobody_there
    _one_thread()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # a lower limit holds already
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))


def _nobody_there(*arguments):
    raise EOFError("input() has nobody to ask while a check runs")


def _one_thread():
    """OpenMP would wait for threads that were not copied; with one thread it asks for none."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch, threadpoolctl = sys.modules.get("torch"), sys.modules.get("threadpoolctl")
    with contextlib.suppress(Exception):
        if torch is not None:
            torch.set_num_threads(1)
        if threadpoolctl is not None:  # scikit-learn brings it, and OpenMP of its own
            threadpoolctl.threadpool_limits(1)
