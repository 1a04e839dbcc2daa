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

// Drawing, as text of SVG. `look` is a list of classes: a colour of the figures, and more.

export function svg(width, height, parts) {
  return `<svg viewBox="0 0 ${width} ${height}">${parts.flat(9).join("")}</svg>`;
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
  return (
    line(x, y, p, q, look, width) +
    `<path class="${look} filled" d="M${u} ${v}L${p - half * b} ${q + half * a}L${p + half * b} ${q - half * a}z"/>`
  );
}

export function circle(x, y, r, look = "ink") {
  return `<circle class="${look}" cx="${x}" cy="${y}" r="${r}"/>`;
}

export function box(x, y, width, height, look = "ink", opacity = 1, round = 0) {
  return `<rect class="${look}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${round}" fill-opacity="${opacity.toFixed(3)}"/>`;
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
