// Chapter 7: a cell that the page has trained on the adding problem, with its biases shifted.

import { Explorable } from "./base.js";
import { bars, box, dots, line, number, path, range, svg, text, uniform } from "./draw.js";

const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const [LEFT, STEP] = [64, 27];
const hundredths = (value) => number(Math.round(100 * value) / 100);
const MOST = 6; // a bias is shifted by at most

class Adding extends Explorable {
  static question = `This page has trained one cell to add the two marked numbers. Make it lose the first and
    keep the second: the slope of the answer <i>y</i> is to be below 0.1 at the first mark, above 0.5 at the second.`;
  static picture = `Over the steps: the numbers with their marks, both gates, the cell, the gradient along it,
    and the slope of the answer by each number`;
  static parameters = { T: 12 };

  controls() {
    const half = Math.floor(this.parameters.T / 2);
    const [b_i, b_f] = this.data.b;
    const shift = (bias) => ({
      min: -MOST,
      max: MOST,
      step: 0.25,
      value: 0,
      say: (by) => `${hundredths(bias + by)} (${by > 0 ? "+" : ""}${number(by)})`,
    });
    return [
      { name: "seed", label: "numbers no.", min: 1, max: 50, value: 1 },
      { name: "first", label: "first mark", min: 1, max: half, value: 1 },
      { name: "second", label: "second mark", min: half + 1, max: this.parameters.T, value: half + 3 },
      { name: "by_i", label: "bias <i>b<sub>i</sub></i>", ...shift(b_i) },
      { name: "by_f", label: "bias <i>b<sub>f</sub></i>", ...shift(b_f) },
    ];
  }

  // One unit, so that a block of a weight is one row; blocks i, f, g, o.
  compute({ seed, first, second, by_i, by_f }) {
    const { W_i, W_h, b, W_o, b_o } = this.data;
    const { T } = this.parameters;
    const x = range(T).map((n) => Math.round(10 * uniform(seed, n)) / 10);
    const by = [by_i, by_f, 0, 0];
    const [i, f, g, o, c, h] = [[], [], [], [], [0], [0]];
    x.forEach((value, t) => {
      const mark = t + 1 === first || t + 1 === second ? 1 : 0;
      const z = b.map((bias, n) => W_i[n][0] * value + W_i[n][1] * mark + W_h[n][0] * h[t] + bias + by[n]);
      for (const [gate, n] of [[i, 0], [f, 1], [o, 3]]) gate.push(sigmoid(z[n]));
      g.push(Math.tanh(z[2]));
      c.push(f[t] * c[t] + i[t] * g[t]);
      h.push(o[t] * Math.tanh(c[t + 1]));
    });
    const y = W_o[0][0] * h[T] + b_o[0];
    const target = x[first - 1] + x[second - 1];
    const along = [1]; // ∂c_T/∂c_t, the gates fixed
    const slopes = []; // ∂y/∂x_t, over all paths
    let [dh, dc] = [W_o[0][0], 0];
    for (let t = T - 1; t >= 0; t--) {
      along.unshift(along[0] * f[t]);
      const flat = Math.tanh(c[t + 1]);
      dc += dh * o[t] * (1 - flat ** 2);
      const dz = [
        dc * g[t] * i[t] * (1 - i[t]),
        dc * c[t] * f[t] * (1 - f[t]),
        dc * i[t] * (1 - g[t] ** 2),
        dh * flat * o[t] * (1 - o[t]),
      ];
      const back = (W) => dz.reduce((total, d, n) => total + d * W[n][0], 0);
      slopes.unshift(back(W_i));
      dh = back(W_h);
      dc *= f[t];
    }
    return { x, i, f, g, o, c, h, y, target, off: y - target, along, slopes };
  }

  draw({ x, i, f, c, along, slopes }, { first, second }) {
    const at = (t) => LEFT + STEP * t;
    const end = at(x.length + 0.5);
    const parts = [];
    const row = (y, name, look) => parts.push(text(LEFT - 22, y, name, `right ${look}`));
    const marked = (t) => t === first || t === second;
    row(16, "x_t", "");
    for (const t of [first, second]) parts.push(box(at(t) - 13, 5, 26, 22, "orange on-paper", 1, 4));
    x.forEach((value, t) => {
      parts.push(text(at(t + 1), 16, number(value), marked(t + 1) ? "orange bold" : ""));
    });
    const columns = (values, name, look, floor, tall) => {
      row(floor - 14, name, look);
      parts.push(line(at(0.4), floor, end, floor, "grid"));
      const places = values.map((value, t) => {
        const size = Math.min(1.5, Math.abs(value)) * tall;
        return [at(t + 1) - 9, value < 0 ? floor : floor - size, 18, size];
      });
      parts.push(bars(places, `${look} filled`, 0.75));
    };
    columns(i, "i_t", "orange", 68, 32);
    columns(f, "f_t", "blue", 110, 32);
    const curve = (values, name, look, floor, up) => {
      parts.push(line(at(0), floor, end, floor, "muted"));
      const places = values.map((value, t) => [at(t), floor - up * value]);
      parts.push(path(places, look, 2), dots(places, 2.5, `${look} filled`));
      row(floor - 16, name, look);
    };
    const [low, high] = [Math.min(0, ...c), Math.max(0.5, ...c)];
    const up = 60 / (high - low);
    curve(c, "c_t", "green", 186 + up * low, up);
    curve(along, "∂c_T/∂c_t", "small purple", 236, 36);
    columns(slopes, "∂y/∂x_t", "small ink", 286, 26);
    x.forEach((_, t) => parts.push(text(at(t + 1), 312, String(t + 1), "small muted")));
    return svg(404, 322, parts);
  }

  tell({ i, y, target, off, along, slopes }, { first, second }) {
    const elsewhere = i.filter((_, t) => t + 1 !== first && t + 1 !== second);
    return `The input gate is ${hundredths(i[first - 1])} and ${hundredths(i[second - 1])} at the marks, at most
      ${hundredths(Math.max(...elsewhere))} elsewhere. The answer is ${hundredths(y)}, the sum ${hundredths(target)}: off by ${hundredths(Math.abs(off))}.
      Along <i>c</i>, with the gates fixed, the share ${number(along[first])} of a gradient comes back to step ${first}. Over all paths
      the slope of the answer is ${number(slopes[first - 1])} at the first mark and ${number(slopes[second - 1])} at the second.`;
  }

  solved({ i, along, slopes, off }, { first, second }) {
    if (Math.abs(slopes[first - 1]) >= 0.1 || slopes[second - 1] <= 0.5) return "";
    return `The input gate still opens at both marks, ${hundredths(i[first - 1])} and ${hundredths(i[second - 1])}. But along <i>c</i> the forget
      gates leave ${number(along[first])} of what stood there at step ${first}, and ${number(along[second])} of what stood there at
      step ${second}. The answer is off by ${hundredths(Math.abs(off))}.`;
  }

  // A touch on the numbers moves the mark of that half.
  point(x, y) {
    const step = Math.round((x - LEFT) / STEP);
    if (y > 40 || step < 1 || step > this.parameters.T) return null;
    return step <= Math.floor(this.parameters.T / 2) ? { first: step } : { second: step };
  }
}

customElements.define("explorable-adding", Adding);
