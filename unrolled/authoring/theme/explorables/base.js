// What all explorables share. An explorable extends Explorable and says
//   question      what the reader is to bring about, one or two sentences of HTML
//   picture       the name of what is drawn, for those who cannot see it
//   parameters    numbers that the directive may replace
//   controls()    what can be moved: [{name, label, …}], see CONTROLS
//   compute(s)    all numbers it shows, from the state s = {name: value}; nothing else computes
//   draw(v, s)    the picture, `svg(…)` of draw.js, from what compute gave
//   tell(v, s)    the same in one or two sentences, shown and spoken
//   solved(v, s)  what to say when the question is answered, or ""
//   point(x, y, s, start)  optional: changes of the state when the picture is touched there

import { number, parsed, redraw } from "./draw.js";

const SETTLE = 600; // ms without a change after which the result is spoken
const ADDRESS = 300; // ms after which the state is in the address; browsers limit how often

export class Explorable extends HTMLElement {
  static question = "";
  static picture = "";
  static parameters = {};

  connectedCallback() {
    if (!this.ready) this.ready = this.start();
  }

  async start() {
    this.parameters = {
      ...this.constructor.parameters,
      ...JSON.parse(this.dataset.parameters ?? "{}"),
    };
    if (this.dataset.source) {
      const answer = await fetch(new URL(`data/${this.dataset.source}`, import.meta.url));
      this.data = unpack(await answer.json());
    }
    this.prepare();
    this.specs = this.controls();
    this.state = this.initial();
    this.build();
    this.restore();
    window.addEventListener("hashchange", () => this.restore());
    this.dataset.ready = "";
  }

  prepare() {}

  initial() {
    return Object.fromEntries(this.specs.map((spec) => [spec.name, spec.value]));
  }

  // Every number that is shown, with the state it belongs to.
  values() {
    return { ...this.state, ...this.compute(this.state) };
  }

  // Move controls by program, as a reader does: values are brought into their ranges.
  set(changes) {
    for (const spec of this.specs) {
      if (!(spec.name in changes)) continue;
      const value = KINDS[kindOf(spec)].read(spec, changes[spec.name]);
      if (value !== undefined) this.state[spec.name] = value;
    }
    this.changed();
  }

  changed() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.keep(), ADDRESS);
  }

  reset() {
    this.state = this.initial();
    this.render();
    history.replaceState(null, "", location.pathname + location.search);
  }

  keep() {
    const query = new URLSearchParams(this.state);
    history.replaceState(null, "", `#${this.id}?${query}`);
  }

  restore() {
    const [id, query] = location.hash.slice(1).split("?");
    if (id === this.id && query) {
      const found = Object.fromEntries(new URLSearchParams(query));
      this.set(found);
      clearTimeout(this.waiting); // it is in the address
    }
    this.render();
  }

  build() {
    this.setAttribute("role", "group");
    this.setAttribute("aria-labelledby", `${this.id}-question`);
    this.innerHTML = `<p class="explorable-question" id="${this.id}-question"><strong>Try it.</strong>
      ${this.constructor.question}</p>
      <div class="explorable-view"><svg role="img" aria-label="${this.constructor.picture}"></svg></div><div class="explorable-kept"><div class="explorable-controls"></div></div>
      <div class="explorable-kept"><p class="explorable-told"></p></div><p class="explorable-spoken" role="status"></p>
      <div class="explorable-end"><div><div class="explorable-kept"><p class="explorable-solved" role="status"></p></div></div>
      <button type="button">Reset</button></div>`;
    const part = (name) => this.querySelector(`.explorable-${name}`);
    this.parts = Object.fromEntries(
      ["view", "controls", "told", "spoken", "solved"].map((name) => [name, part(name)]),
    );
    this.querySelector("button").addEventListener("click", () => this.reset());
    this.svg = this.querySelector("svg");
    this.inputs = new Map();
    for (const spec of this.specs) {
      const made = KINDS[kindOf(spec)].make(spec, this.id, (value) => this.set({ [spec.name]: value }));
      this.inputs.set(spec, made);
      this.parts.controls.append(made.element);
    }
    if (this.point) this.watchPointer();
    for (const kept of this.querySelectorAll(".explorable-kept")) keepHeight(kept);
  }

  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const values = this.compute(this.state);
    const picture = this.draw(values, this.state);
    const [width, height] = picture.size.split(" ").slice(2);
    if (!(this.tallest >= height / width)) {
      this.tallest = height / width; // it only grows, too
      this.parts.view.style.aspectRatio = `${width} / ${height}`;
    }
    this.shown = redraw(this.svg, this.shown, picture);
    for (const [spec, made] of this.inputs) made.show(this.state[spec.name], this.state);
    const told = this.tell(values, this.state);
    if (told !== this.told) adaptAll(this.parts.told, parsed((this.told = told)));
    const solved = this.solved(values, this.state);
    if (solved !== this.said) {
      this.said = solved;
      this.parts.solved.innerHTML = solved && `<strong>Solved.</strong> ${solved}`;
      this.toggleAttribute("data-solved", Boolean(solved));
    }
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      if (this.contains(document.activeElement)) this.parts.spoken.innerHTML = told;
    }, SETTLE);
  }

  watchPointer() {
    const view = this.parts.view;
    const move = (event, start) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(
        this.svg.getScreenCTM().inverse(),
      );
      const changes = this.point(place.x, place.y, this.state, start);
      if (changes) this.set(changes);
    };
    view.classList.add("explorable-touched");
    view.addEventListener("pointerdown", (event) => {
      view.setPointerCapture(event.pointerId);
      move(event, true);
    });
    view.addEventListener("pointermove", (event) => {
      if (view.hasPointerCapture(event.pointerId)) move(event, false);
    });
  }
}

