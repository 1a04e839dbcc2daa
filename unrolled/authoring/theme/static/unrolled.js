// Four things that a page does: fetches what only a phone shows, lets everything that scrolls
// sideways be reached, has formulas typeset as they come near, and opens a folded block that a link
// leads into.
"use strict";

// A figure with panels side by side has a second drawing for a phone; a page has one script with
// all of them.
const PHONE = window.matchMedia("(max-width: 36rem)"); // as in unrolled.css
const figures = document.querySelectorAll("[data-narrow]");
let fetched = false;

function fetchNarrow() {
  if (fetched || !PHONE.matches || !figures.length) return;
  fetched = true;
  const script = document.createElement("script");
  script.src = figures[0].dataset.narrow;
  script.addEventListener("error", () => (fetched = false));
  document.head.append(script);
}

// What that script calls.
function drawNarrow(drawings) {
  figures.forEach((figure, i) => figure.insertAdjacentHTML("beforeend", drawings[i]));
}

// What scrolls sideways must be reachable without a mouse: a tab stop, and a name, for each block
// that is wider than its place, and for no other. And it must show that it does: the style sheet
// fades the sides that `data-more` names.
const SCROLLING = [
  ["mjx-container[display='true']", "Formula, scrolls sideways"],
  [".figure-scroll", "Figure, scrolls sideways"],
  [".cell_output .text_html, .pst-scrollable-table-container", "Table, scrolls sideways"],
  ["div.highlight pre", "Code, scrolls sideways"],
];

function markScrolling() {
  for (const [selector, name] of SCROLLING) {
    for (const block of document.querySelectorAll(selector)) {
      markMore(block);
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

// The sides of a block beyond which it goes on.
function markMore(block) {
  const left = block.scrollLeft;
  const right = block.scrollWidth - block.clientWidth - left;
  const sides = [left > 1 && "left", right > 1 && "right"].filter(Boolean);
  if (sides.length) block.dataset.more = sides.join(" ");
  else delete block.dataset.more;
}

function markScrolled(event) {
  if (event.target.matches?.(SCROLLING.map(([selector]) => selector).join())) markMore(event.target);
}

async function watchScrolling() {
  await window.MathJax?.startup?.promise;
  const watch = new ResizeObserver(markScrolling);
  watch.observe(document.querySelector("main"));
  document.addEventListener("toggle", markScrolling, true); // of <details>; it does not bubble
  document.addEventListener("scroll", markScrolled, { capture: true, passive: true });
}

// MathJax watches each formula that is still to be typeset, and a browser asks where each is for every
// frame: it is told of paragraphs instead, a third as many.
async function watchParagraphs() {
  await window.MathJax?.startup?.promise;
  const page = window.MathJax?.startup?.document;
  if (!page?.lazyObserver) return;
  const come = (entries) => {
    const near = entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
    near.forEach((paragraph) => watch.unobserve(paragraph));
    const formulas = near.flatMap((paragraph) => [...paragraph.querySelectorAll("mjx-lazy")]);
    page.lazyObserve(formulas.map((target) => ({ target, isIntersecting: true })));
  };
  const watch = new IntersectionObserver(come, { rootMargin: page.options.lazyMargin });
  const observe = (formula) => watch.observe(formula.closest("p, li, dd, dt, td, th, summary, div"));
  page.lazyObserver.disconnect();
  page.lazyObserver = { observe, unobserve() {} };
  document.querySelectorAll("main mjx-lazy").forEach(observe);
}

// A link may lead into a folded block, which then has to open.
function openAround() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  let block = target?.closest("details:not([open])");
  if (!block) return;
  for (; block; block = block.parentElement?.closest("details")) block.open = true;
  target.scrollIntoView();
}

fetchNarrow();
PHONE.addEventListener("change", fetchNarrow);
window.addEventListener("load", watchScrolling);
window.addEventListener("load", watchParagraphs);
window.addEventListener("load", openAround);
window.addEventListener("hashchange", openAround);
