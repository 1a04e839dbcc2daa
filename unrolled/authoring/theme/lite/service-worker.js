// Gives the pages of the labs the files that the start page has fetched and proved; what is not
// among them comes from the network. A request with “?fresh” is the start page's own.
"use strict";

async function kept(request) {
  for (const name of await caches.keys()) {
    if (!name.startsWith("unrolled-labs-")) continue;
    const cache = await caches.open(name);
    if (!(await cache.match("files.json"))) continue; // not whole yet
    const address = new URL(request.url);
    if (address.href.split("?")[0] === registration.scope) address.pathname += "index.html";
    const found = await cache.match(address.href, { ignoreSearch: true });
    if (found) return found;
  }
  return fetch(request);
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  const ours = address.href.startsWith(registration.scope) && request.method === "GET";
  if (ours && !/\/api\/(drive|stdin|service)/.test(address.pathname)) {
    event.stopImmediatePropagation();
    event.respondWith(address.searchParams.has("fresh") ? fetch(request) : kept(request));
  }
});

importScripts("drive-worker.js"); // JupyterLite's, through which Python reads and writes files