// The kinds of control. make: {element, show(value, state)}; read: a value from text, in its range.
const KINDS = {
  // {name, label, min, max, step, value, say(value, state)}; max may be a function of the state
  range: {
    make(spec, id, changed) {
      const element = document.createElement("label");
      element.className = "explorable-range";
      element.innerHTML = `<span>${spec.label}</span><input type="range" name="${id}-${spec.name}"
        min="${spec.min}" max="${spec.max}" step="${spec.step ?? 1}"><output></output>`;
      const input = element.querySelector("input");
      const output = element.querySelector("output");
      output.setAttribute("aria-hidden", "true"); // the slider says it
      input.addEventListener("input", () => changed(input.value));
      const show = (value, state) => {
        if (input.value !== String(value)) input.value = value;
        const said = spec.say ? spec.say(value, state) : number(value);
        if (output.textContent === said) return;
        input.setAttribute("aria-valuetext", said);
        output.textContent = said;
      };
      return { element, show };
    },
    read(spec, text) {
      const value = Number(text);
      if (!Number.isFinite(value)) return undefined;
      const step = spec.step ?? 1;
      const near = spec.min + Math.round((value - spec.min) / step) * step;
      return Math.min(spec.max, Math.max(spec.min, Number(near.toFixed(10))));
    },
  },
  // {name, label, options: [[value, label]], value}
  options: {
    make(spec, id, changed) {
      const element = document.createElement("fieldset");
      const choices = spec.options.map(
        ([value, label]) => `<label><input type="radio" name="${id}-${spec.name}" value="${value}">
          ${label}</label>`,
      );
      element.innerHTML = `<legend>${spec.label}</legend>${choices.join("")}`;
      element.addEventListener("change", (event) => changed(event.target.value));
      const show = (value) => {
        element.querySelector(`[value="${value}"]`).checked = true;
      };
      return { element, show };
    },
    read: (spec, text) => spec.options.find(([value]) => String(value) === String(text))?.[0],
  },
  // {name, label, longest, value}: a line of text
  longest: {
    make(spec, id, changed) {
      const element = document.createElement("label");
      element.className = "explorable-text";
      element.innerHTML = `<span>${spec.label}</span><input type="text" name="${id}-${spec.name}"
        maxlength="${spec.longest}" autocomplete="off" autocapitalize="off" spellcheck="false">`;
      const input = element.querySelector("input");
      input.addEventListener("input", () => changed(input.value));
      const show = (value) => {
        if (input.value !== value) input.value = value;
      };
      return { element, show };
    },
    read: (spec, text) => String(text).slice(0, spec.longest),
  },
};

// Arrays as `keep` of unrolled/support/explorables.py writes them: whole numbers of a unit.
function unpack(value) {
  if (Array.isArray(value) || typeof value !== "object") return value;
  const times = (part) => (Array.isArray(part) ? part.map(times) : part * value.unit);
  if ("whole" in value) return times(value.whole);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unpack(one)]));
}

// Give an element the height of its only child, which alone is laid out when it changes, for the style
// sheet keeps the two apart. It only grows, until its width changes: while something is moved nothing
// below it jumps, which readers dislike and which makes a browser paint the rest of the page.
function keepHeight(element) {
  let [known, height] = [0, 0];
  new ResizeObserver(([{ contentRect, borderBoxSize }]) => {
    if (contentRect.width !== known) [known, height] = [contentRect.width, 0];
    height = Math.max(height, borderBoxSize[0].blockSize);
    element.style.height = `${height}px`;
  }).observe(element.firstChild);
}

// Make a node what `fresh` is, changing only what differs: a browser lays out texts slowly.
function adapt(known, fresh) {
  if (known.nodeName !== fresh.nodeName) known.replaceWith(fresh);
  else if (fresh.nodeType !== Node.ELEMENT_NODE) {
    if (known.data !== fresh.data) known.data = fresh.data;
  } else {
    for (const { name, value } of fresh.attributes) {
      if (known.getAttribute(name) !== value) known.setAttribute(name, value);
    }
    for (const { name } of [...known.attributes]) {
      if (!fresh.hasAttribute(name)) known.removeAttribute(name);
    }
    adaptAll(known, fresh);
  }
}

// The same for the children of a node.
function adaptAll(known, fresh) {
  const [had, has] = [[...known.childNodes], [...fresh.childNodes]];
  has.forEach((node, place) => (had[place] ? adapt(had[place], node) : known.append(node)));
  had.slice(has.length).forEach((node) => node.remove());
}

function kindOf(spec) {
  return "options" in spec ? "options" : "longest" in spec ? "longest" : "range";
}
