// Makes a chapter's page live: its visible cells can be edited and run, in order, in a Python that
// worker.js keeps away from the page. What a cell gives takes the place of what the page shows.

import { editor } from "./editor.js";

const PHONE = matchMedia("(max-width: 36rem)"); // as in unrolled.css
const STATES = { done: "has run", needs: "has run in part", error: "ended with an error" };
const LONG = 15_000; // milliseconds after which a reader may wonder
const NAMES = { sklearn: "scikit-learn" };

let chapter, notebook, worker, bar, says, answer;
let cells = []; // all of the chapter, in order; `box` is where a visible one is on the page
let busy = null; // the cell that runs
let turn = 0; // of the Python: what waits for an older one is given up

const make = (name, className = "", text = "") => {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
};
const say = (text) => (says.textContent = text);

function press(text, act, label = text) {
  const button = make("button", "", text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

function download(text) {
  const link = make("a", "", text);
  link.href = notebook;
  link.download = "";
  return link;
}

// Starting --------------------------------------------------------------------------------------

export async function begin(button) {
  ({ chapter, notebook } = button.dataset);
  const style = make("link");
  style.rel = "stylesheet";
  style.href = new URL("live.css", import.meta.url);
  document.head.append(style);
  buildBar();
  try {
    arrange(await startPython());
  } catch (error) {
    bar.remove();
    style.remove();
    worker?.terminate();
    throw error;
  }
  button.remove();
  say("Python is ready. Changes on this page are not kept: download the notebook for lasting work.");
  bar.querySelector("button").focus();
}

// A new Python; its cells, when it is ready. What ran before is gone.
function startPython() {
  worker?.terminate();
  turn += 1;
  for (const cell of cells) cell.ran = false;
  enable(false);
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "the worker failed"));
    worker.onmessage = ({ data }) => {
      if (data.type === "loading") say(data.text);
      else if (data.type === "failed") reject(new Error(data.message));
      else if (data.type === "ready") {
        worker.onmessage = ({ data }) => receive(data);
        worker.onerror = () => receive({ type: "failed" });
        enable(true);
        resolve(data.cells);
      }
    };
    worker.postMessage({ type: "start", chapter });
  });
}

async function restart(text) {
  const cell = busy;
  busy = null;
  answer = null;
  if (cell) mark(cell, "stopped");
  try {
    const begun = startPython();
    say(`${text} Python starts anew…`);
    await begun;
    say(`${text} Python is new: nothing is defined any more.`);
    bar.dataset.state = "ready";
  } catch {
    says.replaceChildren("Python could not be started again: reload the page, or ", download("download the notebook"), ".");
  }
}

// The page --------------------------------------------------------------------------------------

function buildBar() {
  bar = make("section");
  bar.id = "live-bar";
  bar.setAttribute("aria-label", "Python on this page");
  says = make("p", "", "Python is starting…");
  says.setAttribute("role", "status");
  const keys = make("p", "", "Shift+Enter runs the cell. While you type, Tab indents; Escape gives Tab back.");
  keys.id = "live-keys";
  bar.append(
    says,
    press("Run all", () => runAll(cells.length)),
    press("Stop", () => stop()),
    press("Restart Python", () => restart("Restarted.")),
    keys,
  );
  document.querySelector("main").append(bar);
}

function enable(ready) {
  bar.dataset.state = busy ? "running" : ready ? "ready" : "starting";
  const [all, end, again] = bar.querySelectorAll("button");
  all.disabled = !ready || Boolean(busy);
  end.disabled = !busy;
  again.disabled = !ready;
  for (const cell of cells) {
    if (!cell.box) continue;
    cell.run.disabled = cell.above.disabled = !ready || Boolean(busy);
  }
}

function arrange(told) {
  const boxes = [...document.querySelectorAll("main div.cell")];
  if (boxes.length !== told.filter((cell) => cell.shown).length) throw new Error("another edition");
  let number = 0;
  cells = told.map((one) => {
    const cell = { ...one, ran: false, text: one.source };
    if (one.shown) {
      cell.number = number += 1;
      cell.box = boxes[number - 1];
      equip(cell);
    }
    return cell;
  });
}

function equip(cell) {
  const name = `cell ${cell.number}`;
  const input = cell.box.querySelector(".cell_input");
  for (const child of input.children) child.hidden = true;
  const changed = () => {
    cell.text = cell.editor.field.value;
    cell.ran = false;
    cell.reset.hidden = cell.text === cell.source;
  };
  cell.editor = editor(cell.source, `Code of ${name}`, changed, () => run(cell));
  input.append(cell.editor.box);
  const tools = make("div", "live-tools");
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", `Cell ${cell.number}`);
  cell.run = press("Run", () => run(cell), `Run ${name}`);
  cell.above = press("Run all above", () => runAll(cells.indexOf(cell)), `Run all above ${name}`);
  cell.reset = press("Reset", () => reset(cell), `Reset ${name}`);
  cell.reset.hidden = true;
  cell.state = make("span", "live-state");
  tools.append(make("span", "live-number", `Cell ${cell.number}`), cell.run, cell.above, cell.reset, cell.state);
  cell.before = [...cell.box.querySelectorAll(":scope > .cell_output")];
  cell.after = make("div", "cell_output docutils container live-output");
  cell.after.hidden = true;
  (cell.before[0] ?? cell.after).before(tools);
  if (!cell.before[0]) cell.box.append(tools);
  cell.box.append(cell.after);
  cell.place = cell.before.map((output) => output.querySelector("figure > :not(figcaption)")).find(Boolean);
}

