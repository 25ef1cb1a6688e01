// Text put into elements.

import { h } from "./dom.mjs";
import { instantIn } from "./words.mjs";

/** Put `text` there unless it is there already: an unchanged cell costs nothing and keeps what is selected in it. */
export function say(element, text) {
  if (element.firstChild?.data !== text || element.childNodes.length > 1) element.textContent = text;
}

/**
 * Let `element` say an instant in full when pointed at, in the time zone of its job too; formatting one takes longer
 * than all the rest of a cell.
 */
export function sayInstant(element, at, zone) {
  if (element.dataset.at === String(at)) return;
  element.dataset.at = at;
  element.title = at === null ? "" : instantIn(at, zone);
}

/** Return text as nodes; what stands between backticks becomes code. */
export const withCode = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
