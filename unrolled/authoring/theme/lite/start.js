// Before a lab opens: says what this browser lacks, fetches all files once and proves each by its
// digest, keeps them for the next visit without a network, and never puts a new lab over old work.
"use strict";

const SPACE = 150e6; // bytes that the files and the work may take
const STORE = "unrolled-labs"; // JupyterLite's, where the work is; also the beginning of our caches
const AT_ONCE = 6;
const PACK = "interface.bin"; // most of the files, as one
const MANY = 100; // files that are cheaper to take from it
const TYPES = { js: "text/javascript", css: "text/css", json: "application/json", svg: "image/svg+xml", woff2: "font/woff2" };

const show = (id, text) => (document.getElementById(id).textContent = text);
const megabytes = (bytes) => Math.round(bytes / 1e6);
const name = new URLSearchParams(location.search).get("lab") ?? "";
const labs = globalThis.LABS ?? {};
const lab = Object.hasOwn(labs, name) ? labs[name] : null;
const fileOf = (release) => `${release}/${name}.ipynb`;
const addressOf = (path) => `notebooks/index.html?path=${encodeURIComponent(path)}`;

class Lacking extends Error {} // its message says what to do

function offer(text, act, remark = "") {
  const entry = document.getElementById("choices").appendChild(document.createElement("li"));
  const control = document.createElement(typeof act === "string" ? "a" : "button");
  control.textContent = text;
  if (typeof act === "string") control.href = act;
  else control.addEventListener("click", act);
  entry.append(control);
  if (remark) entry.appendChild(document.createElement("small")).textContent = remark;
  return control;
}

function offerDownload() {
  if (!lab) return;
  const link = offer("Download the notebook", `files/${fileOf(lab.release)}`, "to work in Jupyter on a computer with Python");
  link.download = `${name}.ipynb`;
}

// What the browser lacks -----------------------------------------------------------------------

async function prove() {
  if (location.protocol === "file:") {
    throw new Lacking(
      "This page was opened as a file, and browsers run Python only on pages that come from a " +
        "server. In the folder of the site run “python3 -m http.server”, then open " +
        "http://localhost:8000 and choose the lab again.",
    );
  }
  if (typeof WebAssembly !== "object") {
    throw new Lacking(
      "This browser has no WebAssembly, on which Python runs here. Use a current Firefox, Chrome, " +
        "Edge or Safari, or turn off its strictest security mode for this site.",
    );
  }
  if (!globalThis.isSecureContext) {
    throw new Lacking(
      "This address begins with http://, and browsers keep work offline only for https:// and for " +
        "localhost. Ask for the https address of the book.",
    );
  }
  if (!navigator.serviceWorker || !globalThis.caches) {
    throw new Lacking(
      "This browser allows no service worker here, as in some private windows. Open the page in " +
        "an ordinary window, or in another browser.",
    );
  }
  try {
    await worksBefore();
    await caches.open(`${STORE}-probe`);
    await caches.delete(`${STORE}-probe`);
  } catch {
    throw new Lacking(
      "This browser keeps no data for this site, so that your work would be lost. Allow cookies " +
        "and site data for it, or use an ordinary window.",
    );
  }
  const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  const known = await complete();
  if (!known && quota - usage < SPACE) {
    throw new Lacking(
      `The labs need ${megabytes(SPACE)} MB of storage, and this browser grants ` +
        `${megabytes(Math.max(0, quota - usage))}. Make room on the disk, or leave the private window.`,
    );
  }
}

// Work from before -----------------------------------------------------------------------------

// [{path, date}] of this lab's notebooks that the browser has kept, the youngest first.
function worksBefore() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(STORE);
    let fresh = false;
    opening.onupgradeneeded = () => {
      fresh = true;
      opening.transaction.abort(); // JupyterLite makes it
    };
    opening.onerror = () => (fresh ? resolve([]) : reject(opening.error));
    opening.onsuccess = () => {
      const database = opening.result;
      if (!database.objectStoreNames.contains("files")) {
        database.close();
        return resolve([]);
      }
      const asked = database.transaction("files").objectStore("files").getAll();
      asked.onerror = () => reject(asked.error);
      asked.onsuccess = () => {
        database.close();
        const found = asked.result.filter((file) => file?.path?.endsWith(`/${name}.ipynb`));
        found.sort((a, b) => String(b.last_modified).localeCompare(String(a.last_modified)));
        resolve(found.map((file) => ({ path: file.path, date: new Date(file.last_modified) })));
      };
    };
  });
}

// Files ----------------------------------------------------------------------------------------

// The cache that holds a whole set of files, or null.
async function complete() {
  for (const one of await caches.keys()) {
    if (one.startsWith(`${STORE}-`)) {
      const cache = await caches.open(one);
      if (await cache.match("files.json")) return cache;
    }
  }
  return null;
}

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
const digestOf = async (data) => hex(await crypto.subtle.digest("SHA-256", data));

function proved(data, digest, type) {
  return new Response(data, { headers: { "x-digest": digest, "content-type": type ?? "" } });
}

// Keeps those of the files that come as one and are right; the others are fetched one by one.
async function unpack(cache, files, count) {
  const wanted = new Map(files);
  const keep = async ([path, data]) => {
    const [size, digest] = wanted.get(path) ?? [];
    if (!digest || (await digestOf(data)) !== digest) return;
    await cache.put(path, proved(data, digest, TYPES[path.split(".").pop()]));
    count(size);
    wanted.delete(path);
  };
  const parts = await unbundle(await fetch(`${PACK}?fresh`)).catch(() => []);
  await Promise.all(parts.map(keep));
  return [...wanted];
}

