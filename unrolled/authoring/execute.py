"""Executes the book's notebooks, several at once, into a jupyter-cache.

A record of the cache holds while the notebook's code, the lock, and every file of the package that
the code reaches by imports are what they were. So an edit of one chapter executes again only what
depends on it, and a notebook that failed, of which no record is kept, fails every later build too.
"""

import asyncio
import hashlib
import json
import os
import re
import sys
import time
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from unrolled.authoring import notebooks, warm
from unrolled.common.code import reached
from unrolled.common.files import write_atomically

CELL_SECONDS = 120  # a page trains for 15 s at most; what needs longer is a study
STDERR_TAG = "remove-stderr"  # myst-nb's: the author has seen it, the page does not show it
WORTH_A_NURSERY = 3  # notebooks; to import everything for fewer takes longer than it saves
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Failure:
    """One notebook that cannot be part of the book: a line to show, and a log to look into."""

    message: str
    log: str = ""

    def __str__(self):
        return self.message


class Client(NotebookClient):
    """nbclient's, with a kernel that is gone when the notebook is done, or given up.

    nbclient sets handlers of SIGINT and SIGTERM of its own, of which a loop with several kernels
    keeps only the last, and so stops only one of them.
    """

    nursery = None

    @asynccontextmanager
    async def async_setup_kernel(self, **kwargs):
        with TemporaryDirectory(prefix="kernel-") as folder:  # grading sweeps "unrolled-"
            self.create_kernel_manager()
            if os.name == "posix":  # sockets that are files: kernels do not race for ports
                self.km.transport = "ipc"
                self.km.connection_file = os.path.join(folder, "kernel.json")
            if self.nursery is not None:
                self.nursery.adopt(self.km)
            try:
                await self.async_start_new_kernel(**kwargs)
                await self.async_start_new_kernel_client()
                yield
            finally:
                if self.km is not None:  # it is None where the client has already cleaned up
                    await self._async_cleanup_kernel()


def cache_folder(root):
    return Path(root, "_build", ".jupyter_cache")


def run(names, root=notebooks.ROOT):
    """Execute those of the notebooks (names relative to the root) whose record does not hold.

    Returns ({name: digest of what its outputs depend on}, [Failure]). Every notebook is executed
    before anything is given up, so that several failures are seen at once.
    """
    root = Path(root).resolve()
    cache = get_cache(cache_folder(root))
    kept = cache.path / "dependencies.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    digests, failures, stale, reaching = {}, [], [], {}
    for name in names:
        try:
            nb = read(root, name)
            key = cache.create_hashed_notebook(nb)[1]
            digests[name] = dependency_digest(nb, root, (root / name).parent, reaching)
            if known.get(key) == digests[name] and _has_record(cache, key):
                continue
            if name.endswith(".md"):
                notebooks.read(root / name, root)  # finds faults that the site would not
        except notebooks.AuthoringError as error:
            failures.append(Failure(str(error)))
            continue
        known.pop(key, None)
        stale.append((name, nb, key))

    def keep(name, nb, key, seconds):
        bundle = CacheBundleIn(nb, name, data={"execution_seconds": seconds})
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        for old in cache.list_cache_records():
            if old.uri == name and old.hashkey != key:
                cache.remove_cache(old.pk)
                known.pop(old.hashkey, None)
        known[key] = digests[name]
        write_atomically(kept, json.dumps(known, indent=1))

    stale.sort(key=lambda one: -sum(len(cell.source) for cell in one[1].cells))  # long ones begin
    failures += asyncio.run(_run_all(stale, root, keep))
    return digests, failures


def read(root, name):
    """The notebook exactly as the site reads it: the cache finds its record by that."""
    path = Path(root, name)
    if path.suffix == ".md":
        try:
            return read_myst_markdown_notebook(path.read_text("utf-8"), path=path)
        except Exception:
            notebooks.read(path, root)  # says it in a line
            raise
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        message = f"cannot be read as a notebook: {error}; run `make sync`"
        raise notebooks.AuthoringError(name, None, None, message) from None


def dependency_digest(nb, root, folder, reaching=None):
    """Digest of what the notebook's outputs depend on besides its own cells.

    That is the lock, the Python version, the package's modules it reaches by imports (with the data
    files beside those in rooms such as support/), and files beside it that its code names.
    `reaching` is what `reached` keeps from one notebook to the next.
    """
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    digest = hashlib.sha256(sys.version.encode())
    files = reached(code, root, reaching) | named(code, folder) | {root / "requirements.txt"}
    for path in sorted(files):
        if path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def named(code, folder):
    """Files in or below `folder` whose path stands in `code` as a string."""
    texts = re.findall(r"""["']([\w./-]+\.\w+)["']""", code)
    return {path for text in texts if (path := folder / text).is_file()}


