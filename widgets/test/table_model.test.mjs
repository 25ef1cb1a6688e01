import assert from "node:assert/strict";
import { test } from "node:test";
import { Rows } from "../src/rows.mjs";
import {
  actionsFor,
  byRef,
  countsBy,
  jobStates,
  jobStatus,
  matching,
  newestFirst,
} from "../src/table_model.mjs";
import { duration, relative, runTime, shortName } from "../src/words.mjs";

const SHAPE = { text: ({ job, status }) => `${job} ${status}`, statusOf: ({ status }) => status };
const RUNS = [
  { id: "1", job: "jobs.load", number: 1, status: "completed", created_at: 10 },
  { id: "2", job: "jobs.load", number: 2, status: "failed", created_at: 30 },
  { id: "3", job: "jobs.report", number: 1, status: "completed", created_at: 20 },
];
const ids = (rows) => rows.map(({ id }) => id);

test("a search finds rows that have every word somewhere, whatever the case", () => {
  assert.deepEqual(ids(matching(RUNS, { words: "LOAD fail", status: "" }, SHAPE)), ["2"]);
  assert.deepEqual(ids(matching(RUNS, { words: "  ", status: "completed" }, SHAPE)), ["1", "3"]);
  assert.deepEqual(ids(matching(RUNS, { words: "report", status: "failed" }, SHAPE)), []);
});

test("a pipeline leaves the rows that run it", () => {
  const shape = { ...SHAPE, pipelineOf: ({ job }) => (job === "jobs.load" ? "loads" : null) };
  const filter = { words: "", status: "", tag: "" };
  assert.deepEqual(ids(matching(RUNS, { ...filter, pipeline: "loads" }, shape)), ["1", "2"]);
  assert.deepEqual(ids(matching(RUNS, { ...filter, pipeline: "" }, shape)), ["1", "2", "3"]);
});

test("statuses are offered with their counts, the most frequent first", () => {
  assert.deepEqual(countsBy(RUNS, SHAPE), [
    ["completed", 2],
    ["failed", 1],
  ]);
});

test("a group of statuses is chosen and counted like a status", () => {
  const shape = { ...SHAPE, groups: { good: ({ status }) => status === "completed", none: () => false } };
  assert.deepEqual(ids(matching(RUNS, { words: "", status: "good" }, shape)), ["1", "3"]);
  assert.deepEqual(countsBy(RUNS, shape), [
    ["completed", 2],
    ["good", 2],
    ["failed", 1],
  ]);
});

test("runs are listed newest first, jobs by ref with the archived ones last", () => {
  assert.deepEqual(ids([...RUNS].sort(newestFirst)), ["2", "3", "1"]);
  const jobs = [
    { ref: "a", is_archived: true },
    { ref: "c", is_archived: false },
    { ref: "b", is_archived: false },
  ];
  assert.deepEqual(
    jobs.sort(byRef).map(({ ref }) => ref),
    ["b", "c", "a"],
  );
});

test("a row's menu has the actions for what the row is", () => {
  const actions = [
    { name: "pause", for: ["active"] },
    { name: "resume", for: ["paused"] },
    { name: "copy", for: null },
  ];
  const job = { kind: "batch", is_paused: true, is_archived: false, latest: null };
  assert.deepEqual(jobStates(job), ["batch", "new", "paused"]);
  assert.deepEqual(
    actionsFor(actions, jobStates(job)).map(({ name }) => name),
    ["resume", "copy"],
  );
});

test("a job is archived before it is paused, and paused before it is what its latest run is", () => {
  const job = { kind: "batch", is_paused: true, is_archived: true, latest: { status: "failed" } };
  assert.equal(jobStatus(job), "archived");
  assert.equal(jobStatus({ ...job, is_archived: false }), "paused");
  assert.equal(jobStatus({ ...job, is_archived: false, is_paused: false }), "failed");
  assert.equal(jobStatus({ ...job, is_archived: false, is_paused: false, latest: null }), "new");
});

test("frames change rows, take rows away, and start over", () => {
  const rows = new Rows("id");
  rows.merge({ rows: RUNS, is_all: true, now: 5_000 }, 4_000);
  assert.equal(rows.now(4_500), 5_500);
  rows.merge({ rows: [{ ...RUNS[0], status: "failed" }], gone: ["3"], is_all: false });
  assert.deepEqual(
    [...rows].map(({ status }) => status),
    ["failed", "failed"],
  );
  assert.equal(rows.now(4_500), 5_500, "a frame without a clock leaves the clock");
  rows.merge({ rows: [RUNS[2]], is_all: true });
  assert.deepEqual(ids([...rows]), ["3"]);
});

test("lengths of time are told in their two largest units", () => {
  const said = [0, 4_230, 59_999, 185_000, 7_800_000, 273_600_000].map(duration);
  assert.deepEqual(said, ["0.0 s", "4.2 s", "59 s", "3 m 05 s", "2 h 10 m", "3 d 4 h"]);
  assert.equal(duration(-50), "0.0 s", "clocks that disagree never make a run older than nothing");
});

test("instants are told beside now", () => {
  const now = 10 * 86_400_000;
  const said = [now - 5_000, now - 300_000, now + 30_000, now + 10_800_000, now - 3 * 86_400_000];
  assert.deepEqual(
    said.map((at) => relative(at, now)),
    ["just now", "5 min ago", "in a moment", "in 3 h", "3 d ago"],
  );
});

test("a run's time grows until it ends, and there is none before it starts", () => {
  assert.equal(runTime({ started_at: null, finished_at: null }, 50), null);
  assert.equal(runTime({ started_at: 10, finished_at: null }, 50), 40);
  assert.equal(runTime({ started_at: 10, finished_at: 30 }, 50), 20);
  assert.equal(shortName("jobs.flights.load"), "load");
});
