// A live list of rows: search, selection, a menu and details per row. Rows are elements kept by key, so that no change
// of theirs moves what somebody reads, selects or types in (UI-02). What columns there are is up to the caller.

import { address, h } from "./dom.mjs";
import { keep, recall } from "./place.mjs";
import { rowMenu } from "./row_menu.mjs";
import { Rows } from "./rows.mjs";
import { say, withCode } from "./say.mjs";
import { choose } from "./selection.mjs";
import { looks } from "./status.mjs";
import { actionsFor, countsBy, matching } from "./table_model.mjs";
import { NO_TAG, tagCounts, tagGroups } from "./tags.mjs";
import { watch } from "./watch.mjs";

const TICK_MS = 1000; // durations of open runs are told in seconds

/**
 * Draw a table of `shape`: `noun` and `nouns`; `key` of a row; `columns` of `{name, title, draw(cell, row, now),
 * isTimed}`, the one named "name" carrying the link; `order(a, b)`; `text(row)` that is searched; `statusOf(row)`;
 * `groups` of statuses to choose, by name `(row) => whether`; `states(row)` for actions; `details(row, now)` as
 * `[title, text]` of an open row; `refOf(row)`; `tagsOf(row)` where rows are filtered and grouped by tags;
 * `pipelineOf(row)` where they are filtered by the pipeline they run, null for none.
 */
