// A status as people see it: its sign, its word and its colour.

import { h } from "./dom.mjs";
import { STATUSES } from "./words.mjs";

/** States of a job that are not statuses of a run. */
const OTHERS = {
  paused: { sign: "Ⅱ", colour: "busy" },
  archived: { sign: "▫", colour: "quiet" },
  new: { sign: "·", colour: "quiet", word: "never ran" },
};

/** How a status, or what else a job can be, is shown: `{sign, colour, word}`. An app that runs is as it should be. */
export const looks = (status, isApp = false) => {
  const { sign, colour, word } = STATUSES[status] ?? OTHERS[status] ?? { sign: "?", colour: "quiet" };
  return { sign, colour: isApp && status === "running" ? "good" : colour, word: word ?? status };
};

/** Show a status in `cell`, unless it is there already. */
export function drawStatus(cell, status, isApp = false) {
  if (cell.dataset.status === status) return;
  cell.dataset.status = status;
  const { sign, colour, word } = looks(status, isApp);
  cell.replaceChildren(
    h(
      "span",
      { class: `ry-badge ry-${colour}` },
      h("span", { class: "ry-sign", "aria-hidden": "true" }, sign),
      ` ${word}`, // the space is seen only where it is copied
    ),
  );
}
