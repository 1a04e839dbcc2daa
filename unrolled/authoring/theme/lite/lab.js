// On the page of a lab: keeps the work after every change, says whether it is kept, and lets the
// student take the notebook home.
"use strict";

// Python starts while JupyterLab loads: the first kernel gets a worker that is under way. (With
// "crossOriginIsolated" it would take another.)
function startEarly(address) {
  const { Worker } = globalThis;
  const early = new Worker(address, { type: "module" });
  globalThis.Worker = class extends Worker {
    constructor(asked, options) {
      if (String(asked) === address) {
        globalThis.Worker = Worker;
        return early;
      }
      super(asked, options);
    }
  };
}

if (!globalThis.crossOriginIsolated) {
  startEarly(new URL(document.currentScript.dataset.worker, location.href).href);
}

const WAIT = 800; // milliseconds without a change before the work is saved

// Whether the browser has promised not to delete what it keeps. Firefox asks the reader, who may
// take long to answer.
let lasting = false;
navigator.storage?.persist?.().then((granted) => (lasting = granted));

const bar = document.createElement("header");
bar.id = "unrolled-bar";
bar.innerHTML =
  '<p role="status">Python is starting…</p><button type="button">Download my notebook</button>' +
  '<a href="../index.html">All labs</a>';
const [status, download] = [bar.querySelector("p"), bar.querySelector("button")];
const say = (text) => (status.textContent = text);

function fit() {
  document.documentElement.style.setProperty("--unrolled-bar", `${bar.offsetHeight}px`);
  window.dispatchEvent(new Event("resize")); // the application measures its place
}

function panel() {
  const shown = globalThis.jupyterapp?.shell?.currentWidget;
  return shown?.context?.sessionContext && shown.content?.model ? shown : null;
}

async function until(found) {
  for (;;) {
    const value = found();
    if (value) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
}

function takeHome(context) {
  const notebook = context.model.toJSON();
  notebook.metadata.kernelspec = { display_name: "Python 3", language: "python", name: "python3" };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(notebook, null, 1)]));
  link.download = context.path.split("/").pop();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function keep(context) {
  try {
    await context.save();
    const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const advice = lasting ? "" : " Download your notebook when you stop: this browser may delete what it keeps.";
    say(`Kept in this browser, ${time}.${advice}`);
  } catch {
    say("The work could not be kept: the browser's storage is full or blocked. Download your notebook now.");
  }
}

// A check that does not end ----------------------------------------------------------------------

const GRACE = 2; // seconds that the browser itself may take
const token = crypto.randomUUID();
const checks = new BroadcastChannel("unrolled-checks"); // see unrolled/exercises/browser.py

function keepTime(shown) {
  let clock;
  checks.onmessage = ({ data }) => {
    const [sender, name, seconds] = String(data).split("\n");
    if (sender !== token) return;
    clearTimeout(clock);
    if (name) clock = setTimeout(() => end(shown, name, seconds), (Number(seconds) + GRACE) * 1000);
  };
}

async function end({ content, context }, name, seconds) {
  const said =
    `${name} did not end within ${Number(seconds)} s, so Python was restarted. Your notebook ` +
    "is as it was; nothing is defined any more. Look for a loop or a recursion without end, then " +
    "run the cells from the top again.";
  const cells = [...content.widgets];
  const running = cells.filter((cell) => cell.model.type === "code" && cell.promptNode?.textContent.includes("*"));
  say(`Python is restarted: ${name} did not end.`);
  await restart(context.sessionContext);
  if (running[0]) {
    running[0].model.outputs.clear();
    running[0].model.outputs.add({ output_type: "stream", name: "stderr", text: said });
  }
  for (const cell of running) cell.setPrompt("");
  await keep(context);
  say(said);
}

async function restart(sessionContext) {
  await sessionContext.session.kernel.restart();
  await introduce(sessionContext);
}

// Tells the kernel whose it is. It looks into the notebook's folder last: for each look it waits
// for this page, and most modules are elsewhere.
async function introduce(sessionContext) {
  await until(() => sessionContext.session?.kernel?.status === "idle");
  const code = `
import sys as _s
_s.path.sort(key=lambda place: place == "")
import unrolled.exercises.browser as _b
_b.page = ${JSON.stringify(token)}
del _b, _s`;
  await sessionContext.session.kernel.requestExecute({ code, silent: true, store_history: false }).done;
}

async function watch() {
  document.body.prepend(bar);
  new ResizeObserver(fit).observe(bar);
  const shown = await until(panel);
  const { context } = shown;
  download.addEventListener("click", () => takeHome(context));
  await context.ready;
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => keep(context), WAIT);
  };
  context.model.contentChanged.connect(later);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && context.model.dirty) keep(context);
  });
  const { sessionContext } = context;
  await sessionContext.ready;
  await introduce(sessionContext);
  sessionContext.statusChanged.connect((_, now) => {
    if (now === "restarting" || now === "autorestarting") introduce(sessionContext);
  });
  keepTime(shown);
  bar.dataset.ready = "";
  say("Python is ready. What you write is kept in this browser.");
}

watch();
