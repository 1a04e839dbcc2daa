// Chapter 3: the two units that keep count of the parity of bits, unrolled.

import { Explorable } from "./base.js";
import { arrow, box, circle, number, range, svg, text } from "./draw.js";

const LONGEST = 12; // bits

const sigmoid = (a) => 1 / (1 + Math.exp(-a));

class Lamp extends Explorable {
  static question = `The lamp is on when the ones so far are odd in number, and the net says so with an
    output above ½. Type bits, twelve at most, after which the net is wrong at a gain of 4.`;
  static picture = "The unrolled network over the bits: the two units of each step, and its output as a lamp";

  controls() {
    return [
      { name: "bits", label: "bits", longest: LONGEST, value: "10110" },
      { name: "gain", label: "gain <i>g</i>", min: 2, max: 8, step: 0.1, value: 4 },
      {
        name: "t",
        label: "look at step",
        min: 1,
        max: LONGEST,
        value: 3,
        say: (t, { bits }) => String(Math.min(t, Math.max(1, read(bits).length))),
      },
    ];
  }

  compute({ bits, gain, t }) {
    const x = read(bits);
    const h = [[0, 0]];
    const a = [];
    for (const bit of x) {
      const [first, second] = h.at(-1);
      // W_h = g (1 -1; 1 -1), W_i = g (1; 1), b = g (-½; -1½)
      const sum = first - second + bit;
      a.push([gain * (sum - 0.5), gain * (sum - 1.5)]);
      h.push(a.at(-1).map(sigmoid));
    }
    const s = h.map(([first, second]) => first - second);
    let on = 0;
    const truth = [0, ...x.map((bit) => (on = (on + bit) % 2))];
    const wrong = s.map((output, step) => step > 0 && output > 0.5 !== (truth[step] === 1));
    return { x, a, h, s, truth, wrong, step: Math.min(t, x.length) };
  }

  draw({ x, h, s, truth, wrong, step }) {
    const width = 384 / (LONGEST + 1);
    this.left = 10 + (width * (LONGEST - x.length)) / 2;
    const at = (place) => this.left + width * (place + 0.5);
    const parts = [text(at(0) + 8, 8, "truth", "small muted right"), text(at(0) + 8, 25, "s_t", "small right")];
    parts.push(text(at(0), 162, "bit", "small muted"));
    for (const place of range(x.length + 1)) {
      const now = place === step && place > 0;
      const colour = now ? "orange" : "ink";
      if (place < x.length) parts.push(arrow(at(place) + 11, 100, at(place + 1) - 11, 100, place + 1 === step ? "orange" : "muted"));
      for (const unit of [0, 1]) {
        const y = 82 + 22 * unit;
        parts.push(box(at(place) - 11, y, 22, 14, `${colour} on-paper`, 1, 3));
        parts.push(box(at(place) - 11, y, 22 * h[place][unit], 14, "orange filled", 0.4, 3));
      }
      if (!place) continue;
      parts.push(arrow(at(place), 152, at(place), 122, now ? "orange" : "muted"));
      parts.push(text(at(place), 162, String(x[place - 1]), now ? "orange bold" : "bold"));
      parts.push(arrow(at(place), 80, at(place), 58, now ? "orange" : "muted"));
      parts.push(circle(at(place), 45, 10, `${wrong[place] ? "red" : colour} on-paper`));
      parts.push(`<circle class="${wrong[place] ? "red" : "orange"} filled lamp" fill-opacity="${s[place].toFixed(3)}" cx="${at(place)}" cy="45" r="9"/>`);
      parts.push(text(at(place), 25, number(s[place], 2).replace(/^0\./, "."), "small"));
      parts.push(text(at(place), 8, truth[place] ? "on" : "off", wrong[place] ? "small red bold" : "small muted"));
    }
    return svg(404, 172, parts);
  }

  point(x) {
    return { t: Math.round((x - this.left) / (384 / (LONGEST + 1)) - 0.5) };
  }

  tell({ x, a, h, s, truth, wrong, step }, { gain }) {
    if (!step) return "Type bits: zeros and ones.";
    const [first, second] = h[step];
    const fault = wrong[step] ? " <strong>That is wrong.</strong>" : "";
    return `Step ${step} reads ${x[step - 1]} and the state (${number(h[step - 1][0])}, ${number(h[step - 1][1])}), whose difference is
      ${number(s[step - 1])}. The sum ${number(s[step - 1] + x[step - 1])}, less ½ and 1½, times the gain ${number(gain)}, is ${number(a[step - 1][0], 2)} and
      ${number(a[step - 1][1], 2)}; the units are ${number(first)} and ${number(second)}, the output
      ${number(s[step])}: the lamp is ${s[step] > 0.5 ? "on" : "off"}, the net says.${fault}`;
  }

  solved({ x, s, wrong }, { gain }) {
    const step = wrong.indexOf(true);
    if (gain < 4 || step < 0) return "";
    return `After ${step} bits the output is ${number(s[step])}, on the wrong side of ½: each step lets a 1 sink a little.
      Now raise the gain until these ${x.length} bits do no harm.`;
  }
}

const read = (bits) => [...bits].filter((bit) => bit === "0" || bit === "1").map(Number);

customElements.define("explorable-lamp", Lamp);
