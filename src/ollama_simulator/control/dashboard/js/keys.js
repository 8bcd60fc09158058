/* Shortcuts of one key, and the dialog that lists them.
 *
 * Rules of this file:
 * 1. They do nothing while somebody writes, and can be switched off (WCAG 2.2, 2.1.4).
 */

import { h, set } from "./dom.js";

const KEY = "ollama_simulator.shortcuts";

/** Bind keys: each is `[key, what it does in words, function]`. */
export function shortcuts(bindings, escape) {
  const dialog = document.getElementById("help");
  const enabled = document.getElementById("shortcuts-on");
  enabled.checked = localStorage.getItem(KEY) !== "off";
  enabled.addEventListener("input", () => localStorage.setItem(KEY, enabled.checked ? "on" : "off"));
  const table = document.getElementById("keys");
  for (const [key, words] of bindings) table.append(h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, words)));
  const help = document.getElementById("help-button");
  help.addEventListener("click", () => dialog.showModal());
  const does = new Map(bindings.filter(([, , run]) => run).map(([key, , run]) => [key, run]));
  does.set("?", () => dialog.showModal());
  set(help, "aria-keyshortcuts", "?");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog.open) return;
    if (event.key === "Escape") {
      escape();
      return;
    }
    const writes = event.target.closest("input:not([type=checkbox]), textarea, select") !== null;
    if (writes || !enabled.checked) return;
    const run = does.get(event.key);
    if (run === undefined) return;
    event.preventDefault();
    run();
  });
}