def holds(name, root=notebooks.ROOT):
    """Whether a notebook ran through as it is now, with everything it uses as it is now."""
    root = Path(root).resolve()
    kept = cache_folder(root) / "dependencies.json"
    if not kept.exists():
        return False
    cache, nb = get_cache(cache_folder(root)), read(root, name)
    key = cache.create_hashed_notebook(nb)[1]
    known = json.loads(kept.read_text()).get(key)
    return known == dependency_digest(nb, root, (root / name).parent) and _has_record(cache, key)


def _has_record(cache, key):
    return (cache.path / "executed" / key / "base.ipynb").exists() and any(
        record.hashkey == key for record in cache.list_cache_records()
    )


async def _run_all(stale, root, keep):
    room = asyncio.Semaphore(os.cpu_count() or 1)
    few = len(stale) < WORTH_A_NURSERY
    nursery = nullcontext() if few else warm.Nursery(_environment(root))
    with nursery as kernels, _progress(len(stale)) as report:

        async def one(name, nb, key):
            async with room:
                row = report(name, len([cell for cell in nb.cells if cell.cell_type == "code"]))
                start = time.perf_counter()
                failure = await _run_one(name, nb, root, row, kernels)
                seconds = time.perf_counter() - start
                row.done(failure, seconds)
                if failure is None:
                    keep(name, nb, key, seconds)
                return failure

        results = await asyncio.gather(*(one(*item) for item in stale))
    return [failure for failure in results if failure is not None]


async def _run_one(name, nb, root, row, nursery):
    """Execute `nb` in place; a Failure where it does not run through, in silence on stderr."""
    at = -1  # index of the cell at work

    def starts(cell, cell_index, **_):
        nonlocal at
        at = cell_index
        row.advance(cell)

    client = Client(
        nb,
        timeout=CELL_SECONDS,
        startup_timeout=CELL_SECONDS,
        record_timing=False,  # it goes into the metadata, by which the cache finds its record
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str((root / name).parent)}},
        on_cell_start=starts,
    )
    client.nursery = nursery
    try:
        await client.async_execute(env=os.environ | _environment(root))
    except CellExecutionError as error:
        trace = ANSI.sub("", error.traceback)
        said = f"{error.ename}: {error.evalue}".split("\n")[0]
        frame = re.search(r"Cell In\[\d+\], line (\d+)|File <unknown>:(\d+)", trace)
        line = next((int(group) for group in (frame.groups() if frame else ()) if group), None)
        return Failure(_place(root, name, nb, at, said, line), trace)
    except CellTimeoutError:
        said = f"ran longer than {CELL_SECONDS} s; shorten it, or make it a study"
        return Failure(_place(root, name, nb, at, said))
    except RuntimeError as error:  # DeadKernelError, and kernels that never answered
        said = f"the kernel failed: {error}; if memory is short, close other programs"
        return Failure(_place(root, name, nb, at, said), str(error))
    for index, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and STDERR_TAG not in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if output.output_type == "stream" and output.name == "stderr":
                    lines = [line for line in output.text.splitlines() if line.strip()]
                    said = (
                        f"writes to stderr: {lines[0].strip() if lines else '(blank)'}; mend the "
                        f"cause, or tag the cell {STDERR_TAG}"
                    )
                    return Failure(_place(root, name, nb, index, said), output.text)
    return None


def _environment(root):
    """What kernels find in their environment besides what the press finds in its own."""
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # debugpy, which ipykernel loads, warns on stderr about frozen modules where it checks
    named = {"PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1", "UNROLLED_NARROW": "1"}
    return ONE_THREAD | named


def _place(root, name, nb, index, said, line=None):
    """`said` with file, cell and line as the press calls them; `line` counts in the cell."""
    if index < 0:
        return str(notebooks.AuthoringError(name, None, None, said))
    number = sum(cell.cell_type == "code" for cell in nb.cells[:index])
    if Path(name).suffix == ".md":
        source = notebooks.read(root / name, root)
        return str(source.error(said, source.code[number], line))
    return f"{name}, cell {number}: {said}"


class _Row:
    """What is shown of one notebook at work."""

    def __init__(self, advance, done):
        self.advance, self.done = advance, done


@contextmanager
def _progress(count):
    """Gives a function that opens a row of the display: on a terminal one bar a running notebook,
    elsewhere a line for each that is done."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:

        def plain(name, cells):
            def done(failure, seconds):
                console.print(f"{'FAILED' if failure else 'executed'} {name}, {seconds:.1f} s")

            return _Row(lambda cell: None, done)

        yield plain
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as display:
        total = display.add_task("notebooks", total=count, visible=count > 0)

        def row(name, cells):
            task = display.add_task(name, total=cells)

            def advance(cell):
                if cell.cell_type == "code":
                    display.advance(task)

            def done(failure, seconds):
                display.remove_task(task)
                display.advance(total)
                if failure:
                    console.print(f"FAILED {name}, {seconds:.1f} s", style="red")

            return _Row(advance, done)

        yield row
