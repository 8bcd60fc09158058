/* Form fields made from JSON Schema, and those of a rule's conditions.
 *
 * Rules of this file:
 * 1. A field that holds its default, or nothing though it may, is left out of the JSON.
 * 2. What no simple input can hold is written as JSON.
 *
 * Source: JSON Schema 2020-12, as far as the schemas of faults use it.
 */

import { h, prose, set } from "./dom.js";

let made = 0;

/** A labelled input. `read()` is its value, or undefined to leave it out. */
export class Field {
  constructor(name, { label = name, help = "", required = false, input, parse, initial }) {
    made += 1;
    this.name = name;
    this.parse = parse;
    this.required = required;
    const id = `field-${made}`;
    this.input = input;
    set(input, "id", id);
    set(input, "name", name);
    set(input, "required", required && input.type !== "checkbox");
    this.wrong = h("p", { class: "wrong", id: `${id}-wrong` });
    this.wrong.hidden = true;
    this.help = h("p", { class: "help", id: `${id}-help` });
    prose(this.help, help);
    this.help.hidden = !help;
    set(input, "aria-describedby", `${id}-wrong${help ? ` ${id}-help` : ""}`);
    if (initial !== undefined) {
      if (input.type === "checkbox") input.checked = initial;
      else input.value = typeof initial === "object" ? JSON.stringify(initial) : String(initial);
    }
    this.root = h("div", { class: input.type === "checkbox" ? "field check-field" : "field" },
      h("label", { for: id }, label), input, this.wrong, this.help);
  }

  /** The value. Throws an `Error` whose text says what is wrong. */
  read() {
    if (this.input.type === "checkbox") return this.parse(this.input.checked);
    const text = this.input.value;
    if (text.trim() === "" && !this.required) return undefined;
    return this.parse(text);
  }

  /** Say what is wrong with it; empty for nothing. */
  blame(words) {
    prose(this.wrong, words);
    this.wrong.hidden = !words;
    set(this.input, "aria-invalid", words ? "true" : null);
  }
}

/** Read all fields. Returns the object, or null after saying what is wrong where. */
export function readAll(fields, blame = true) {
  const out = {};
  let fine = true;
  for (const field of fields) {
    try {
      const value = field.read();
      if (value !== undefined) out[field.name] = value;
      if (blame) field.blame("");
    } catch (error) {
      fine = false;
      if (blame) field.blame(error.message);
    }
  }
  return fine ? out : null;
}

/** A number within limits, unless it is the default. */
export function numeric(text, { whole, least, most, usual }) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new Error("It must be a number.");
  if (whole && !Number.isInteger(value)) throw new Error("It must be a whole number.");
  if (least !== undefined && value < least) throw new Error(`It must be at least ${least}.`);
  if (most !== undefined && value > most) throw new Error(`It must be at most ${most}.`);
  return value === usual ? undefined : value;
}

/** The schema that is meant, where one refers to another. */
function meant(schema, defs) {
  const name = schema.$ref?.split("/").at(-1);
  return name === undefined ? schema : { ...meant(defs[name], defs), ...schema, $ref: undefined };
}

/** The fields of a fault, by its schema. `example` fills in what has no default. */
export function fieldsOf(document, example = {}) {
  const defs = document.$defs ?? {};
  const schema = meant(document, defs);
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => name !== "type")
    .map(([name, part]) => fieldOf(name, part, defs, required.has(name), example[name]));
}