async function fetched(path, digest) {
  let damaged = false;
  for (const again of ["default", "reload"]) {
    const answer = await fetch(`${path}?fresh=${digest.slice(0, 16)}`, { cache: again });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    const data = await answer.arrayBuffer();
    if ((await digestOf(data)) === digest) return proved(data, digest, answer.headers.get("content-type"));
    damaged = true;
  }
  if (damaged) {
    throw new Lacking(
      `The file ${path} arrived damaged, twice. Reload this page; if it says so again, tell who ` +
        "runs the site.",
    );
  }
}

// Without the files of Python that are not what they were when they were fetched.
async function sound(cache) {
  let whole = true;
  for (const request of (await cache?.keys()) ?? []) {
    if (!request.url.includes("/pyodide/")) continue;
    const kept = await cache.match(request);
    if ((await digestOf(await kept.clone().arrayBuffer())) !== kept.headers.get("x-digest")) {
      await cache.delete(request);
      whole = false;
    }
  }
  if (!whole) await cache.delete("files.json");
  return whole ? cache : null;
}

// Whether the files of a newer build have taken the place of older ones.
async function fetchAll() {
  const before = await sound(await complete());
  let text;
  try {
    const answer = await fetch("files.json?fresh", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    text = await answer.text();
  } catch (error) {
    if (before) return false; // no network: what is here is whole
    throw error;
  }
  const target = `${STORE}-${(await digestOf(new TextEncoder().encode(text))).slice(0, 16)}`;
  const cache = await caches.open(target);
  if (!(await cache.match("files.json"))) {
    await fill(cache, before, Object.entries(JSON.parse(text)));
    await cache.put("files.json", new Response(text));
  }
  let replaced = false;
  for (const other of await caches.keys()) {
    if (other.startsWith(`${STORE}-`) && other !== target) replaced = await caches.delete(other);
  }
  return replaced;
}

async function fill(cache, before, files) {
  const total = files.reduce((sum, [, [size]]) => sum + size, 0);
  const bar = document.getElementById("progress");
  let done = 0;
  bar.max = total;
  bar.hidden = false;
  const some = Boolean(before) || (await cache.keys()).length > 0;
  const count = (size) => {
    bar.value = done += size;
    show("says", `Fetching Python and the lab: ${megabytes(done)} of ${megabytes(total)} MB, once.`);
  };
  count(0);
  const lacking = { python: [], others: [] };
  for (const file of files) {
    const [path, [size, digest]] = file;
    const kept = some ? (await cache.match(path)) ?? (await before?.match(path)) : null;
    if (kept?.headers.get("x-digest") === digest) {
      await cache.put(path, kept);
      count(size);
    } else {
      lacking[path.startsWith("pyodide/") ? "python" : "others"].push(file);
    }
  }
  let failure = null;
  const fetchThem = async (these) => {
    const todo = [...these];
    const work = async () => {
      for (let next; (next = todo.shift()) && !failure; ) {
        const [path, [size, digest]] = next;
        try {
          await cache.put(path, await fetched(path, digest));
          count(size);
        } catch (error) {
          failure ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work)); // what is on its way still arrives
  };
  const { python, others } = lacking;
  const rest = async () => fetchThem(others.length < MANY ? others : await unpack(cache, others, count));
  await Promise.all([fetchThem(python), rest()]);
  if (failure) throw failure;
}

// The way to the lab ---------------------------------------------------------------------------

async function choose() {
  const works = await worksBefore();
  const fresh = fileOf(lab.release);
  const old = works.filter((work) => work.path !== fresh);
  if (!old.length) return location.replace(addressOf(fresh));
  const begun = works.some((work) => work.path === fresh);
  show("says", "A newer version of this lab is out. Your work in the older one is kept.");
  for (const { path, date } of old) {
    offer("Go on with your work in the older version", addressOf(path), `last saved ${date.toLocaleString()}`);
  }
  const text = begun ? "Go on with your work in the newer version" : "Open the newer version beside it";
  offer(text, addressOf(fresh));
}

async function start() {
  if (!lab) {
    show("says", name ? `There is no lab “${name}” here. These there are:` : "Choose a lab:");
    for (const [one, { title }] of Object.entries(labs)) offer(title, `?lab=${one}`);
    return;
  }
  show("title", lab.title);
  document.title = lab.title;
  try {
    await prove();
    if (navigator.deviceMemory && navigator.deviceMemory < 2) {
      show("fine-print", "This device has little memory. If the lab stops, use a computer.");
    }
    const script = new URL("service-worker.js?enableCache=false", location.href);
    await navigator.serviceWorker.register(script);
    await navigator.serviceWorker.ready;
    if (await fetchAll()) {
      location.reload(); // this page, too, was that of the older build
      return;
    }
    document.getElementById("progress").hidden = true;
    await choose();
  } catch (error) {
    document.getElementById("progress").hidden = true;
    if (error instanceof Lacking) {
      show("says", error.message);
    } else if (error?.name === "QuotaExceededError") {
      show("says", "The browser's storage is full. Make room on the disk, or delete the data of other sites.");
    } else {
      show("says", "Fetching the lab was interrupted. What has arrived is kept: try again when the network is back.");
      offer("Try again", () => location.reload());
    }
    offerDownload();
  }
}

start();
