// Chapter 5: the paths of equation (16) in a network of one unit, and what a cut leaves of them.

import { Explorable } from "./base.js";
import { arrow, circle, number, percent, range, square, sum, svg, text } from "./draw.js";

class Paths extends Explorable {
  static question = `A path runs from step <i>i</i>, where the weight acts, to the loss of step
    <i>t</i>. Find a weight for which the path from step 1 to the <em>last</em> loss makes up a
    quarter of all paths to that loss.`;
  static picture = "The unrolled network with the chosen path, and the terms of all paths as a triangle";
  static parameters = {
    x: [0.5, -0.3, 0.2, -0.4, 0.3, -0.2], // and W_i = 1, b = 0
    y: [0.1, 0.4, -0.2, 0.3, -0.4, 0.8],
    h_0: 0.6,
  };

  controls() {
    const T = this.parameters.x.length;
    return [
      { name: "w", label: "weight <i>W<sub>h</sub></i>", min: -1.5, max: 1.5, step: 0.05, value: 0.4 },
      { name: "t", label: "loss of step <i>t</i>", min: 1, max: T, value: 4 },
      { name: "i", label: "from step <i>i</i>", min: 1, max: T, value: 2 },
      {
        name: "k",
        label: "cut after <i>k</i> steps",
        min: 1,
        max: T,
        value: T,
        say: (k) => (k === T ? "no cut" : String(k)),
      },
    ];
  }

  set(changes) {
    // a path starts at its loss or before it: the one moved takes the other along
    const { t = this.state.t, i = this.state.i } = changes;
    if (Number(i) > Number(t)) changes = { ...changes, ...("i" in changes ? { t: i } : { i: t }) };
    super.set(changes);
  }

  // ℓ = Σ_t ½(h_t - y_t)²: terms[t-1][i-1] is the path from i to the loss of t, in dℓ/dW_h.
  compute({ w, t, i, k }) {
    const { x, y, h_0 } = this.parameters;
    const T = x.length;
    const h = [h_0];
    for (const input of x) h.push(Math.tanh(w * h.at(-1) + input));
    const slope = h.map((state) => 1 - state ** 2);
    const v = h.map((state, step) => (step ? state - y[step - 1] : 0));
    const terms = range(T, 1).map((end) => {
      let product = v[end];
      const row = [];
      for (let start = end; start; start--) {
        row.unshift(product * slope[start] * h[start - 1]);
        product *= slope[start] * w; // J_start, of one unit
      }
      return row;
    });
    const kept = (end, start) => Math.floor((end - 1) / k) === Math.floor((start - 1) / k);
    let [delta, recursion] = [0, 0];
    for (let step = T; step; step--) {
      delta += v[step];
      recursion += delta * slope[step] * h[step - 1];
      delta *= slope[step] * w;
    }
    const truncated = sum(terms.flatMap((row, end) => row.filter((_, start) => kept(end + 1, start + 1))));
    const product = slope.slice(i + 1, t + 1).reduce((total, one) => total * one * w, 1);
    const term = terms[t - 1][i - 1];
    const share = Math.abs(term) / sum(terms[t - 1].map(Math.abs));
    return { h, v, terms, product, term, share, all: sum(terms.flat()), recursion, truncated };
  }

  draw({ h, v, terms }, { t, i, k }) {
    const T = terms.length;
    const [left, step, top] = [26, 58, 24];
    const at = (place) => left + step * place;
    const [low, high] = [top + 108, top + 54];
    const parts = [];
    const [cuts, crosses] = [[], []]; // each of them one path at the end: none moves the others' places
    for (const place of range(T + 1)) {
      const on = place >= i - 1 && place <= t;
      const next = place >= i - 1 && place < t;
      if (place && place < T && place % k === 0) cuts.push(`M${at(place) + step / 2} ${top - 18}v150`);
      if (place < T) {
        parts.push(arrow(at(place) + 18, high, at(place + 1) - 18, high, next ? "orange" : "muted", next ? 2.4 : 1.2));
      }
      parts.push(circle(at(place), high, 17, on ? "orange" : "ink"), text(at(place), high, number(h[place], 2), "small"));
      parts.push(text(at(place) - 2, high + 27, `h_${place}`, "small muted"));
      if (!place) continue;
      parts.push(arrow(at(place), low - 10, at(place), high + 36, "muted"));
      parts.push(text(at(place), low, `x_${place} = ${number(this.parameters.x[place - 1], 1)}`, "small"));
      const judged = place === t;
      parts.push(arrow(at(place), high - 17, at(place), top + 8, judged ? "orange" : "muted", judged ? 2.4 : 1.2));
      parts.push(text(at(place), top - 2, `L_${place}`, judged ? "orange bold" : "muted"));
    }
    const [size, x, y] = [26, 118, low + 34];
    const limit = Math.max(...terms.flat().map(Math.abs));
    for (const end of range(T, 1)) {
      parts.push(text(x - 12, y + size * (end - 0.5), `L_${end}`, end === t ? "orange bold right" : "muted right"));
      parts.push(text(x + size * (end - 0.5), y + size * T + 12, String(end), end === i ? "orange bold" : "muted"));
      for (const start of range(end, 1)) {
        const chosen = end === t && start === i ? "chosen" : "";
        const [a, b] = [x + size * (start - 1), y + size * (end - 1)];
        parts.push(square(a, b, size, terms[end - 1][start - 1], limit, chosen));
        const cut = Math.floor((end - 1) / k) !== Math.floor((start - 1) / k);
        if (cut) crosses.push(`M${a + 7} ${b + 7}l12 12m0 -12l-12 12`);
      }
    }
    const note = x + size * T + 16;
    parts.push(text(x + (size * T) / 2, y + size * T + 30, "path begins at i", "small muted"));
    parts.push(text(note, y + 12, "Each square: one path.", "small muted left"));
    parts.push(text(note, y + 28, "Orange +, blue −,", "small muted left"));
    parts.push(text(note, y + 44, "crossed out: cut.", "small muted left"));
    parts.push(`<path class="red dashed" stroke-width="1.6" d="${cuts.join("")}"/>`);
    parts.push(`<path class="red" d="${crosses.join("")}"/>`);
    this.grid = { x, y, size, T };
    return svg(404, y + size * T + 40, parts);
  }

  point(x, y) {
    const { x: left, y: top, size, T } = this.grid;
    const [i, t] = [Math.ceil((x - left) / size), Math.ceil((y - top) / size)];
    return i >= 1 && i <= t && t <= T ? { t, i } : null;
  }

  tell({ v, product, term, share, all, recursion, truncated }, { t, i, k }) {
    const T = this.parameters.x.length;
    const cut = k < T ? ` Windows of ${k} keep ${number(truncated, 4)} of it.` : "";
    return `The path sends <i>v</i><sub>${t}</sub> = ${number(v[t])} back through ${t - i} Jacobians, whose product
      is ${number(product)}: its term is ${number(term, 4)}, or ${percent(share)} of the sizes of all paths to
      <i>L</i><sub>${t}</sub>. All ${(T * (T + 1)) / 2} paths sum to ${number(all, 4)}, the recursion finds
      ${number(recursion, 4)}.${cut}`;
  }

  solved({ product, share }, { t, i }) {
    if (i !== 1 || t !== this.parameters.x.length || share < 0.25) return "";
    return `The ${t - 1} Jacobians along the path multiply to ${number(product)}: little is lost at each step, so
      step 1 still matters at the end. Chapter 6 asks when that can last.`;
  }
}

customElements.define("explorable-paths", Paths);
