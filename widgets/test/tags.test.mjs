import assert from "node:assert/strict";
import { test } from "node:test";
import { matching } from "../src/table_model.mjs";
import { NO_TAG, tagCounts, tagGroups } from "../src/tags.mjs";

const JOBS = [
  { ref: "load", tags: ["ingest", "daily"] },
  { ref: "rates", tags: ["ingest"] },
  { ref: "backfill", tags: [] },
];
const tagsOf = ({ tags }) => tags;

test("tags are counted by name", () => {
  assert.deepEqual(tagCounts(JOBS, tagsOf), [
    ["daily", 1],
    ["ingest", 2],
  ]);
});

test("a row stands under each of its tags, and those without any at the end", () => {
  const groups = tagGroups(JOBS, tagsOf).map(([tag, rows]) => [tag, rows.map(({ ref }) => ref)]);
  assert.deepEqual(groups, [
    ["daily", ["load"]],
    ["ingest", ["load", "rates"]],
    [NO_TAG, ["backfill"]],
  ]);
  assert.deepEqual(tagGroups(JOBS.slice(0, 2), tagsOf).length, 2);
});

test("a tag leaves the rows that carry it", () => {
  const shape = { text: ({ ref }) => ref, statusOf: () => "new", tagsOf };
  const found = (filter) => matching(JOBS, { words: "", status: "", ...filter }, shape).map(({ ref }) => ref);
  assert.deepEqual(found({ tag: "ingest" }), ["load", "rates"]);
  assert.deepEqual(found({ tag: "ingest", words: "rat" }), ["rates"]);
  assert.deepEqual(found({ tag: "gone" }), []);
  assert.deepEqual(found({ tag: "" }).length, 3);
});
