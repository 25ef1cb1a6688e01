// Text put into elements.

import { h } from "./dom.mjs";

/** Put `text` there unless it is there already: an unchanged cell costs nothing and keeps what is selected in it. */
export function say(element, text) {
  if (element.firstChild?.data !== text || element.childNodes.length > 1) element.textContent = text;
}

/** Return text as nodes; what stands between backticks becomes code. */
export const withCode = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
