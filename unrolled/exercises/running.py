"""The student's side of a check: run an answer on given cases and hand back plain arrays.

Nothing here knows what is right, and nothing makes sentences. So a grader can call `run` in a
process of its own, pass on the Outcome (plain data, nothing that acts) and judge it in another.
"""

import builtins
import contextlib
import ctypes
import io
import linecache
import os
import sys
import sysconfig
import threading
import time
from dataclasses import dataclass

from numpy import array, ndarray

from . import guard
from .failure import Failure, Kind
from .plain import NotPlain, class_name, describe, plain

STACK = 64 * 2**20  # bytes; threads on macOS begin with 0.5 MB, too little for deep recursion
PRINTED, LINES = 2000, 10  # characters and lines of the answer's own output that are kept
SECONDS_TO_STOP = 1.0
MONITORED = hasattr(sys, "monitoring")  # since Python 3.12

# where a thread is not stopped half-way: it would leave a lock behind, or never say that it ended
NEVER_IN = (os.path.join(os.path.dirname(__file__), ""), threading.__file__, "<frozen")

_out_of_time = set()  # threads, by their number


@dataclass(frozen=True)
class Outcome:
    """One plain value per case, or, where `failure` is not None, why the run ended early.

    `case` is the index of the case at which it ended; `values` are then those of the cases before
    it, where they are known; `printed` is what the answer printed.
    """

    values: tuple = ()
    failure: Failure | None = None
    case: int | None = None
    printed: str = ""


def run(answer, cases, time_limit=10.0, leave=False):
    """Call `answer` with the arguments of every case, for at most `time_limit` seconds in all.

    `cases` is a list of dicts, name of the argument to int, float or array, in the order of the
    signature. The answer gets copies. It may raise, never end, print, exit or patch NumPy: each
    gives an Outcome, none an exception. (What kills the whole process needs a process around it:
    see `apart`.) With `leave`, what is out of time is left running, for a process that ends next.
    """
    if not callable(answer):
        return Outcome(failure=Failure(Kind.NOT_CALLABLE, detail=describe(answer)))
    work = _Work(answer, cases)
    with _recorded() as record, _no_exit():
        in_time, stopped = _within(time_limit, work, leave)
    replaced = guard.restore()
    printed = record.text()
    if not in_time:
        kind = Kind.TIMED_OUT if stopped else Kind.RUNS_ON
        return Outcome(failure=Failure(kind), case=work.case, printed=printed)
    if replaced:
        return Outcome(failure=Failure(Kind.REPLACED, names=tuple(replaced)), printed=printed)
    if work.failure is not None:
        before = tuple(work.values[: work.case])
        return Outcome(before, work.failure, work.case, printed)
    return Outcome(values=tuple(work.values), printed=printed)


class _Work:
    """The run itself; its attributes are read by the waiting thread."""

    def __init__(self, answer, cases):
        self.answer, self.cases = answer, cases
        self.values, self.failure, self.case = [], None, None
        self.over = threading.Event()

    def __call__(self):
        # What is raised into the thread late is nobody's concern. Left to the hook of threads, it
        # would be put into words, and that may take for ever.
        with contextlib.suppress(BaseException):
            try:
                self._all()
            finally:
                _disarm()
                self.over.set()

    def _all(self):
        try:
            for index, case in enumerate(self.cases):
                self.case = index
                arguments = [array(v) if type(v) is ndarray else v for v in case.values()]
                result = self.answer(*arguments)
                self.failure = _changed_input(case, arguments) or self._read(result)
                if self.failure is not None:
                    return
        except BaseException as error:  # SystemExit and its like get a verdict, too
            _disarm()
            try:
                self.failure = explain(error, self.answer)
            except BaseException:  # what explaining needs may have been patched
                self.failure = Failure(Kind.RAISED, exception=class_name(error))

    def _read(self, result):
        """Keep `result` as plain arrays, or return the Failure."""
        try:
            self.values.append(plain(result))
        except NotPlain as error:
            if result is None:
                return Failure(Kind.RETURNED_NOTHING)
            return Failure(Kind.NOT_NUMBERS, detail=str(error))
        return None


def _changed_input(case, arguments):
    """The Failure when a call left its arguments other than they were, else None."""
    changed = tuple(
        name
        for (name, before), after in zip(case.items(), arguments, strict=True)
        if type(before) is ndarray
        and (before.shape != after.shape or before.tobytes() != after.tobytes())
    )
    return Failure(Kind.CHANGED_INPUT, names=changed) if changed else None


# --------------------------------------------------------------------------- exceptions, as data
def explain(error, answer=None):
    """The Failure of an exception that left `answer`, with the student's own line."""
    frames = _students_frames(error.__traceback__)
    if isinstance(error, NotImplementedError) and frames and frames[-1][2]:
        code = frames[-1][0]
        own = getattr(answer, "__code__", code) is code
        return Failure(Kind.NOT_WRITTEN, names=() if own else (code.co_name,))
    kind = Kind.RAISED
    if isinstance(error, SystemExit):
        kind = Kind.EXITED
    elif isinstance(error, MemoryError):
        kind = Kind.OUT_OF_MEMORY
    given = {"exception": class_name(error), "detail": _text(error)}
    if not frames:
        return Failure(kind, **given)
    code, line, _ = frames[-1]
    source = linecache.getline(code.co_filename, line).strip()[:100]
    on_disk = os.path.exists(code.co_filename)
    file = os.path.basename(code.co_filename) if on_disk else ""
    return Failure(kind, line=line, source=source, file=file, **given)


def _text(error):
    """The text of an exception in one line; empty where it has none, or making it fails."""
    try:
        return " ".join(str.__str__(str(error)).split())[:300]
    except BaseException:
        return ""


