/* Making and changing elements.
 *
 * Rules of this file:
 * 1. Text is always text: nothing that comes from outside is ever read as HTML.
 * 2. What has not changed is not written: a browser pays for every change.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. `props` are its attributes; `on…` are listeners, `class` its classes. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else set(node, name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Set an attribute, or take it away for null and false. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const words = value === true ? "" : String(value);
    if (node.getAttribute(name) !== words) node.setAttribute(name, words);
  }
}

/** Have an element say this. */
export function say(node, words) {
  const text = String(words);
  if (node.textContent !== text) node.textContent = text;
}

/** Have an element say this, in which code stands in backquotes. */
export function prose(node, words) {
  const parts = String(words).split("`");
  if (node.textContent === parts.join("")) return;
  node.replaceChildren(...parts.map((part, at) => (at % 2 ? h("code", {}, part) : part)));
}

/** What each element's style was set to; a browser gives it back in words of its own. */
const styled = new WeakMap();

/** Set a property of an element's style. */
export function style(node, name, value) {
  const known = styled.get(node) ?? {};
  if (known[name] === value) return;
  node.style.setProperty(name, value);
  styled.set(node, { ...known, [name]: value });
}

/** Have exactly these children, in this order. Those that stand right already are not moved. */
export function arrange(parent, wanted) {
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  while (next !== null) {
    const over = next;
    next = next.nextSibling;
    over.remove();
  }
}

/** A picture out of one path, 16 units wide. It says nothing to a reader of the screen. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}

export const BOLT = "M9.5 0 2.5 9h4l-1 7 8-10h-4.5z";
export const HEART = "M8 14.5C3 10.5 1 8.2 1 5.4 1 3.3 2.6 2 4.3 2 6 2 7.3 3 8 4.5 8.7 3 10 2 11.7 2 13.4 2 15 3.3 15 5.4 15 8.2 13 10.5 8 14.5z";
export const CROSS = "M3.5 2 8 6.5 12.5 2 14 3.5 9.5 8 14 12.5 12.5 14 8 9.5 3.5 14 2 12.5 6.5 8 2 3.5z";
export const PLUS = "M7 2h2v5h5v2H9v5H7V9H2V7h5z";
