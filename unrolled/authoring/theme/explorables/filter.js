// Chapter 1: a filter along a signal, its matrix, and the transpose that scatters gradients back.

import { Explorable } from "./base.js";
import { bars, box, circle, line, number, range, sum, svg, text } from "./draw.js";

class Filter extends Explorable {
  static question = `The signal is flat, but for one edge. Find three weights that answer at the edge
    with 1 or more in size, and with 0 everywhere else.`;
  static picture = "The signal, the matrix of the filter with the chosen row, and the responses beside it";
  static parameters = { x: [1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3] };

  controls() {
    const weight = { min: -2, max: 2, step: 0.5 };
    return [
      { name: "m1", label: "weight <i>m</i><sub>1</sub>", ...weight, value: 0.5 },
      { name: "m2", label: "weight <i>m</i><sub>2</sub>", ...weight, value: 1 },
      { name: "m3", label: "weight <i>m</i><sub>3</sub>", ...weight, value: 0.5 },
      { name: "j", label: "position <i>j</i>", min: 1, max: this.parameters.x.length + 2, value: 3 },
      { name: "stride", label: "stride", min: 1, max: 3, value: 1 },
      { name: "padding", label: "padding", min: 0, max: 2, value: 0 },
      { name: "dilation", label: "dilation", min: 1, max: 3, value: 1 },
      {
        name: "mode",
        label: "show",
        options: [
          ["forward", "responses"],
          ["gradient", "gradient"],
        ],
        value: "forward",
      },
    ];
  }

  // The loss whose gradient is shown is ½ Σ c_j², so that dc_j = c_j.
  compute({ m1, m2, m3, j, stride, padding, dilation }) {
    const { x } = this.parameters;
    const m = [m1, m2, m3];
    const length = Math.floor((x.length + 2 * padding - dilation * 2 - 1) / stride) + 1;
    const taps = range(length).map((place) => m.map((_, k) => place * stride + k * dilation - padding));
    const sample = (t) => x[t] ?? 0; // padding
    const c = taps.map((window) => sum(window.map((t, k) => m[k] * sample(t))));
    const matrix = taps.map((window) => {
      const row = x.map(() => 0);
      window.forEach((t, k) => t in row && (row[t] += m[k]));
      return row;
    });
    const dx = x.map((_, t) => sum(matrix.map((row, place) => row[t] * c[place])));
    const dm = m.map((_, k) => sum(taps.map((window, place) => c[place] * sample(window[k]))));
    return { m, c, matrix, dx, dm, taps, length, chosen: Math.min(j, length) };
  }

