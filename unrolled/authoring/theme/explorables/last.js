// Chapter 9: which step of a padded batch is the last, for either direction, and what output[-1] is.

import { Explorable } from "./base.js";
import { arrow, box, number, range, square, svg, text } from "./draw.js";

const [LEFT, SIZE, TOP] = [46, 32, 34];

class Last extends Explorable {
  static question = `A classifier reads <code>output[-1]</code>. Make that wrong in all three rows, although no
    sequence is padded.`;
  static picture = "A batch of three sequences as rows of outputs, with the last state, output[-1] and the summary";
  static parameters = {
    x: [
      [0.9, -0.4, 0.6, -0.8, 0.5, 0.7, -0.6],
      [-0.7, 0.8, 0.3, 0.6, -0.9, 0.4, 0.9],
      [0.5, 0.9, -0.6, 0.2, 0.8, -0.5, 0.4],
    ],
    forward: { W_i: 1.1, W_h: 0.8, b: 0.1 },
    backward: { W_i: 0.9, W_h: -0.7, b: -0.1 },
  };

  controls() {
    const T = this.parameters.x[0].length;
    const length = (n, value) => ({ name: `n${n}`, label: `length ${n}`, min: 1, max: T, value });
    const listed = (words) => words.map((word) => [word, word]);
    return [
      length(1, 5),
      length(2, 7),
      length(3, 3),
      { name: "direction", label: "direction", options: listed(["forward", "backward"]), value: "forward" },
      { name: "how", label: "summary", options: listed(["last", "mean", "max"]), value: "last" },
    ];
  }

  compute({ n1, n2, n3, direction, how }) {
    const lengths = [n1, n2, n3];
    const { W_i, W_h, b } = this.parameters[direction];
    const y = this.parameters.x.map((row, n) => {
      const out = row.map(() => 0); // past the length
      const order = range(lengths[n]);
      if (direction === "backward") order.reverse();
      let h = 0;
      for (const t of order) out[t] = h = Math.tanh(W_i * row[t] + W_h * h + b);
      return out;
    });
    const places = lengths.map((length) => (direction === "forward" ? length - 1 : 0));
    const last = y.map((row, n) => row[places[n]]);
    const output = y.map((row) => row.at(-1));
    const summary = y.map((row, n) => {
      const own = row.slice(0, lengths[n]);
      if (how === "mean") return own.reduce((total, value) => total + value, 0) / own.length;
      return how === "max" ? Math.max(...own) : last[n];
    });
    return { y, lengths, places, last, output, summary, wrong: last.map((value, n) => value !== output[n]) };
  }

  draw({ y, lengths, places, output, summary, wrong }, { direction, how }) {
    const T = y[0].length;
    const at = (t) => LEFT + SIZE * t;
    const parts = range(T).map((t) => text(at(t) + SIZE / 2, TOP - 10, String(t), "small muted"));
    parts.push(text(LEFT - 6, TOP - 10, "t", "small muted right"));
    const gap = 44;
    y.forEach((row, n) => {
      const top = TOP + gap * n;
      parts.push(text(LEFT - 8, top + SIZE / 2, String(n + 1), "muted right"));
      row.forEach((value, t) => {
        const inside = t < lengths[n];
        if (inside) parts.push(square(at(t), top, SIZE, value, 2));
        else parts.push(box(at(t), top, SIZE, SIZE, "grid dashed"));
        parts.push(text(at(t) + SIZE / 2, top + SIZE / 2, inside ? number(value, 2).replace("0.", ".") : "pad", `small ${inside ? "" : "muted"}`));
      });
      const [from, to] = direction === "forward" ? [0, lengths[n]] : [lengths[n], 0];
      parts.push(arrow(at(from), top + SIZE + 5, at(to), top + SIZE + 5, "muted"));
      parts.push(`<rect class="green" stroke-width="2.5" x="${at(places[n]) + 1.5}" y="${top + 1.5}" width="${SIZE - 3}" height="${SIZE - 3}"/>`);
      const look = wrong[n] ? "red" : "green";
      parts.push(text(at(T) + 42, top + SIZE / 2, number(output[n], 2), `${look} bold right`));
      parts.push(text(at(T) + 86, top + SIZE / 2, number(summary[n], 2), "bold right"));
    });
    const bottom = TOP + gap * 3;
    parts.push(`<rect class="red dashed" stroke-width="1.5" x="${at(T - 1) - 2}" y="${TOP - 4}" width="${SIZE + 4}" height="${gap * 2 + SIZE + 8}"/>`);
    parts.push(text(at(T - 1) + SIZE / 2 + 4, TOP - 24, "output[-1]", "small red"));
    parts.push(text(at(T) + 90, TOP - 24, how, "small right"));
    parts.push(text(LEFT, bottom + 8, "green: the last state, which has read the whole sequence", "small green left"));
    return svg(404, bottom + 18, parts);
  }

  tell({ lengths, places, last, output, summary, wrong }, { how }) {
    const faults = range(3).filter((n) => wrong[n]).map((n) => n + 1);
    const told = faults.length
      ? `<code>output[-1]</code> is wrong in row${faults.length > 1 ? "s" : ""} ${faults.join(" and ")}`
      : "<code>output[-1]</code> is right in every row";
    const first = `Row 1 has ${lengths[0]} step${lengths[0] > 1 ? "s" : ""}; its last state, ${number(last[0])}, stands at position ${places[0]}, and
      <code>output[-1]</code> is ${number(output[0])}.`;
    return `${first} ${told}. The summary <i>${how}</i> gives ${summary.map((value) => number(value)).join(", ")}.`;
  }

  solved({ lengths, wrong }, { direction }) {
    if (wrong.includes(false) || lengths.some((length) => length < this.parameters.x[0].length)) return "";
    return `The ${direction} direction ends at position 0. At <code>output[-1]</code> it has read a single input,
      whatever the lengths are.`;
  }
}

customElements.define("explorable-last", Last);
