// Runs over time: one lane a job, a bar a run, what waited, what is open, what comes next. Its kernel end is
// run_timeline.py; geometry is in timeline_geometry.mjs, drawing in timeline_canvas.mjs.

import "./run_timeline.css";
import { address, h } from "./dom.mjs";
import { followGestures } from "./gestures.mjs";
import { liveWidget } from "./live.mjs";
import { Rows } from "./rows.mjs";
import { say, withCode } from "./say.mjs";
import { choose, toggled } from "./selection.mjs";
import { looks } from "./status.mjs";
import { newestFirst } from "./table_model.mjs";
import { AXIS_HEIGHT, drawTimeline, namesWidth } from "./timeline_canvas.mjs";
import {
  across,
  barAt,
  barsWithin,
  down,
  instantAt,
  lanesOf,
  nextBar,
  wholeView,
  zoomed,
} from "./timeline_geometry.mjs";
import { watch } from "./watch.mjs";
import { duration, instant, isOver, runTime, waitTime } from "./words.mjs";

const HOUR = 3_600_000; // ms
const BORDERS = 2; // px of the frame, within its height
const TICK_MS = 1000; // open bars grow by the second
const READ_ROWS = 100; // of the table for screen readers: the newest runs, more than anybody listens to

/** Return what there is to say of a run, each part a line. */
function description(run, now) {
  const { sign, word } = looks(run.status);
  const waited = waitTime(run, now);
  const ran = runTime(run, now);
  return [
    `${run.job} #${run.number}`,
    `${sign} ${word}${run.reason ? `, ${run.reason}` : ""}`,
    ran === null
      ? `${isOver(run) ? "waited" : "has waited"} ${duration(waited)}`
      : `ran ${duration(ran)}, waited ${duration(waited)}`,
    instant(run.started_at ?? run.created_at),
    run.trigger,
  ].filter(Boolean);
}

