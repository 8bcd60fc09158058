/* The form that breaks servers: whom, by which fault, where and when, and the same as `curl`.
 *
 * Rules of this file:
 * 1. Which faults there are and which fields they have is asked of the simulator.
 */

import { inject, read } from "./api.js";
import { CurlBox, reason } from "./doing.js";
import { h, prose, say } from "./dom.js";
import { conditions, fieldsOf, readAll } from "./fields.js";

let faults = null;
let chosenBefore = "FailMidStream";

/** Every fault that the simulator has, asked for once. */
export async function catalogue() {
  faults ??= (await read("/faults")).faults;
  return faults;
}

/** Forget the faults: another simulator may have others. */
export function forgetFaults() {
  faults = null;
}

export class BreakForm {
  constructor(store, doer, servers, done) {
    this.store = store;
    this.doer = doer;
    this.done = done;
    this.title = "Break";
    this.targets = h("input", { type: "text", id: "targets", autocomplete: "off", spellcheck: "false", required: true,
      "aria-describedby": "targets-wrong" });
    this.targets.value = servers === "all" ? "all" : servers.join(",");
    this.targetsWrong = h("p", { class: "wrong", id: "targets-wrong", hidden: true });
    this.fault = h("select", { id: "fault", disabled: true }, h("option", {}, "asking for the faults …"));
    this.about = h("p", { class: "help", id: "about-fault" });
    this.own = h("div", { class: "fields" });
    this.where = h("div", { class: "fields" });
    this.curl = new CurlBox();
    this.error = h("p", { class: "wrong", role: "alert" });
    const all = h("button", { type: "button", class: "small", onclick: () => {
      this.targets.value = "all";
      this.changed();
    } }, "all");
    this.body = h("form", { class: "stack", novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.submit();
    }, oninput: () => this.changed() },
      h("div", { class: "field" }, h("label", { for: "targets" }, "Servers"),
        h("div", { class: "joined" }, this.targets, all), this.targetsWrong),
      h("div", { class: "field" }, h("label", { for: "fault" }, "Fault"), this.fault, this.about),
      this.own,
      h("details", { class: "conditions" }, h("summary", {}, "Where and when"), this.where),
      this.curl.root, this.error,
      h("div", { class: "buttons" }, h("button", { type: "submit", class: "danger" }, "Break")));
    this.fault.addEventListener("input", () => this.choose());
    this.fields = [];
    this.conditions = [];
    this.fill();
  }

  /** Where to begin; nowhere as long as the faults are asked for. */
  focus() {
    if (this.fault.disabled) return null;
    return this.targets.value ? this.fault : this.targets;
  }

  async fill() {
    try {
      const all = await catalogue();
      const group = (label, door) => h("optgroup", { label },
        ...all.filter((each) => each.door === door).map((each) => h("option", { value: each.name }, each.name)));
      this.fault.replaceChildren(group("The answer", false), group("The door", true));
      this.fault.disabled = false;
      if (all.some((each) => each.name === chosenBefore)) this.fault.value = chosenBefore;
      this.choose();
      if (document.activeElement.id === "panel-title") this.focus().focus();
    } catch (error) {
      say(this.error, `The faults can't be asked for: ${reason(error)}.`);
    }
  }

  choose() {
    const entry = faults.find((each) => each.name === this.fault.value);
    chosenBefore = entry.name;
    prose(this.about, entry.description.replaceAll(/\s+/g, " "));
    this.fields = fieldsOf(entry.schema, entry.example);
    this.conditions = conditions(entry.door);
    this.own.replaceChildren(...this.fields.map((field) => field.root));
    this.where.replaceChildren(...this.conditions.map((field) => field.root));
    this.changed();
  }

  /** Whom it is for: `all`, or names. Null after saying what is wrong. */
  servers() {
    const words = this.targets.value.split(",").map((word) => word.trim()).filter(Boolean);
    const wrong = words.find((word) => word !== "all" && !this.store.servers.has(word));
    const says = !words.length ? "Name a server, or all." : wrong && `There is no server ${wrong}.`;
    say(this.targetsWrong, says || "");
    this.targetsWrong.hidden = !says;
    if (says) return null;
    return words.includes("all") ? "all" : words;
  }

  /** What would be sent; null if something is wrong. */
  requests(blame) {
    const servers = this.servers();
    const fault = readAll(this.fields, blame);
    const rule = readAll(this.conditions, blame);
    if (servers === null || fault === null || rule === null || this.fault.disabled) return null;
    return inject(servers, { fault: { type: this.fault.value, ...fault }, ...rule });
  }

  changed() {
    say(this.error, "");
    this.curl.show(this.requests(false), "Fill in what is missing.");
  }

  async submit() {
    const requests = this.requests(true);
    if (requests === null) {
      say(this.error, "Something is missing or wrong above.");
      this.body.querySelector("[aria-invalid]")?.focus();
      return;
    }
    const servers = this.servers();
    const whom = servers === "all" ? "all servers" : servers.length > 5 ? `${servers.length} servers` : servers.join(", ");
    try {
      await this.doer.do(`${this.fault.value} on ${whom}`, requests);
      this.done(servers);
    } catch (error) {
      this.blame(error);
    }
  }

  /** Show what the simulator found wrong, at the fields that it names. */
  blame(error) {
    say(this.error, reason(error));
    for (const { pointer, detail } of error.errors ?? []) {
      const name = pointer.split("/").at(-1);
      const field = [...this.fields, ...this.conditions].find((each) => each.name === name);
      field?.blame(detail);
      field?.root.closest("details")?.setAttribute("open", "");
    }
  }
}
