import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Europe/Berlin"; // before the first date is formatted
const {
  across,
  axisMarks,
  barAt,
  barsWithin,
  down,
  instantAt,
  laneBelow,
  lanesOf,
  nextBar,
  wholeView,
  zoomed,
} = await import("../src/timeline_geometry.mjs");

const NOW = Date.UTC(2026, 10, 22, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A run of `job`, created `ago` minutes before now, started one minute later, open unless it took `minutes`. */
function run(job, number, ago, minutes) {
  const created_at = NOW - ago * MINUTE;
  const finished_at = minutes === undefined ? null : created_at + minutes * MINUTE;
  const status = finished_at === null ? "running" : "completed";
  return {
    id: `${job}-${number}`,
    job,
    number,
    status,
    created_at,
    started_at: created_at + MINUTE,
    finished_at,
  };
}

test("there is one lane for each job, by name, also for one that only has ticks to come", () => {
  const { list, height } = lanesOf(
    [run("b", 1, 50, 10), run("a", 1, 40, 10)],
    [{ job: "c", at: NOW + HOUR }],
  );
  assert.deepEqual(
    list.map(({ job }) => job),
    ["a", "b", "c"],
  );
  assert.deepEqual(list[2].ticks, [NOW + HOUR]);
  assert.equal(height, list[2].top + list[2].height);
});

test("runs that overlap lie below each other, and those that do not share a track", () => {
  const { list } = lanesOf([run("a", 1, 60, 20), run("a", 2, 50, 5), run("a", 3, 30, 5)]);
  assert.deepEqual(
    list[0].bars.map(({ track }) => track),
    [0, 1, 0],
  );
});

test("a job with very many parallel runs does not fill the page", () => {
  const crowd = Array.from({ length: 50 }, (_, i) => run("a", i, 60));
  const { list } = lanesOf(crowd);
  assert.equal(Math.max(...list[0].bars.map(({ track }) => track)), 3);
  assert.ok(list[0].height < 80);
});

test("an open run reaches until now, and what comes later cannot lie on it", () => {
  const { list } = lanesOf([run("a", 1, 60), run("a", 2, 10)]);
  assert.deepEqual(
    list[0].bars.map(({ to, track }) => [to, track]),
    [
      [null, 0],
      [null, 1],
    ],
  );
});

test("the first view shows every run, now, and the next tick, but never lets the future crowd out the past", () => {
  const view = wholeView(lanesOf([run("a", 1, 120, 1)], [{ job: "a", at: NOW + 30 * MINUTE }]), NOW);
  assert.ok(view.from < NOW - 120 * MINUTE && view.to > NOW + 30 * MINUTE);
  const far = wholeView(lanesOf([run("a", 1, 120, 1)], [{ job: "a", at: NOW + 1000 * HOUR }]), NOW);
  assert.ok(far.to - NOW < HOUR);
  assert.ok(wholeView(lanesOf([]), NOW).to > NOW);
});

test("zooming keeps the instant under the pointer where it is", () => {
  const view = { from: NOW - HOUR, to: NOW };
  const at = instantAt(300, view, 800);
  const near = zoomed(view, 2, at);
  assert.equal(near.to - near.from, HOUR / 2);
  assert.ok(Math.abs(across(at, near, 800) - 300) < 1e-6);
  assert.equal(zoomed(view, 1e9, at).to - zoomed(view, 1e9, at).from, 2000);
});

test("a bar is found under a point, also when it is narrower than a pointer is steady", () => {
  const lanes = lanesOf([run("a", 1, 30, 0.001), run("b", 1, 60, 30), run("b", 2, 50)]);
  const view = { from: NOW - HOUR, to: NOW };
  const [tiny] = lanes.list[0].bars;
  assert.equal(barAt(lanes, view, 600, NOW, 302, down(tiny) + 5), tiny);
  assert.equal(barAt(lanes, view, 600, NOW, 320, down(tiny) + 5), undefined);
  const [, open] = lanes.list[1].bars;
  assert.equal(barAt(lanes, view, 600, NOW, 599, down(open) + 5), open);
  assert.equal(barAt(lanes, view, 600, NOW, 10, 10_000), undefined);
});

test("a brush finds the bars it touches, whichever corner it starts from", () => {
  const lanes = lanesOf([run("a", 1, 50, 5), run("a", 2, 20, 5), run("b", 1, 50, 5)]);
  const view = { from: NOW - HOUR, to: NOW };
  const [from, to] = [
    { x: 300, y: lanes.height },
    { x: 0, y: 0 },
  ];
  assert.deepEqual(
    barsWithin(lanes, view, 600, NOW, from, to).map(({ run: { id } }) => id),
    ["a-1", "b-1"],
  );
  assert.deepEqual(
    barsWithin(lanes, view, 600, NOW, { x: 0, y: 0 }, { x: 600, y: 9 }).map(({ run }) => run.id),
    ["a-1", "a-2"],
  );
});

test("arrow keys lead from bar to bar, over lanes without any", () => {
  const lanes = lanesOf(
    [run("a", 1, 50, 5), run("a", 2, 20, 5), run("c", 1, 22, 5)],
    [{ job: "b", at: NOW }],
  );
  const [first, second] = lanes.list[0].bars;
  const [other] = lanes.list[2].bars;
  assert.equal(nextBar(lanes, first, "ArrowRight"), second);
  assert.equal(nextBar(lanes, first, "ArrowLeft"), first);
  assert.equal(nextBar(lanes, second, "ArrowDown"), other);
  assert.equal(nextBar(lanes, other, "ArrowUp"), second);
  assert.equal(nextBar(lanes, other, "ArrowDown"), other);
});

test("the lane below a point is found among a thousand", () => {
  const lanes = lanesOf(
    Array.from({ length: 1000 }, (_, i) => run(`job ${String(i).padStart(4, "0")}`, 1, 60, 5)),
  );
  const { top, height } = lanes.list[700];
  assert.equal(laneBelow(lanes, top), 700);
  assert.equal(laneBelow(lanes, top + height - 1), 700);
  assert.equal(laneBelow(lanes, lanes.height), 1000);
});

const shown = (from, to, most) =>
  axisMarks({ from: Date.parse(from), to: Date.parse(to) }, most).map(({ at }) => new Date(at).toISOString());

test("the axis is marked at round times of the viewer's zone", () => {
  assert.deepEqual(shown("2026-11-22T10:07:00Z", "2026-11-22T11:10:00Z", 3), [
    "2026-11-22T10:30:00.000Z",
    "2026-11-22T11:00:00.000Z",
  ]);
  assert.deepEqual(shown("2026-11-21T20:00:00Z", "2026-11-23T20:00:00Z", 3), [
    "2026-11-21T23:00:00.000Z",
    "2026-11-22T23:00:00.000Z",
  ]);
  assert.equal(shown("2026-11-22T10:00:00Z", "2026-11-22T10:00:08Z", 10).length, 9);
  assert.deepEqual(shown("2026-01-15T00:00:00Z", "2026-05-15T00:00:00Z", 5), [
    "2026-01-31T23:00:00.000Z",
    "2026-02-28T23:00:00.000Z",
    "2026-03-31T22:00:00.000Z",
    "2026-04-30T22:00:00.000Z",
  ]);
});

test("a day on which the clock changes has its marks at round wall times too", () => {
  // On 29 March 2026 Berlin goes from 02:00 to 03:00.
  assert.deepEqual(shown("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 5), [
    "2026-03-28T23:00:00.000Z",
    "2026-03-29T04:00:00.000Z",
    "2026-03-29T10:00:00.000Z",
    "2026-03-29T16:00:00.000Z",
    "2026-03-29T22:00:00.000Z",
  ]);
});

test("where a day begins, the mark says which", () => {
  const marks = axisMarks(
    { from: Date.parse("2026-11-21T20:00:00Z"), to: Date.parse("2026-11-22T02:00:00Z") },
    8,
  );
  const midnight = marks.find(({ isMajor }) => isMajor);
  assert.match(midnight.label, /22/);
  assert.equal(marks.filter(({ isMajor }) => isMajor).length, 1);
});
