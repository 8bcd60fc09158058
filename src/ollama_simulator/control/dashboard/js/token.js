/* The token that the simulator may want: from the address of the page, or asked for once.
 *
 * Rules of this file:
 * 1. It is kept for this tab and this host alone, and taken out of the address, so that neither the
 *    browser's history nor an address that somebody copies has it.
 * 2. It is shown nowhere, and goes nowhere but into a header.
 */

import { say } from "./dom.js";

const KEY = "ollama_simulator.token";
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** The variable of the environment that programs and commands take it from. */
export const VARIABLE = "OLLAMA_SIMULATOR_CONTROL_TOKEN";

/** The token; null for none. */
export const token = () => sessionStorage.getItem(KEY);

/** What a request says of it. */
export const authorization = () => (token() === null ? {} : { Authorization: `Bearer ${token()}` });

/** Take the token out of an address that ends with `#token=…`. */
function fromAddress() {
  const found = /^#token=(.*)$/.exec(location.hash);
  if (found === null) return;
  if (TOKEN.test(found[1])) sessionStorage.setItem(KEY, found[1]);
  history.replaceState(null, "", location.pathname + location.search);
}

/** Take tokens from the address and from the dialog. `changed` is called when there is one. */
export function tokens(changed) {
  const dialog = document.getElementById("token-dialog");
  const input = document.getElementById("token");
  const wrong = document.getElementById("token-wrong");
  addEventListener("hashchange", () => {
    fromAddress();
    changed();
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.getElementById("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = input.value.trim();
    if (!TOKEN.test(given)) {
      say(wrong, "A token has letters, digits and any of - . _ ~ + / and may end with =.");
      return;
    }
    sessionStorage.setItem(KEY, given);
    input.value = "";
    changed();
  });
  return {
    /** Ask for it; say so if the one that there is was refused. */
    ask() {
      say(wrong, token() === null ? "" : "That is not its token.");
      if (!dialog.open) dialog.showModal();
      input.focus();
    },
    done: () => dialog.close(),
  };
}

fromAddress();
