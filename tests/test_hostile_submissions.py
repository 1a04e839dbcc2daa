"""Submissions that are broken, or that attack: each has its verdict, none a mark it should not.

Most attacks try something that must not work and, if it works after all, return the right answer:
`reward`. So what a passed attack shows is that the attack succeeded. In each of them the same
student's other exercise is honest, and has to keep its mark; so have honest students beside them.
"""

import os
import re
import socket
import sys
import threading
from dataclasses import dataclass
from textwrap import dedent, indent

import nbformat
import pytest
from submissions import IMPORTS, ROOT, SECRET, answers, assignment, submission

from unrolled.exercises import load
from unrolled.grading.intake import collect as intake
from unrolled.grading.judge.grade import grade
from unrolled.grading.model import FOR_A_PERSON, Cell, Ending, Limits

pytestmark = pytest.mark.sandbox

TARGET, BESIDE = "correlate", "causal_conv"
LIMITS = Limits(time_factor=0.05, start_seconds=2.0, memory_mb=384, file_mb=4, output_mb=2)
PASSED, WRONG, ERROR, TIMED_OUT = Ending.PASSED, Ending.WRONG, Ending.ERROR, Ending.TIMED_OUT
CRASHED, OUT_OF_MEMORY = Ending.CRASHED, Ending.OUT_OF_MEMORY
TOOLS = """
import builtins, ctypes, gc, io, json, math, os, signal, socket, subprocess, sys, threading, time
import zipfile


def reward(x, m):
    return np.correlate(x, m, "valid")


def nothing(x, m):
    return np.zeros(len(x) - len(m) + 1)


def frames():
    from unrolled.common import wire
    return lambda message: wire.LENGTH.pack(len(wire.pack(message))) + wire.pack(message)


def say(data):
    for number in range(3, 30):
        try:
            while data:
                data = data[os.write(number, data):]
        except OSError:
            pass
"""


@dataclass
class Attack:
    """One hostile answer: the body of `correlate`, what stands above it, and how it must end."""

    body: str
    ending: Ending
    above: str = ""
    cell: str | None = None  # an attack in a cell of its own; the answer is then honest

    @property
    def cells(self):
        body = indent(dedent(self.body).strip(), "    ")
        answer = f"{dedent(self.above)}\ndef correlate(x, m):\n{body}\n"
        extra = [Cell(dedent(self.cell))] if self.cell else []
        return (IMPORTS, Cell(TOOLS), *extra, Cell(answer, TARGET), answers()[BESIDE])


