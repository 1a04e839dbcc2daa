"""Answers that are broken, or that try to cheat: each gets a verdict, none a crash or a point."""

import _thread
import builtins
import ctypes
import itertools
import os
import random
import re
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from unrolled.exercises import Lab, Status, Verdict, apart, judge, load, names, run, running
from unrolled.exercises.apart import run_apart
from unrolled.exercises.failure import Failure, Kind
from unrolled.exercises.plain import NotPlain

EXERCISES = {
    f"{name}-{exercise.name}": exercise
    for name in names()
    for exercise in load(name).exercises.values()
}
TIME_LIMIT = 0.1  # seconds, for answers that never end
forks = pytest.mark.skipif(not apart.POSSIBLE, reason="no processes of their own here")


class AlwaysEqual:
    """Equal to everything, and whatever is done to it."""

    def __eq__(self, other):
        return True

    def __getattr__(self, name):
        return AlwaysEqual()

    def __call__(self, *arguments):
        return AlwaysEqual()

    __hash__ = None


class EqualArray(np.ndarray):
    """An array that claims to equal all others."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __sub__(self, other):
        return np.zeros(self.shape)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return True


class EqualFloat(float):
    def __eq__(self, other):
        return True

    __hash__ = None


class EqualNumPyFloat(np.float64):
    def __sub__(self, other):
        return 0.0

    def __array__(self, *arguments, **options):
        return np.zeros(())


class Mute(Exception):
    def __str__(self):
        raise ValueError


# --------------------------------------------------------------------------- broken
def no_numbers(*arguments):
    return "forty-two"


def always_equal(*arguments):
    return AlwaysEqual()


def a_list_of_always_equal(*arguments):
    return [AlwaysEqual()] * 3


def equal_array(*arguments):
    return np.zeros(3).view(EqualArray)


def generator(*arguments):
    yield 1.0


def recursion(*arguments):
    return recursion(*arguments)


def endless_in_c(*arguments):
    return sum(itertools.count())


def asleep(*arguments):
    time.sleep(1000)


def recursion_in_c(*arguments):
    class Deep:
        def __add__(self, other):
            return self + other

    return Deep() + 1


def a_list_in_itself(*arguments):
    itself = []
    itself.append(itself)
    return itself


def array_as_large_as_memory(*arguments):
    return np.broadcast_to(0.0, (10**12,))


def array_of_objects(*arguments):
    return np.array([EqualFloat(0.0), None, 1], dtype=object)


def mute_exception(*arguments):
    raise Mute


# --------------------------------------------------------------------------- not going on
def system_exit(*arguments):
    sys.exit(0)


def exits(*arguments):
    exit()


def quits(*arguments):
    quit()


def keyboard_interrupt(*arguments):
    raise KeyboardInterrupt


def endless(*arguments):
    while True:
        pass


def endless_and_deaf(*arguments):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def endless_and_deaf_by_recursion(*arguments):
    try:
        while True:
            pass
    except BaseException:
        return endless_and_deaf_by_recursion(*arguments)


def endless_printing(*arguments):
    while True:
        print("hello")


class EndlessException(Exception):
    def __str__(self):
        while True:
            pass


def endless_exception(*arguments):
    raise EndlessException


# --------------------------------------------------------------------------- cheating
def patched_numpy(*arguments):
    for name in ("allclose", "array_equal", "isclose", "abs", "absolute", "max", "subtract"):
        setattr(np, name, lambda *a, **k: True)
    np.testing.assert_allclose = lambda *a, **k: None
    return np.zeros(3)


def patched_builtins(*arguments):
    builtins.all = lambda *a: True
    builtins.any = lambda *a: False
    builtins.len = lambda *a: 3
    return np.zeros(3)


def patched_judge(*arguments):
    from unrolled.exercises import judging

    judging.compare = lambda *a, **k: None
    return np.zeros(3)


def claimed_success(*arguments):
    return Verdict("correlate", Status.PASSED, 100)


def stolen_exception(*arguments):
    """An exception of the machinery, where it looks for its own."""
    raise NotPlain


def rewritten_values(*arguments):
    """Looks for the machinery's list of results in the frames below, and fills it."""
    frame = sys._getframe()
    while frame is not None:
        work = frame.f_locals.get("self")
        if hasattr(work, "values") and hasattr(work, "cases"):
            work.values[:] = [np.zeros(3)] * len(work.cases)
            work.cases = []
        frame = frame.f_back
    return np.zeros(3)


