// Draws the timeline on a canvas: names, axis, bars, ticks, now. Where things lie is computed in
// timeline_geometry.mjs; what a hand or a key does is in run_timeline.mjs.

import { fitText } from "./fit_text.mjs";
import { across, axisMarks, down, laneBelow, TRACK_HEIGHT } from "./timeline_geometry.mjs";
import { shortName } from "./words.mjs";

export const AXIS_HEIGHT = 30; // px
const BAR_HEIGHT = TRACK_HEIGHT - 4;
const MARK_EVERY = 90; // px between the marks of the axis, about
const MARKS_MIN = 5; // also where it is narrow: of fewer, those beside now and the edge would leave none
const FONT = "12px system-ui, sans-serif";
const NAME_FONT = "13px system-ui, sans-serif";
const COLOURS = ["paper", "card", "ink", "quiet", "line", "accent", "good", "bad", "busy"];
const TICK_RADIUS = 4; // px

/** How bars are drawn, so that a status is told by shape too: filled, taller, hollow, or open on the right. */
const STYLES = {
  completed: { colour: "good", rise: 0 },
  failed: { colour: "bad", rise: 2 },
  cancelled: { colour: "quiet", rise: 0, isHollow: true },
  running: { colour: "busy", rise: 0, isOpen: true },
  starting: { colour: "busy", rise: 0, isOpen: true },
  cancelling: { colour: "busy", rise: 0, isOpen: true },
};

/** Return how many px of a widget this wide the names of jobs take. */
export const namesWidth = (width) => Math.round(Math.min(190, Math.max(92, width * 0.22)));

/**
 * Draw `scene`: `lanes`, `view`, `now`, `scrolled` px down, `selected` ids, the bar that is `focused`, a `brush`
 * between two corners in px of the canvas. `element` is the canvas, `theme` the element with our colours.
 */
