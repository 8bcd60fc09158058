/* One server from near: how it stands, its slots, models and rules, and all that can be done to it.
 *
 * Rules of this file:
 * 1. What is shown is changed in place once a second; a form that somebody fills in is left alone.
 */

import * as api from "./api.js";
import { condition, ruleLine } from "./cards.js";
import { CurlBox, reason } from "./doing.js";
import { BOLT, HEART, arrange, h, icon, say, set } from "./dom.js";
import { Field, json, numeric } from "./fields.js";
import { bytes, count, fault, plural, rate } from "./words.js";

export class Details {
  /** `does` has what leads elsewhere: `break`, `requests`, `charts`, `removed`. */
  constructor(store, doer, name, does) {
    this.store = store;
    this.doer = doer;
    this.name = name;
    this.does = does;
    this.title = name;
    this.facts = new Map();
    this.list = h("dl", { class: "facts" });
    this.slots = h("ul", { class: "lines" });
    this.models = h("ul", { class: "lines" });
    this.rules = h("ul", { class: "lines" });
    this.ruleItems = new Map();
    this.gone = h("p", { class: "wrong" });
    this.body = h("div", { class: "stack" },
      this.gone,
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "danger", onclick: () => does.break([name]) }, icon(BOLT), "Break …"),
        h("button", { type: "button", onclick: () => doer.attempt(`Healed ${name}`, api.heal([name])) }, icon(HEART), "Heal"),
        h("button", { type: "button", onclick: () => does.requests(name) }, "Requests"),
        h("button", { type: "button", onclick: () => does.charts(name) }, "Charts")),
      this.list,
      h("section", {}, h("h3", {}, "Rules"), this.rules),
      h("section", {}, h("h3", {}, "Slots"), this.slots),
      h("section", {}, h("h3", {}, "Models in memory"), this.models),
      h("section", { class: "acts" }, h("h3", {}, "Do"), ...this.forms()));
  }

  get info() {
    return this.store.servers.get(this.name);
  }

  update() {
    const { info } = this;
    say(this.gone, info === undefined ? `${this.name} is not there any more.` : "");
    if (info === undefined) return;
    const rates = this.store.tokenRates();
    this.fact("URL", info.url);
    this.fact("State", `${condition(info)}; the door is ${info.door}${info.down ? ", the process is down" : ""}`);
    const rules = info.rules.some((rule) => rule.active) ? "; its rules come first" : "";
    this.fact("Behaviour", fault(info.behavior) + rules);
    this.fact("Requests", `${count(info.active)} active, ${count(info.queued)} queued, ${count(info.requests)} in all`);
    this.fact("Tokens", `${rate(rates.get(this.name) ?? 0)} a second, ${count(info.tokens)} in all`);
    this.fact("VRAM", info.vram.total ? `${bytes(info.vram.used)} of ${bytes(info.vram.total)}` : `${bytes(info.vram.used)}, no limit`);
    this.fact("KV cache", plural(info.cached_tokens, "token"));
    this.fact("Profile", info.profile);
    this.fact("Installed", info.installed.join(", ") || "nothing");
    const settings = Object.keys(info.settings).length ? JSON.stringify(info.settings) : "the usual ones";
    this.fact("Settings", settings);
    lines(this.slots, info.slots.map((slot) =>
      `${slot.model}, slot ${slot.slot}: ${slot.busy ? "busy" : "idle"}, ${plural(slot.tokens, "token")} in the cache`),
      "No model in memory, so no slots.");
    lines(this.models, info.loaded.map((model) =>
      `${model.name}: ${bytes(model.size_vram)} of ${bytes(model.size)} on the GPU, context ${count(model.context)}, ` +
      `until ${until(model.expires_at)}`), "None.");
    this.drawRules(info.rules);
    for (const form of this.updating) form();
  }

  fact(label, words) {
    let node = this.facts.get(label);
    if (node === undefined) {
      node = h("dd", {});
      this.facts.set(label, node);
      this.list.append(h("dt", {}, label), node);
    }
    say(node, words);
  }

  drawRules(rules) {
    const wanted = rules.map((active) => {
      let item = this.ruleItems.get(active.id);
      if (item === undefined) {
        const heal = h("button", { type: "button", class: "small", "aria-label": `Heal rule ${active.id}`,
          onclick: () => this.doer.attempt(`Healed rule ${active.id} of ${this.name}`, api.healRule(this.name, active.id)) },
          "Heal");
        item = h("li", { class: "rule" }, h("div", {}, h("b", {}), h("div", { class: "help" })), heal);
        this.ruleItems.set(active.id, item);
      }
      const [line, more] = item.firstChild.children;
      say(line, `${active.id} · ${ruleLine(active)}`);
      set(item, "data-idle", !active.active);
      say(more, `${fault(active.rule.fault)}${asked(active.rule)} · fitted ${active.matched}`);
      return item;
    });
    for (const id of this.ruleItems.keys()) if (!rules.some((each) => each.id === id)) this.ruleItems.delete(id);
    if (!wanted.length) wanted.push(this.noRules ??= h("li", {}, "None: nothing strikes it but its behaviour."));
    arrange(this.rules, wanted);
  }

  // --- what can be done -----------------------------------------------------------------------

  forms() {
    const { name } = this;
    this.updating = [];
    const seconds = new Field("seconds", { label: "Seconds that it is down", input: h("input", { type: "text", inputmode: "decimal",
      placeholder: "as its settings say" }), parse: (text) => numeric(text, { least: 0, most: 1e9 }) });
    const model = new Field("model", { label: "Model", input: h("select", {}), parse: String });
    this.updating.push(() => options(model.input, ["", ...this.info.installed], "none"));
    const setting = new Field("setting", { label: "Setting", input: h("input", { type: "text", value: "num_parallel",
      autocomplete: "off" }), parse: String, required: true, help: "A field of a server in a fleet's file." });
    const value = new Field("value", { label: "Value", input: h("input", { type: "text", value: "4", autocomplete: "off" }),
      parse: json, required: true, help: "As JSON: words stand in quotation marks." });
    return [
      this.form("Restart", [seconds], () => api.restart([name], seconds.read()), `Restarted ${name}`),
      this.form("Set the loaded model", [model], () => api.load(this.info.port, model.read() || null), `Loaded on ${name}`),
      this.form("Clear the KV cache", [], () => api.forget(this.info.port), `Cleared the cache of ${name}`),
      this.form("Change a setting", [setting, value], () => api.change(name, { [setting.read()]: value.read() }),
        `Changed ${name}`, "Its process restarts, in no time."),
      this.form("Remove the server", [], () => api.remove([name]), `Removed ${name}`, "Reset the fleet to have it back.",
        () => this.does.removed()),
    ];
  }

  form(label, fields, make, says, help = "", then = () => {}) {
    return actionForm(this.doer, { label, fields, make: () => (this.info ? make() : null), says, help, then },
      this.updating);
  }
}