HOSTILE = [
    (no_numbers, Status.WRONG_TYPE),
    (always_equal, Status.WRONG_TYPE),
    (a_list_of_always_equal, Status.WRONG_TYPE),
    (generator, Status.WRONG_TYPE),
    (a_list_in_itself, Status.WRONG_TYPE),
    (array_as_large_as_memory, Status.WRONG_TYPE),
    (array_of_objects, Status.WRONG_TYPE),
    (AlwaysEqual(), Status.WRONG_TYPE),
    (recursion, Status.ERROR),
    (recursion_in_c, Status.ERROR),
    (mute_exception, Status.ERROR),
    (system_exit, Status.ERROR),
    (exits, Status.ERROR),
    (quits, Status.ERROR),
    (keyboard_interrupt, Status.ERROR),
    (patched_numpy, Status.ERROR),
    (patched_builtins, Status.ERROR),
    (patched_judge, Status.ERROR),
    (claimed_success, Status.WRONG_TYPE),
    (3, Status.ERROR),
    (None, Status.ERROR),
    ("a string", Status.ERROR),
    (np.zeros(3), Status.ERROR),
]
ENDLESS = [
    endless,
    endless_and_deaf,
    endless_and_deaf_by_recursion,
    endless_printing,
    endless_exception,
]


def verdict(exercise, answer, how=run):
    cases = exercise.draw()
    return judge(exercise, cases, how(answer, cases, exercise.time_limit))


def refused(exercise, answer, how=run):
    """The verdict, which has to be one that shows itself and gives nothing."""
    result = verdict(exercise, answer, how)
    assert result.status in Status
    assert not result.passed
    assert result.score == 0
    assert result.says
    assert exercise.name in result._repr_mimebundle_()["text/html"]
    return result


@pytest.fixture(autouse=True)
def numpys_own_assertion(monkeypatch):
    """One answer replaces it, in this process where there is no other: later tests need it."""
    monkeypatch.setattr(np.testing, "assert_allclose", np.testing.assert_allclose)


@pytest.fixture(params=EXERCISES.values(), ids=EXERCISES.keys())
def exercise(request):
    return request.param


@pytest.fixture
def one():
    """One exercise of an array, for what does not depend on the exercise."""
    return next(e for e in EXERCISES.values() if e.name == "causal_conv")


@pytest.fixture
def copies(monkeypatch):
    """The numbers of the processes that answers get for themselves."""
    numbers, fork = [], apart._fork

    def noted():
        number = fork()
        numbers.append(number)
        return number

    monkeypatch.setattr(apart, "_fork", noted)
    return numbers


def ended(numbers):
    return not any(Path(f"/proc/{number}").exists() for number in numbers)


# --------------------------------------------------------------------------- every exercise
@pytest.mark.parametrize(("answer", "status"), HOSTILE)
def test_hostile_answers_get_a_verdict(exercise, answer, status):
    before = builtins.len, np.allclose, sys.stdout, builtins.exit
    assert refused(exercise, answer).status is status
    assert (builtins.len, np.allclose, sys.stdout, builtins.exit) == before


@forks
def test_an_endless_answer_is_ended(exercise, copies):
    hasty = replace(exercise, time_limit=TIME_LIMIT)
    assert refused(hasty, endless, run_apart).status is Status.TIMED_OUT
    assert copies
    assert ended(copies)