export function drawTimeline(element, theme, scene) {
  const { lanes, view, now, scrolled, selected, focused, brush } = scene;
  const [width, height] = [element.clientWidth, element.clientHeight];
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== wide || element.height !== high) [element.width, element.height] = [wide, high];
  const style = getComputedStyle(theme);
  const colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`)]));
  const context = element.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = colour.card;
  context.fillRect(0, 0, width, height);

  const left = namesWidth(width);
  const span = width - left;
  const x = (at) => left + across(at, view, span);
  const y = (px) => px - scrolled + AXIS_HEIGHT;
  const first = laneBelow(lanes, scrolled);
  let last = first;
  while (last < lanes.list.length && y(lanes.list[last].top) < height) last++;
  const visible = lanes.list.slice(first, last);
  const marks = axisMarks(view, Math.max(MARKS_MIN, span / MARK_EVERY));

  context.save();
  context.beginPath();
  context.rect(left, AXIS_HEIGHT, span, height - AXIS_HEIGHT);
  context.clip();
  drawLines();
  drawBars();
  drawTicks();
  drawNow();
  context.restore();
  drawNames();
  drawAxis();
  if (brush) drawBrush();

  function drawLines() {
    context.fillStyle = colour.line;
    for (const { at } of marks) context.fillRect(Math.round(x(at)), AXIS_HEIGHT, 1, height);
    for (const lane of visible) context.fillRect(left, Math.round(y(lane.top + lane.height)) - 1, span, 1);
  }

  /** All bars of a status in one path: ten thousand of them are a few calls. */
  function drawBars() {
    const waits = new Path2D();
    const paths = new Map();
    const marked = [];
    for (const lane of visible) {
      for (const bar of lane.bars) {
        const from = x(bar.from);
        const to = x(bar.to ?? now);
        if (from > width || to < left - 2) continue;
        const top = y(down(bar)) + 2;
        const start = x(bar.start ?? bar.to ?? now);
        if (start > from) waits.rect(from, top + BAR_HEIGHT / 2 - 1.5, start - from, 3);
        const looks = bar.start === null ? undefined : STYLES[bar.run.status];
        if (looks) {
          if (!paths.has(looks)) paths.set(looks, new Path2D());
          const inset = looks.isHollow ? 0.75 : 0;
          const long = Math.max(1.5, to - start - 2 * inset);
          paths
            .get(looks)
            .rect(start + inset, top - looks.rise + inset, long, BAR_HEIGHT + 2 * looks.rise - 2 * inset);
          if (looks.isOpen) arrowAt(paths.get(looks), start + long, top);
        }
        if (selected.has(bar.run.id) || bar === focused) marked.push({ bar, from, to, top });
      }
    }
    context.globalAlpha = 0.45;
    context.fillStyle = colour.quiet;
    context.fill(waits);
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    for (const [looks, path] of paths) {
      context.fillStyle = context.strokeStyle = colour[looks.colour];
      if (looks.isHollow) context.stroke(path);
      else context.fill(path);
    }
    for (const { bar, from, to, top } of marked) {
      context.lineWidth = bar === focused ? 2.5 : 2;
      context.strokeStyle = bar === focused ? colour.accent : colour.ink;
      context.strokeRect(from - 3, top - 3.5, Math.max(2, to - from) + 6, BAR_HEIGHT + 7);
    }
  }

  function arrowAt(path, right, top) {
    path.moveTo(right, top);
    path.lineTo(right + BAR_HEIGHT / 2, top + BAR_HEIGHT / 2);
    path.lineTo(right, top + BAR_HEIGHT);
  }

  function drawTicks() {
    context.lineWidth = 1.5;
    context.strokeStyle = colour.accent;
    for (const lane of visible) {
      const middle = y(lane.top + lane.height / 2);
      for (const at of lane.ticks) {
        const here = x(at);
        context.beginPath();
        context.moveTo(here - TICK_RADIUS, middle);
        context.lineTo(here, middle - TICK_RADIUS);
        context.lineTo(here + TICK_RADIUS, middle);
        context.lineTo(here, middle + TICK_RADIUS);
        context.closePath();
        context.stroke();
      }
    }
  }

  function drawNow() {
    context.fillStyle = colour.accent;
    context.fillRect(Math.round(x(now)), AXIS_HEIGHT, 1.5, height);
  }

  function drawNames() {
    context.fillStyle = colour.paper;
    context.fillRect(0, AXIS_HEIGHT, left, height);
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.font = NAME_FONT;
    for (const lane of visible) {
      context.fillStyle = colour.ink;
      context.fillText(fitText(shortName(lane.job), left - 20, NAME_FONT), 10, y(lane.top + lane.height / 2));
      context.fillStyle = colour.line;
      context.fillRect(0, Math.round(y(lane.top + lane.height)) - 1, left, 1);
    }
    context.fillStyle = colour.line;
    context.fillRect(left - 1, AXIS_HEIGHT, 1, height);
  }

  function drawAxis() {
    context.fillStyle = colour.paper;
    context.fillRect(0, 0, width, AXIS_HEIGHT);
    context.fillStyle = colour.line;
    context.fillRect(0, AXIS_HEIGHT - 1, width, 1);
    context.font = FONT;
    context.textAlign = "left";
    const nowAt = x(now);
    const isNowSeen = nowAt >= left && nowAt <= width;
    let taken = left; // px up to which labels are written
    for (const { at, label, isMajor } of marks) {
      const here = x(at);
      const wide = context.measureText(label).width;
      const isHidden = isNowSeen && here < nowAt + 24 && here + wide + 4 > nowAt - 20;
      if (here < taken || here + wide > width || isHidden) continue;
      taken = here + wide + 8;
      context.fillStyle = isMajor ? colour.ink : colour.quiet;
      context.fillText(label, here + 4, AXIS_HEIGHT / 2);
      context.fillStyle = colour.line;
      context.fillRect(Math.round(here), AXIS_HEIGHT - 8, 1, 8);
    }
    if (isNowSeen) {
      context.fillStyle = colour.accent;
      context.textAlign = "center";
      context.fillText("now", Math.min(nowAt, width - 16), AXIS_HEIGHT / 2);
    }
  }

  function drawBrush() {
    const [a, b] = brush;
    context.fillStyle = context.strokeStyle = colour.accent;
    context.lineWidth = 1;
    const box = [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
    context.globalAlpha = 0.12;
    context.fillRect(...box);
    context.globalAlpha = 1;
    context.strokeRect(...box);
  }
}