  draw({ m, c, matrix, dx, taps, chosen }, { padding, mode }) {
    const { x } = this.parameters;
    const [size, tall, left, floor] = [21, 15, 62, 74];
    const at = (t) => left + size * (t + 2);
    const window = taps[chosen - 1];
    const parts = [text(left + 26, floor - 56, "signal x", "small blue right")];
    for (const t of range(x.length + 4, -2)) {
      const real = t in x;
      const there = t >= -padding && t < x.length + padding;
      const on = there && window.includes(t);
      const height = 18 * (x[t] ?? 0);
      parts.push(on && box(at(t), 8, size, floor + 8, "orange filled", 0.18));
      parts.push(there && line(at(t) + size / 2, floor, at(t) + size / 2, floor - height, on ? "orange" : "blue", 3));
      parts.push(there && circle(at(t) + size / 2, floor - height, 3.5, `${on ? "orange" : "blue"} ${real ? "filled" : "on-paper"}`));
    }
    parts.push(line(at(-padding), floor, at(x.length + padding), floor, "muted"));
    window.forEach((t, k) => parts.push(text(at(t) + size / 2, floor + 11, number(m[k]), "small orange bold")));
    const top = floor + 24;
    const limit = Math.max(2, ...m.map(Math.abs));
    const backward = mode === "gradient";
    const bottom = top + tall * matrix.length;
    const rows = range(matrix.length + 1).map((n) => `M${at(0)} ${top + tall * n}H${at(x.length)}`);
    const columns = range(x.length + 1).map((n) => `M${at(n)} ${top}V${bottom}`);
    parts.push(`<path class="grid" stroke-width="0.6" d="${rows.join("")}${columns.join("")}"/>`);
    m.forEach((weight, k) => {
      const places = range(taps.length).filter((place) => taps[place][k] in x);
      const boxes = places.map((place) => [at(taps[place][k]), top + tall * place, size, tall]);
      parts.push(bars(boxes, `${weight < 0 ? "blue" : "orange"} filled`, Math.abs(weight) / limit));
    });
    range(taps.length).forEach((place) => {
      const y = top + tall * place;
      const on = place === chosen - 1;
      parts.push(on && box(at(0), y, size * x.length, tall, "ink"));
      parts.push(text(at(0) - 8, y + tall / 2, String(place + 1), on ? "small bold right" : "small muted right"));
      const looks = c[place] === 0 ? "muted" : "green";
      const name = backward ? `dc_{${place + 1}} = ` : `c_{${place + 1}} = `;
      const shown = on ? name + number(c[place]) : number(c[place]);
      parts.push(text(at(x.length) + 6, y + tall / 2, shown, `small left ${looks} ${on ? "bold" : ""}`));
    });
    this.rows = { top, tall };
    if (!backward) return svg(404, bottom + 6, parts);
    const widest = Math.max(1, ...dx.map(Math.abs));
    const zero = bottom + 50;
    parts.push(text(at(0) - 8, zero, "dx", "small purple right"), line(at(0), zero, at(x.length), zero));
    dx.forEach((value, t) => {
      const middle = at(t) + size / 2;
      const end = zero - (26 * value) / widest;
      const part = matrix[chosen - 1][t] * c[chosen - 1];
      parts.push(part && line(middle, zero, middle, zero - (26 * part) / widest, "orange", 9));
      parts.push(line(middle, zero, middle, end, "purple", 3), circle(middle, end, 3, "purple filled"));
      parts.push(text(middle, zero + 38, number(value, 1), "small purple"));
    });
    return svg(404, zero + 48, parts);
  }

  point(x, y) {
    const j = Math.floor((y - this.rows.top) / this.rows.tall) + 1;
    return j >= 1 ? { j } : null;
  }

  tell({ m, c, taps, dm, length, chosen }, { mode }) {
    const { x } = this.parameters;
    const products = taps[chosen - 1].map((t, k) => `${number(m[k])}·${number(x[t] ?? 0)}`);
    if (mode === "forward") {
      return `Row ${chosen} of the matrix holds the filter, and <i>c</i><sub>${chosen}</sub> =
        ${products.join(" + ")} = ${number(c[chosen - 1])}. There are ${length} responses.`;
    }
    return `Of ℓ = ½ Σ <i>c<sub>j</sub></i>² each response sends back d<i>c<sub>j</sub></i> = <i>c<sub>j</sub></i>. Row ${chosen} lays the
      filter down ${number(c[chosen - 1])} times (orange); all rows together are d<i>x</i> = <i>M</i>ᵀd<i>c</i>. Every position
      adds to the filter's gradient, d<i>m</i> = (${dm.map((value) => number(value)).join(", ")}).`;
  }

  solved({ c, taps }) {
    const { x } = this.parameters;
    const edge = taps.map((window) => {
      const seen = new Set(window.map((t) => x[t] ?? 0));
      return seen.size > 1 && !seen.has(0);
    });
    const answers = c.some((value, place) => edge[place] && Math.abs(value) >= 1);
    if (!answers || c.some((value, place) => !edge[place] && value !== 0)) return "";
    return `The weights sum to 0, so whatever is constant under the window gives 0. (With padding the
      signal gets two more edges, at its ends.)`;
  }
}

customElements.define("explorable-filter", Filter);
