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

window.addEventListener("load", watchScrolling);