def _students_frames(traceback):
    """(code, line, is it the innermost frame) of every frame that is not a library's or ours."""
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for file in (__file__, sys.modules["numpy"].__file__):  # which need not lie in those
        folders.add(os.path.dirname(os.path.dirname(os.path.abspath(file))))
    prefixes = (*(os.path.join(folder, "") for folder in folders), "<frozen", "<__array")
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(prefixes):
            frames.append((code, traceback.tb_lineno, traceback.tb_next is None))
        traceback = traceback.tb_next
    return frames


# --------------------------------------------------------------------------- output and exit
class _Record(io.TextIOBase):
    """Keeps the first PRINTED characters of what is written, and counts the rest."""

    def __init__(self):
        self.kept, self.written = [], 0

    def writable(self):
        return True

    def write(self, text):
        room = PRINTED - self.written
        if room > 0:
            self.kept.append(text[:room])
        self.written += len(text)
        return len(text)

    def text(self):
        lines = "".join(self.kept).rstrip().splitlines()
        shown = "\n".join(lines[:LINES])
        rest = self.written - len(shown)
        cut = len(lines) > LINES or self.written > PRINTED
        return f"{shown}\n(and {rest:,} characters more)" if cut else shown


@contextlib.contextmanager
def _recorded():
    """Everything printed goes into a record: it belongs under the verdict, and may be endless."""
    record, before = _Record(), (sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = record
    try:
        yield record
    finally:
        sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _no_exit():
    """exit() and quit() raise SystemExit, instead of closing stdin or ending the kernel."""
    before = [(name, getattr(builtins, name, None)) for name in ("exit", "quit")]
    shell = _ipython()
    for name, _ in before:
        setattr(builtins, name, _exit)
    if shell is not None:
        shell.ask_exit = _exit
    try:
        yield
    finally:
        for name, function in before:
            setattr(builtins, name, function)
        if shell is not None:
            shell.__dict__.pop("ask_exit", None)


def _exit(*code):
    raise SystemExit(*code)


def _ipython():
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


# --------------------------------------------------------------------------- time
def _within(seconds, work, leave):
    """Call `work` in a thread for at most `seconds`; return (ended in time, is it over now)."""
    thread = threading.Thread(target=work, daemon=True)
    before = _stack_size(STACK)
    try:
        thread.start()
    except RuntimeError:  # no threads here, as in a browser, whose page keeps the time
        work()
        return True, True
    finally:
        _stack_size(before)
    try:
        end = time.monotonic() + seconds
        # Short waits, so that the reader can interrupt on every system. Not thread.join: when it
        # is interrupted, Python 3.11 takes the thread for ended.
        while not work.over.wait(min(0.1, seconds)) and time.monotonic() < end:
            pass
        in_time = work.over.is_set()
    finally:
        stopped = leave or _stop(thread, work.over)
    return in_time, stopped


def _stack_size(size):
    try:
        return threading.stack_size(size)
    except (ValueError, RuntimeError):  # not every system lets us choose
        return 0


class _Stop(SystemExit):
    """Raised into a thread that is out of time.

    Code may swallow it (`except: pass` in a loop), so from then on every new line of the student's
    raises again, those of the handler included, until their frames are left. Python 3.12 and later
    can watch the lines of a running thread from outside (_watch). For 3.11, creating this
    exception, which happens in the thread when the swallowing `except` begins, arms a trace. A
    SystemExit, because threads end with it silently.
    """

    def __init__(self, *args):
        super().__init__(*args)
        frame = sys._getframe(1)
        if MONITORED or frame.f_code.co_filename == __file__:  # the student's frames are left
            return
        while frame is not None and frame.f_code.co_filename != __file__:
            frame.f_trace = _raise_again
            frame = frame.f_back
        sys.settrace(_raise_again)


def _raise_again(frame, event, argument):
    if frame.f_code.co_filename != __file__:
        raise SystemExit


def _raise_at(code, *where):
    if threading.get_ident() in _out_of_time and not code.co_filename.startswith(NEVER_IN):
        raise SystemExit


def _disarm():
    _out_of_time.discard(threading.get_ident())
    if sys.gettrace() is _raise_again:
        sys.settrace(None)


@contextlib.contextmanager
def _watch():
    """Threads in _out_of_time get a SystemExit at each line, where Python can do that."""
    tools = range(6) if MONITORED else ()
    tool = next((tool for tool in tools if sys.monitoring.get_tool(tool) is None), None)
    if tool is None:
        yield
        return
    events = sys.monitoring.events
    watched = (events.LINE, events.JUMP, events.PY_START, events.PY_RESUME)
    sys.monitoring.use_tool_id(tool, __name__)
    try:
        for event in watched:
            sys.monitoring.register_callback(tool, event, _raise_at)
        sys.monitoring.set_events(tool, sum(watched))
        yield
    finally:
        sys.monitoring.set_events(tool, 0)
        for event in watched:
            sys.monitoring.register_callback(tool, event, None)
        sys.monitoring.free_tool_id(tool)


def _stop(thread, over):
    """Raise _Stop into `thread` until it is over, or give up after SECONDS_TO_STOP: did it end?"""
    end = time.monotonic() + SECONDS_TO_STOP
    alive = 1
    with _watch() if not over.is_set() else contextlib.nullcontext():
        while alive and not over.is_set() and time.monotonic() < end:
            _out_of_time.add(thread.ident)
            alive = ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop)
            )
            over.wait(0.05)
        _out_of_time.discard(thread.ident)
    ended = over.is_set() or not alive
    if ended:
        thread.join(SECONDS_TO_STOP)  # it has nothing left to do
    return ended
