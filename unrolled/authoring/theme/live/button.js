// The button that makes a chapter's page live; nothing is fetched before someone presses it.
"use strict";

const button = document.querySelector("button.make-live");
let tries = 0;

function refuse(text) {
  const said = document.getElementById("live-says");
  said.textContent = `${text} `;
  const link = said.appendChild(document.createElement("a"));
  link.href = button.dataset.notebook;
  link.download = "";
  link.textContent = "Download the notebook";
  said.append(", to run it in Jupyter.");
  said.hidden = false;
  button.disabled = false;
}

async function makeLive() {
  if (location.protocol === "file:") {
    refuse("This page was opened as a file, and browsers run Python only on pages from a server.");
    return;
  }
  if (typeof WebAssembly !== "object" || !globalThis.Worker) {
    refuse("This browser has no WebAssembly, on which Python runs here.");
    return;
  }
  document.getElementById("live-says").hidden = true;
  button.disabled = true;
  try {
    const address = new URL(`${button.dataset.live}live.js`, location.href);
    if (tries) address.search = tries; // a browser remembers a module that failed
    tries += 1;
    const { begin } = await import(address);
    await begin(button);
  } catch {
    refuse("Python could not be fetched: press the button again when the network is back.");
  }
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", makeLive);
}
