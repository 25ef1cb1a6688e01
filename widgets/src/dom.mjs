// Elements from names, properties and children. Text only ever becomes text: there is no way to pass HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; properties are attributes, `on...` listeners, and booleans that are there or not. */
export function h(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** An SVG element. */
export function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** `template` with `{id}`, `{ref}`, `{number}` filled from `row`; empty when there is no template: no link. */
export function address(template, row) {
  return template.replace(/\{(\w+)\}/g, (_, key) => encodeURIComponent(row[key] ?? ""));
}
