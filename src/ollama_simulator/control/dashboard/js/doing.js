/* Doing something to the fleet: it is sent, and told at the foot of the page with its `curl`.
 *
 * Rules of this file:
 * 1. Nothing is done that is not told, and nothing is told that was not done.
 */

import { curl, send } from "./api.js";
import { h, say, set } from "./dom.js";

const MOST_TOLD = 50;

/** Text in a box, with a button that copies it. */
export class CurlBox {
  constructor(label = "The same with curl") {
    this.code = h("code", { tabindex: 0, "aria-label": label });
    this.button = copyButton(() => this.code.textContent);
    this.root = h("div", { class: "curl" }, h("pre", {}, this.code), this.button);
  }

  /** Show an action, or say in words why there is none yet. */
  show(requests, words = "") {
    say(this.code, requests === null ? words : curl(requests));
    set(this.root, "data-none", requests === null);
    this.button.disabled = requests === null;
  }
}

function copyButton(text) {
  const button = h("button", { type: "button", class: "small", onclick: async () => {
    await copy(text());
    say(button, "Copied");
    setTimeout(() => say(button, "Copy"), 1500);
  } }, "Copy");
  return button;
}

async function copy(text) {
  // The clipboard is there for safe origins only, to which a simulator elsewhere doesn't belong.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", {}, text);
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}

export class Doer {
  /** `after` is called when something was done. */
  constructor(after) {
    this.after = after;
    this.status = document.getElementById("did");
    this.last = document.getElementById("did-curl");
    this.history = document.getElementById("history");
    document.getElementById("did-copy").append(copyButton(() => this.last.textContent));
  }

  /** Do an action: send its requests, one after another. Raises what is raised. */
  async do(says, requests) {
    const command = curl(requests);
    try {
      let answer = null;
      for (const request of requests) answer = await send(request);
      this.tell(true, says, command);
      return answer;
    } catch (error) {
      this.tell(false, `${says}: ${reason(error)}`, command);
      throw error;
    } finally {
      this.after();
    }
  }

  /** Do an action whose failure needs no more words than the foot of the page has. */
  async attempt(says, requests) {
    try {
      return await this.do(says, requests);
    } catch {
      return null;
    }
  }

  tell(fine, words, command) {
    say(this.status, `${fine ? "✓" : "✗"} ${words}`);
    set(this.status, "data-fine", fine ? "yes" : "no");
    say(this.last, command);
    document.getElementById("foot").hidden = false;
    this.history.prepend(h("li", {}, h("span", {}, `${fine ? "✓" : "✗"} ${words}`), h("code", {}, command)));
    while (this.history.children.length > MOST_TOLD) this.history.lastChild.remove();
  }
}

/** Why something failed, in words. */
export function reason(error) {
  return error instanceof TypeError ? "the simulator doesn't answer" : error.message;
}