// The original code, and what the page showed of it.
function reset(cell) {
  cell.text = cell.source;
  cell.ran = false;
  cell.editor.set(cell.source);
  cell.reset.hidden = true;
  cell.state.textContent = "";
  clear(cell);
  cell.after.hidden = true;
  showBefore(cell, true);
  cell.run.focus();
  say(`Cell ${cell.number} is as it was.`);
}

// Running ---------------------------------------------------------------------------------------

// Run the cells before `end` that have not run as they are, and all that follow the first of these.
async function runAll(end) {
  const from = cells.findIndex((cell) => !cell.ran);
  if (from < 0 || from >= end) {
    say("All of them have run as they are.");
    return;
  }
  const mine = turn;
  for (const cell of cells.slice(from, end)) {
    if ((await runOne(cell)) === "error" || mine !== turn) return;
  }
  say(end === cells.length ? "All cells have run." : "The cells above have run.");
}

async function run(cell) {
  if (busy || bar.dataset.state !== "ready") {
    say(busy ? "Python is at work: wait, or stop it." : "Python is not ready yet.");
    return;
  }
  const mine = turn;
  // what is before it and hidden has no button of its own
  for (let i = cells.indexOf(cell) - 1; i >= 0 && !cells[i].box && !cells[i].ran; i -= 1) {
    await runOne(cells[i]);
    if (mine !== turn) return;
  }
  await runOne(cell);
}

// Run one cell; its status, or null when Python was ended meanwhile.
async function runOne(cell) {
  busy = cell;
  enable(true);
  if (cell.box) {
    mark(cell, "runs");
    say(`Cell ${cell.number} runs, of ${cells.filter((one) => one.box).length}.`);
    clear(cell);
  }
  const mine = turn;
  const changed = cell.text !== cell.source;
  const told = new Promise((resolve) => (answer = resolve));
  worker.postMessage({
    type: "run",
    name: cell.box ? `cell ${cell.number}` : "a hidden cell",
    source: cell.text,
    alt: changed || !cell.alt ? "Figure that this cell draws" : cell.alt,
    narrow: PHONE.matches,
  });
  const patience = setTimeout(() => {
    say(`${says.textContent} A page that trains needs minutes here, not seconds; Stop ends it.`);
  }, LONG);
  const status = await told;
  clearTimeout(patience);
  if (mine !== turn) return null;
  busy = null;
  cell.ran = status !== "error";
  enable(true);
  if (!cell.box) return status;
  const left = status === "needs" && !cell.after.querySelector(".output") && !cell.figures;
  showBefore(cell, left);
  cell.after.hidden = !cell.after.hasChildNodes();
  mark(cell, STATES[status]);
  say(`Cell ${cell.number} ${STATES[status]}.`);
  return status;
}

function stop() {
  const { number } = busy;
  answer?.(null);
  note(busy, "Stopped before its end.");
  restart(number ? `Cell ${number} was stopped.` : "Stopped.");
}

function mark(cell, text) {
  if (cell.box) cell.state.textContent = text;
}

function receive({ type, ...told }) {
  if (type === "output" && busy?.box) output(busy, told);
  else if (type === "done") answer?.(told.status);
  else if (type === "failed") {
    const { number } = busy ?? {};
    answer?.(null);
    if (busy) note(busy, "Python ended in this cell: too much memory, or calls too deep.");
    restart(number ? `Python ended in cell ${number}: too much memory, or calls too deep.` : "Python ended.");
  }
}

// Outputs ---------------------------------------------------------------------------------------

function clear(cell) {
  cell.after.replaceChildren();
  for (const figure of cell.box.querySelectorAll(".live-figure")) figure.remove();
  cell.figures = 0;
}

// What the page showed before; a figure keeps its caption.
function showBefore(cell, shown) {
  const kept = cell.figures ? cell.place : null;
  for (const output of cell.before) {
    for (const child of output.children) child.hidden = !shown && !(kept && child.contains(kept));
  }
  if (cell.place) cell.place.hidden = !shown;
}

function output(cell, { kind, text, key }) {
  cell.after.hidden = false;
  if (kind === "figure") return drawn(cell, text, key);
  if (kind === "needs") return needs(cell, text);
  if (kind === "error" && /^NameError/m.test(text) && cells.slice(0, cells.indexOf(cell)).some((one) => !one.ran)) {
    text += "\nA cell above, which has not run, may define it: choose “Run all above”.";
  }
  const last = cell.after.lastElementChild;
  if (kind === "stream" && last?.classList.contains("stream")) {
    last.querySelector("pre").append(text);
    return;
  }
  const block = make("div", `output ${{ stream: "stream", html: "text_html", error: "live-error" }[kind] ?? "text_plain"}`);
  if (kind === "html") block.innerHTML = text;
  else block.appendChild(make("div", "highlight")).append(make("pre", "", text));
  put(cell, block, key);
}

function put(cell, block, key) {
  const old = key && cell.after.querySelector(`[data-key="${key}"]`);
  if (key) block.dataset.key = key;
  if (old) old.replaceWith(block);
  else cell.after.append(block);
}

function drawn(cell, text, key) {
  const block = make("div", "figure-scroll live-figure");
  block.innerHTML = text;
  cell.figures += 1;
  if (cell.place) cell.place.before(block);
  else put(cell, block, key);
  showBefore(cell, false);
}

function needs(cell, text) {
  const [amount, ...packages] = text.split(" ");
  const named = packages.map((name) => NAMES[name] ?? name).join(" ");
  const line = make("p", "live-note", amount === "all" ? `Needs ${named}: ` : `A part of this cell needs ${named}: `);
  line.append(download("download the notebook"), ".");
  cell.after.append(line);
}

function note(cell, text) {
  if (!cell.box) return;
  cell.after.hidden = false;
  cell.after.append(make("p", "live-note", text));
}