function fieldOf(name, part, defs, required, example) {
  let schema = meant(part, defs);
  const choices = (schema.anyOf ?? schema.oneOf ?? []).map((each) => meant(each, defs));
  const real = choices.filter((each) => each.type !== "null");
  if (choices.length && real.length === 1) schema = { ...schema, ...real[0] };
  const usual = part.default ?? undefined;
  const initial = usual ?? (required ? example : undefined);
  const base = { help: told(schema, part), required, initial };
  if (schema.enum) {
    const options = schema.enum.map((value) => h("option", { value }, String(value)));
    if (!required && usual === undefined) options.unshift(h("option", { value: "" }, "–"));
    const parse = (text) => {
      const value = schema.enum.find((each) => String(each) === text);
      return value === usual ? undefined : value;
    };
    return new Field(name, { ...base, input: h("select", {}, ...options), parse });
  }
  if (schema.type === "boolean") {
    const parse = (is) => (is === (usual ?? false) && !required ? undefined : is);
    return new Field(name, { ...base, input: h("input", { type: "checkbox" }), parse });
  }
  if (schema.type === "integer" || schema.type === "number") {
    const limits = {
      whole: schema.type === "integer", least: schema.minimum, most: schema.maximum,
      usual: required ? undefined : usual,
    };
    const input = h("input", { inputmode: "decimal", autocomplete: "off" });
    return new Field(name, { ...base, input, parse: (text) => numeric(text, limits) });
  }
  if (schema.type === "string") {
    const long = /body|text|line|message/.test(name);
    const input = long ? h("textarea", { rows: 2 }) : h("input", { type: "text", autocomplete: "off" });
    const parse = (text) => (text === usual && !required ? undefined : text);
    return new Field(name, { ...base, input, parse });
  }
  return new Field(name, {
    ...base,
    help: `${base.help} As JSON.`.trim(),
    input: h("textarea", { rows: 2, class: "code" }),
    parse: (text) => {
      const value = json(text);
      return !required && JSON.stringify(value) === JSON.stringify(usual) ? undefined : value;
    },
  });
}

/** JSON that somebody wrote. */
export function json(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`It must be JSON: ${error.message}`);
  }
}

/** What is said under a field: its description, and what may stand there. */
function told(schema, part) {
  const words = [part.description ?? schema.description ?? ""];
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined && maximum < 1e6) words.push(`${minimum} to ${maximum}.`);
  return words.filter(Boolean).join(" ").replaceAll(/\s+/g, " ");
}

const glob = (text) => (text === "*" ? undefined : text);
const number = (limits) => (text) => numeric(text, limits);
const input = (placeholder = "") => h("input", { type: "text", autocomplete: "off", placeholder });

/** What a rule may ask for, beside its fault. Those of a fault of the door are fewer: there is no
 * request yet. */
export function conditions(door) {
  const always = [
    new Field("name", { label: "Name of the rule", input: input(), parse: String, help: "What you call it." }),
    new Field("ttl", {
      label: "Remove by itself after (s)", input: input("never"), parse: number({ least: 0.001, most: 1e9 }),
      help: "Whatever becomes of whoever set it.",
    }),
    new Field("since", { label: "From (s)", input: input("0"), parse: number({ least: 0, most: 1e9, usual: 0 }),
      help: "Seconds after it was set." }),
    new Field("until", { label: "Until (s)", input: input("for ever"), parse: number({ least: 0, most: 1e9 }) }),
  ];
  if (door) return always;
  return [
    new Field("limit", { label: "At most n times", input: input("any number"), parse: number({ whole: true, least: 0 }),
      help: "Strike the first n that fit." }),
    new Field("skip", { label: "Let the first n pass", input: input("0"), parse: number({ whole: true, least: 0, usual: 0 }) }),
    new Field("every", { label: "Every k-th", input: input("1"), parse: number({ whole: true, least: 1, usual: 1 }) }),
    new Field("probability", { label: "Probability", input: input("1"), parse: number({ least: 0, most: 1, usual: 1 }),
      help: "0 to 1, drawn from the fleet's seed." }),
    new Field("ramp", { label: "Rising within (s)", input: input("0"), parse: number({ least: 0, most: 1e9, usual: 0 }),
      help: "The probability rises from 0 to that." }),
    new Field("path", { label: "Path", input: input("*"), parse: glob, help: "A glob, such as /api/*." }),
    new Field("method", { label: "Method", input: input("*"), parse: glob }),
    new Field("model", { label: "Model", input: input("*"), parse: glob, help: "A glob. To know it, the body is read first." }),
    new Field("contains", { label: "Text in the body", input: input(), parse: String, help: "Such as a word of the prompt." }),
    new Field("header", { label: "Headers", input: h("textarea", { rows: 2, placeholder: "X-Client: load-*" }), parse: headers,
      help: "Each on a line; the value is a glob." }),
    ...always,
    new Field("shared", { label: "Several servers count together", input: h("input", { type: "checkbox" }),
      parse: (is) => is || undefined }),
  ];
}

function headers(text) {
  const out = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const at = line.indexOf(":");
    if (at < 1) throw new Error(`It must be "Name: value": ${line}`);
    out[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return Object.keys(out).length ? out : undefined;
}