/** A form that is folded up: some fields, the `curl`, and a button that does it. */
export function actionForm(doer, { label, fields, make, says, help, then }, updating) {
  const box = new CurlBox();
  const wrong = h("p", { class: "wrong", role: "alert" });
  const show = () => {
    let requests = null;
    try {
      requests = make();
    } catch {
      requests = null;
    }
    box.show(requests, "Fill in what is missing.");
  };
  const submit = async (event) => {
    event.preventDefault();
    say(wrong, "");
    try {
      const answer = await doer.do(says, make());
      then(answer);
    } catch (error) {
      say(wrong, reason(error));
    }
  };
  const form = h("form", { class: "stack", novalidate: true, onsubmit: submit, oninput: show },
    ...fields.map((field) => field.root), help ? h("p", { class: "help" }, help) : null,
    box.root, wrong, h("div", { class: "buttons" }, h("button", { type: "submit" }, label)));
  const details = h("details", { class: "act" }, h("summary", {}, label), form);
  updating.push(() => details.open && show());
  details.addEventListener("toggle", show);
  return details;
}

function options(select, values, none) {
  if ([...select.options].map((option) => option.value).join("\n") === values.join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => h("option", { value }, value || none)));
  if (values.includes(chosen)) select.value = chosen;
}

function lines(list, words, none) {
  const told = words.length ? words : [none];
  while (list.children.length > told.length) list.lastChild.remove();
  told.forEach((line, at) => {
    if (at >= list.children.length) list.append(h("li", {}));
    say(list.children[at], line);
  });
}

