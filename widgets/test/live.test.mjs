import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../src/live.mjs";
import { isDark } from "../src/theme.mjs";

/** A model that records what the browser sends and hands in what the kernel would. */
class Model {
  sent = [];
  #listeners = new Set();
  on(_event, listener) {
    this.#listeners.add(listener);
  }
  off(_event, listener) {
    this.#listeners.delete(listener);
  }
  send(message) {
    this.sent.push(message);
  }
  receive(message, ...buffers) {
    for (const listener of this.#listeners) listener(message, buffers);
  }
  kinds() {
    return this.sent.map(({ kind }) => kind);
  }
}

class Page extends EventTarget {
  hidden = false;
}

function connected() {
  const model = new Model();
  const page = new Page();
  const frames = [];
  const troubles = [];
  const link = connect(
    model,
    { frame: (head, body) => frames.push([head.n, body]), trouble: (text) => troubles.push(text) },
    page,
  );
  const frame = (seq, n) => model.receive({ kind: "frame", seq, head: { n } });
  link.attach();
  return { model, page, frames, troubles, link, frame };
}

test("a view attaches, takes a stream from its first frame, and acknowledges", () => {
  const { model, frames, frame } = connected();
  frame(7, "of a stream that began before this view"); // not the start
  for (let seq = 1; seq <= 5; seq++) frame(seq, seq);
  assert.deepEqual(
    frames.map(([n]) => n),
    [1, 2, 3, 4, 5],
  );
  assert.deepEqual(model.kinds(), ["attach", "ack", "ack"]);
  assert.deepEqual(
    model.sent.slice(1).map(({ seq }) => seq),
    [2, 4],
  );
});

test("a missing frame asks for the full state once, and what comes before it is left out", () => {
  const { model, frames, frame } = connected();
  frame(1, "full");
  frame(3, "after a hole");
  frame(4, "after a hole");
  frame(1, "full again");
  frame(2, "next");
  assert.deepEqual(
    frames.map(([n]) => n),
    ["full", "full again", "next"],
  );
  assert.equal(model.kinds().filter((kind) => kind === "resync").length, 1);
});

test("an answer reaches the question that was asked, and no other view's", async () => {
  const { model, link } = connected();
  const [first, second] = [link.ask({ kind: "range" }), link.ask({ kind: "nonsense" })];
  const [a, b] = model.sent.filter(({ kind }) => kind === "ask");
  model.receive({ kind: "answer", id: "another view:1", head: {} });
  model.receive({ kind: "answer", id: b.id, head: { kind: "refused", text: "Unknown." } });
  model.receive(
    { kind: "answer", id: a.id, head: { kind: "log" } },
    new DataView(new Uint8Array([104, 105]).buffer),
  );
  assert.deepEqual(await first, { head: { kind: "log" }, body: new Uint8Array([104, 105]) });
  await assert.rejects(second, /Unknown/);
});

test("a view that is closed says so and leaves no question open", async () => {
  const { model, frames, frame, link } = connected();
  const question = link.ask({ kind: "range" });
  link.close();
  frame(1, "late");
  assert.equal(model.kinds().at(-1), "detach");
  assert.deepEqual(frames, []);
  await assert.rejects(question, /closed/);
});

test("the kernel learns when the page is hidden", () => {
  const { model, page } = connected();
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([model.sent.at(-1).kind, model.sent.at(-1).is_hidden], ["pace", true]);
});

test("trouble is told as it came", () => {
  const { model, troubles } = connected();
  model.receive({ kind: "trouble", text: "The server does not answer." });
  assert.deepEqual(troubles, ["The server does not answer."]);
});

test("a widget is dark where its page is, and as the system where the page does not say", () => {
  const element = (classes = [], dataset = {}) => ({
    classList: { contains: (name) => classes.includes(name) },
    dataset,
  });
  const cases = [
    [element(["dark"]), element(), false, true], // marimo
    [element(["dark-theme"]), element(), false, true],
    [element([], { jpThemeLight: "false" }), element(), false, true], // JupyterLab
    [element([], { jpThemeLight: "true" }), element(), true, false],
    [element(), element([], { theme: "dark" }), false, true], // our own pages
    [element(["light"]), element(), true, false],
    [element(), element(), true, true],
    [element(), element(), false, false],
  ];
  for (const [body, documentElement, matches, expected] of cases) {
    assert.equal(isDark({ body, documentElement }, { matches }), expected);
  }
});
