// Chapter 4: what the next character may be, what temperature and the two cuts do, and text as drawn.

import { Explorable } from "./base.js";
import { box, escape, line, number, range, svg, text, typed, uniform } from "./draw.js";

const [SHOWN, OFF] = [16, 21]; // bars; the top-k that cuts nothing
const DRAWN = 80; // characters at most

function product(W, v) {
  return W.map((row) => {
    let total = 0;
    for (let n = 0; n < row.length; n++) total += row[n] * v[n];
    return total;
  });
}

// Temperature, then top-k, then the nucleus: next_distribution of the chapter. `all`: before cuts.
function distribution(z, temperature, k, p) {
  const highest = Math.max(...z);
  const powers = z.map((score) => Math.exp((score - highest) / temperature));
  const whole = powers.reduce((total, power) => total + power, 0);
  const all = powers.map((power) => power / whole);
  const order = range(z.length).sort((a, b) => all[b] - all[a] || a - b).slice(0, k);
  const among = order.reduce((total, n) => total + all[n], 0);
  let before = 0;
  const kept = order.filter((n) => {
    const stays = before < p;
    before += all[n] / among;
    return stays || p === 1;
  });
  const left = kept.reduce((total, n) => total + all[n], 0);
  const cut = z.map(() => 0);
  for (const n of kept) cut[n] = all[n] / left;
  return { all, cut, kept };
}

class Sampling extends Explorable {
  static question = `Where the model doubts, a nucleus keeps many characters; where it is sure, few. With
    <i>p</i> = 0.9 and a temperature of 1, type a beginning after which it keeps at most three.`;
  static picture = "Bars for the most probable next characters: before the cuts in outline, after them filled";

  prepare() {
    const { X, W_i, tokens } = this.data;
    this.fed = X.map((vector) => product(W_i, vector)); // W_i x of each character
    this.numbers = new Map(tokens.map((token, n) => [token, n]));
  }

  controls() {
    return [
      { name: "beginning", label: "beginning", longest: 40, value: "The " },
      { name: "temperature", label: "temperature <i>τ</i>", min: 0.1, max: 2, step: 0.05, value: 1 },
      { name: "k", label: "top-<i>k</i>", min: 1, max: OFF, value: OFF, say: (k) => (k === OFF ? "off" : String(k)) },
      { name: "p", label: "nucleus <i>p</i>", min: 0.05, max: 1, step: 0.05, value: 1, say: (p) => (p === 1 ? "off" : number(p)) },
      { name: "count", label: "characters drawn", min: 0, max: DRAWN, value: 40 },
      { name: "seed", label: "draw no.", min: 1, max: 50, value: 1 },
    ];
  }

  step(state, token) {
    const { W_h, W_o, b, start } = this.data;
    const fed = product(W_h, state);
    const h = fed.map((sum, n) => Math.tanh(sum + this.fed[token][n] + b[n]));
    const z = product(W_o, h);
    const highest = Math.max(...z);
    const whole = highest + Math.log(z.reduce((total, score) => total + Math.exp(score - highest), 0));
    const logs = z.map((score) => score - whole);
    z[start] = -Infinity; // is never drawn
    return { h, z, logs };
  }

  compute({ beginning, temperature, k, p, count, seed }) {
    const { start, end, unknown } = this.data;
    const read = [...beginning].map((letter) => this.numbers.get(letter) ?? unknown);
    let now = this.step(this.data.b.map(() => 0), start);
    let logProbability = 0;
    for (const token of read) {
      logProbability += now.logs[token];
      now = this.step(now.h, token);
    }
    const perplexity = read.length ? Math.exp(-logProbability / read.length) : null;
    const limit = k === OFF ? now.z.length : k;
    const next = distribution(now.z, temperature, limit, p);
    const [drawn, scores] = [[], now.z];
    for (let n = 0; n < count; n++) {
      const { cut } = distribution(now.z, temperature, limit, p);
      let [token, below, u] = [-1, 0, uniform(seed, n)];
      while (token < cut.length - 1 && below <= u) below += cut[++token];
      drawn.push(token);
      if (token === end) break;
      now = this.step(now.h, token);
    }
    const { all, cut, kept } = next;
    const draws = drawn.map((_, n) => uniform(seed, n));
    return { read, logProbability, perplexity, scores, all, cut, kept, drawn, draws };
  }

  symbol(token) {
    const { tokens, end } = this.data;
    return token === end ? "■" : tokens[token] === " " ? "␣" : tokens[token];
  }

  draw({ all, cut, kept }) {
    const order = range(all.length).sort((a, b) => all[b] - all[a] || a - b).slice(0, SHOWN);
    const [left, step, floor, tall] = [14, 24, 128, 110];
    const parts = [line(left - 4, floor, left + step * SHOWN, floor, "muted")];
    order.forEach((token, place) => {
      const x = left + step * place;
      const stays = kept.includes(token);
      parts.push(box(x, floor - tall * cut[token], 18, tall * cut[token], "orange filled", 0.75));
      parts.push(box(x, floor - tall * all[token], 18, tall * all[token], "blue"));
      parts.push(typed(x + 9, floor + 14, this.symbol(token), stays ? "bold" : "muted"));
      const share = stays ? cut[token] : all[token];
      parts.push(text(x + 9, floor + 31, share < 0.005 ? "0" : number(share, 2).replace("0.", "."), stays ? "small" : "small muted"));
    });
    parts.push(text(392, 10, "orange: as it is drawn", "small orange right"));
    parts.push(text(392, 26, "blue outline: before top-k and nucleus", "small blue right"));
    return svg(404, floor + 40, parts);
  }

  tell({ perplexity, kept, drawn }, { beginning }) {
    const written = drawn.map((token) => this.symbol(token).replace("␣", " ")).join("");
    const typedSo = perplexity === null ? "" : `What you typed has a perplexity of ${number(perplexity, 1)}. `;
    return `${typedSo}${kept.length} character${kept.length > 1 ? "s" : ""} may follow. As drawn:
      <code>${escape(beginning)}<strong>${escape(written)}</strong></code>`;
  }

  solved({ kept, read }, { temperature, k, p }) {
    if (!read.length || p < 0.9 || p === 1 || temperature < 1 || k !== OFF || kept.length > 3) return "";
    const few = ["one character has", "two characters have", "three characters have"][kept.length - 1];
    return `Here ${few} 0.9 of the probability. Top-k would keep as many here as
      where the model is in doubt.`;
  }
}

customElements.define("explorable-sampling", Sampling);