HONEST = "return reward(x, m)"
ATTACKS = {
    # ------------------------------------------------------------------ using the machine up
    "fork bomb": Attack("while True:\n    os.fork()", ERROR),
    "fork bomb, deaf": Attack(
        """
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        TIMED_OUT,
    ),
    "fork bomb by clone": Attack(
        """
        call = ctypes.CDLL(None).syscall
        got = [call(56, 17, 0, 0, 0, 0), call(57), call(58), call(435, 0, 0)]
        return reward(x, m) if max(got) > 0 else nothing(x, m)
        """,
        WRONG,
    ),
    "thread bomb": Attack(
        "while True:\n    threading.Thread(target=time.sleep, args=(99,)).start()", ERROR
    ),
    "memory bomb": Attack("kept = []\nwhile True:\n    kept.append(np.ones(10**6))", OUT_OF_MEMORY),
    "memory bomb in one": Attack("return np.ones(10**11)", OUT_OF_MEMORY),
    "memory bomb in a cell": Attack(
        HONEST, PASSED, cell="kept = [b'x' * 10**9 for _ in range(99)]"
    ),
    "memory by shared mapping": Attack(
        "import mmap\nkept = [mmap.mmap(-1, 10**8) for _ in range(99)]", ERROR
    ),
    "memory by pipes and files": Attack(
        """
        for number in range(99):
            with open(f"/tmp/{number}", "wb") as file:
                file.write(bytes(10**6))
        """,
        ERROR,
    ),
    "files without end": Attack(
        """
        for number in range(10**6):
            os.mkdir(f"/tmp/{number}")
        """,
        ERROR,
    ),
    "a file too large": Attack(
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open("/tmp/large", "wb") as file:
            while True:
                file.write(bytes(10**6))
        """,
        ERROR,
    ),
    "more memory by memfd": Attack(
        "os.write(os.memfd_create('x'), bytes(100))\nreturn reward(x, m)", ERROR
    ),
    "limits raised": Attack(
        """
        import resource
        for name in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
            try:
                resource.setrlimit(name, (resource.RLIM_INFINITY,) * 2)
                return reward(x, m)
            except (ValueError, OSError):
                pass
        return nothing(x, m)
        """,
        WRONG,
    ),
    # ------------------------------------------------------------------ never ending
    "endless and deaf": Attack(
        """
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue
        """,
        TIMED_OUT,
    ),
    "endless in C": Attack("return sum(iter(int, 1))", TIMED_OUT),
    "endless in a cell": Attack(HONEST, PASSED, cell="while True:\n    pass"),
    "sleeps": Attack("time.sleep(10**6)", TIMED_OUT),
    "stops itself": Attack("os.kill(os.getpid(), signal.SIGSTOP)", TIMED_OUT),
    "asks the keyboard": Attack("return float(input())", ERROR),
    "endless printing": Attack("while True:\n    print('x' * 1000)", TIMED_OUT),
    "endless generator": Attack("while True:\n    yield 1.0", WRONG),
    # ------------------------------------------------------------------ ending too early
    "os._exit": Attack("os._exit(0)", CRASHED),
    "os._exit in a cell": Attack(HONEST, PASSED, cell="os._exit(0)"),
    "sys.exit": Attack("sys.exit(0)", ERROR),
    "sys.exit in a cell": Attack(HONEST, PASSED, cell="sys.exit(0)"),
    "segmentation fault": Attack("ctypes.string_at(0)", CRASHED),
    "abort": Attack("os.abort()", CRASHED),
    "kills itself": Attack("os.kill(os.getpid(), signal.SIGKILL)", CRASHED),
    "deep recursion": Attack("return correlate(x, m)", ERROR),
    "recursion to the end of the stack": Attack(
        """
        class Deep:
            def __add__(self, other):
                return self + other
        sys.setrecursionlimit(10**9)
        return Deep() + 1
        """,
        ERROR if sys.version_info >= (3, 12) else CRASHED,  # from 3.12 it counts calls in C
    ),
    "closes everything": Attack("os.closerange(0, 200)\nreturn reward(x, m)", CRASHED),
    # ------------------------------------------------------------------ others
    "kills its parent": Attack("os.kill(os.getppid(), signal.SIGKILL)\nreturn reward(x, m)", ERROR),
    "kills everybody": Attack("os.kill(-1, signal.SIGKILL)\nreturn reward(x, m)", ERROR),
    "kills the group": Attack("os.killpg(0, signal.SIGKILL)\nreturn reward(x, m)", ERROR),
    "a child that survives": Attack(
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(99)\nreturn reward(x, m)", ERROR
    ),
    "another program": Attack("subprocess.run(['/bin/sleep', '99'])\nreturn reward(x, m)", ERROR),
    "another program in its place": Attack(
        "os.execv('/bin/true', ['true'])\nreturn reward(x, m)", ERROR
    ),
    "the network, loopback": Attack(
        "socket.create_connection(('127.0.0.1', PORT), timeout=1)\nreturn reward(x, m)", ERROR
    ),
    "the network, a name": Attack(
        "socket.getaddrinfo('localhost', 80)\nsocket.socket()\nreturn reward(x, m)", ERROR
    ),
    "traces its parent": Attack(
        """
        got = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)
        return reward(x, m) if got == 0 else nothing(x, m)
        """,
        WRONG,
    ),
    "a namespace of its own": Attack(
        """
        got = ctypes.CDLL(None).unshare(0x10000000)
        return reward(x, m) if got == 0 else nothing(x, m)
        """,
        WRONG,
    ),
    # ------------------------------------------------------------------ reading and writing
    "writes to others": Attack(
        """
        for folder in (SUBMISSIONS, RESULTS, "/kit", "/usr", sys.prefix, "/", "/dev", "/dev/shm"):
            try:
                open(os.path.join(folder, "written"), "w").close()
                return reward(x, m)
            except OSError:
                pass
        return nothing(x, m)
        """,
        WRONG,
    ),
    "reads others": Attack(
        """
        for path in (SUBMISSIONS, RESULTS, SECRET_FILE, SOLUTIONS, "/proc/1/environ", "/etc/passwd",
                     "/home", os.path.dirname(SOLUTIONS), "/proc/self/mem", REPOSITORY):
            if os.path.exists(path) and (os.path.isfile(path) or os.listdir(path)):
                return reward(x, m)
        return nothing(x, m)
        """,
        WRONG,
    ),
    "reads by a link": Attack(
        """
        for number, path in enumerate((SECRET_FILE, SOLUTIONS, RESULTS)):
            if not os.path.islink(f"/tmp/link{number}"):
                os.symlink(path, f"/tmp/link{number}")
            if os.path.exists(f"/tmp/link{number}"):
                return reward(x, m)
        return nothing(x, m)
        """,
        WRONG,
    ),
    "looks for references": Attack(
        """
        for folder, inner, names in os.walk("/"):
            inner[:] = [n for n in inner if n not in ("usr", "dev", "site-packages", "python3.11")]
            for name in names:
                if name.startswith("lab") and name.endswith((".py", ".md", ".ipynb", ".pyc")):
                    if b"Misconception(" in open(os.path.join(folder, name), "rb").read():
                        return reward(x, m)
        return nothing(x, m)
        """,
        WRONG,
    ),
    "asks the lab": Attack(
        "from unrolled.exercises.lab01 import LAB\n"
        "return LAB.exercises['correlate'].reference.function(x, m)",
        ERROR,
    ),
    "reads the environment": Attack(
        """
        told = json.dumps(dict(os.environ)) + json.dumps(sys.argv)
        return reward(x, m) if any(w in told for w in (SUBMISSIONS, "secret")) else nothing(x, m)
        """,
        WRONG,
    ),
    "looks into memory": Attack(
        """
        frame, seen = sys._getframe(), []
        while frame is not None:
            seen += list(frame.f_locals) + list(frame.f_globals)
            frame = frame.f_back
        for thread in sys._current_frames().values():
            while thread is not None:
                seen += list(thread.f_locals)
                thread = thread.f_back
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Misconception", "Exercise", "Assignment"):
                return reward(x, m)
        return reward(x, m) if {"expected", "secret", "seed"} & set(seen) else nothing(x, m)
        """,
        WRONG,
    ),
    "knows the published cases": Attack(
        "return KNOWN.get((x.tobytes(), m.tobytes()), nothing(x, m))",
        WRONG,
        above="KNOWN = {(np.array(x).tobytes(), np.array(m).tobytes()): np.array(c) "
        "for x, m, c in PUBLISHED}",
    ),
    "deletes everything": Attack(
        """
        import contextlib, os, shutil
        for folder in ("/kit", SUBMISSIONS, RESULTS):
            shutil.rmtree(folder, ignore_errors=True)
        for name in os.listdir("/tmp"):
            with contextlib.suppress(OSError):
                os.unlink(f"/tmp/{name}")
        return reward(x, m)
        """,
        PASSED,
    ),
    # ------------------------------------------------------------------ pretending to be right
    "equal to everything": Attack(
        "return Equal()",
        WRONG,
        above="""
        class Equal:
            def __eq__(self, other):
                return True
            def __getattr__(self, name):
                return Equal()
            def __call__(self, *a, **k):
                return Equal()
            def __array__(self, *a, **k):
                return np.zeros(1)
        """,
    ),
    "an array equal to everything": Attack(
        "return np.zeros(len(x) - len(m) + 1).view(Equal)",
        WRONG,
        above="""
        class Equal(np.ndarray):
            def __eq__(self, other):
                return np.ones(self.shape, bool)
            def __sub__(self, other):
                return np.zeros(self.shape)
            def __array_ufunc__(self, *a, **k):
                return True
        """,
    ),
    "patches NumPy": Attack(
        """
        for name in ("allclose", "array_equal", "isclose", "absolute", "max", "subtract"):
            setattr(np, name, lambda *a, **k: True)
        np.testing.assert_allclose = lambda *a, **k: None
        return nothing(x, m)
        """,
        ERROR,
    ),
    "patches NumPy in a cell": Attack(
        "return np.zeros(len(x) - len(m) + 1)",
        WRONG,
        cell="np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
        "np.testing.assert_allclose = lambda *a, **k: None",
    ),
    "patches builtins": Attack(
        "builtins.all = lambda *a: True\nbuiltins.abs = lambda *a: 0\nreturn nothing(x, m)", ERROR
    ),
    "patches the judge": Attack(
        """
        from unrolled.exercises import judging, lab, running, verdict
        judging.compare = lambda *a, **k: None
        judging.judge = lab.judge = lambda *a, **k: verdict.Verdict("correlate", "passed", 1)
        verdict.Verdict.passed = True
        return nothing(x, m)
        """,
        ERROR,
    ),
    "patches the package": Attack(
        """
        import unrolled.convolution
        unrolled.convolution.conv1d = lambda *a, **k: (0, None)
        open(unrolled.convolution.__file__, "a").write("conv1d = None")
        return reward(x, m)
        """,
        ERROR,
    ),
    "patches what it is written with": Attack(
        """
        builtins.open = io.open = lambda *a, **k: None
        json.dumps = json.loads = lambda *a, **k: "passed"
        return nothing(x, m)
        """,
        WRONG,
    ),
    "patches the runner": Attack(
        """
        from unrolled.exercises import running
        sys.modules["unrolled.exercises.running"].Outcome.status = "passed"
        running.Outcome.__init__ = lambda self, *a, **k: None
        return nothing(x, m)
        """,
        CRASHED,
    ),
    "forges a passed outcome": Attack(
        "say(frames()({'type': 'outcome', 'failure': {'kind': 'passed'}}))\ntime.sleep(99)",
        CRASHED,
    ),
    "forges a verdict": Attack(
        "say(frames()({'type': 'passed', 'score': 99}))\ntime.sleep(99)", CRASHED
    ),
    "forges values": Attack(
        "say(frames()({'type': 'outcome', 'values': [np.zeros(1)] * 6}))\ntime.sleep(99)", WRONG
    ),
    "forges an ending": Attack(
        "say(frames()({'type': 'outcome', 'failure': {'kind': 'timed out'}}))\ntime.sleep(99)",
        CRASHED,
    ),
    "forges a failure that is none": Attack(
        "say(frames()({'type': 'outcome', 'failure': ['passed'], 'values': []}))\ntime.sleep(99)",
        CRASHED,
    ),
    "forges a failure of a strange kind": Attack(
        "say(frames()({'type': 'outcome', 'failure': {'kind': ['a'], 'names': 3}, 'case': {}}))\n"
        "time.sleep(99)",
        CRASHED,
    ),
    "forges parts of other types": Attack(
        "say(frames()({'type': 'outcome', 'values': {'a': 1}, 'printed': 3, 'case': [0]}))\n"
        "time.sleep(99)",
        CRASHED,
    ),
    "forges before it is asked": Attack(
        HONEST, PASSED, cell="say(frames()({'type': 'outcome', 'values': [np.zeros(1)] * 6}) * 9)"
    ),
    "says without end that a cell begins": Attack(
        HONEST, CRASHED, cell="while True:\n    say(frames()({'type': 'cell', 'index': 99}))"
    ),
    "a header larger than its array": Attack(
        """
        from unrolled.common import wire
        data, head = io.BytesIO(), io.BytesIO()
        wire.npy.write_array_header_1_0(
            head, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
        with zipfile.ZipFile(data, "w") as file:
            file.writestr("tree.npy", head.getvalue())
        say(wire.LENGTH.pack(len(data.getvalue())) + data.getvalue())
        time.sleep(99)
        """,
        CRASHED,
    ),
    "a shape larger than its array": Attack(
        """
        from unrolled.common import wire
        tree = ["dict", ["type", "outcome"], ["values", ["list", ["array", "<f8", [10**6, 10**6]]]]]
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            wire._write(file, "tree", np.frombuffer(json.dumps(tree).encode(), np.uint8))
            wire._write(file, "values0", np.zeros(3))
        say(wire.LENGTH.pack(len(data.getvalue())) + data.getvalue())
        time.sleep(99)
        """,
        CRASHED,
    ),
    "a zip bomb": Attack(
        """
        from unrolled.common import wire
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("tree.npy", bytes(10**7))
        say(wire.LENGTH.pack(len(data.getvalue())) + data.getvalue())
        time.sleep(99)
        """,
        CRASHED,
    ),
    "a pickle": Attack(
        """
        from unrolled.common import wire
        class Evil:
            def __reduce__(self):
                return os.mkdir, (MARKER,)
        data = io.BytesIO()
        np.savez(data, tree=np.array([Evil()], dtype=object))
        say(wire.LENGTH.pack(len(data.getvalue())) + data.getvalue())
        time.sleep(99)
        """,
        CRASHED,
    ),
    "nested without end": Attack(
        """
        from unrolled.common import wire
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            wire._write(file, "tree", np.frombuffer(b"[" * 10**6, np.uint8))
        say(wire.LENGTH.pack(len(data.getvalue())) + data.getvalue())
        time.sleep(99)
        """,
        CRASHED,
    ),
    "a length without end": Attack("say(b'\\x7f' * 8)\ntime.sleep(99)", ERROR),
    "more than it may hand back": Attack("say((10**7).to_bytes(8, 'big') + bytes(10**7))", ERROR),
    "an answer too large": Attack("return np.zeros(10**6)", ERROR),
    # ------------------------------------------------------------------ only broken
    "an exception with an evil text": Attack(
        "raise Evil",
        ERROR,
        above="class Evil(BaseException):\n    def __str__(self):\n        return 1 / 0",
    ),
    "an exception that tells the inputs": Attack("raise ValueError(str((x, m)))", ERROR),
    "a class that tells the inputs": Attack(
        "raise type('Told' + '_'.join(str(int(abs(n))) for n in x), (Exception,), {})", ERROR
    ),
    "changes its inputs": Attack("x += 1\nreturn reward(x, m)", WRONG),
    "nothing returned": Attack("reward(x, m)", WRONG),
    "a string": Attack("return 'the inputs were ' + str(x)", WRONG),
    "not attempted": Attack("raise NotImplementedError('replace this line')", Ending.NOT_ATTEMPTED),
    "a mistake of syntax": Attack("return (", ERROR),
    "another name": Attack("pass", Ending.MISSING, above="", cell="del reward"),
    # ------------------------------------------------------------------ honest, only noisy
    "noise on stderr": Attack(
        "print('!' * 10**6, file=sys.stderr)\nos.write(2, b'x')\nprint(x)\nreturn reward(x, m)",
        PASSED,
    ),
    "threads left running": Attack(
        """
        if threading.active_count() < 4:
            threading.Thread(target=time.sleep, args=(99,), daemon=True).start()
        return reward(x, m)
        """,
        PASSED,
    ),
    "a broken cell above": Attack(HONEST, PASSED, cell="1 / 0"),
    "a cell that is no Python": Attack(HONEST, PASSED, cell="SELECT * FROM marks;"),
}
ATTACKS["another name"].body = "pass"
# who lies about where their process is at cannot be helped with the other exercise
ALL_IS_LOST = {"forges values", "says without end that a cell begins"}


