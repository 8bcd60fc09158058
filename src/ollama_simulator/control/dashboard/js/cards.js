/* One server in the grid: a card that is made once and changed where something changed.
 *
 * Rules of this file:
 * 1. What a colour says is also said by a word or a sign.
 */

import { BOLT, HEART, h, icon, say, set, style } from "./dom.js";
import { bytes, count, few, plural, rate, seconds } from "./words.js";

const MOST_SLOTS = 16;
const MOST_RULES = 3;

/** How a server is, in a word: the gravest thing first. */
export function condition(info) {
  if (info.down) return "down";
  if (info.door !== "open") return info.door;
  if (info.rules.some((rule) => rule.active) || info.behavior.type !== "Normal") return "broken";
  if (info.active) return "busy";
  return "idle";
}

export const isBroken = (info) => !["busy", "idle"].includes(condition(info));

export class Card {
  /** `does` has what can be done from a card: `open`, `pick`, `break`, `heal`. */
  constructor(name, does) {
    this.name = name;
    this.check = h("input", {
      type: "checkbox", class: "check", tabindex: -1, "aria-label": `Select ${name}`,
      onclick: (event) => does.pick(name, this.check.checked, event.shiftKey),
    });
    this.title = h("button", {
      type: "button", class: "name", tabindex: -1, "aria-haspopup": "true",
      onclick: () => does.open(name),
    }, name);
    this.port = h("span", { class: "port" });
    this.state = h("span", { class: "state" });
    this.behavior = h("div", { class: "behavior" });
    this.slots = h("div", { class: "slots" });
    this.slotsText = h("span", { class: "figure" });
    this.tok = h("b", { class: "figure" });
    this.req = h("b", { class: "figure" });
    this.queue = h("b", { class: "figure" });
    this.vram = h("div", { class: "fill" });
    this.vramBar = h("div", { class: "bar" }, this.vram);
    this.vramText = h("span", { class: "figure" });
    this.cache = h("b", { class: "figure" });
    this.models = h("div", { class: "models" });
    this.rules = h("ul", { class: "rules" });
    this.heal = h("button", {
      type: "button", class: "quick", tabindex: -1, "aria-label": `Heal ${name}`, title: `Heal ${name}`,
      onclick: () => does.heal([name]),
    }, icon(HEART));
    const breaks = h("button", {
      type: "button", class: "quick", tabindex: -1, "aria-label": `Break ${name}`, title: `Break ${name}`,
      onclick: () => does.break([name]),
    }, icon(BOLT));
    this.controls = [this.title, this.check, breaks, this.heal];
    this.root = h("li", { class: "card", "data-server": name, onclick: (event) => {
      if (event.target.closest("button, input") === null) does.open(name);
    } },
      h("header", {}, this.check, this.title, this.port, this.state),
      this.behavior,
      this.rules,
      h("div", { class: "gauge wide" }, h("span", { class: "label" }, "Slots"), this.slots, this.slotsText),
      h("dl", { class: "figures" },
        pair("tok/s", this.tok), pair("req/s", this.req), pair("queue", this.queue),
        pair("KV tokens", this.cache)),
      h("div", { class: "gauge vram" }, h("span", { class: "label" }, "VRAM"),
        this.vramBar, this.vramText),
      this.models,
      h("div", { class: "quicks" }, breaks, this.heal));
  }

  /** Show how the server is now. */
  update(info, rates) {
    const state = condition(info);
    set(this.root, "data-state", state);
    say(this.state, { down: "restarting", shut: "refuses", busy: `${info.active} active` }[state] ?? state);
    say(this.port, `:${info.port}`);
    const behaves = info.behavior.type !== "Normal";
    set(this.behavior, "hidden", !behaves);
    if (behaves) say(this.behavior, `behaves: ${info.behavior.type}`);
    this.drawSlots(info.slots, info.active);
    say(this.tok, rate(rates.tokens));
    say(this.req, rate(rates.requests));
    say(this.queue, count(info.queued));
    set(this.queue, "data-some", info.queued > 0);
    say(this.cache, few(info.cached_tokens));
    const share = info.vram.total ? Math.min(1, info.vram.used / info.vram.total) : 0;
    style(this.vram, "transform", `scaleX(${share.toFixed(3)})`);
    set(this.vramBar, "hidden", !info.vram.total);
    say(this.vramText, info.vram.total ? `${bytes(info.vram.used)} / ${bytes(info.vram.total)}` : `${bytes(info.vram.used)}, no limit`);
    const loaded = info.loaded.map((model) => model.name).join(", ");
    say(this.models, loaded || "no model loaded");
    set(this.models, "title", loaded || null);
    this.drawRules(info.rules);
    set(this.heal, "hidden", !isBroken(info) && !info.rules.length);
    set(this.title, "aria-label", this.told(info, state, rates));
  }

  /** What a reader of the screen hears. */
  told(info, state, rates) {
    const said = [info.name, state, `${info.active} active`, `${info.queued} queued`];
    if (info.rules.length) said.push(plural(info.rules.length, "rule"));
    said.push(`${rate(rates.tokens)} tokens a second`);
    return said.join(", ");
  }

  drawSlots(slots, active) {
    const signs = slots.slice(0, MOST_SLOTS).map((slot) => (slot.busy ? "1" : "0")).join("");
    if (this.signs !== signs) {
      this.signs = signs;
      this.slots.replaceChildren(
        ...[...signs].map((sign) => h("i", { class: sign === "1" ? "slot busy" : "slot" })));
    }
    const busy = slots.filter((slot) => slot.busy).length;
    say(this.slotsText, slots.length ? `${busy} of ${slots.length} busy` : `${active} active`);
  }

  drawRules(rules) {
    set(this.root, "data-rules", rules.length || null);
    const lines = rules.slice(0, MOST_RULES).map((rule) => [ruleLine(rule), rule.active]);
    if (rules.length > MOST_RULES) lines.push([`and ${rules.length - MOST_RULES} more`, true]);
    while (this.rules.children.length > lines.length) this.rules.lastChild.remove();
    lines.forEach(([line, active], index) => {
      if (index >= this.rules.children.length) this.rules.append(h("li", {}, icon(BOLT), h("span", {})));
      const item = this.rules.children[index];
      say(item.lastChild, line);
      set(item, "title", line);
      set(item, "data-idle", !active);
    });
  }

  /** Let the tabulator stop here, or not. */
  reachable(is) {
    for (const control of this.controls) control.tabIndex = is ? 0 : -1;
    set(this.root, "data-current", is);
  }

  picked(is) {
    this.check.checked = is;
    set(this.root, "data-picked", is);
  }
}

function pair(label, value) {
  return h("div", {}, h("dt", {}, label), h("dd", {}, value));
}

/** A rule in one line: its fault, how often it struck, how long it will be there. */
export function ruleLine(active) {
  const { rule } = active;
  const limit = rule.limit === null || rule.limit === undefined ? "" : ` of ${rule.limit}`;
  const left = active.ends_in === null ? "" : ` · ${seconds(Math.max(0, active.ends_in))} left`;
  const named = rule.name ? `${rule.name}: ` : "";
  const spent = rule.limit !== null && rule.limit !== undefined && active.struck >= rule.limit;
  const waits = active.active ? "" : spent ? " · used up" : " · not in force";
  return `${named}${rule.fault.type} · struck ${active.struck}${limit}${left}${waits}`;
}
