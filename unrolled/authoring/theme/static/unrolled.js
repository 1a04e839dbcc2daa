// What scrolls sideways must be reachable without a mouse: a tab stop, and a name, for each block
// that is wider than its place, and for no other.
"use strict";

const SCROLLING = [
  ["mjx-container[display='true']", "Formula, scrolls sideways"],
  [".figure-scroll", "Figure, scrolls sideways"],
  [".cell_output .text_html, .pst-scrollable-table-container", "Table, scrolls sideways"],
  ["div.highlight pre", "Code, scrolls sideways"],
];

function markScrolling() {
  for (const [selector, name] of SCROLLING) {
    for (const block of document.querySelectorAll(selector)) {
      if (block.scrollWidth > block.clientWidth) {
        block.tabIndex = 0;
        block.setAttribute("role", "group");
        block.setAttribute("aria-label", name);
      } else {
        for (const attribute of ["tabindex", "role", "aria-label"]) {
          block.removeAttribute(attribute);
        }
      }
    }
  }
}

async function watchScrolling() {
  await window.MathJax?.startup?.promise;
  const watch = new ResizeObserver(markScrolling);
  watch.observe(document.querySelector("main"));
  document.addEventListener("toggle", markScrolling, true); // of <details>; it does not bubble
}

// A link may lead into a folded block, which then has to open.
function openAround() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  let block = target?.closest("details:not([open])");
  if (!block) return;
  for (; block; block = block.parentElement?.closest("details")) block.open = true;
  target.scrollIntoView();
}

window.addEventListener("load", watchScrolling);
window.addEventListener("load", openAround);
window.addEventListener("hashchange", openAround);
