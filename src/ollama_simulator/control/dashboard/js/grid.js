/* All servers: a grid of cards that can be sorted, filtered, picked, and walked by the arrow keys.
 *
 * Rules of this file:
 * 1. One card at a time is a stop of the tabulator, so that 200 servers are not 800 stops.
 * 2. Cards are moved only if the order changed, and changed only where something changed. What is
 *    out of sight is not even laid out (`content-visibility`, in the style sheet).
 */

import { Card, condition, isBroken } from "./cards.js";
import { arrange, say, set } from "./dom.js";
import { plural } from "./words.js";

const ROOMY_UP_TO = 12;

/** What a card is sorted by: the largest first, but for the name. */
const ORDERS = {
  name: () => 0,
  tokens: (info, rates) => rates.tokens,
  requests: (info, rates) => rates.requests,
  active: (info) => info.active,
  queued: (info) => info.queued,
  vram: (info) => (info.vram.total ? info.vram.used / info.vram.total : 0),
  rules: (info) => info.rules.length * 2 + (isBroken(info) ? 1 : 0),
};

const SHOWN = {
  all: () => true,
  broken: isBroken,
  busy: (info) => info.active > 0,
  queue: (info) => info.queued > 0,
  idle: (info) => condition(info) === "idle",
};

export class Grid {
  constructor(store, does) {
    this.store = store;
    this.list = document.getElementById("servers");
    this.text = document.getElementById("filter");
    this.which = document.getElementById("which");
    this.order = document.getElementById("order");
    this.density = document.getElementById("density");
    this.summary = document.getElementById("picked");
    this.cards = new Map();
    this.shown = [];
    this.picked = new Set();
    this.current = null;
    this.does = { ...does, pick: (name, is, range) => this.pick(name, is, range) };
    for (const control of [this.text, this.which, this.order, this.density]) {
      control.addEventListener("input", () => this.update());
    }
    this.list.addEventListener("keydown", (event) => this.walk(event));
    this.list.addEventListener("focusin", (event) => {
      const card = event.target.closest(".card");
      if (card !== null) this.stop(card.dataset.server);
    });
  }

  /** Whom an action is for: those that are picked, or the one that the keys are at. */
  get meant() {
    if (this.picked.size) return this.chosen;
    return this.current === null ? [] : [this.current];
  }

  /** Those that are picked, in the order of the fleet. */
  get chosen() {
    return [...this.store.servers.keys()].filter((name) => this.picked.has(name));
  }

  update() {
    const { store } = this;
    const tokens = store.tokenRates();
    const rates = new Map();
    for (const info of store.servers.values()) {
      const requests = store.rate(store.of(info.name), "requests");
      rates.set(info.name, { tokens: tokens.get(info.name) ?? 0, requests });
    }
    this.prune();
    const infos = this.sorted([...store.servers.values()].filter((info) => this.fits(info)), rates);
    for (const info of infos) this.card(info.name).update(info, rates.get(info.name));
    this.shown = infos.map((info) => info.name);
    const roots = this.shown.map((name) => this.cards.get(name).root);
    if (roots.length !== this.list.children.length || roots.some((root, at) => root !== this.list.children[at])) {
      const focused = document.activeElement;
      arrange(this.list, roots);
      if (focused !== document.activeElement && focused.isConnected) focused.focus();
    }
    const roomy = this.density.value === "auto" ? store.servers.size <= ROOMY_UP_TO : this.density.value === "roomy";
    set(this.list, "data-density", roomy ? "roomy" : "compact");
    if (!this.shown.includes(this.current)) this.stop(this.shown[0] ?? null);
    this.tell();
  }

  fits(info) {
    if (!SHOWN[this.which.value](info)) return false;
    const words = this.text.value.trim().toLowerCase();
    if (!words) return true;
    const told = [
      info.name, info.port, condition(info), info.behavior.type, info.profile,
      ...info.loaded.map((model) => model.name),
      ...info.rules.map(({ rule }) => `${rule.name} ${rule.fault.type}`),
    ].join(" ").toLowerCase();
    return words.split(/\s+/).every((word) => told.includes(word));
  }

  sorted(infos, rates) {
    const value = ORDERS[this.order.value];
    const place = new Map(infos.map((info, at) => [info, at]));
    const worth = new Map(infos.map((info) => [info, value(info, rates.get(info.name))]));
    return infos.sort((a, b) => worth.get(b) - worth.get(a) || place.get(a) - place.get(b));
  }

  card(name) {
    let card = this.cards.get(name);
    if (card === undefined) {
      card = new Card(name, this.does);
      this.cards.set(name, card);
      card.picked(this.picked.has(name));
    }
    return card;
  }

  prune() {
    for (const name of this.cards.keys()) {
      if (!this.store.servers.has(name)) {
        this.cards.delete(name);
        this.picked.delete(name);
      }
    }
  }

  tell() {
    const all = this.store.servers.size;
    const few = this.shown.length === all ? plural(all, "server") : `${this.shown.length} of ${plural(all, "server")}`;
    say(this.summary, this.picked.size ? `${few} · ${this.picked.size} selected` : few);
    this.does.picked();
  }

  // --- picking and walking --------------------------------------------------------------------

  pick(name, is, range) {
    const names = range && this.lastPicked ? this.from(this.lastPicked, name) : [name];
    for (const each of names) {
      if (is) this.picked.add(each);
      else this.picked.delete(each);
      this.cards.get(each)?.picked(is);
    }
    this.lastPicked = name;
    this.tell();
  }

  pickAll() {
    const all = this.shown.every((name) => this.picked.has(name));
    for (const name of this.shown) this.pick(name, !all, false);
  }

  from(one, other) {
    const [a, b] = [this.shown.indexOf(one), this.shown.indexOf(other)].sort((x, y) => x - y);
    return a < 0 ? [other] : this.shown.slice(a, b + 1);
  }

  stop(name) {
    if (name === this.current && this.cards.get(name)?.title.tabIndex === 0) return;
    this.cards.get(this.current)?.reachable(false);
    this.current = name;
    this.cards.get(name)?.reachable(true);
  }

  focus() {
    this.cards.get(this.current)?.title.focus();
  }

  walk(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.shown.indexOf(this.current);
    const across = this.across();
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across,
      Home: 0, End: this.shown.length - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (to < 0 || to >= this.shown.length) return;
      this.stop(this.shown[to]);
      this.focus();
    } else if (event.key === " " && event.target.classList.contains("name")) {
      event.preventDefault();
      this.pick(this.current, !this.picked.has(this.current), event.shiftKey);
    }
  }

  /** How many cards stand in a row. */
  across() {
    return getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
  }
}
