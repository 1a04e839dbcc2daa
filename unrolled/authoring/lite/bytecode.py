"""Compiles modules for the browser's Python, so that it need not do so at every start.

Only that Python writes its bytecode. It runs in Node, which comes with the driver of the browser
that the tests use. Where there is none, modules stay as they are, and labs start later.
"""

import re
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from unrolled.authoring import machine

# what no start of a lab imports, though a cell may
RARE = re.compile(
    r"/(jedi|parso|pygments/(lexers|styles|formatters)|wcwidth|prompt_toolkit|multiprocessing|xml|http|sqlite3"
    r"|encodings/(iso|mac|cp1)\w+|_pyrepl|pdb|turtle|pydoc|numpy/(polynomial|testing|typing)"
    r"|matplotlib/(backends/backend_(gtk|qt|tk|wx|web|nb|mac|p|cairo)\w*|sphinxext))[/.]"
)
SCRIPT = Path(__file__).with_name("bytecode.mjs")


@cache
def node():
    """(the program of Node or None, why there is none)."""
    why = "none is installed"
    for path in _candidates():
        done = subprocess.run([path, "--version"], capture_output=True, text=True)
        if done.returncode == 0:
            return path, ""
        why = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        if package := machine.package(why):
            why += f"; on Debian: apt install {package}, then `make book` again"
    return None, why


def _candidates():
    driver = find_spec("playwright")
    if driver:
        folder = Path(driver.origin).parent / "driver"
        yield from (str(path) for path in (folder / "node", folder / "node.exe") if path.exists())
    if shutil.which("node"):
        yield shutil.which("node")


def compiled(core, parts):
    """{name: bytes} in which bytecode, NAME.pyc, has taken the place of modules, NAME.py.

    core: the folder of Pyodide
    parts: by the names that they have in the browser, which tracebacks show
    """
    program, why = node()
    if program is None:
        print(
            f"labs in the browser: no Node starts ({why}); so their Python compiles at each start"
        )
        return parts
    modules = {
        name: data for name, data in parts.items() if name[-3:] == ".py" and not RARE.search(name)
    }
    print(f"labs in the browser: compiling {len(modules)} modules, once", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in modules.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        done = subprocess.run([program, SCRIPT, core, folder], capture_output=True, text=True)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
            print(f"labs in the browser: it failed ({why}), so their Python compiles at each start")
            return parts
        found = [path for path in Path(folder).rglob("*.py*") if path.is_file()]
        read = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in parts.items() if name not in modules} | read
