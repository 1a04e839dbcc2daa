// Compiles the modules below a folder, NAME.py to NAME.pyc in its place, by the Python that will
// read them; bytecode.py runs it, in Node. Arguments: the folder of Pyodide, the folder.
// Below the folder a module has the path that it will have there, which tracebacks show.

import { pathToFileURL } from "node:url";

const [core, folder] = process.argv.slice(2);
const { loadPyodide } = await import(`${pathToFileURL(core)}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: core, env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } });
python.mountNodeFS("/modules", folder);
python.runPython(`
import py_compile
from pathlib import Path

here = Path("/modules")
for path in sorted(here.rglob("*.py")):
    name = "/" + path.relative_to(here).as_posix()
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(path, path.with_suffix(".pyc"), name, True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        continue  # a template, which no one imports
    path.unlink()
`);
