// Chapter 7: one cell on the adding problem; its gates, what it holds, and the gradient along it.

import { Explorable } from "./base.js";
import { bars, box, dots, line, number, path, svg, text } from "./draw.js";

const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const [LEFT, STEP] = [64, 27];

class Gates extends Explorable {
  static question = `The cell is to keep the two marked numbers and nothing else. Set its gates so that
    what it holds at the end is within 0.05 of the target.`;
  static picture = "Over the steps: the numbers with their marks, both gates, the cell, and the gradient along it";
  static parameters = {
    x: [0.4, 0.9, 0.6, 0.3, 0.8, 0.5, 0.2, 0.7, 0.9, 0.4, 0.6, 0.8],
    marks: [3, 9], // steps, from 1
    b_o: 2,
  };

  controls() {
    return [
      { name: "b_i", label: "bias <i>b<sub>i</sub></i>", min: -8, max: 4, step: 0.5, value: 0 },
      { name: "w_i", label: "mark → <i>i</i>", min: 0, max: 14, step: 0.5, value: 0 },
      { name: "b_f", label: "bias <i>b<sub>f</sub></i>", min: -4, max: 8, step: 0.5, value: 1 },
      { name: "w_f", label: "mark → <i>f</i>", min: -8, max: 8, step: 0.5, value: 0 },
    ];
  }

  // W_h = 0; g reads the number with weight 1, the mark goes into i and f.
  compute({ b_i, w_i, b_f, w_f }) {
    const { x, marks, b_o } = this.parameters;
    const mark = x.map((_, t) => (marks.includes(t + 1) ? 1 : 0));
    const i = mark.map((m) => sigmoid(w_i * m + b_i));
    const f = mark.map((m) => sigmoid(w_f * m + b_f));
    const g = x.map(Math.tanh);
    const c = [0];
    x.forEach((_, t) => c.push(f[t] * c[t] + i[t] * g[t]));
    const along = [1]; // ∂c_T/∂c_t
    for (let t = x.length; t; t--) along.unshift(along[0] * f[t - 1]);
    const h = c.map((cell) => sigmoid(b_o) * Math.tanh(cell));
    const target = marks.reduce((total, t) => total + g[t - 1], 0);
    return { i, f, g, c, h, along, target, off: c.at(-1) - target };
  }

  draw({ i, f, c, along, target }) {
    const { x, marks } = this.parameters;
    const at = (t) => LEFT + STEP * t;
    const parts = [];
    const row = (y, name, look) => parts.push(text(LEFT - 22, y, name, `right ${look}`));
    row(16, "x_t", "");
    x.forEach((value, t) => {
      const marked = marks.includes(t + 1);
      if (marked) parts.push(box(at(t + 1) - 12, 5, 24, 22, "orange on-paper", 1, 4));
      parts.push(text(at(t + 1), 16, number(value), marked ? "orange bold" : ""));
    });
    const gates = [
      ["i_t", i, "orange", 74],
      ["f_t", f, "blue", 120],
    ];
    for (const [name, gate, look, floor] of gates) {
      row(floor - 16, name, look);
      parts.push(line(at(0.4), floor, at(x.length + 0.5), floor, "grid"));
      gate.forEach((_, t) => parts.push(box(at(t + 1) - 9, floor - 34, 18, 34, "grid")));
      const places = gate.map((value, t) => [at(t + 1) - 9, floor - 34 * value, 18, 34 * value]);
      parts.push(bars(places, `${look} filled`, 0.75));
    }
    const [floor, tall] = [226, 86];
    const top = Math.max(2, ...c) * 1.05;
    const up = (value) => floor - (tall * value) / top;
    row(floor - 40, "c_t", "green");
    parts.push(line(at(0), floor, at(x.length + 0.5), floor, "muted"));
    parts.push(`<path class="green dashed" stroke-width="1.2" d="M${at(0)} ${up(target)}H${at(x.length + 0.5)}"/>`);
    parts.push(text(at(0) + 2, up(target) - 9, `target ${number(target, 2)}`, "small green left"));
    const held = c.map((value, t) => [at(t), up(value)]);
    parts.push(path(held, "green", 2), dots(held, 3, "green filled"));
    const [low, high] = [292, 44];
    row(low - 20, "∂c_T/∂c_t", "small purple");
    parts.push(line(at(0), low, at(x.length + 0.5), low, "muted"));
    const back = along.map((value, t) => [at(t), low - high * value]);
    parts.push(path(back, "purple", 2), dots(back, 2.5, "purple filled"));
    x.forEach((_, t) => parts.push(text(at(t + 1), low + 12, String(t + 1), "small muted")));
    return svg(404, low + 22, parts);
  }

  tell({ i, f, c, along, target }) {
    const [mark] = this.parameters.marks;
    const other = mark % this.parameters.x.length; // the step after it
    return `At a mark the input gate is ${number(i[mark - 1])}, elsewhere ${number(i[other])}; the forget gate is ${number(f[mark - 1])} and
      ${number(f[other])}. At the end the cell holds ${number(c.at(-1))}, the target is ${number(target)}. Of a gradient that
      reaches <i>c</i><sub>${this.parameters.x.length}</sub> the share ${number(along[mark])} comes back to step ${mark}.`;
  }

  solved({ i, off, along }) {
    if (Math.abs(off) > 0.05) return "";
    const [mark] = this.parameters.marks;
    return `The input gate is shut unless a mark opens it, and the forget gate stays near 1. So the sum keeps
      the numbers, and ${number(100 * along[mark], 1)} % of a gradient comes back to step ${mark}. Training has to find this.`;
  }
}

customElements.define("explorable-gates", Gates);
