// Chapter 6: gradient descent over the loss of one unit that runs for 50 steps, and clipping.

import { Explorable } from "./base.js";
import { circle, dots, number, path, range, svg, text } from "./draw.js";

const STEPS = 300; // of the descent
const RATES = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1];
const TAUS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, Infinity];
const LEVELS = [0.001, 0.01, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35];
const [LEFT, RIGHT, LOW, HIGH] = [3.2, 7.2, -3.2, 1.2]; // of w and b
const GRID = 120; // cells each way
const [WIDTH, HEIGHT, MARGIN] = [360, 230, 34];

const sigmoid = (a) => 1 / (1 + Math.exp(-a));

// The loss (h_50 - 0.7)², and its gradient by (w, b), by forward accumulation.
function loss(w, b) {
  let [h, byW, byB] = [sigmoid(0.5), 0, 0];
  for (let t = 0; t < 50; t++) {
    const [sumByW, sumByB] = [h + w * byW, 1 + w * byB];
    h = sigmoid(w * h + b);
    const slope = h * (1 - h);
    byW = sumByW * slope;
    byB = sumByB * slope;
  }
  const off = h - 0.7;
  return [off * off, 2 * off * byW, 2 * off * byB];
}

const across = (w) => MARGIN + ((w - LEFT) / (RIGHT - LEFT)) * WIDTH;
const up = (b) => HEIGHT - ((b - LOW) / (HIGH - LOW)) * HEIGHT + 8;

// The lines of equal loss as one path: marching squares, each crossed edge by linear interpolation.
function contours() {
  const ws = range(GRID + 1).map((n) => LEFT + ((RIGHT - LEFT) * n) / GRID);
  const bs = range(GRID + 1).map((n) => LOW + ((HIGH - LOW) * n) / GRID);
  const heights = bs.map((b) => ws.map((w) => loss(w, b)[0]));
  const steps = [];
  for (const row of range(GRID)) {
    for (const column of range(GRID)) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      for (const level of LEVELS) {
        const crossed = [];
        corners.forEach(([r, c], n) => {
          const [s, d] = corners[(n + 1) % 4];
          const [from, to] = [heights[r][c] - level, heights[s][d] - level];
          if (from < 0 === to < 0) return;
          const part = from / (from - to);
          const [w, b] = [ws[c] + part * (ws[d] - ws[c]), bs[r] + part * (bs[s] - bs[r])];
          crossed.push(`${across(w).toFixed(1)} ${up(b).toFixed(1)}`);
        });
        for (let n = 0; n + 1 < crossed.length; n += 2) steps.push(`M${crossed[n]}L${crossed[n + 1]}`);
      }
    }
  }
  return `<path class="muted" stroke-width="0.7" d="${steps.join("")}"/>`;
}

// Points without those that would be drawn where the one before is.
function apart(points) {
  let [x, y] = [NaN, NaN];
  return points.filter((point) => {
    if (Math.abs(point[0] - x) < 0.3 && Math.abs(point[1] - y) < 0.3) return false;
    [x, y] = point;
    return true;
  });
}

class Cliff extends Explorable {
  static question = `At a rate of 0.1 the descent is thrown far away where the lines crowd. Keep the
    rate, and find a threshold with which it ends at a loss below 0.001.`;
  static picture = "Lines of equal loss over weight and bias, and the path of the descent on them";

  prepare() {
    this.lines = contours();
  }

  controls() {
    const listed = (values) => ({
      min: 0,
      max: values.length - 1,
      say: (place) => (values[place] === Infinity ? "none" : number(values[place])),
    });
    return [
      { name: "tau", label: "threshold <i>τ</i>", ...listed(TAUS), value: TAUS.length - 1 },
      { name: "eta", label: "rate <i>η</i>", ...listed(RATES), value: RATES.indexOf(0.1) },
      { name: "w", label: "start at <i>w</i>", min: 3.5, max: 7, step: 0.05, value: 5.2 },
      { name: "b", label: "start at <i>b</i>", min: -3, max: 1, step: 0.05, value: -2.4 },
    ];
  }

  compute(state) {
    const [threshold, rate] = [TAUS[state.tau], RATES[state.eta]];
    let { w, b } = state;
    const points = [[w, b]];
    const norms = [];
    let longest = 0;
    for (let step = 0; step < STEPS; step++) {
      const [, byW, byB] = loss(w, b);
      norms.push(Math.hypot(byW, byB));
      const scale = rate * Math.min(1, threshold / (norms[step] + 1e-6));
      longest = Math.max(longest, scale * norms[step]);
      [w, b] = [w - scale * byW, b - scale * byB];
      points.push([w, b]);
    }
    const clipped = norms.filter((norm) => norm > threshold).length;
    return { threshold, rate, points, norms, longest, clipped, loss: loss(w, b)[0] };
  }

  draw({ points, threshold }) {
    const [colour, end] = [threshold === Infinity ? "red" : "blue", points.at(-1)];
    const drawn = points.map(([w, b]) => [across(w), up(b)]);
    const way = [
      path(apart(drawn), colour),
      dots(apart(drawn.filter((_, step) => step % 10 === 0)), 1.6, `${colour} filled`),
      circle(across(points[0][0]), up(points[0][1]), 5, "ink filled"),
      circle(across(end[0]), up(end[1]), 5, `${colour} on-paper`),
    ].map((part) => part.replace(" ", ' clip-path="url(#cliff-frame)" '));
    const parts = [
      `<clipPath id="cliff-frame"><rect x="${MARGIN}" y="8" width="${WIDTH}" height="${HEIGHT}"/></clipPath>`,
      this.lines,
      ...way,
      `<rect class="muted" x="${MARGIN}" y="8" width="${WIDTH}" height="${HEIGHT}"/>`,
    ];
    for (const w of [4, 5, 6, 7]) parts.push(text(across(w), HEIGHT + 20, String(w), "small muted"));
    for (const b of [-3, -2, -1, 0, 1]) parts.push(text(MARGIN - 6, up(b), number(b), "small muted right"));
    parts.push(text(MARGIN + WIDTH / 2, HEIGHT + 36, "weight w", "small"), text(12, up(-1) - 14, "b", "small"));
    return svg(404, HEIGHT + 44, parts);
  }

  point(x, y) {
    const w = LEFT + ((x - MARGIN) / WIDTH) * (RIGHT - LEFT);
    return { w, b: LOW + ((HEIGHT + 8 - y) / HEIGHT) * (HIGH - LOW) };
  }

  tell({ points, longest, clipped, norms, loss: end }) {
    const [w, b] = points.at(-1);
    const outside = w < LEFT || w > RIGHT || b < LOW || b > HIGH ? ", outside the picture" : "";
    return `${STEPS} steps from the dot end at <i>w</i> = ${number(w, 2)}, <i>b</i> = ${number(b, 2)}${outside}, with a loss of
      ${number(end, 4)}. The largest gradient on the way has the norm ${number(Math.max(...norms), 1)}, the longest step the
      length ${number(longest, 2)}; ${clipped} steps were clipped.`;
  }

  solved({ loss: end, threshold, rate, longest }) {
    if (rate !== 0.1 || end >= 0.001 || threshold === Infinity) return "";
    return `No step is longer than <i>ητ</i> = ${number(rate * threshold)}${longest < rate * threshold / 2 ? " by far" : ""}, so the cliff throws nothing away. A
      smaller <i>τ</i> comes too slowly, a larger one clips too late.`;
  }
}

customElements.define("explorable-cliff", Cliff);
