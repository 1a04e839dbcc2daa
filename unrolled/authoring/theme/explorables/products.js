// Chapter 6: the product of the Jacobians by lag, beside its bound and what the eigenvalues say.

import { Explorable } from "./base.js";
import { line, number, path, range, svg, text } from "./draw.js";

const T = 40; // steps, and the longest lag
const [LEFT, WIDTH, TOP, HEIGHT, DECADES] = [46, 280, 10, 200, 6];
const across = (lag) => LEFT + (lag / T) * WIDTH;
const up = (value) => {
  const power = Math.min(DECADES, Math.max(-DECADES, Math.log10(Math.max(value, 1e-300))));
  return TOP + ((DECADES - power) / (2 * DECADES)) * HEIGHT;
};

const times = ([[a, b], [c, d]], [[e, f], [g, h]]) => [
  [a * e + b * g, a * f + b * h],
  [c * e + d * g, c * f + d * h],
];

// The largest singular value of a 2 × 2 matrix.
function norm([[a, b], [c, d]]) {
  return (Math.hypot(a + d, b - c) + Math.hypot(a - d, b + c)) / 2;
}

class Products extends Explorable {
  static question = `Choose a matrix whose bound explodes, with a largest singular value above 2, and whose
    product still vanishes: below 0.01 at a lag of ${T}.`;
  static picture = "The norm of the product against the lag on a logarithmic scale, with its bound and the powers of the spectral radius";
  static parameters = { h_0: [0.5, -0.3] };

  controls() {
    return [
      { name: "size", label: "size <i>q</i>", min: 0.5, max: 1.5, step: 0.05, value: 1 },
      { name: "turn", label: "turn", min: 0, max: 165, step: 15, value: 30, say: (turn) => `${turn}°` },
      { name: "shear", label: "shear", min: 0, max: 4, step: 0.25, value: 0 },
      {
        name: "f",
        label: "activation",
        options: [
          ["identity", "none"],
          ["tanh", "tanh"],
        ],
        value: "identity",
      },
    ];
  }

  compute({ size, turn, shear, f }) {
    const angle = (turn * Math.PI) / 180;
    const [a, b] = [size * Math.cos(angle), size * Math.sin(angle)];
    const W = [
      [a, shear - b],
      [b, a],
    ];
    const h = [this.parameters.h_0];
    for (const t of range(T)) {
      const sums = W.map((row) => row[0] * h[t][0] + row[1] * h[t][1]);
      h.push(f === "tanh" ? sums.map(Math.tanh) : sums);
    }
    let product = [
      [1, 0],
      [0, 1],
    ];
    const norms = [1];
    for (let t = T; t; t--) {
      const slope = h[t].map((state) => (f === "tanh" ? 1 - state ** 2 : 1));
      product = times(product, W.map((row, k) => row.map((weight) => slope[k] * weight))); // J_t
      norms.push(norm(product));
    }
    const under = b * (shear - b); // the eigenvalues are a ± √under
    const radius = under < 0 ? Math.sqrt(a * a - under) : Math.abs(a) + Math.sqrt(under);
    const largest = norm(W);
    const bound = range(T + 1).map((lag) => largest ** lag);
    return { W, h, norms, largest, radius, bound };
  }

  draw({ norms, radius, bound }) {
    const parts = [`<rect class="muted" x="${LEFT}" y="${TOP}" width="${WIDTH}" height="${HEIGHT}"/>`];
    for (const power of [-6, -3, 0, 3, 6]) {
      parts.push(line(LEFT, up(10 ** power), LEFT + WIDTH, up(10 ** power), "grid", 0.8));
      parts.push(text(LEFT - 6, up(10 ** power), power ? `1e${number(power)}` : "1", "small muted right"));
    }
    for (const lag of [0, 10, 20, 30, 40]) parts.push(text(across(lag), TOP + HEIGHT + 12, String(lag), "small muted"));
    parts.push(text(across(T / 2), TOP + HEIGHT + 28, "lag k", "small"));
    const drawn = (values) => values.map((value, lag) => [across(lag), up(value)]);
    const inside = (values) => drawn(values).filter(([, y]) => y > TOP && y < TOP + HEIGHT);
    parts.push(path(inside(bound), "blue dashed", 1.4), path(inside(bound.map((_, lag) => radius ** lag)), "green", 1.2));
    parts.push(path(inside(norms), "orange", 2.4));
    const note = LEFT + WIDTH + 8;
    parts.push(text(note, 22, "‖P_k‖", "orange left bold"), text(note, 42, "bound", "blue left"));
    parts.push(text(note, 62, "ρᵏ", "green left"));
    return svg(404, TOP + HEIGHT + 36, parts);
  }

  tell({ W, norms, largest, radius }, { f }) {
    const rows = W.map((row) => row.map((value) => number(value, 2)).join(", ")).join("; ");
    const bends = f === "tanh" ? " The tanh adds slopes below 1." : "";
    return `<i>W<sub>h</sub></i> = (${rows}) has the largest singular value ${number(largest, 2)} and the spectral radius <i>ρ</i> =
      ${number(radius, 2)}. The product has the norm ${number(Math.max(...norms), 1)} at most, and ${number(norms[T])} at a lag of ${T}.${bends}`;
  }

  solved({ largest, norms, radius }) {
    if (largest <= 2 || norms[T] >= 0.01) return "";
    return `The bound is met by the first step alone. In the long run the eigenvalues decide${radius < 1 ? "" : ", and the slopes of tanh"}: large singular
      values are needed for an explosion, and are not enough.`;
  }
}

customElements.define("explorable-products", Products);
