/* The control API: what can be asked of it, as values; the same as `curl`.
 *
 * Rules of this file:
 * 1. An action is a list of requests. What is shown as `curl` is made from the very requests that
 *    are sent.
 * 2. Nobody but the host that the page came from is ever asked.
 * 3. What is shown as `curl` never has the token, but the variable that should.
 */

import { VARIABLE, authorization, token } from "./token.js";

export const BASE = location.origin;

/** What the simulator refused, and why. */
export class Refused extends Error {
  constructor(status, answer) {
    const detail = answer?.detail ?? answer?.error ?? answer?.title ?? `status ${status}`;
    super(detail);
    this.status = status;
    /** What is wrong with each field: `{pointer, detail}`. */
    this.errors = answer?.errors ?? [];
  }
}

/** Ask for a document. Raises `Refused`, and `TypeError` if nobody answers. */
export async function read(path, signal) {
  return answered(await fetch(path, { headers: { Accept: "application/json", ...authorization() }, signal }));
}

/** Send a request of an action. Raises as `read` does. */
export async function send({ method, path, body }) {
  const options = { method, headers: authorization() };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  return answered(await fetch(path, options));
}

async function answered(response) {
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = { detail: text.slice(0, 200) };
  }
  if (!response.ok) throw new Refused(response.status, value);
  return value;
}

/** An action as commands for a POSIX shell, one a line. */
export function curl(requests) {
  return requests.map(command).join("\n");
}

function command({ method, path, body }) {
  const words = ["curl"];
  if (method !== "GET") words.push("-X", method);
  words.push(quoted(BASE + path));
  if (token() !== null) words.push("-H", `"Authorization: Bearer $${VARIABLE}"`);
  if (body !== undefined) {
    words.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(body)));
  }
  return words.join(" ");
}

function quoted(word) {
  return /^[\w:/.,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Servers as a path names them: `all`, or their names with commas. */
function named(servers) {
  return servers === "all" ? "all" : servers.map(encodeURIComponent).join(",");
}

const each = (servers, make) => (servers === "all" ? [make("all")] : servers.map(make));

export const inject = (servers, rule) => [
  { method: "POST", path: `/servers/${named(servers)}/rules`, body: rule },
];

export const heal = (servers) => [{ method: "DELETE", path: `/servers/${named(servers)}/rules` }];

export const healRule = (server, id) => [
  { method: "DELETE", path: `/servers/${named([server])}/rules/${id}` },
];

export const restart = (servers, seconds) =>
  each(servers, (name) => ({
    method: "POST",
    path: `/servers/${encodeURIComponent(name)}/restart`,
    body: seconds === undefined ? undefined : { seconds },
  }));

export const add = (settings) => [{ method: "POST", path: "/servers", body: settings }];

export const change = (server, settings) => [
  { method: "PATCH", path: `/servers/${encodeURIComponent(server)}`, body: settings },
];

export const remove = (servers) =>
  servers.map((name) => ({ method: "DELETE", path: `/servers/${encodeURIComponent(name)}` }));

export const load = (port, model) => [
  { method: "POST", path: "/loaded-model", body: { port, model } },
];

export const forget = (port) => [{ method: "POST", path: "/kv-cache/clear", body: { port } }];

export const reset = (counters) => [
  { method: "POST", path: "/reset", body: { clear_counters: counters } },
];
