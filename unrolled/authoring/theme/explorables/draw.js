// How explorables write numbers and draw.

// A number for reading: three digits after the point, or fewer, or a power of ten where it is small.
export function number(value, digits = 3) {
  const small = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits;
  const text = small ? value.toExponential(1) : String(Number(value.toFixed(digits)));
  return text.replaceAll("-", "−");
}

export function percent(share) {
  return `${number(100 * share, share < 0.1 ? 1 : 0)} %`;
}

export function escape(text) {
  const named = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(text).replace(/[&<>"]/g, (sign) => named[sign]);
}

// Drawing, as texts of SVG of one element each. `look` is a list of classes: a colour of the figures,
// and more.

// The picture. A part that is null, false or "" keeps its place for when it is there again: only
// parts that differ from those at their places before are drawn anew.
export function svg(width, height, parts) {
  return { size: `0 0 ${width} ${height}`, parts: parts.flat(9).map((part) => part || "<g/>") };
}

// Put a picture into its element, drawing only the parts that differ from `shown`; returns what it shows.
export function redraw(element, shown, { size, parts }) {
  if (element.getAttribute("viewBox") !== size) element.setAttribute("viewBox", size);
  const known = [...element.children];
  const anew = [...parts.keys()].filter((place) => {
    const part = parts[place];
    return part !== shown?.[place] && !(known[place] && mend(known[place], shown[place], part));
  });
  const markup = anew.map((place) => parts[place]).join("");
  const fresh = markup && [...parsed(`<svg>${markup}</svg>`).firstChild.children];
  anew.forEach((place, n) => {
    if (known[place]) known[place].replaceWith(fresh[n]);
    else element.append(fresh[n]);
  });
  known.slice(parts.length).forEach((old) => old.remove());
  return parts;
}

// Bring an element from one text of SVG to another, where they differ in values of attributes or in
// words only: much quicker than to parse. False where they differ in more.
function mend(element, before, after) {
  const [[was, said], [is, says]] = [before, after].map((part) => {
    const end = part.indexOf(">");
    return [part.slice(0, end).split('"'), part.slice(end + 1)];
  });
  const alike = was.length === is.length && was.every((piece, n) => n % 2 || piece === is[n]);
  const words = said !== says && [said, says].map((inner) => inner.match(/^([^<&]+)<\/text>$/)?.[1]);
  if (!alike || (words && !(words[0] && words[1]))) return false;
  for (let n = 1; n < is.length; n += 2) {
    const name = is[n - 1].slice(is[n - 1].lastIndexOf(" ") + 1, -1);
    if (is[n] !== was[n]) element.setAttribute(name, is[n]);
  }
  if (words) element.firstChild.data = words[1];
  return true;
}

const template = document.createElement("template");

export function parsed(markup) {
  template.innerHTML = markup;
  return template.content;
}

export function line(x, y, u, v, look = "muted", width = 1.2) {
  return `<path class="${look}" stroke-width="${width}" d="M${x} ${y}L${u} ${v}"/>`;
}

export function path(points, look = "blue", width = 1.6) {
  const steps = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  return `<path class="${look}" stroke-width="${width}" d="M${steps.join("L")}"/>`;
}

export function arrow(x, y, u, v, look = "muted", width = 1.2) {
  const length = Math.hypot(u - x, v - y) || 1;
  const [a, b] = [(u - x) / length, (v - y) / length];
  const head = 4 + width;
  const [p, q] = [u - head * a, v - head * b];
  const half = head * 0.55;
  return [
    line(x, y, p, q, look, width),
    `<path class="${look} filled" d="M${u} ${v}L${p - half * b} ${q + half * a}L${p + half * b} ${q - half * a}z"/>`,
  ];
}

export function circle(x, y, r, look = "ink") {
  return `<circle class="${look}" cx="${x}" cy="${y}" r="${r}"/>`;
}

export function box(x, y, width, height, look = "ink", opacity = 1, round = 0) {
  return `<rect class="${look}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${round}" fill-opacity="${opacity.toFixed(3)}"/>`;
}

// Several circles, or several boxes [x, y, width, height], as one element: all are drawn at once.
export function dots(places, r, look = "ink") {
  const round = `a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  const steps = places.map(([x, y]) => `M${(x - r).toFixed(1)} ${y.toFixed(1)}${round}`);
  return `<path class="${look}" stroke-width="1.2" d="${steps.join("")}"/>`;
}

export function bars(places, look = "ink", opacity = 1) {
  const steps = places.map(([x, y, wide, high]) => `M${x} ${y.toFixed(1)}h${wide}v${high.toFixed(1)}h${-wide}z`);
  return `<path class="${look} bars" fill-opacity="${opacity.toFixed(3)}" d="${steps.join("")}"/>`;
}

// `_1` or `_{12}` in the text is an index below the line.
export function text(x, y, words, look = "") {
  const lowered = escape(words).replace(
    /_(?:\{([^}]*)\}|(.))/g,
    (_, several, one) => `<tspan dy="3" class="index">${several ?? one}</tspan><tspan dy="-3">\u200b</tspan>`,
  );
  return `<text class="${look}" x="${x}" y="${y}">${lowered}</text>`;
}

// A text as the reader typed it.
export function typed(x, y, words, look = "") {
  return `<text class="${look}" x="${x}" y="${y}">${escape(words)}</text>`;
}

// A signed value as the fill of a square: orange above zero, blue below, paper at zero.
export function square(x, y, size, value, limit, look = "") {
  const tint = value < 0 ? "blue" : "orange";
  const shade = Math.min(1, Math.abs(value) / limit);
  return box(x, y, size, size, `${tint} filled cell ${look}`, shade);
}

export const sum = (numbers) => numbers.reduce((total, value) => total + value, 0);
export const range = (length, first = 0) => Array.from({ length }, (_, place) => first + place);

// The n-th of a fixed sequence of numbers between 0 and 1, the same everywhere (mulberry32).
export function uniform(seed, n) {
  let a = (seed * 0x9e3779b9 + n * 0x6d2b79f5) | 0;
  a = Math.imul(a ^ (a >>> 15), a | 1);
  a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
  return ((a ^ (a >>> 14)) >>> 0) / 4294967296;
}
