import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_LINES, Chunks } from "../src/chunks.mjs";
import { elapsed, parse, printed, split } from "../src/log_lines.mjs";
import { hold, ROW, ratioAt, rowsAround, scrollHeight, topLine } from "../src/virtual_window.mjs";

const numbered = (first, count) => Array.from({ length: count }, (_, i) => `line ${first + i}`);

test("lines are found by their number, across chunks", () => {
  const chunks = new Chunks();
  chunks.put(CHUNK_LINES - 2, numbered(CHUNK_LINES - 2, 700));
  assert.equal(chunks.get(CHUNK_LINES - 3), undefined);
  assert.equal(chunks.get(CHUNK_LINES - 2), `line ${CHUNK_LINES - 2}`);
  assert.equal(chunks.get(CHUNK_LINES + 697), `line ${CHUNK_LINES + 697}`);
  assert.equal(chunks.get(CHUNK_LINES + 698), undefined);
});

test("what is missing on screen is asked for by whole chunks", () => {
  const chunks = new Chunks();
  chunks.put(0, numbered(0, CHUNK_LINES));
  assert.deepEqual(chunks.missing(10, 40), []);
  assert.deepEqual(chunks.missing(CHUNK_LINES - 5, CHUNK_LINES + 5), [CHUNK_LINES]);
  assert.deepEqual(chunks.missing(3 * CHUNK_LINES - 1, 3 * CHUNK_LINES + 1), [
    2 * CHUNK_LINES,
    3 * CHUNK_LINES,
  ]);
});

test("a million lines pass through without being kept, and what was looked at last stays", () => {
  const chunks = new Chunks();
  chunks.put(0, numbered(0, CHUNK_LINES));
  for (let first = CHUNK_LINES; first < 1_000_000; first += 1000) {
    chunks.get(7);
    chunks.put(first, numbered(first, 1000));
  }
  assert.equal(chunks.get(7), "line 7");
  assert.equal(chunks.get(100_000), undefined);
  assert.equal(chunks.get(999_999), "line 999999");
});

test("a line says its stream, its instant and its text", () => {
  assert.deepEqual(parse("E1764000000123\tboom\tbang"), {
    stream: "E",
    at: 1764000000123,
    text: "boom\tbang",
  });
  assert.deepEqual(parse("O5\t"), { stream: "O", at: 5, text: "" });
});

test("a text is what a terminal would have left", () => {
  const cases = [
    ["\x1b[1;31mred\x1b[0m plain", "red plain"],
    ["\x1b]0;a title\x07text", "text"],
    ["\x1b]8;;http://localhost\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["\x1b[2K\x1b[1Gdone\x1b(B", "done"],
    ["10 %\r20 %\r100 %", "100 %"],
    ["windows line\r", "windows line"],
    ["bell\x07 and null\x00", "bell and null"],
    ["<b>as is</b> — ünïcode ✓", "<b>as is</b> — ünïcode ✓"],
  ];
  for (const [written, read] of cases) assert.equal(printed(written), read);
});

test("no line and an empty line differ", () => {
  assert.deepEqual(split("", 0), []);
  assert.deepEqual(split("O1\t\nO2\t", 2), ["O1\t", "O2\t"]);
});

test("time since the start grows by what it needs", () => {
  assert.equal(elapsed(7_120, 0), "+0:07.120");
  assert.equal(elapsed(3_727_120, 0), "+1:02:07.120");
  assert.equal(elapsed(5, 10), "+0:00.000");
});

test("a list that a browser can scroll moves pixel by pixel", () => {
  const [total, height] = [1000, 400];
  for (const scrolled of [0, 1, 37, 10_000, total * ROW - height]) {
    const held = hold(scrolled / (scrollHeight(total) - height), total);
    assert.ok(Math.abs(topLine(held, height) - scrolled / ROW) < 1e-9);
  }
});

test("the window is full and ends with the list, however long it is", () => {
  for (const total of [21, 1000, 1_000_000, 50_000_000]) {
    for (const ratio of [0, 0.3, 0.999, 1]) {
      const { first, end } = rowsAround(hold(ratio, total), total, 400);
      assert.ok(end - first >= 20 && end - first <= 21, `${total} at ${ratio}: ${first} to ${end}`);
    }
    assert.equal(rowsAround(hold(1, total), total, 400).end, total);
    assert.ok(scrollHeight(total) <= 15_000_000);
  }
});

test("a list that grows can keep what is on screen where it is", () => {
  const top = topLine(hold(0.4, 10_000), 400);
  const ratio = ratioAt(top, 25_000, 400);
  assert.ok(Math.abs(topLine(hold(ratio, 25_000), 400) - top) < 1e-6);
});

test("a list shorter than the window is not scrolled", () => {
  assert.equal(ratioAt(3, 10, 400), 0);
  assert.deepEqual(rowsAround(hold(0, 10), 10, 400), { first: 0, end: 10 });
});
