/** Small helpers to build and change the page. Text is always set as text. */

import { parts } from "./exact.js";

export const byId = (id) => document.getElementById(id);

/** make("li", { className: "row" }, "text", element) */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Touches the page only when there is something new to see. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An exact figure: the whole part strong, the decimals quieter, all eight of them. */
export function figure(size, className = "figure") {
  const { whole, decimals } = parts(size);
  return make("span", { className }, whole, make("span", { className: "decimals" }, `.${decimals}`));
}

/** Write a new figure into one that `figure` made. */
export function setFigure(element, size) {
  const { whole, decimals } = parts(size);
  const [first, rest] = element.childNodes;
  if (first.data !== whole) first.data = whole;
  setText(rest, `.${decimals}`);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Animate, unless the reader asked for calm. */
export function animate(element, frames, options) {
  if (!calm.matches) element.animate(frames, options);
}
