// A field for a few lines of Python: a textarea whose text is drawn, in the page's colours, by the
// <pre> below it. Once something is typed, Tab indents; Escape gives Tab back to the page.

const KINDS = [
  ["c1", /#.*/],
  ["s2", /[rbfRBF]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)/],
  ["kc", /\b(?:False|None|True)\b/],
  ["ow", /\b(?:and|in|is|not|or)\b/],
  [
    "k",
    /\b(?:as|assert|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|lambda|nonlocal|pass|raise|return|try|while|with|yield)\b/,
  ],
  ["mi", /\b\d[\d_.]*(?:[eE][+-]?\d+)?j?\b/],
  ["o", /[-+*/%@=<>!&|^~]+/],
];
const TOKENS = new RegExp(KINDS.map(([, { source }]) => `(${source})`).join("|"), "g");
const INDENT = "    ";

// Fill an element with Python text, by Pygments' classes.
export function colour(element, text) {
  element.replaceChildren();
  let end = 0;
  for (const found of text.matchAll(TOKENS)) {
    element.append(text.slice(end, found.index));
    const token = element.appendChild(document.createElement("span"));
    token.className = KINDS[found.slice(1).findIndex((group) => group !== undefined)][0];
    token.textContent = found[0];
    end = found.index + found[0].length;
  }
  element.append(`${text.slice(end)}\n`); // a last empty line has a height, too
}

export function editor(text, label, changed, run) {
  const box = document.createElement("div");
  box.className = "highlight live-editor";
  box.innerHTML = '<pre aria-hidden="true"></pre><textarea spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"></textarea>';
  const [shown, field] = box.children;
  field.setAttribute("aria-label", label);
  field.setAttribute("aria-describedby", "live-keys");
  let typing = false;
  const draw = () => colour(shown, field.value);
  field.value = text;
  draw();
  field.addEventListener("input", () => {
    typing = true;
    draw();
    changed();
  });
  field.addEventListener("pointerdown", () => (typing = true));
  field.addEventListener("blur", () => (typing = false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") typing = false;
    else if (event.key === "Enter" && (event.shiftKey || event.ctrlKey)) run();
    else if (event.key === "Enter") insert(`\n${indentBefore(field)}`);
    else if (event.key === "Tab" && typing) indent(field, event.shiftKey);
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
  return { box, field, set: (value) => ((field.value = value), draw()) };
}

// Through the browser, which can then undo it.
function insert(text) {
  document.execCommand(text ? "insertText" : "delete", false, text);
}

function lineBefore(field) {
  const before = field.value.slice(0, field.selectionStart);
  return before.slice(before.lastIndexOf("\n") + 1);
}

function indentBefore(field) {
  const line = lineBefore(field);
  return line.match(/^ */)[0] + (/:\s*(#.*)?$/.test(line) ? INDENT : "");
}

function indent(field, back) {
  const { selectionStart: start, selectionEnd: end, value } = field;
  if (!back && start === end) {
    insert(INDENT.slice(lineBefore(field).length % INDENT.length));
    return;
  }
  const from = value.lastIndexOf("\n", start - 1) + 1;
  const to = end + value.slice(end).search(/\n|$/);
  const lines = value.slice(from, to).split("\n");
  const moved = lines.map((line) => (back ? line.replace(/^ {1,4}/, "") : line && INDENT + line)).join("\n");
  field.setSelectionRange(from, to);
  insert(moved);
  const caret = Math.max(from, start + moved.length - (to - from));
  field.setSelectionRange(start === end ? caret : from, start === end ? caret : from + moved.length);
}
