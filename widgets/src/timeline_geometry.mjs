// Where a run lies on the timeline: lanes, bars in them, the part of time that is shown, the marks of its axis, and
// what is under a point or in a brushed rectangle. Numbers in, numbers out; drawing is in timeline_canvas.mjs.
//
// Across is time in ms UTC, mapped by a view `{from, to}`; down is px from the top of the first lane.

import { isOver } from "./words.mjs";

export const TRACK_HEIGHT = 14; // px: a bar and the gap below it
const LANE_PADDING = 6; // px above the first and below the last track of a lane
const MAX_TRACKS = 4; // runs of a job side by side; more share the last track, so that one job cannot fill the page
const HIT_SLACK = 3; // px around a bar that still count as on it: short runs are narrower than a pointer is steady
const MIN_SPAN = 2_000; // ms
const MAX_SPAN = 5 * 366 * 86_400_000; // ms: five years

/**
 * Return the lanes, one per job of `runs` and `ticks`, by job ref: `list` of `{job, top, height, bars, ticks}`, and
 * the `height` of all. A bar is `{run, lane, track, from, start, to}`: created, started, ended; `to` is null while
 * the run is open. Runs of one job that overlap lie on tracks below each other, so concurrency is seen.
 */
export function lanesOf(runs, ticks = []) {
  const byJob = new Map();
  const laneOf = (job) => {
    if (!byJob.has(job)) byJob.set(job, { job, bars: [], ticks: [] });
    return byJob.get(job);
  };
  for (const run of runs) {
    const to = isOver(run) ? (run.finished_at ?? run.created_at) : null;
    const lane = laneOf(run.job);
    lane.bars.push({ run, lane, track: 0, from: run.created_at, start: run.started_at, to });
  }
  for (const { job, at } of ticks) laneOf(job).ticks.push(at);
  const list = [...byJob.values()].sort((a, b) => (a.job < b.job ? -1 : 1));
  let height = 0;
  for (const lane of list) {
    lane.bars.sort((a, b) => a.from - b.from || a.run.number - b.run.number);
    lane.top = height;
    lane.height = 2 * LANE_PADDING + TRACK_HEIGHT * stack(lane.bars);
    height += lane.height;
  }
  return { list, height };
}

/** Give each bar of a lane its track, the first that is free; return how many tracks that takes, at least one. */
function stack(bars) {
  const busyUntil = [];
  for (const bar of bars) {
    let track = busyUntil.findIndex((end) => end <= bar.from);
    if (track < 0) track = Math.min(busyUntil.length, MAX_TRACKS - 1);
    bar.track = track;
    busyUntil[track] = Math.max(busyUntil[track] ?? 0, bar.to ?? Number.POSITIVE_INFINITY);
  }
  return Math.max(1, busyUntil.length);
}

/** Return the number of the first lane that reaches below `y`; the number of lanes when none does. */
export function laneBelow({ list }, y) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].top + list[middle].height <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Return the px across at which an instant is drawn in a view `width` px wide. */
export const across = (at, view, width) => ((at - view.from) / (view.to - view.from)) * width;

/** Return the instant at `x` px. */
export const instantAt = (x, view, width) => view.from + (x / width) * (view.to - view.from);

/** Return the px down at which a bar's track begins. */
export const down = (bar) => bar.lane.top + LANE_PADDING + bar.track * TRACK_HEIGHT;

/** Return the view that shows everything worth seeing at first: the last day with runs in it, and what comes next. */
export function wholeView({ list }, now, longest = MAX_SPAN) {
  let [first, last] = [now, now];
  for (const { bars, ticks } of list) {
    if (bars.length) first = Math.min(first, bars[0].from);
    for (const at of ticks) last = Math.max(last, at);
  }
  const past = Math.min(Math.max(now - first, 60_000), longest);
  // What comes gets at most a third of what was, or a yearly job would squeeze today into a line.
  const future = Math.min(Math.max(last - now, 0), past / 3);
  const margin = (past + future) * 0.04;
  return { from: now - past - margin, to: now + future + margin };
}

/** Return the view `factor` times as near, with the instant `at` where it was. */
export function zoomed(view, factor, at) {
  const span = view.to - view.from;
  const next = Math.min(MAX_SPAN, Math.max(MIN_SPAN, span / factor));
  const from = at - ((at - view.from) * next) / span;
  return { from, to: from + next };
}

/** Return the bar under a point, the nearest within reach of it; undefined when there is none. */
export function barAt(lanes, view, width, now, x, y) {
  const lane = lanes.list[laneBelow(lanes, y)];
  if (!lane || y < lane.top) return undefined;
  let [nearest, nearestBy] = [undefined, Number.POSITIVE_INFINITY];
  for (const bar of lane.bars) {
    const top = down(bar);
    const [left, right] = [across(bar.from, view, width), across(bar.to ?? now, view, width)];
    const aside = Math.max(left - x, x - right, 0);
    const above = Math.max(top - y, y - top - TRACK_HEIGHT, 0);
    if (aside > HIT_SLACK || above > HIT_SLACK) continue;
    if (aside + above <= nearestBy) [nearest, nearestBy] = [bar, aside + above];
  }
  return nearest;
}

