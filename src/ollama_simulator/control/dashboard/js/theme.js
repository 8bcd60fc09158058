/* Dark or light: as the system says, or as somebody chose.
 *
 * Rules of this file:
 * 1. The choice is kept in this browser only.
 */

import { say, set } from "./dom.js";

const KEY = "ollama_simulator.theme";
const NEXT = { auto: "dark", dark: "light", light: "auto" };
const SAYS = { auto: "Theme: auto", dark: "Theme: dark", light: "Theme: light" };

/** Let a button walk through the three; `changed` is called when the colours are others. */
export function themes(button, changed) {
  const become = (theme) => {
    set(document.documentElement, "data-theme", theme === "auto" ? null : theme);
    say(button, SAYS[theme]);
    localStorage.setItem(KEY, theme);
    changed();
  };
  let theme = localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "auto";
  become(theme);
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    become(theme);
  });
}
