// Runs a chapter's cells, away from the page, so that the page never waits. Messages to it:
//   {type: "start", chapter, fresh}    answered by {type: "loading", text}…, {type: "ready", cells}
//   {type: "run", name, source, alt, narrow}
//                                      answered by {type: "output", kind, text, key}…, {type: "done", status}
// and where it cannot go on, {type: "failed", message}.

import { begin } from "../pyodide/start.mjs";

const HERE = new URL(".", import.meta.url);
const SITE = "/lib/live/"; // in the browser's Python: the driver
const WORK = "/home/pyodide"; // there: the chapter's folder
const tell = (type, told) => postMessage({ type, ...told });
let run;

async function fetched(name) {
  const answer = await fetch(new URL(name, HERE));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.text();
}

async function start({ chapter }) {
  tell("loading", { text: "Fetching Python, about 25 MB, once…" });
  const [pyodide, told, driver, svg] = await Promise.all([
    begin("pyodide-lock.json?fresh"),
    fetched(`${chapter}.json`),
    fetched("driver.py"),
    fetched("svg.py"),
  ]);
  tell("loading", { text: "Starting Python…" });
  pyodide.FS.mkdirTree(SITE);
  for (const [name, text] of Object.entries({ "driver.py": driver, "svg.py": svg })) {
    pyodide.FS.writeFile(SITE + name, text);
  }
  pyodide.runPython(`
    import os, sys
    os.environ["MPLBACKEND"] = "agg"
    sys.path.append(${JSON.stringify(SITE)})
  `);
  const module = pyodide.pyimport("driver");
  const { cells, files } = JSON.parse(told);
  module.start((kind, text, key) => tell("output", { kind, text, key }), WORK, pyodide.toPy(files));
  run = module.run;
  tell("ready", { cells });
}

async function act({ data }) {
  try {
    if (data.type === "start") await start(data);
    else tell("done", { status: run(data.name, data.source, data.alt, data.narrow) });
  } catch (error) {
    tell("failed", { message: String(error?.message ?? error).trim().split("\n").pop() });
  }
}

onmessage = act;