@pytest.mark.parametrize("answer", [stolen_exception, rewritten_values])
def test_meddling_with_the_machinery_earns_nothing(exercise, answer):
    refused(exercise, answer)


@pytest.mark.parametrize("spoil", ["nan", "shape", "none", "equal", "mutated", "complex"])
def test_right_answers_made_wrong(exercise, spoil):
    """What is right but for one thing gets a verdict about that thing."""

    def parts(answer):
        return answer if type(answer) is tuple else (answer,)

    def spoilt(*arguments):
        answer = parts(exercise.reference.function(*arguments))
        if spoil == "mutated":
            for argument in arguments:
                if type(argument) is np.ndarray:
                    argument += 1
        change = {
            "nan": lambda part: part * np.nan,
            "shape": lambda part: np.asarray(part)[None],
            "none": lambda part: None,
            "equal": lambda part: AlwaysEqual(),
            "mutated": lambda part: part,
            "complex": lambda part: part * 1j,
        }[spoil]
        answer = tuple(change(part) for part in answer)
        return answer if len(answer) > 1 else answer[0]

    given = exercise.draw(0)[0].values()
    if spoil == "mutated" and not any(type(value) is np.ndarray for value in given):
        assert verdict(exercise, spoilt).passed
        return
    status = refused(exercise, spoilt).status
    if spoil == "mutated":
        assert status is Status.CHANGED_INPUT
    if spoil == "shape":
        assert status is Status.WRONG_SHAPE
    if spoil in ("none", "equal"):
        assert status is Status.WRONG_TYPE
    if spoil == "complex":
        assert status is Status.WRONG_DTYPE
    if spoil == "nan":
        assert status in (Status.NOT_FINITE, Status.WRONG_DTYPE)  # of an int part: a float


# --------------------------------------------------------------------------- one exercise
@pytest.mark.parametrize("answer", ENDLESS)
def test_endless_answers_are_stopped_in_a_thread(one, answer, monkeypatch):
    monkeypatch.setattr(
        running, "SECONDS_TO_STOP", 60.0
    )  # it takes milliseconds on an idle machine
    threads = threading.active_count()
    hasty = replace(one, time_limit=TIME_LIMIT)
    assert refused(hasty, answer).status is Status.TIMED_OUT
    assert threading.active_count() == threads  # not only given up: ended
    assert sys.gettrace() is None


@forks
@pytest.mark.parametrize("answer", [*ENDLESS, endless_in_c, asleep])
def test_endless_answers_are_ended_in_a_process(one, answer, copies, monkeypatch):
    monkeypatch.setattr(apart, "GRACE", 0.3)
    cases = one.draw()
    outcome = run_apart(answer, cases, TIME_LIMIT)
    assert outcome.failure.kind is Kind.TIMED_OUT
    assert outcome.case == 0
    assert len(copies) == 1
    assert ended(copies)


@forks
@pytest.mark.parametrize(("answer", "status"), HOSTILE)
def test_hostile_answers_get_a_verdict_in_a_process(one, answer, status, copies):
    before = builtins.len, np.allclose, sys.stdout, builtins.exit
    assert refused(one, answer, run_apart).status is status
    assert (builtins.len, np.allclose, sys.stdout, builtins.exit) == before
    assert ended(copies)


@forks
@pytest.mark.parametrize(
    ("answer", "kind", "exception"),
    [
        (lambda *arguments: os._exit(0), Kind.ENDED_PROCESS, ""),
        (lambda *arguments: ctypes.string_at(0), Kind.KILLED_PROCESS, "SIGSEGV"),
        (lambda *arguments: os.kill(os.getpid(), 9), Kind.KILLED_PROCESS, "SIGKILL"),
        (lambda *arguments: os.closerange(3, 1000), Kind.ENDED_PROCESS, ""),
        (lambda *arguments: np.ones(5 * 10**8), Kind.OUT_OF_MEMORY, "MemoryError"),
        (lambda *arguments: [0] * 10**9, Kind.OUT_OF_MEMORY, "MemoryError"),
    ],
)
def test_what_would_end_the_kernel_gets_a_verdict(one, answer, kind, exception, copies):
    cases = one.draw()
    outcome = run_apart(answer, cases)
    assert outcome.failure.kind is kind
    assert exception in outcome.failure.exception
    assert outcome.case == 0
    assert not judge(one, cases, outcome).passed
    assert ended(copies)


