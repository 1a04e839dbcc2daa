// Chapter 8: one GRU step again and again, for two units, in both forms: where do they part?

import { Explorable } from "./base.js";
import { circle, dots, line, number, path, svg, text } from "./draw.js";

const [SIZE, LEFT, TOP] = [270, 66, 8];
const across = (value) => LEFT + ((value + 1) / 2) * SIZE;
const up = (value) => TOP + ((1 - value) / 2) * SIZE;

class Reset extends Explorable {
  static question = `Reset before and after the product lead to two states. Bring them together, to less
    than 0.001, while each unit still reads the other.`;
  static picture = "The plane of two units: the old state, and the ways of both forms from it";
  static parameters = { h: [0.8, -0.6], a_n: [0.3, 0.2], own: [0.9, 0.7] }; // a_n = W_in x + b_x

  controls() {
    const gate = { min: 0.05, max: 0.95, step: 0.05 };
    return [
      { name: "r1", label: "reset <i>r</i><sub>1</sub>", ...gate, value: 0.9 },
      { name: "r2", label: "reset <i>r</i><sub>2</sub>", ...gate, value: 0.2 },
      { name: "z", label: "update <i>z</i>", ...gate, value: 0.5 },
      { name: "b_n", label: "bias <i>b<sub>n</sub></i>", min: -1, max: 1, step: 0.1, value: 0.6 },
      { name: "w", label: "each reads the other", min: -1.5, max: 1.5, step: 0.1, value: 1 },
      { name: "steps", label: "steps", min: 1, max: 20, value: 1 },
    ];
  }

  // The gates are what the sliders say, at every step; W_hn = (own_1 w; -w own_2).
  compute({ r1, r2, z, b_n, w, steps }) {
    const { h, a_n, own } = this.parameters;
    const r = [r1, r2];
    const W = [
      [own[0], w],
      [-w, own[1]],
    ];
    const times = (state) => W.map((row) => row[0] * state[0] + row[1] * state[1]);
    const candidates = {
      before: (state) => times(state.map((value, k) => r[k] * value)).map((s, k) => Math.tanh(a_n[k] + s + b_n)),
      after: (state) => times(state).map((s, k) => Math.tanh(a_n[k] + r[k] * (s + b_n))),
    };
    const found = { candidates: {}, ways: {} };
    for (const [form, candidate] of Object.entries(candidates)) {
      found.candidates[form] = candidate(h);
      const way = [h];
      for (let step = 0; step < steps; step++) {
        const n = candidate(way[step]);
        way.push(way[step].map((value, k) => (1 - z) * n[k] + z * value));
      }
      found.ways[form] = way;
    }
    const [one, other] = [found.ways.before.at(-1), found.ways.after.at(-1)];
    const apart = Math.hypot(one[0] - other[0], one[1] - other[1]);
    return { ...found, apart, span: -1 / Math.log(z), kept: z ** steps };
  }

  draw({ candidates, ways }) {
    const { h } = this.parameters;
    const parts = [`<rect class="grid" x="${LEFT}" y="${TOP}" width="${SIZE}" height="${SIZE}"/>`];
    parts.push(line(LEFT, up(0), LEFT + SIZE, up(0), "grid"), line(across(0), TOP, across(0), TOP + SIZE, "grid"));
    const spot = (point) => [across(point[0]), up(point[1])];
    const looks = { before: "orange", after: "blue" };
    for (const [form, look] of Object.entries(looks)) {
      const way = ways[form].map(spot);
      const n = spot(candidates[form]);
      parts.push(`<path class="${look} dashed" stroke-width="1" d="M${way[0]}L${n}"/>`, circle(...n, 4.5, `${look} on-paper`));
      parts.push(path(way, look, 1.8));
      parts.push(dots(way.slice(1), 2.2, `${look} filled`));
      parts.push(circle(...way.at(-1), 5, `${look} filled`));
    }
    parts.push(circle(...spot(h), 5, "ink filled"), text(spot(h)[0], spot(h)[1] + 15, "h_{t−1}", "small"));
    for (const value of [-1, 0, 1]) {
      parts.push(text(across(value), TOP + SIZE + 12, number(value), "small muted"));
      parts.push(text(LEFT - 8, up(value), number(value), "small muted right"));
    }
    parts.push(text(across(0), TOP + SIZE + 27, "first unit", "small"), text(LEFT - 26, up(0.5), "second", "small"));
    parts.push(text(LEFT - 26, up(0.5) + 13, "unit", "small"));
    const note = LEFT + SIZE + 8;
    parts.push(text(note, 20, "before", "orange left bold"), text(note, 38, "after", "blue left bold"));
    parts.push(text(note, 62, "○ candidate", "small muted left"), text(note, 77, "● state", "small muted left"));
    return svg(404, TOP + SIZE + 36, parts);
  }

  tell({ ways, apart, span, kept }, { z, steps }) {
    const shown = (form) => ways[form].at(-1).map((value) => number(value)).join(", ");
    return `After ${steps} step${steps > 1 ? "s" : ""} the states are (${shown("before")}) with the reset before the product and
      (${shown("after")}) after it, ${number(apart)} apart. With <i>z</i> = ${number(z)} there is ${number(100 * kept, 1)} % of the old state left;
      a unit holds a number for −1/log <i>z</i> = ${number(span, 1)} steps.`;
  }

  solved({ apart }, { w, r1, r2 }) {
    if (apart >= 0.001 || Math.abs(w) < 0.25 || r1 !== r2) return "";
    return `The gates of units that read each other have to be equal, and the inner bias 0. Then
      <i>W</i>(<i>r</i>⊙<i>h</i>) = <i>r</i>⊙<i>Wh</i>. Trained weights give neither.`;
  }
}

customElements.define("explorable-reset", Reset);
