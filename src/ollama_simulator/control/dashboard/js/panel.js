/* The panel at the side: one thing at a time is in it, and Escape closes it.
 *
 * Rules of this file:
 * 1. Who opens it finds the focus in it; who closes it finds the focus where it was before.
 */

import { CROSS, h, icon } from "./dom.js";

export class Panel {
  constructor() {
    this.root = document.getElementById("panel");
    this.shown = null;
    this.before = null;
  }

  /** Show a view: `title`, `body`, and perhaps `update`, called when the servers are known anew. */
  open(view) {
    if (this.shown === null || !this.root.contains(document.activeElement)) this.before = document.activeElement;
    this.shown = view;
    const title = h("h2", { id: "panel-title", tabindex: -1 }, view.title);
    const close = h("button", { type: "button", class: "quick", "aria-label": "Close the panel", title: "Close (Esc)",
      onclick: () => this.close() }, icon(CROSS));
    this.root.replaceChildren(h("header", {}, title, close), view.body);
    this.root.hidden = false;
    document.body.classList.add("with-panel");
    this.root.scrollTop = 0;
    view.update?.();
    (view.focus?.() ?? title).focus({ preventScroll: true });
  }

  update() {
    this.shown?.update?.();
  }

  close() {
    if (this.shown === null) return;
    this.shown = null;
    this.root.hidden = true;
    this.root.replaceChildren();
    document.body.classList.remove("with-panel");
    if (this.before?.isConnected) this.before.focus();
    this.before = null;
  }
}
