// Starts the labs' Python, with all packages: in the worker of a kernel, which asks for it by
// `loadPyodide`, and in that of a live page. It can begin before it is asked.

import "../bundle.js";
import { PACKAGES } from "./packages.mjs";
import { loadPyodide as load } from "./pyodide.mjs";

const HERE = new URL(".", import.meta.url).href;
const HOME = "/home/pyodide";
const SITE = "/lib/python3.14/site-packages";
const QUIET = { messageCallback() {}, errorCallback() {} };
let beginning;

async function start(lock, modules) {
  const [python, files] = await Promise.all([
    load({ indexURL: HERE, lockFileURL: HERE + lock, packageBaseUrl: HERE, env: { HOME } }),
    fetch(HERE + PACKAGES.file, { integrity: PACKAGES.integrity }).then(unbundle),
  ]);
  const { FS } = python;
  const made = new Set();
  for (const [name, data] of files) {
    const path = `${SITE}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(folder)) FS.mkdirTree(folder);
    made.add(folder);
    FS.writeFile(path, data, { canOwn: true });
  }
  await python.loadPackage(["unrolled"], QUIET);
  python.runPython(`import ${modules}`);
  return python;
}

// lock: of a live page, "pyodide-lock.json?fresh", that of this build, whatever an older lab keeps.
// A kernel is given none, and what it will import while JupyterLab still loads. (Nothing that imports
// matplotlib, which asks only once how to draw; the kernel says it later.)
export const begin = (lock) =>
  (beginning ??= lock
    ? start(lock, "numpy")
    : start("pyodide-lock.json", "numpy, unrolled.exercises.browser"));

export async function loadPyodide({ stdout, stderr }) {
  const python = await begin();
  if (stdout) python.setStdout({ batched: stdout });
  if (stderr) python.setStderr({ batched: stderr });
  return python;
}