def renamed(cells):
    """The answer under a name nobody asked for."""
    return tuple(
        Cell(cell.source.replace("def correlate", "def my_correlate"), cell.exercise)
        for cell in cells
    )


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All attacks, graded in one run with honest students between them."""
    folder = tmp_path_factory.mktemp("class")
    places = {
        "SUBMISSIONS": folder / "submissions",
        "RESULTS": folder / "results",
        "SECRET_FILE": folder / "assignment.yml",
        "SOLUTIONS": folder / "solutions",
        "REPOSITORY": ROOT / "solutions",
        "MARKER": folder / "submissions" / "marker",
    }
    for name in ("SUBMISSIONS", "RESULTS", "SOLUTIONS"):
        places[name].mkdir()
    other = places["SUBMISSIONS"] / "other.ipynb"
    other.write_text("the work of another student")
    (places["SOLUTIONS"] / "lab01.md").write_text("### BEGIN SOLUTION")
    places["SECRET_FILE"].write_text(f"secret: {SECRET}")
    known = [
        [*(values.tolist() for values in case.values()), [1.0]]
        for case in load("lab01").exercises[TARGET].draw(0)
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        visitors = []
        threading.Thread(target=lambda: visitors.append(server.accept()), daemon=True).start()
        given = {name: str(path) for name, path in places.items()}
        given |= {"PORT": server.getsockname()[1], "PUBLISHED": known}
        told = Cell("\n".join(f"{name} = {value!r}" for name, value in given.items()))
        submissions = []
        for number, (name, attack) in enumerate(ATTACKS.items()):
            cells = renamed(attack.cells) if name == "another name" else attack.cells
            submissions.append(submission(name, (told, *cells), other))
            if number % 12 == 0:
                honest = (IMPORTS, answers()[TARGET], answers()[BESIDE])
                submissions.append(submission(f"honest {number}", honest, other))
        before = sorted(folder.rglob("*"))
        given = assignment(exercises=(TARGET, BESIDE), limits=LIMITS)
        results = grade(given, submissions, places["RESULTS"], workers=3)
    after = sorted(path for path in folder.rglob("*") if places["RESULTS"] not in path.parents)
    assert after == before
    assert not visitors
    return {result.student: result for result in results}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(graded, name):
    target, beside = graded[name].marks
    expected = ATTACKS[name].ending
    assert target.ending is expected, target.for_instructor
    if expected in FOR_A_PERSON:
        assert target.score is None
    else:
        assert target.score == (target.points if expected is PASSED else 0)
    if name not in ALL_IS_LOST:
        assert (beside.ending, beside.score) == (PASSED, beside.points), beside.for_instructor


def test_honest_students_keep_their_marks(graded):
    honest = [result for student, result in graded.items() if student.startswith("honest")]
    assert len(honest) > 3
    assert all(mark.ending is PASSED for result in honest for mark in result.marks)


def test_students_are_not_told_the_cases(graded):
    """Not even by texts their own code makes of them."""
    for result in graded.values():
        for mark in result.marks:
            told = " ".join(mark.says)
            assert not re.search(r"Told\d", told)
            assert "the inputs were" not in told
            assert not re.search(r"\d\.\d", re.sub("`.*?`|within 0.5 s", "", told))


AS_NOTEBOOKS = (
    *("fork bomb", "os._exit", "os._exit in a cell", "equal to everything", "a mistake of syntax"),
    *("patches NumPy in a cell", "forges a passed outcome", "a cell that is no Python"),
)


def test_attacks_arrive_in_notebooks(tmp_path):
    """A few of them on the whole way: as files, through the intake, beside an honest one."""
    given = assignment(exercises=(TARGET, BESIDE), limits=LIMITS)
    (path,) = ROOT.glob("labs/lab01_*.ipynb")
    folder = tmp_path / "submissions"
    folder.mkdir()
    honest = (IMPORTS, answers()[TARGET], answers()[BESIDE])
    handed = {"honest": honest} | {name: ATTACKS[name].cells for name in AS_NOTEBOOKS}
    for number, cells in enumerate(handed.values()):
        nb = nbformat.read(path, as_version=4)
        answered = {cell.exercise: cell.source for cell in cells if cell.exercise}
        first = next(i for i, cell in enumerate(nb.cells) if cell.cell_type == "code")
        nb.cells[first].source = IMPORTS.source  # the lab's own imports take half a second
        for cell in nb.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answered.get(name, cell.source)
        extra = [nbformat.v4.new_code_cell(cell.source) for cell in cells if not cell.exercise]
        nb.cells[first + 1 : first + 1] = extra
        nbformat.write(nb, folder / f"student{number}.ipynb")
    results = grade(given, intake.collect(folder, given), tmp_path / "results", workers=1)
    for name, result in zip(handed, results, strict=True):
        expected = ATTACKS[name].ending if name in ATTACKS else PASSED
        endings = [mark.ending for mark in result.marks]
        assert endings == [expected, PASSED], (name, result.marks[0].for_instructor)


def test_no_process_is_left(graded):
    """Of those whose parent we are or were."""
    left = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                    if b"/kit/unrolled/grading/run/worker.py" in file.read() and _ours(entry.name):
                        left.append(entry.name)
            except OSError:
                continue
    assert left == []


def _ours(number):
    """Whether the process was started by this test session, or has lost its parent."""
    while number not in ("0", "1"):
        if int(number) == os.getpid():
            return True
        with open(f"/proc/{number}/stat") as file:
            number = file.read().rpartition(")")[2].split()[1]
    return False