/** What a rule asks for, beside its fault. */
function asked(rule) {
  const { fault: _, name: __, ...rest } = rule;
  const usual = { path: "*", method: "*", model: "*", contains: "", probability: 1, ramp: 0, skip: 0, every: 1, since: 0, shared: false };
  return Object.entries(rest)
    .filter(([key, value]) => value !== null && value !== usual[key] && !(key === "header" && !Object.keys(value).length))
    .map(([key, value]) => ` · ${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("");
}

function until(moment) {
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) || date.getFullYear() > 2200 ? "for ever" : date.toLocaleTimeString();
}

/** The form that adds a server. */
export class AddForm {
  constructor(doer, profiles, done) {
    this.title = "Add a server";
    const port = new Field("port", { label: "Port", input: h("input", { type: "text", inputmode: "numeric", placeholder: "a free one" }),
      parse: (text) => numeric(text, { whole: true, least: 0, most: 65535, usual: 0 }) });
    const profile = new Field("profile", { label: "Profile", input: h("select", {},
      h("option", { value: "" }, "the usual one"), ...profiles.map((each) => h("option", { value: each }, each))),
      parse: (text) => text || undefined });
    const parallel = new Field("num_parallel", { label: "Slots of a model", input: h("input", { type: "text", inputmode: "numeric",
      placeholder: "1" }), parse: (text) => numeric(text, { whole: true, least: 0, usual: 1 }) });
    const more = new Field("more", { label: "Other settings", input: h("textarea", { rows: 2, class: "code",
      placeholder: "{\"speed\": 0.5}" }), parse: json, help: "Fields of a server in a fleet's file, as JSON." });
    const fields = [port, profile, parallel, more];
    const make = () => {
      const body = {};
      for (const field of [port, profile, parallel]) {
        const value = field.read();
        if (value !== undefined) body[field.name] = value;
      }
      return api.add({ ...body, ...more.read() });
    };
    const act = actionForm(doer, { label: "Add a server", fields, make, says: "Added a server", help: "", then: done }, []);
    act.open = true;
    this.body = h("div", { class: "stack plain" }, act);
    this.focus = () => port.input;
  }
}

/** The form that restarts several servers, or resets the fleet. */
export class FleetForm {
  constructor(doer, title, forms) {
    this.title = title;
    const updating = [];
    const made = forms.map((form) => actionForm(doer, { help: "", then: () => {}, fields: [], ...form }, updating));
    made[0].open = true;
    this.body = h("div", { class: "stack plain" }, ...made);
    this.focus = () => made[0].querySelector("input, button[type=submit]");
  }
}

/** What the journal says of one request. */
export class ExchangeView {
  constructor(exchange) {
    this.exchange = exchange;
    this.title = `Request #${exchange.id} on ${exchange.server}`;
    this.rows = h("tbody", {});
    this.note = h("p", { class: "help" }, "asking the journal …");
    this.body = h("div", { class: "stack" },
      h("p", {}, h("code", {}, `${exchange.method} ${exchange.target}`)),
      this.note,
      h("table", { class: "records" },
        h("thead", {}, h("tr", {}, ...["after", "record", "what it says"].map((each) => h("th", { scope: "col" }, each)))),
        this.rows));
    this.curl = new CurlBox();
    this.curl.show([{ method: "GET", path: `/journal?exchange=${exchange.id}` }]);
    this.body.append(this.curl.root);
    this.told = 0;
    this.ask();
  }

  update() {
    if (!this.over) this.ask();
  }

  async ask() {
    if (this.asking) return;
    this.asking = true;
    try {
      const { records } = await api.read(`/journal?exchange=${this.exchange.id}`);
      say(this.note, records.length ? plural(records.length, "record") : "The journal doesn't keep it any more.");
      this.rows.replaceChildren(...records.map((record) => this.line(record)));
      this.over = records.some((record) => record.kind === "Finished") || !records.length;
    } catch (error) {
      say(this.note, `The journal can't be asked: ${reason(error)}.`);
    }
    this.asking = false;
  }

  line(record) {
    const { t, kind, server: _, exchange: __, ...fields } = record;
    const says = Object.entries(fields)
      .filter(([name, value]) => value !== null && value !== "" && !(name === "headers" && !value.length))
      .map(([name, value]) => h("div", {}, h("span", { class: "key" }, name), " ", shown(name, value)));
    const row = h("tr", {}, h("td", { class: "figure" }, `${((t - this.exchange.t) * 1000).toFixed(1)} ms`),
      h("td", {}, kind), h("td", {}, ...says));
    set(row, "data-kind", record.fault === "Normal" ? null : kind);
    return row;
  }
}

function shown(name, value) {
  if (name === "headers") return value.map(([header, words]) => `${header}: ${words}`).join("; ");
  if (typeof value === "number" && !Number.isInteger(value)) return value.toFixed(4);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