/** Return the bars that touch the rectangle between two corners `{x, y}`. */
export function barsWithin(lanes, view, width, now, a, b) {
  const [from, to] = [Math.min(a.x, b.x), Math.max(a.x, b.x)].map((x) => instantAt(x, view, width));
  const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
  const touches = (bar) =>
    bar.from <= to && (bar.to ?? now) >= from && down(bar) <= bottom && down(bar) + TRACK_HEIGHT >= top;
  const found = [];
  for (let i = laneBelow(lanes, top); i < lanes.list.length && lanes.list[i].top <= bottom; i++) {
    found.push(...lanes.list[i].bars.filter(touches));
  }
  return found;
}

/** Return the bar an arrow key leads to: before and after in its lane, nearest in time in the next lane with bars. */
export function nextBar(lanes, bar, key) {
  const { bars } = bar.lane;
  const place = bars.indexOf(bar);
  if (key === "ArrowLeft") return bars[place - 1] ?? bar;
  if (key === "ArrowRight") return bars[place + 1] ?? bar;
  const step = key === "ArrowUp" ? -1 : 1;
  for (let i = lanes.list.indexOf(bar.lane) + step; i >= 0 && i < lanes.list.length; i += step) {
    const others = lanes.list[i].bars;
    if (others.length) return nearest(others, bar.from);
  }
  return bar;
}

/** Return the bar of a lane that was created nearest to an instant. */
const nearest = (bars, at) => bars.reduce((a, b) => (Math.abs(b.from - at) < Math.abs(a.from - at) ? b : a));

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Steps of the axis: ms, where they have a fixed length; else hours, days or months of the calendar. */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => ({ length: n * 1000 })),
  ...[1, 2, 5, 10, 15, 30].map((n) => ({ length: n * MINUTE })),
  { length: HOUR },
  ...[3, 6, 12].map((n) => ({ length: n * HOUR, hours: n })),
  ...[1, 2, 7, 14].map((n) => ({ length: n * DAY, days: n })),
  ...[1, 3, 6, 12].map((n) => ({ length: n * 30 * DAY, months: n })),
];

/**
 * Return the marks of the axis, about `most` of them: `{at, label, isMajor}`, at round times of the viewer's zone,
 * also where its clocks change. Major is where a day begins; among days a month, among months a year.
 */
export function axisMarks(view, most) {
  const span = view.to - view.from;
  const step = STEPS.find(({ length }) => span / length <= most) ?? STEPS[STEPS.length - 1];
  const marks = [];
  for (let at = roundBefore(new Date(view.from), step); at <= view.to; at = following(at, step)) {
    if (at < view.from) continue;
    const isMidnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0;
    const isMajor = step.months ? at.getMonth() === 0 : step.days ? at.getDate() === 1 : isMidnight;
    marks.push({ at: at.getTime(), label: label(at, step, isMidnight), isMajor });
  }
  return marks;
}

/** Return the last round time of a step that is not after an instant. */
function roundBefore(at, { length, hours, days, months }) {
  if (!hours && !days && !months) {
    const wall = at.getTime() - at.getTimezoneOffset() * MINUTE;
    return new Date(at.getTime() - (wall % length));
  }
  const round = new Date(at);
  round.setHours(hours ? at.getHours() - (at.getHours() % hours) : 0, 0, 0, 0);
  if (months) round.setMonth(round.getMonth() - (round.getMonth() % months), 1);
  if (days > 1) {
    // Counted from a Monday, so that marks stay on their days while the view moves.
    const sinceMonday = Math.round((round.getTime() - round.getTimezoneOffset() * MINUTE) / DAY) + 3;
    round.setDate(round.getDate() - (sinceMonday % days));
  }
  return round;
}

/** Return the next round time; calendar steps go by wall time, so that a day of 23 hours is one step too. */
function following(at, { length, hours, days, months }) {
  if (!hours && !days && !months) return new Date(at.getTime() + length);
  const next = new Date(at);
  if (months) next.setMonth(next.getMonth() + months);
  else if (days) next.setDate(next.getDate() + days);
  else next.setHours(next.getHours() + hours);
  return next;
}

const format = (parts) => new Intl.DateTimeFormat(undefined, { ...parts, hourCycle: "h23" });
const MONTHS = format({ month: "short", year: "numeric" });
const DAYS = format({ day: "numeric", month: "short" });
const MINUTES = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

function label(at, { length, months }, isMidnight) {
  if (months) return MONTHS.format(at);
  if (isMidnight) return DAYS.format(at);
  return (length < MINUTE ? SECONDS : MINUTES).format(at);
}
