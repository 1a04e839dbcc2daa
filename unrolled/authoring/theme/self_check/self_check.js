// Judges the answers of a self-check. What it says stands in the page already, in the folded
// explanations; each form is a question, and all but its last part is in use without a script, too.
"use strict";

const PART = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
const NUMBER = new RegExp(`^(${PART})(?: ?/ ?(${PART}))?$`, "i");

// The number that a text stands for, as 12, 0.5, 0,5, −3, 1/3 or 1e-3; NaN where it is unclear.
function readNumber(text) {
  const plain = text
    .replace(/\s+/gu, " ")
    .trim()
    .replace(/[\u2212\u2012\u2013]/gu, "-") // the signs that look like a minus
    .replace(/^([+-]) /u, "$1");
  if (/^[+-]?[1-9]\d{0,2},\d{3}$/u.test(plain)) return NaN; // 1,234 is one thing here, another there
  const found = plain.replaceAll(/(\d),(\d)/gu, "$1.$2").match(NUMBER);
  if (!found) return NaN;
  const value = Number(found[1]) / Number(found[2] ?? 1);
  return Number.isFinite(value) ? value : NaN;
}

// The explanation that belongs to what was answered: its <li>, or null for a number that is wrong
// in an unforeseen way; or, as a text, what to answer first.
function judge(form) {
  const whys = [...form.querySelectorAll(".self-check-whys li")];
  if (form.dataset.within === undefined) {
    const chosen = form.querySelector("input:checked");
    return chosen ? whys.find((why) => why.dataset.value === chosen.value) : "Choose an answer first.";
  }
  const text = form.querySelector("input").value;
  if (!text.trim()) return "Write a number first.";
  const number = readNumber(text);
  if (Number.isNaN(number)) {
    return `“${text}” is not clear as a number. Write it like 12, 0.5, −3, 1/3 or 1e-3.`;
  }
  const within = Number(form.dataset.within);
  const distance = (why) => Math.abs(Number(why.dataset.value) - number);
  const near = whys.filter(
    (why) => distance(why) <= within + 1e-9 * Math.abs(Number(why.dataset.value)),
  );
  return near.find(isRight) ?? near.sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

function isRight(why) {
  return why?.dataset?.right !== undefined;
}

function paragraph(...content) {
  const made = document.createElement("p");
  made.append(...content);
  return made;
}

function strong(text) {
  const made = document.createElement("strong");
  made.textContent = text;
  return made;
}

// A copy of an explanation, without the ids, which a page holds only once.
function copied(why) {
  const copy = why.querySelector(".self-check-why").cloneNode(true);
  copy.querySelectorAll("[id]").forEach((element) => element.removeAttribute("id"));
  return copy;
}

function say(form, verdict) {
  const said = form.querySelector(".self-check-said");
  const right = isRight(verdict);
  const head = strong(right ? "Right." : "Not right.");
  if (typeof verdict === "string") said.replaceChildren(paragraph(verdict));
  else if (right) said.replaceChildren(head, " ", copied(verdict));
  else if (verdict) said.replaceChildren(head, " ", copied(verdict), paragraph("Try again."));
  else said.replaceChildren(head, " Nor is it a mistake foreseen here. Try again.");
  if (typeof verdict === "string") delete said.dataset.verdict;
  else said.dataset.verdict = right ? "right" : "wrong";
}

function prepare(check) {
  const forms = [...check.querySelectorAll("form")];
  const score = check.querySelector(".self-check-score");
  const first = new Map(); // form: whether the first answer was right
  const done = new Set();

  function begin() {
    first.clear();
    done.clear();
    score.replaceChildren();
    for (const form of forms) {
      form.reset();
      form.querySelector(".self-check-whys").hidden = true; // until the question is answered
      form.querySelector(".self-check-said").replaceChildren();
    }
  }

  async function answer(event) {
    event.preventDefault();
    const form = event.currentTarget;
    await window.MathJax?.startup?.promise; // formulas are copied as they are shown
    const verdict = judge(form);
    say(form, verdict);
    if (typeof verdict === "string") return;
    if (!first.has(form)) first.set(form, isRight(verdict));
    if (!isRight(verdict) || done.has(form)) return;
    done.add(form);
    form.querySelector(".self-check-whys").hidden = false;
    if (done.size === forms.length) conclude();
  }

  function conclude() {
    const count = [...first.values()].filter(Boolean).length;
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Start again";
    again.addEventListener("click", () => {
      begin();
      forms[0].querySelector("input").focus();
    });
    score.replaceChildren(strong(`${count} of ${forms.length} at the first try.`), " ", again);
  }

  for (const form of forms) {
    form.querySelectorAll("fieldset [hidden]").forEach((part) => (part.hidden = false));
    form.addEventListener("submit", answer);
  }
  begin();
}

document.querySelectorAll(".self-check").forEach(prepare);
