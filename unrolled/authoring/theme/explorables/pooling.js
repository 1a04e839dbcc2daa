// Chapter 2: pooling of six values; who wins, who gets the gradient, and what becomes of ties.

import { Explorable } from "./base.js";
import { circle, line, number, range, svg, text } from "./draw.js";

const [LEFT, STEP, FLOOR, UNIT] = [60, 56, 128, 7];
const at = (t) => LEFT + STEP * t;

class Pooling extends Explorable {
  static question = `Under max pooling, make a value that is the largest of its window and still gets no
    gradient.`;
  static picture = "Six values with the windows over them, the pooled values, and the gradient of each value";
  static parameters = { values: [3, 7, 2, 5, 8, 4] };

  controls() {
    const listed = (words) => words.map((word) => [word, word]);
    const values = this.parameters.values.map((value, t) => ({
      name: `x${t + 1}`,
      label: `<i>x</i><sub>${t + 1}</sub>`,
      min: 0,
      max: 10,
      value,
    }));
    return [
      { name: "kind", label: "pooling", options: listed(["max", "average", "min"]), value: "max" },
      { name: "n", label: "window <i>n</i>", min: 1, max: 4, value: 2 },
      { name: "stride", label: "stride", min: 1, max: 4, value: 2 },
      ...values,
    ];
  }

  // Upstream comes 1 from every pooled value. Of equal values the first wins.
  compute(state) {
    const { kind, n, stride } = state;
    const x = this.parameters.values.map((_, t) => state[`x${t + 1}`]);
    const length = Math.floor((x.length - n) / stride) + 1;
    const windows = range(length).map((place) => range(n, place * stride));
    const dx = x.map(() => 0);
    const pick = kind === "max" ? Math.max : Math.min;
    const winners = [];
    const out = windows.map((window) => {
      const inside = window.map((t) => x[t]);
      if (kind === "average") {
        window.forEach((t) => (dx[t] += 1 / n));
        return inside.reduce((total, value) => total + value, 0) / n;
      }
      const best = pick(...inside);
      winners.push(window[inside.indexOf(best)]);
      dx[winners.at(-1)] += 1;
      return best;
    });
    return { x, windows, winners, out, dx };
  }

  draw({ x, windows, winners, out, dx }) {
    const parts = [line(at(-0.4), FLOOR, at(5.4), FLOOR, "muted"), text(LEFT - 30, 20, "pooled", "small green")];
    x.forEach((value, t) => {
      const y = FLOOR - UNIT * value;
      parts.push(line(at(t), FLOOR, at(t), y, "blue", 4), circle(at(t), y, 6, "blue filled"));
      parts.push(text(at(t), FLOOR + 13, number(value), ""));
      parts.push(text(at(t), FLOOR + 36, number(dx[t], 2), `bold ${dx[t] ? "purple" : "muted"}`));
    });
    parts.push(text(LEFT - 30, FLOOR + 13, "x", "small"), text(LEFT - 30, FLOOR + 36, "dx", "small purple"));
    windows.forEach((window, place) => {
      const [first, last] = [at(window[0]) - 16, at(window.at(-1)) + 16];
      const middle = (first + last) / 2;
      const y = 40 - (place % 2) * 6; // overlapping ones are told apart
      parts.push(`<path class="green" stroke-width="1.3" d="M${first} ${y + 6}V${y}H${last}V${y + 6}"/>`);
      parts.push(text(middle, 20, number(out[place], 2), "green bold"));
      const sources = winners.length ? [winners[place]] : window;
      for (const t of sources) {
        parts.push(line(middle, y, at(t), FLOOR - UNIT * x[t] - 7, "purple", 1.6));
      }
    });
    return svg(404, FLOOR + 46, parts);
  }

  point(x, y, state, start) {
    if (start) this.held = Math.min(5, Math.max(0, Math.round((x - LEFT) / STEP)));
    return { [`x${this.held + 1}`]: Math.round((FLOOR - y) / UNIT) };
  }

  tell({ out, dx }, { kind, n, stride }) {
    return `Windows of ${n}, stride ${stride}: ${out.length} pooled value${out.length > 1 ? "s" : ""}, ${out.map((value) => number(value, 2)).join(", ")}. A gradient
      of 1 from each goes back ${kind === "average" ? "in equal shares" : `to the ${kind === "max" ? "largest" : "smallest"} of its window, the first where several are`}: d<i>x</i> =
      (${dx.map((value) => number(value, 2)).join(", ")}).`;
  }

  solved({ x, windows, out, dx }, { kind }) {
    const tied = (place) => windows[place].find((t) => x[t] === out[place] && dx[t] === 0);
    const place = kind === "max" ? range(windows.length).find((n) => tied(n) !== undefined) : undefined;
    if (place === undefined) return "";
    return `<i>x</i><sub>${tied(place) + 1}</sub> ties with an earlier value, which takes it all. Raise it by the least amount, and all of the
      gradient is its own.`;
  }
}

customElements.define("explorable-pooling", Pooling);
