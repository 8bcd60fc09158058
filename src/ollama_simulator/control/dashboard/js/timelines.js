/* Requests as they come: a row for each, with its phases along the time.
 *
 * Rules of this file:
 * 1. Only the rows in sight exist; they are used again for other requests.
 * 2. The list stands still as soon as somebody looks closer: scrolled, or walked by the keys.
 */

import { h, say, set, style } from "./dom.js";
import { failed } from "./store.js";
import { count, ending, plural, seconds } from "./words.js";

const ROW_PX = 26;
const HEAD_PX = 24;
const EVERY_MS = 250;
/** Lengths of the line, in seconds, of which the shortest that fits is taken. */
const SPANS = [1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900];

const WHICH = {
  all: () => true,
  running: (exchange) => exchange.end === null,
  good: (exchange) => exchange.end !== null && exchange.end.outcome !== "left" && !failed(exchange.end),
  failed: (exchange) => exchange.end !== null && failed(exchange.end),
  left: (exchange) => exchange.end?.outcome === "left" || exchange.left !== null,
  struck: (exchange) => exchange.struck.length > 0,
};

export class Timelines {
  /** `open` shows the records of a request. */
  constructor(store, open) {
    this.store = store;
    this.open = open;
    this.box = document.getElementById("requests");
    this.space = document.getElementById("requests-space");
    this.server = document.getElementById("of-server");
    this.which = document.getElementById("outcome");
    this.span = document.getElementById("span");
    this.align = document.getElementById("align");
    this.pause = document.getElementById("pause");
    this.tellsCount = document.getElementById("request-count");
    this.axis = document.getElementById("axis");
    this.rows = [];
    this.held = null;
    this.chosen = null;
    for (const control of [this.server, this.which, this.span, this.align]) {
      control.addEventListener("input", () => this.again());
    }
    this.pause.addEventListener("click", () => (this.held ? this.resume() : this.hold()));
    this.box.addEventListener("scroll", () => {
      if (this.held === null && this.box.scrollTop > 0) this.hold();
      this.draw();
    });
    this.box.addEventListener("keydown", (event) => this.walk(event));
    this.space.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
    setInterval(() => document.hidden || this.held || this.draw(), EVERY_MS);
  }

  /** Show the requests of one server. */
  only(name) {
    this.server.value = name;
    this.again();
  }

  /** The names to choose from. */
  servers(names) {
    const wanted = ["", ...names];
    if ([...this.server.options].map((option) => option.value).join() === wanted.join()) return;
    const chosen = this.server.value;
    this.server.replaceChildren(
      ...wanted.map((name) => h("option", { value: name }, name || "all servers")));
    this.server.value = wanted.includes(chosen) ? chosen : "";
  }

  again() {
    if (this.held !== null) this.held = this.now();
    this.draw();
  }

  hold() {
    this.held = this.now();
    set(this.pause, "aria-pressed", "true");
    say(this.pause, "Resume");
  }

  resume() {
    this.held = null;
    this.chosen = null;
    set(this.pause, "aria-pressed", "false");
    set(this.box, "aria-activedescendant", null);
    say(this.pause, "Pause");
    this.box.scrollTop = 0;
    this.draw();
  }

  /** What there is to show: the time, and the requests that fit, the newest first. */
  now() {
    const fits = WHICH[this.which.value];
    const server = this.server.value;
    const all = [];
    for (const exchange of this.store.exchanges.values()) {
      if ((server === "" || exchange.server === server) && fits(exchange)) all.push(exchange);
    }
    return { t: this.store.now(), all: all.reverse() };
  }

  draw() {
    const seen = this.held ?? this.now();
    this.seen = seen;
    const { all } = seen;
    say(this.tellsCount, plural(all.length, "request"));
    style(this.space, "height", `${all.length * ROW_PX}px`);
    const first = Math.floor(this.box.scrollTop / ROW_PX);
    const fit = Math.min(Math.ceil((this.box.clientHeight - HEAD_PX) / ROW_PX) + 1, all.length - first);
    while (this.rows.length < fit) this.rows.push(new Row(this.space));
    const span = this.spanOf(all.slice(first, first + fit), seen.t);
    this.rows.forEach((row, at) => {
      const exchange = at < fit ? all[first + at] : undefined;
      row.show(exchange, first + at, {
        from: this.align.value === "start" && exchange ? exchange.t : seen.t - span,
        span, now: seen.t, chosen: exchange !== undefined && exchange.id === this.chosen,
      });
    });
    this.drawAxis(span);
    set(this.box, "data-empty", all.length === 0);
  }

  /** How many seconds the line is long: as chosen, or so that what is in sight fits. */
  spanOf(exchanges, now) {
    if (this.span.value !== "auto") return Number(this.span.value);
    const start = this.align.value === "start";
    const needed = exchanges.map((each) => (start ? each.end?.t ?? now : now) - each.t);
    return SPANS.find((span) => needed.every((seconds) => seconds <= span)) ?? SPANS.at(-1);
  }