export default liveWidget(({ model, root }) => {
  const rows = new Rows("id");
  let ticks = [];
  let lanes = lanesOf([]);
  let view = wholeView(lanes, Date.now());
  let isMoved = false; // by the viewer; until then everything is shown
  let seenAt = rows.now(); // the instant `view` was last right for, as it moves along with now
  let focused = null; // id of the run arrow keys are at
  let brush = null;

  const canvas = h("canvas", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "timeline",
    "aria-label":
      "Runs over time. Arrow keys move between runs, space selects, enter opens, plus and minus zoom.",
  });
  const spacer = h("div");
  const frame = h("div", { class: "ry-frame" }, canvas, spacer);
  const tip = h("div", { class: "ry-tip", hidden: true });
  const spoken = h("div", { class: "ry-unseen", "aria-live": "polite" });
  const listed = h("tbody");
  const headings = ["Job", "Run", "Status", "Created", "Took"].map((title) =>
    h("th", { scope: "col" }, title),
  );
  const table = h(
    "table",
    {},
    h("caption", {}, "The newest runs"),
    h("thead", {}, h("tr", {}, ...headings)),
    listed,
  );
  const note = h("p", { class: "ry-note" });
  const show = (label, ms) => h("button", { type: "button", onclick: () => showLast(ms) }, label);
  const zoomButton = (label, title, factor) =>
    h("button", { type: "button", title, "aria-label": title, onclick: () => zoomBy(factor) }, label);
  const key = (name, words) => h("span", { class: "ry-key" }, h("i", { class: `ry-${name}` }), words);
  root.classList.add("ry-timeline");
  root.append(
    h(
      "div",
      { class: "ry-bar" },
      ...["completed", "failed", "running", "cancelled"].map((status) => key(status, status)),
      key("waited", "waited"),
      key("tick", "will run"),
      h(
        "span",
        { class: "ry-zoom" },
        ...[show("1 h", HOUR), show("24 h", 24 * HOUR), show("7 d", 168 * HOUR), show("All", 0)],
        zoomButton("−", "Zoom out", 1 / 1.5),
        zoomButton("+", "Zoom in", 1.5),
      ),
    ),
    frame,
    note,
    tip,
    spoken,
    h("div", { class: "ry-unseen" }, table),
  );

  // Drawing.

  const left = () => namesWidth(canvas.clientWidth);
  const width = () => canvas.clientWidth - left();
  /** Return where a point of the canvas is among the lanes. */
  const inLanes = (x, y) => ({ x: x - left(), y: y - AXIS_HEIGHT + frame.scrollTop });
  let asked = 0;
  const redraw = () => {
    asked ||= requestAnimationFrame(draw);
  };

  function draw() {
    asked = 0;
    const start = performance.now();
    const now = rows.now();
    // While now is in sight, it stays where it is and time moves past it.
    if (isMoved && view.from <= seenAt && seenAt <= view.to) {
      view = { from: view.from + now - seenAt, to: view.to + now - seenAt };
    } else if (!isMoved) view = wholeView(lanes, now);
    seenAt = now;
    const selected = new Set(model.get("selected"));
    const scene = { lanes, view, now, scrolled: frame.scrollTop, selected, focused: barOf(focused), brush };
    drawTimeline(canvas, root, scene);
    root.__runyard = { drawMs: performance.now() - start, runs: rows.size, lanes: lanes.list.length };
  }

  function arrange() {
    lanes = lanesOf(rows, ticks);
    const high = Math.min(model.get("height") - BORDERS, lanes.height + AXIS_HEIGHT);
    frame.style.height = `${high + BORDERS}px`;
    canvas.style.height = `${high}px`;
    spacer.style.height = `${Math.max(0, lanes.height + AXIS_HEIGHT - high)}px`;
    const isEmpty = lanes.list.length === 0;
    frame.hidden = isEmpty;
    note.hidden = !isEmpty;
    note.replaceChildren(...withCode(model.get("empty") || "No runs yet."));
    list();
    redraw();
  }

  function list() {
    const newest = [...rows].sort(newestFirst).slice(0, READ_ROWS);
    while (listed.rows.length > newest.length) listed.deleteRow(-1);
    for (const [i, run] of newest.entries()) {
      const line = listed.rows[i] ?? listed.insertRow();
      while (line.cells.length < headings.length) line.insertCell();
      const ran = runTime(run, run.finished_at ?? run.started_at);
      const said = [
        run.job,
        `#${run.number}`,
        run.status,
        instant(run.created_at),
        run.finished_at && ran ? duration(ran) : "",
      ];
      for (const [j, text] of said.entries()) say(line.cells[j], text);
    }
  }

  const barOf = (id) => {
    const job = rows.get(id)?.job;
    return lanes.list.find((lane) => lane.job === job)?.bars.find(({ run }) => run.id === id);
  };

  // Moving.

  function move(next) {
    isMoved = true;
    view = next;
    redraw();
  }

  function showLast(ms) {
    isMoved = false;
    if (ms) move({ from: rows.now() - ms, to: rows.now() + ms / 12 });
    redraw();
  }

  const zoomBy = (factor) => move(zoomed(view, factor, Math.min(rows.now(), (view.from + view.to) / 2)));

  const unfollowGestures = followGestures(canvas, {
    pan(dx, dy) {
      tip.hidden = true;
      frame.scrollTop -= dy;
      if (dx) move({ from: instantAt(-dx, view, width()), to: instantAt(width() - dx, view, width()) });
    },
    zoom(factor, x) {
      tip.hidden = true;
      move(zoomed(view, factor, instantAt(x - left(), view, width())));
    },
    brush(from, to, isDone) {
      tip.hidden = true;
      brush = isDone ? null : [from, to];
      const corners = [from, to].map(({ x, y }) => inLanes(x, y));
      if (isDone) select(barsWithin(lanes, view, width(), rows.now(), ...corners).map(({ run }) => run.id));
      redraw();
    },
    // Over the axis there is nothing to scroll, so a plain wheel zooms there.
    isZoomed: (y) => y < AXIS_HEIGHT,
  });

  // Selecting and opening.

  function select(ids) {
    choose(model, ids);
    redraw();
  }

  const toggle = (id, isMore) => select(toggled(model.get("selected"), id, isMore));

  function open(run) {
    const href = address(model.get("href"), { ...run, ref: run.job });
    if (href) location.assign(href);
  }

  const under = ({ offsetX, offsetY }) => {
    const { x, y } = inLanes(offsetX, offsetY);
    if (x < 0 || offsetY < AXIS_HEIGHT) return undefined;
    return barAt(lanes, view, width(), rows.now(), x, y);
  };

  canvas.addEventListener("click", (event) => {
    const bar = under(event);
    focused = bar?.run.id ?? null;
    if (bar) toggle(bar.run.id, event.ctrlKey || event.metaKey);
    else select([]);
  });
  canvas.addEventListener("dblclick", (event) => {
    const bar = under(event);
    if (bar) open(bar.run);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) return;
    const bar = under(event);
    canvas.style.cursor = bar ? "pointer" : "";
    if (bar) explain(bar.run, event.offsetX, event.offsetY);
    else tip.hidden = true;
  });
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  canvas.addEventListener("blur", () => {
    tip.hidden = true;
  });

  /** Show what a bar is, beside a point of the canvas and within the widget. */
  function explain(run, x, y) {
    const [title, ...lines] = description(run, rows.now());
    tip.replaceChildren(h("strong", {}, title), ...lines.map((line) => h("span", {}, line)));
    tip.hidden = false;
    const isRight = x + 14 + tip.offsetWidth < root.clientWidth;
    tip.style.left = `${Math.max(0, isRight ? x + 14 : x - tip.offsetWidth - 14)}px`;
    tip.style.top = `${frame.offsetTop + y + 14}px`;
  }

  canvas.addEventListener("keydown", (event) => {
    const { key: pressed } = event;
    const run = rows.get(focused);
    const actions = {
      " ": () => run && toggle(focused, true),
      Enter: () => run && open(run),
      Escape: () => select([]),
      "+": () => zoomBy(1.5),
      "-": () => zoomBy(1 / 1.5),
      Home: () => showLast(0),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (pressed.startsWith("Arrow")) step(pressed);
    else if (actions[pressed]) actions[pressed]();
    else return;
    event.preventDefault();
  });

  /** Move to another bar, bring it into view, and say what it is. */
  function step(pressed) {
    const from = barOf(focused);
    const next = from
      ? nextBar(lanes, from, pressed)
      : lanes.list.find(({ bars }) => bars.length)?.bars.at(-1);
    if (!next) return;
    focused = next.run.id;
    const top = down(next);
    const room = frame.clientHeight - AXIS_HEIGHT - next.lane.height;
    frame.scrollTop = Math.min(top, Math.max(frame.scrollTop, top - room));
    if (next.from < view.from || next.from > view.to) {
      const half = (view.to - view.from) / 2;
      move({ from: next.from - half, to: next.from + half });
    }
    const x = across(next.from, view, width()) + left();
    explain(next.run, x, top - frame.scrollTop + AXIS_HEIGHT);
    say(spoken, description(next.run, rows.now()).join(", "));
    redraw();
  }

  // Time passes, things change.

  frame.addEventListener("scroll", () => {
    tip.hidden = true;
    redraw();
  });
  const resized = new ResizeObserver(redraw);
  resized.observe(canvas);
  const tick = setInterval(redraw, TICK_MS);
  const take = (head) => {
    if (head.ticks) ticks = head.ticks;
    rows.merge(head);
    arrange();
  };
  const unwatch = watch(model, ["empty", "height"], arrange);
  const unwatchSelected = watch(model, ["selected"], redraw);
  take(model.get("snapshot"));
  return {
    frame: take,
    recolour: redraw,
    stop() {
      unfollowGestures();
      resized.disconnect();
      clearInterval(tick);
      cancelAnimationFrame(asked);
      unwatch();
      unwatchSelected();
    },
  };
});