export function drawTable({ model, root }, shape) {
  const rows = new Rows(shape.key);
  // A row stands in as many places as it has tags, when it is grouped by them.
  const lines = new Map(); // place -> the elements of a row there
  const headings = new Map(); // tag -> the element above its rows
  const opened = new Set(); // places
  const page = model.get("page") ?? "";
  const filter = { words: "", status: model.get("status"), tag: model.get("tag") ?? "", pipeline: "" };
  let isGrouped = model.get("is_grouped") ?? false;
  let shown = []; // `{ place, row }`, as they are listed
  let current = null; // the place of the row arrow keys are at

  const search = h("input", {
    type: "search",
    placeholder: `Search ${shape.nouns}`,
    "aria-label": `Search ${shape.nouns}`,
    oninput: () => refilter({ words: search.value }),
  });
  const statuses = h("select", {
    "aria-label": "Status",
    onchange: () => refilter({ status: statuses.value }),
  });
  const tags = h("select", { "aria-label": "Tag", onchange: () => rechoose({ tag: tags.value }) });
  const pipelines = h("select", {
    "aria-label": "Pipeline",
    onchange: () => rechoose({ pipeline: pipelines.value }),
  });
  const grouping = h(
    "button",
    { type: "button", onclick: () => rechoose({ isGrouped: !isGrouped }) },
    "Group by tag",
  );
  const count = h("span", { class: "ry-quiet", role: "status" });
  const all = h("input", {
    type: "checkbox",
    "aria-label": `Select all ${shape.nouns} shown`,
    onchange: selectAll,
  });
  const head = h(
    "div",
    { class: "ry-line ry-head", role: "row" },
    h("span", { role: "columnheader", class: "ry-check" }, all),
    ...shape.columns.map(({ name, title }) =>
      h("span", { role: "columnheader", class: `ry-${name}` }, title),
    ),
    h("span", { role: "columnheader", class: "ry-more" }, h("span", { class: "ry-unseen" }, "More")),
  );
  const body = h("div", { role: "rowgroup", onkeydown: moveByKey });
  const note = h("p", { class: "ry-note" });
  const list = h(
    "div",
    { class: "ry-scroll", role: "grid", "aria-multiselectable": "true", "aria-label": shape.nouns },
    h("div", { role: "rowgroup", class: "ry-top" }, head),
    body,
    note,
  );
  list.style.maxHeight = `${model.get("height")}px`;
  const menu = rowMenu();
  root.classList.add("ry-table", `ry-${shape.nouns}`);
  root.append(
    h("div", { class: "ry-bar" }, search, statuses, pipelines, tags, grouping, count),
    list,
    menu.element,
  );

  // What is shown.

  function refilter(change) {
    Object.assign(filter, change);
    list.scrollTop = 0;
    arrange();
  }

  /** Show another tag or pipeline, or rows grouped or not: what the address of the page says too. */
  function rechoose({ tag = filter.tag, pipeline = filter.pipeline, isGrouped: grouped = isGrouped }) {
    isGrouped = grouped;
    refilter({ tag, pipeline });
    const chosen = { ...(pipeline && { pipeline }), ...(tag && { tag }), ...(isGrouped && { by: "tag" }) };
    keep(page, new URLSearchParams(chosen));
  }

  /** Show what the address of the page says, or this browser remembers. */
  function recallChoice() {
    const chosen = recall(page);
    if (!chosen) return;
    const [tag, pipeline] = ["tag", "pipeline"].map((name) => chosen.get(name) ?? "");
    rechoose({ tag, pipeline, isGrouped: chosen.get("by") === "tag" });
  }

  function arrange() {
    const known = [...rows].sort(shape.order);
    const found = matching(known, filter, shape);
    const groups = isGrouped
      ? tagGroups(found, shape.tagsOf).filter(([tag]) => !filter.tag || tag === filter.tag)
      : [[null, found]];
    shown = groups.flatMap(([tag, its]) => its.map((row) => ({ place: placeOf(row, tag), row })));
    keepInPlace(() => {
      const wanted = groups.flatMap(([tag, its]) => [
        ...(tag === null ? [] : [headingOf(tag, its.length)]),
        ...its.map((row) => lineOf(placeOf(row, tag), row).element),
      ]);
      drop(lines, wanted, ({ element }) => element);
      drop(headings, wanted, (element) => element);
      let next = body.firstElementChild;
      for (const element of wanted) {
        if (element === next) next = next.nextElementSibling;
        else body.insertBefore(element, next);
      }
      const traits = { href: model.get("href"), actions: model.get("actions") };
      for (const each of shown) drawLine(each, traits);
    });
    offerStatuses(known);
    offerTags(known);
    offerPipelines(known);
    say(
      count,
      found.length === known.length ? counted(known.length) : `${found.length} of ${counted(known.length)}`,
    );
    explain(known.length);
    showSelection();
    if (!lines.has(current)) current = shown[0]?.place ?? null;
    if (lines.has(current)) lines.get(current).element.tabIndex = 0;
  }

  const placeOf = (row, tag) => (tag === null ? row[shape.key] : `${tag} ${row[shape.key]}`);

  /** Take away what is not wanted any more. */
  function drop(made, wanted, elementOf) {
    const kept = new Set(wanted);
    for (const [key, one] of made) {
      if (kept.has(elementOf(one))) continue;
      elementOf(one).remove();
      made.delete(key);
    }
  }

  function headingOf(tag, n) {
    if (!headings.has(tag)) {
      const name = h("span", { role: "rowheader" }, tag === NO_TAG ? "no tag" : tag);
      headings.set(tag, h("div", { class: "ry-group", role: "row" }, name, h("span", { role: "gridcell" })));
    }
    say(headings.get(tag).lastChild, counted(n));
    return headings.get(tag);
  }

  const counted = (n) => `${n} ${n === 1 ? shape.noun : shape.nouns}`;

  /** Change the rows so that the first one seen stays where it is on screen, and the focus where it was. */
  function keepInPlace(change) {
    const focused = root.getRootNode().activeElement;
    const seen = list.scrollTop > 0 && shown.map(({ place }) => lines.get(place)?.element).find(isSeen);
    const before = seen ? seen.offsetTop : 0;
    change();
    if (seen?.isConnected) list.scrollTop += seen.offsetTop - before;
    if (body.contains(focused) && root.getRootNode().activeElement !== focused)
      focused.focus({ preventScroll: true });
  }

  const isSeen = (element) =>
    element?.isConnected && element.offsetTop + element.offsetHeight > list.scrollTop + head.offsetHeight;

  function offerStatuses(known) {
    const counts = countsBy(known, shape);
    if (filter.status && !counts.some(([status]) => status === filter.status))
      counts.push([filter.status, 0]);
    offer(statuses, "Any status", counts, (status) => looks(status).word);
    statuses.value = filter.status;
  }

  function offerTags(known) {
    const counts = shape.tagsOf ? tagCounts(known, shape.tagsOf) : [];
    if (filter.tag && !counts.some(([tag]) => tag === filter.tag)) counts.push([filter.tag, 0]);
    tags.hidden = grouping.hidden = counts.length === 0;
    offer(tags, "Any tag", counts, (tag) => tag);
    tags.value = filter.tag;
    grouping.ariaPressed = String(isGrouped);
  }

  function offerPipelines(known) {
    // Counted like tags, of which each row has one or none.
    const counts = tagCounts(known, (row) => [shape.pipelineOf?.(row)].filter(Boolean));
    if (filter.pipeline && !counts.some(([name]) => name === filter.pipeline))
      counts.push([filter.pipeline, 0]);
    pipelines.hidden = counts.length === 0;
    offer(pipelines, "Any pipeline", counts, (name) => name);
    pipelines.value = filter.pipeline;
  }

  /** Fill `select` with what there is, each with how often. */
  function offer(select, any, counts, wordOf) {
    const offers = [["", any], ...counts.map(([value, n]) => [value, `${wordOf(value)} (${n})`])];
    while (select.options.length > offers.length) select.lastChild.remove();
    offers.forEach(([value, title], i) => {
      const option = select.options[i] ?? select.appendChild(h("option"));
      option.value = value;
      say(option, title);
    });
  }

  /** Nothing there and nothing found are two things to say (UI-16). */
  function explain(known) {
    note.hidden = shown.length > 0;
    if (note.hidden) return;
    if (known === 0) return note.replaceChildren(...withCode(model.get("empty") || `No ${shape.nouns} yet.`));
    const showAll = () => {
      search.value = "";
      Object.assign(filter, { words: "", status: "" });
      rechoose({ tag: "", pipeline: "" });
    };
    note.replaceChildren(
      `No ${shape.noun} matches. `,
      h("button", { type: "button", onclick: showAll }, "Show all"),
    );
  }

  // One row.

  function lineOf(place, row) {
    if (!lines.has(place)) lines.set(place, makeLine(place, row[shape.key]));
    return lines.get(place);
  }

  function makeLine(place, key) {
    const check = h("input", { type: "checkbox", tabindex: -1, onchange: () => select(key, check.checked) });
    const cells = shape.columns.map(({ name }) => h("span", { role: "gridcell", class: `ry-${name}` }));
    const link = h("a");
    cells[shape.columns.findIndex(({ name }) => name === "name")].append(link);
    const more = h(
      "button",
      {
        type: "button",
        tabindex: -1,
        class: "ry-dots",
        "aria-haspopup": "menu",
        onclick: () => openMenu(place),
      },
      "⋯",
    );
    const line = h(
      "div",
      { class: "ry-line", onclick: ({ target }) => target.closest("a, button, input") || toggle(place) },
      h("span", { role: "gridcell", class: "ry-check" }, check),
      ...cells,
      h("span", { role: "gridcell", class: "ry-more" }, more),
    );
    const element = h(
      "div",
      { class: "ry-row", role: "row", tabindex: -1, onfocusin: () => arriveAt(place) },
      line,
    );
    return { key, element, line, check, cells, link, more, details: null, drawn: null };
  }

  /** Draw what changed: a row that did is another object. What time alone changes is drawn by the tick. */
  function drawLine({ place, row }, { href: template, actions }) {
    const line = lines.get(place);
    if (line.drawn === row) return;
    line.drawn = row;
    const { element, check, link, more, cells } = line;
    const href = address(template, { ...row, ref: shape.refOf(row) });
    if (link.getAttribute("href") !== (href || null))
      href ? link.setAttribute("href", href) : link.removeAttribute("href");
    const name = shape.label(row);
    check.setAttribute("aria-label", `Select ${name}`);
    more.setAttribute("aria-label", `Actions for ${name}`);
    more.hidden = actionsFor(actions, shape.states(row)).length === 0;
    element.dataset.status = shape.statusOf(row);
    for (const [i, { name, draw }] of shape.columns.entries()) {
      draw(name === "name" ? link : cells[i], row, rows.now());
    }
    drawDetails(place, row);
  }

  function drawDetails(place, row) {
    const line = lines.get(place);
    const isOpen = opened.has(place);
    line.element.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) {
      line.details?.remove();
      line.details = null;
      return;
    }
    line.details ??= line.element.appendChild(h("dl", { class: "ry-details", role: "gridcell" }));
    const said = shape.details(row, rows.now()).filter(([, text]) => text);
    while (line.details.childElementCount > 2 * said.length) line.details.lastElementChild.remove();
    said.forEach(([title, text], i) => {
      if (!line.details.children[2 * i]) line.details.append(h("dt"), h("dd"));
      say(line.details.children[2 * i], title);
      say(line.details.children[2 * i + 1], text);
    });
  }

  function toggle(place) {
    opened.has(place) ? opened.delete(place) : opened.add(place);
    drawDetails(place, rows.get(lines.get(place).key));
  }

  // Selection.

  function select(key, isSelected) {
    const others = model.get("selected").filter((other) => other !== key);
    selectThese(isSelected ? [...others, key] : others);
  }

  function selectAll() {
    const keys = new Set(shown.map(({ row }) => row[shape.key]));
    const others = model.get("selected").filter((key) => !keys.has(key));
    selectThese(all.checked ? [...others, ...keys] : others);
  }

  function selectThese(keys) {
    choose(model, keys);
    showSelection();
  }

  function showSelection() {
    const selected = new Set(model.get("selected"));
    let here = 0;
    for (const { key, element, check } of lines.values()) {
      const isSelected = selected.has(key);
      here += isSelected;
      if (element.ariaSelected === String(isSelected)) continue;
      check.checked = isSelected;
      element.ariaSelected = String(isSelected);
    }
    all.checked = here > 0 && here === lines.size;
    all.indeterminate = here > 0 && here < lines.size;
  }

  function openMenu(place) {
    const { key, more } = lines.get(place);
    const row = rows.get(key);
    menu.open(more, actionsFor(model.get("actions"), shape.states(row)), ({ name }) => {
      const n = (model.get("requested").n ?? 0) + 1;
      model.set("requested", { name, id: row.id, ref: shape.refOf(row), n });
      model.save_changes();
    });
  }

  // Keys, on a row: arrows move and open, space selects, enter follows the link, the menu key opens the menu.

  function moveByKey(event) {
    const { target, key } = event;
    if (!target.classList.contains("ry-row") || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = shown.findIndex(({ place }) => place === current);
    const { key: row, link, check, more } = lines.get(current);
    const go = (i) => lines.get(shown[Math.min(shown.length - 1, Math.max(0, i))].place).element.focus();
    const moves = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(shown.length - 1),
      ArrowRight: () => opened.has(current) || toggle(current),
      ArrowLeft: () => opened.has(current) && toggle(current),
      " ": () => select(row, !check.checked),
      Enter: () => (link.hasAttribute("href") ? link.click() : toggle(current)),
      ContextMenu: () => more.click(),
    };
    if (!moves[key]) return;
    event.preventDefault();
    moves[key]();
  }

  /** One row is reached by the tab key: the one that was last used. */
  function arriveAt(place) {
    if (lines.has(current)) lines.get(current).element.tabIndex = -1;
    current = place;
    lines.get(place).element.tabIndex = 0;
  }

  // Time passes.

  const tick = setInterval(() => {
    if (!root.isConnected || document.hidden) return;
    for (const { place, row } of shown) {
      const { cells } = lines.get(place);
      for (const [i, { draw, isTimed }] of shape.columns.entries())
        if (isTimed) draw(cells[i], row, rows.now());
    }
  }, TICK_MS);

  const unwatch = watch(model, ["actions", "empty", "href"], () => {
    for (const line of lines.values()) line.drawn = null;
    arrange();
  });
  const unwatchSelected = watch(model, ["selected"], showSelection);
  rows.merge(model.get("snapshot"));
  arrange();
  recallChoice();
  addEventListener("hashchange", recallChoice);
  return {
    frame(head) {
      rows.merge(head);
      arrange();
    },
    stop() {
      clearInterval(tick);
      removeEventListener("hashchange", recallChoice);
      unwatch();
      unwatchSelected();
    },
  };
}
