// The menu of a row: what can be done to it, in a box beside the button that opens it. One for all rows of a list.

import { h } from "./dom.mjs";

/** Return `{ element, open(button, offers, chosen) }`; `offers` are `{label}`, `chosen` is called with one of them. */
export function rowMenu() {
  const element = h("div", { class: "ry-menu", role: "menu", popover: "auto", onkeydown: move });

  function open(button, offers, chosen) {
    if (!offers.length) return;
    const items = offers.map((offer) => {
      const onclick = () => {
        element.hidePopover();
        chosen(offer);
      };
      return h("button", { type: "button", role: "menuitem", onclick }, offer.label);
    });
    element.replaceChildren(...items);
    element.showPopover();
    const [from, box] = [button.getBoundingClientRect(), element.getBoundingClientRect()];
    const below = from.bottom + box.height < innerHeight;
    element.style.left = `${Math.max(8, from.right - box.width)}px`;
    element.style.top = `${below ? from.bottom + 2 : from.top - box.height - 2}px`;
    items[0].focus();
  }

  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...element.children];
    const at = items.indexOf(element.getRootNode().activeElement);
    items[(at + step + items.length) % items.length].focus();
  }

  return { element, open };
}
