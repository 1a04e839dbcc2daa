// Chapter 4: what the next character may be, what temperature and the two cuts do, and text as drawn.

import { Explorable } from "./base.js";
import { box, escape, line, number, range, svg, text, typed, uniform } from "./draw.js";

const [SHOWN, OFF] = [16, 21]; // bars; the top-k that cuts nothing
const DRAWN = 80; // characters at most
const KNOWN = 2000; // steps that are kept

const flat = (W) => ({ rows: W.length, numbers: Float64Array.from(W.flat()) });

function product({ rows, numbers }, v) {
  const out = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let total = 0;
    for (let n = 0; n < v.length; n++) total += numbers[at++] * v[n];
    out[row] = total;
  }
  return out;
}

// Temperature, then top-k, then the nucleus: next_distribution of the chapter, in two functions, of
// which the first comes before the cuts. The order of the scores is that of the probabilities.
function chances(z, temperature) {
  let [highest, whole] = [-Infinity, 0];
  for (const score of z) highest = Math.max(highest, score);
  const powers = z.map((score) => Math.exp((score - highest) / temperature));
  for (const power of powers) whole += power;
  return powers.map((power) => power / whole);
}

const ordered = (step) => (step.order ??= range(step.z.length).sort((a, b) => step.z[b] - step.z[a] || a - b));

function cutOff(step, all, k, p) {
  const first = ordered(step).filter((n) => all[n] > 0).slice(0, k);
  const among = first.reduce((total, n) => total + all[n], 0);
  let before = 0;
  const kept = first.filter((n) => {
    const stays = before < p;
    before += all[n] / among;
    return stays || p === 1;
  });
  const left = kept.reduce((total, n) => total + all[n], 0);
  const cut = all.map(() => 0);
  for (const n of kept) cut[n] = all[n] / left;
  return { cut, kept };
}

class Sampling extends Explorable {
  static question = `Where the model doubts, a nucleus keeps many characters; where it is sure, few. With
    <i>p</i> = 0.9 and a temperature of 1, type a beginning after which it keeps at most three.`;
  static picture = "Bars for the most probable next characters: before the cuts in outline, after them filled";

  prepare() {
    const { X, W_i, W_h, W_o, b, tokens } = this.data;
    const fed = flat(W_i);
    this.fed = X.map((vector) => product(fed, vector).map((sum, n) => sum + b[n])); // W_i x + b of each
    [this.W_h, this.W_o] = [flat(W_h), flat(W_o)];
    this.forget();
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

  forget() {
    this.steps = 0;
    this.root = { h: new Float64Array(this.W_h.rows), next: new Map() };
  }

  // What a character leads to from a step; kept there, for most is asked again with the next setting.
  step(from, token) {
    if (from.next.has(token)) return from.next.get(token);
    const fed = this.fed[token];
    const h = product(this.W_h, from.h).map((sum, n) => Math.tanh(sum + fed[n]));
    const z = product(this.W_o, h);
    const step = { h, scores: Float64Array.from(z), z, next: new Map() };
    z[this.data.start] = -Infinity; // is never drawn
    this.steps += 1;
    from.next.set(token, step);
    return step;
  }

  compute({ beginning, temperature, k, p, count, seed }) {
    const { start, end, unknown } = this.data;
    const read = [...beginning].map((letter) => this.numbers.get(letter) ?? unknown);
    if (this.steps > KNOWN) this.forget();
    let now = this.step(this.root, start);
    let logProbability = 0;
    for (const token of read) {
      const highest = Math.max(...now.scores);
      const whole = now.scores.reduce((total, score) => total + Math.exp(score - highest), 0);
      logProbability += now.scores[token] - highest - Math.log(whole);
      now = this.step(now, token);
    }
    const perplexity = read.length ? Math.exp(-logProbability / read.length) : null;
    const limit = k === OFF ? now.z.length : k;
    const before = chances(now.z, temperature);
    const { cut: after, kept } = cutOff(now, before, limit, p);
    const [drawn, scores, ranks] = [[], [...now.z], ordered(now)];
    for (let n = 0; n < count; n++) {
      const all = chances(now.z, temperature);
      const cut = limit === all.length && p === 1 ? all : cutOff(now, all, limit, p).cut;
      let [token, below, u] = [-1, 0, uniform(seed, n)];
      while (token < cut.length - 1 && below <= u) below += cut[++token];
      drawn.push(token);
      if (token === end) break;
      now = this.step(now, token);
    }
    const [all, cut] = [[...before], [...after]];
    const draws = drawn.map((_, n) => uniform(seed, n));
    return { read, logProbability, perplexity, scores, ranks, all, cut, kept, drawn, draws };
  }

  symbol(token) {
    const { tokens, end } = this.data;
    return token === end ? "■" : tokens[token] === " " ? "␣" : tokens[token];
  }

  draw({ ranks, all, cut, kept }) {
    const order = ranks.slice(0, SHOWN);
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