  drawAxis(span) {
    const start = this.align.value === "start";
    const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      if (start) return `${Number((share * span).toFixed(2))} s`;
      return share === 1 ? "now" : `−${Number(((1 - share) * span).toFixed(2))} s`;
    });
    if (this.marks === marks.join()) return;
    this.marks = marks.join();
    this.axis.replaceChildren(...marks.map((mark) => h("span", {}, mark)));
  }

  clicked(event) {
    const row = this.rows.find((each) => each.root.contains(event.target));
    if (row?.exchange) this.choose(row.exchange, true);
  }

  choose(exchange, open) {
    if (this.held === null) this.hold();
    this.chosen = exchange.id;
    this.draw();
    const row = this.rows.find((each) => each.exchange === exchange);
    set(this.box, "aria-activedescendant", row?.root.id);
    if (open) this.open(exchange);
  }

  walk(event) {
    const all = (this.held ?? this.now()).all;
    const at = all.findIndex((exchange) => exchange.id === this.chosen);
    const page = Math.floor((this.box.clientHeight - HEAD_PX) / ROW_PX) - 1;
    const to = {
      ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), PageDown: at + page,
      PageUp: Math.max(0, at - page), Home: 0, End: all.length - 1,
    }[event.key];
    if (to !== undefined && all.length) {
      event.preventDefault();
      const target = Math.min(to, all.length - 1);
      if (this.held === null) this.hold();
      const exchange = this.held.all[Math.min(target, this.held.all.length - 1)];
      const top = target * ROW_PX;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const bottom = top + ROW_PX + HEAD_PX - this.box.clientHeight;
      if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
      this.choose(exchange, false);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      this.open(all[at]);
    }
  }
}

let rowsMade = 0;

class Row {
  constructor(parent) {
    rowsMade += 1;
    this.number = h("span", { class: "id" });
    this.server = h("span", { class: "of" });
    this.what = h("span", { class: "what" });
    this.end = h("span", { class: "end" });
    this.time = h("span", { class: "time" });
    this.tokens = h("span", { class: "tokens" });
    this.base = h("i", { class: "base" });
    this.parts = ["queue", "load", "prompt", "decode"].map((phase) => h("i", { class: phase }));
    this.mark = h("i", { class: "mark" });
    this.gone = h("i", { class: "gone" });
    this.root = h("div", { class: "row", role: "option", id: `request-row-${rowsMade}` },
      this.number, this.server, this.what,
      h("span", { class: "line" }, this.base, ...this.parts, this.mark, this.gone),
      this.end, this.time, this.tokens);
    parent.append(this.root);
  }

  show(exchange, at, view) {
    this.exchange = exchange;
    this.root.hidden = exchange === undefined;
    if (exchange === undefined) return;
    style(this.root, "transform", `translateY(${at * ROW_PX}px)`);
    const { words, mood } = ending(exchange);
    set(this.root, "data-mood", mood);
    set(this.root, "aria-selected", view.chosen ? "true" : "false");
    say(this.number, `#${exchange.id}`);
    say(this.server, exchange.server);
    const faults = exchange.struck.map((struck) => struck.fault).join(", ");
    say(this.what, `${exchange.method} ${exchange.target}`);
    set(this.what, "title", `${exchange.method} ${exchange.target} ${exchange.model}`);
    say(this.end, faults ? `⚡ ${faults} → ${words}` : words);
    set(this.end, "title", faults ? `${words}; changed by ${faults}` : null);
    const over = exchange.end?.t ?? view.now;
    say(this.time, seconds(Math.max(0, over - exchange.t)));
    say(this.tokens, exchange.generated === null ? "" : count(exchange.tokens));
    for (const [node, from, to] of this.phases(exchange, over)) place(node, from, to, view);
    const struck = exchange.struck[0];
    place(this.mark, struck?.t ?? null, struck?.t ?? null, view);
    place(this.gone, exchange.left, exchange.left, view);
  }

  phases(exchange, over) {
    const { queued, admitted, load, prompt, first, generated } = exchange;
    const [queue, loading, reading, decode] = this.parts;
    return [
      [this.base, exchange.t, over],
      [queue, queued, queued === null ? null : admitted ?? load?.from ?? over],
      [loading, load?.from ?? null, load?.to ?? null],
      [reading, prompt?.from ?? null, prompt?.to ?? null],
      [decode, first, first === null ? null : generated ?? over],
    ];
  }
}

/** Set where something begins and ends, in shares of the line; null is not shown. */
function place(node, from, to, { from: zero, span }) {
  const end = zero + span;
  const hidden = from === null || to === null || from > end || to < zero;
  if (node.hidden !== hidden) node.hidden = hidden;
  if (hidden) return;
  const left = Math.max(0, (from - zero) / span);
  const right = Math.min(1, (to - zero) / span);
  style(node, "left", `${(left * 100).toFixed(2)}%`);
  style(node, "width", `${((right - left) * 100).toFixed(2)}%`);
}