@forks
def test_a_process_tells_at_which_case_it_ended(one):
    calls = []

    def third_time_fatal(x, m, d):
        calls.append(x)
        return os._exit(3) if len(calls) == 3 else x

    assert run_apart(third_time_fatal, one.draw()).case == 2
    assert not calls  # nor is anything else changed in this process


@forks
def test_in_a_process_nobody_is_asked_and_randomness_is_as_it_was(one):
    assert run_apart(lambda *arguments: input("well?"), one.draw()).failure.exception == "EOFError"
    random.seed(4)
    drawn = run_apart(lambda *arguments: random.random(), one.draw()[:1]).values[0]
    assert drawn == random.random()


@forks
def test_torch_and_blas_work_in_a_process_after_they_have_worked_here(one):
    """Their threads are not copied; whoever waited for them would wait for ever."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    layer, square = torch.nn.LSTM(16, 16), np.ones((600, 600))

    def work(*arguments):
        layer(torch.ones(40, 30, 16))[0].sum().backward()
        loss = (torch.ones(600, 600, requires_grad=True) @ torch.ones(600, 600)).relu().sum()
        loss.backward()
        return loss.item() + (square @ square).sum()

    try:
        right = work()
        outcome = run_apart(work, one.draw()[:2], 60.0)
        assert [value.item() for value in outcome.values] == [right, right]
        assert work() == right
    finally:
        torch.set_num_threads(before)


def test_without_processes_a_check_runs_in_a_thread(one, monkeypatch):
    def no_process():
        raise BlockingIOError

    monkeypatch.setattr(apart, "_fork", no_process)
    assert run_apart(one.reference.function, one.draw()).values


@pytest.mark.parametrize("cls", [EqualArray, np.ma.MaskedArray])
def test_array_subclasses_are_compared_as_plain_arrays(one, cls):
    if cls is np.ma.MaskedArray:
        lie = lambda x, m, d: np.ma.masked_all(len(x))  # noqa: E731
    else:
        lie = lambda x, m, d: (x * 0).view(cls)  # noqa: E731
    refused(one, lie)


@pytest.mark.parametrize("cls", [EqualFloat, EqualNumPyFloat])
def test_subclasses_of_numbers_are_refused(one, cls):
    result = refused(one, lambda x, m, d: [cls(0.0)] * len(x))
    assert result.status is Status.WRONG_TYPE


def test_an_array_subclass_with_right_numbers_passes(one):
    right = one.reference.function
    assert verdict(one, lambda *arguments: right(*arguments).view(EqualArray)).passed


def test_patches_before_a_check_are_undone_and_mentioned(one):
    lab = Lab(9, "Toys", "09_toys", (one,))
    true_pad, np.pad = np.pad, lambda *arguments, **options: 0
    del np.linalg.norm
    result = lab.check(one.name, one.reference.function)
    assert result.passed
    assert "`np.linalg.norm`" in repr(result)
    assert "`np.pad`" in repr(result)
    assert np.pad is true_pad
    assert np.linalg.norm([3.0, 4.0]) == 5


@pytest.mark.parametrize("how", [run, run_apart])
def test_a_patch_is_named_and_undone_even_when_the_answer_is_right(one, how):
    true_pad = np.pad

    def answer(*arguments):
        result = one.reference.function(*arguments)
        np.pad = None
        return result

    one = replace(one, reference=one.oracle, oracle=None)
    refused(one, answer, how)
    assert how(answer, one.draw()).failure == Failure(Kind.REPLACED, names=("np.pad",))
    assert np.pad is true_pad


def test_huge_output_is_cut(one):
    def answer(*arguments):
        for number in range(20_000):
            print(number, "all work and no play")
        return one.reference.function(*arguments)

    result = verdict(one, answer)
    assert result.passed
    assert len(repr(result)) < 1000
    assert "19999 all work" not in repr(result)


def test_what_cannot_be_stopped_is_given_up(one, monkeypatch):
    monkeypatch.setattr(running, "SECONDS_TO_STOP", 0.1)
    over = threading.Lock()
    over.acquire()
    outcome = run(lambda *arguments: over.acquire(), one.draw(), TIME_LIMIT)
    over.release()
    assert outcome.failure == Failure(Kind.RUNS_ON)
    assert judge(one, one.draw(), outcome).status is Status.TIMED_OUT


def test_without_threads_answers_run_directly(one, monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert verdict(one, one.reference.function).passed
    assert verdict(one, system_exit).status is Status.ERROR


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt, as in a kernel; a background job of a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@forks
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_the_process_is_made_is_not_lost(one, copies):
    """What a hook of os.fork raises is printed and forgotten."""
    interrupts = [_thread.interrupt_main]
    os.register_at_fork(after_in_parent=lambda: interrupts and interrupts.pop()())
    with pytest.raises(KeyboardInterrupt):
        verdict(replace(one, time_limit=60.0), endless, run_apart)
    assert ended(copies)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", [run, run_apart])
def test_the_reader_can_interrupt_a_check(one, how, copies, monkeypatch):
    monkeypatch.setattr(running, "SECONDS_TO_STOP", 60.0)
    threads = threading.active_count()
    reader = threading.main_thread().ident, signal.SIGINT
    timer = threading.Timer(0.2, signal.pthread_kill, reader)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        verdict(replace(one, time_limit=60.0), endless, how)
    timer.join()
    assert threading.active_count() == threads
    assert ended(copies)


# --------------------------------------------------------------------------- in a real kernel
CELLS = [
    "from dataclasses import replace\n"
    "from unrolled.exercises import Lab, load\n"
    "exercise = replace(load('lab01').exercises['correlate'], time_limit=0.5)\n"
    "lab = Lab(9, 'Toys', '09_toys', (exercise,))",
    "def correlate(x, m):\n    exit()\nlab.check('correlate', correlate)",
    "def correlate(x, m):\n    get_ipython().ask_exit()\nlab.check('correlate', correlate)",
    "def correlate(x, m):\n"
    "    while True:\n"
    "        try:\n"
    "            print('still here')\n"
    "        except BaseException:\n"
    "            pass\n"
    "lab.check('correlate', correlate)",
    "def correlate(x, m):\n    c = []\n    return c[5]\nlab.check('correlate', correlate)",
    "def correlate(x, m):\n    return input('well?')\nlab.check('correlate', correlate)",
    "correlate(*_.arguments)",
    "import os, threading\n"
    "def correlate(x, m):\n    os._exit(0)\nlab.check('correlate', correlate)",
]


def test_in_a_kernel_nothing_stops_the_notebook():
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    texts = [
        "".join(o.data["text/plain"] if "data" in o else o.get("text", "") for o in cell.outputs)
        for cell in cells
    ]
    assert all(output.output_type != "error" for cell in cells[:6] for output in cell.outputs)
    assert re.search(r"\berror\b.*\b2\b.*`exit\(\)`", texts[1], re.DOTALL)
    assert re.search(r"\berror\b.*\b2\b", texts[2], re.DOTALL)
    assert "timed out" in texts[3]
    assert "still here" in texts[3]
    assert re.search(r"IndexError: list index out of range.* 3 .*`return c\[5\]`", texts[4])
    assert "error" in texts[5]
    assert cells[7].outputs  # the kernel is still there
