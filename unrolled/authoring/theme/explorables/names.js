// Chapter 2: the page's trained TextCNN reads a name; who wins its filters, and which language it is.

import { Explorable } from "./base.js";
import { box, line, number, range, svg, text, typed } from "./draw.js";

const [EDGE, UNSEEN] = [2, 1]; // ids, as in chapter 2
const LONGEST = 20; // letters of a name
const SHOWN = 6; // filters

class Names extends Explorable {
  static question = `The network knows names of countries, languages and currencies. Invent one that it takes
    for Finnish, with a probability of at least 0.9. (<i>Maa</i> is a country, <i>saari</i> an island,
    <i>kieli</i> a language, <i>Norja</i> Norway.)`;
  static picture = "The name with the windows of the filters that count most, and a bar for each language";
  static parameters = { target: "fi" };

  prepare() {
    const named = new Intl.DisplayNames(["en"], { type: "language" });
    this.languages = this.data.languages.map((code) => named.of(code));
    this.ids = new Map([...this.data.characters].map((letter, place) => [letter, place + EDGE + 1]));
    this.met = new Map();
  }

  // What a character adds to a filter at each place of its window: [group][place][filter], kept.
  adds(id) {
    if (!this.met.has(id)) {
      const vector = this.data.E[id];
      const product = (weights, j) => vector.reduce((total, value, d) => total + weights[d][j] * value, 0);
      const groups = [..."123"].map((group) => this.data[`w${group}`]);
      this.met.set(id, groups.map((w) => range(w[0][0].length).map((j) => w.map((weights) => product(weights, j)))));
    }
    return this.met.get(id);
  }

  controls() {
    const last = this.languages.length;
    return [
      { name: "name", label: "name", longest: LONGEST, value: "Togo" },
      {
        name: "q",
        label: "filters for",
        min: 0,
        max: last,
        value: 0,
        say: (q) => (q ? this.languages[q - 1] : "the winner"),
      },
    ];
  }

  compute({ name, q }) {
    const { W_o, b_o } = this.data;
    const letters = [...name];
    const ids = [EDGE, ...letters.map((letter) => this.ids.get(letter) ?? UNSEEN), EDGE];
    const symbols = ["▪", ...letters, "▪"];
    if (letters.length < 2) return { symbols, P: [], filters: [] };
    const filters = [];
    const known = ids.map((id) => this.adds(id));
    [..."123"].forEach((group, place) => {
      const n = known[0][place].length;
      this.data[`b${group}`].forEach((bias, k) => {
        let [best, first] = [-Infinity, 0];
        for (let l = 0; l + n <= ids.length; l++) {
          let response = bias;
          for (let j = 0; j < n; j++) response += known[l + j][place][j][k];
          if (response > best) [best, first] = [response, l];
        }
        filters.push({ n, first, h: Math.tanh(best) });
      });
    });
    const scores = W_o.map((row, place) =>
      filters.reduce((total, { h }, k) => total + row[k] * h, b_o[place]),
    );
    const highest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - highest));
    const whole = powers.reduce((total, power) => total + power, 0);
    const P = powers.map((power) => power / whole);
    const winner = P.indexOf(Math.max(...P));
    const language = q ? q - 1 : winner;
    const parts = filters.map(({ h }, k) => W_o[language][k] * h);
    return { symbols, ids, filters, scores, P, winner, language, parts };
  }

  draw({ symbols, filters, P, winner, language, parts }) {
    const width = Math.min(24, 300 / symbols.length);
    const at = (place) => 20 + width * place;
    const drawn = [];
    const most = range(filters.length).sort((a, b) => parts[b] - parts[a]).slice(0, SHOWN);
    most.forEach((k, row) => {
      const { n, first } = filters[k];
      const y = 26 + 17 * row;
      drawn.push(line(at(0), y + 7, at(symbols.length), y + 7, "grid", 0.7));
      drawn.push(box(at(first) + 1, y, width * n - 2, 14, "orange filled", 0.25 + 0.6 * Math.max(0, filters[k].h), 4));
      drawn.push(text(400, y + 7, `+${number(parts[k], 2)}`, "small right"));
    });
    const top = 26 + 17 * SHOWN + 14;
    this.languages.forEach((name, place) => {
      const y = top + 17 * place;
      const share = P[place] ?? 0;
      const look = place === winner ? "orange" : "blue";
      drawn.push(text(92, y + 7, name, `small right ${place === language ? "bold" : ""}`));
      drawn.push(box(98, y, 254, 13, "grid", 1, 2), box(98, y, 254 * share, 13, `${look} filled`, 0.85, 2));
      drawn.push(text(400, y + 7, number(share), "small right"));
    });
    symbols.forEach((symbol, place) => {
      const look = symbol === "▪" ? "muted" : "bold";
      drawn.push(typed(at(place) + width / 2, 12, symbol === " " ? "␣" : symbol, look));
    });
    return svg(404, top + 17 * this.languages.length + 2, drawn);
  }

  tell({ symbols, P, winner, language, filters, parts }) {
    if (!P.length) return "Type two letters at least.";
    const best = parts.indexOf(Math.max(...parts));
    const { n, first } = filters[best];
    const run = symbols.slice(first, first + n).join("").replaceAll(" ", "␣");
    return `Most probable: ${this.languages[winner]}, ${number(P[winner])}. Of ${filters.length} filters the one that speaks loudest for
      ${this.languages[language]} picked “<code></code>”, and adds ${number(parts[best], 2)} to its score; the six loudest are shown.`.replace(
      "<code></code>",
      `<code>${run.replace(/[&<]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</code>`,
    );
  }

  solved({ P, winner }) {
    if (this.data.languages[winner] !== this.parameters.target || !(P[winner] >= 0.9)) return "";
    return `The network knows no words, only runs of two to four letters. A few that it has met in names of
      this language are enough, wherever they stand.`;
  }
}

customElements.define("explorable-names", Names);
