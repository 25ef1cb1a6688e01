// A log that grows: about thirty rows of DOM over any number of lines, at its end until the reader scrolls up.

import "./log_tail.css";
import { CHUNK_LINES, Chunks } from "./chunks.mjs";
import { address, h } from "./dom.mjs";
import { liveWidget } from "./live.mjs";
import { clock, elapsed, parse, STREAMS, split } from "./log_lines.mjs";
import { drawStatus } from "./status.mjs";
import { hold, ROW, ratioAt, rowsAround, scrollHeight, topLine } from "./virtual_window.mjs";
import { watch } from "./watch.mjs";
import { isOver, shortName } from "./words.mjs";

/** Lines one press of Copy takes: the newest ones, a few hundred kilobytes. */
const COPY_LINES = 5_000;

/** Ranges asked for at once: while the reader drags the scroll bar, most are out of sight before they arrive. */
const ASKS_AT_ONCE = 2;

/** Milliseconds until a range that was refused is asked for again. */
const RETRY_MS = 2_000;

/** Milliseconds after a gesture, or after the last scrolling it led to, in which scrolling is the reader's. */
const GLIDE_MS = 1_000;

/** Delays kept for measurements; see `figures`. */
const MOST_DELAYS = 20_000;

const utf8 = new TextDecoder();
const grouped = new Intl.NumberFormat();

export default liveWidget(({ model, root, link }) => {
  const chunks = new Chunks();
  let run; // null when it is known that there is none
  let total = 0;
  let isTailing = true;
  let held = hold(1, 0); // what the window shows while not tailing
  let isWrapped = false;
  let isSinceStart = false;
  let seen = 0; // lines there were when the reader left the end
  let isStopped = false;

  /** For measurements and tests; `delays`: milliseconds from the writing of the newest line to its painting. */
  const figures = { total: 0, first: 0, end: 0, isTailing, paints: 0, asks: 0, delays: [] };
  root.__runyard = figures;

  // The parts.

  const name = h("a", { class: "ry-log-name" });
  const status = h("span");
  const count = h("span", { class: "ry-quiet ry-log-count" });
  const announced = h("span", { class: "ry-unseen", role: "status" });
  const wrap = h("button", { type: "button", "aria-pressed": "false", title: "Wrap long lines" }, "Wrap");
  const time = h(
    "button",
    { type: "button", "aria-pressed": "false", title: "Time since the start" },
    "Elapsed",
  );
  const copy = h("button", { type: "button", title: "Copy the newest lines" }, "Copy");
  const tools = h("div", { class: "ry-log-tools" }, wrap, time, copy);
  const bar = h("div", { class: "ry-log-bar" }, name, status, count, announced, tools);

  const lines = h("div", { class: "ry-log-lines" });
  const empty = h("div", { class: "ry-log-empty ry-quiet" });
  const sight = h("div", { class: "ry-log-window" }, lines, empty);
  const spacer = h("div", {}, sight);
  const scroller = h(
    "div",
    { class: "ry-log-scroller", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log" },
    spacer,
  );
  const newest = h("button", { type: "button", class: "ry-log-newest", hidden: true });
  root.classList.add("ry-log");
  root.append(bar, h("div", { class: "ry-log-body" }, scroller, newest));

  // Drawing.

  const rows = [];

  /** The row in place `index`; rows are made once and then only change their text. */
  const row = (index) => {
    if (!rows[index]) {
      const [number, at, mark, text] = ["number", "at", "mark", "text"].map((part) =>
        h("span", { class: `ry-log-${part}` }),
      );
      const element = h("div", { class: "ry-log-line" }, number, at, mark, text);
      rows[index] = { element, number, at, mark, text, shown: null };
    }
    return rows[index];
  };

  const write = (index, number) => {
    const line = chunks.get(number);
    const target = row(index);
    const shown = `${number}\n${line}\n${isSinceStart}`;
    if (target.shown === shown) return line;
    target.shown = shown;
    const { stream, at, text } = line === undefined ? { stream: "O", text: "…" } : parse(line);
    target.element.dataset.stream = stream;
    target.number.textContent = grouped.format(number + 1);
    target.at.textContent =
      at === undefined ? "" : isSinceStart ? elapsed(at, run?.started_at ?? at) : clock(at);
    target.mark.textContent = STREAMS[stream]?.mark ?? "";
    target.mark.title = STREAMS[stream]?.name ?? "";
    target.text.textContent = text;
    return line;
  };

  let ownTop = -1; // where the scroller was put by us: a scroll event from there is not the reader's
  let frameRequest = 0;
  let painted = 0;

  const draw = () => {
    frameRequest = 0;
    if (isStopped) return;
    sight.style.height = `${scroller.clientHeight}px`;
    const height = sight.clientHeight; // without its scroll bar
    if (height === 0) return; // not on screen; the observer calls again

    const isShort = total * ROW <= height;
    const at = isTailing ? hold(isShort ? 0 : 1, total) : held;
    const { first, end } = isShort ? { first: 0, end: total } : rowsAround(at, total, height);
    let last;
    for (let number = first; number < end; number++) last = write(number - first, number);
    lines.replaceChildren(...rows.slice(0, end - first).map(({ element }) => element));
    lines.style.setProperty("--digits", grouped.format(total).length);

    // Wrapped rows of a short log may still be taller than the window.
    const tall = isWrapped && isShort ? lines.offsetHeight : scrollHeight(total);
    const way = Math.max(0, tall - height);
    spacer.style.height = `${scroller.clientHeight + way}px`;

    if (isShort) {
      const ratio = isTailing ? 1 : Math.min(1, held.at);
      put(ratio * way);
      lines.style.translate = `0 ${-ratio * way}px`;
    } else {
      put(isTailing ? way : ratioAt(topLine(held, height), total, height) * way);
      const index = Math.min(Math.floor(at.line), total - 1);
      const { offsetTop, offsetHeight } = rows[index - first].element;
      lines.style.translate = `0 ${at.at * height - (offsetTop + (at.line - index) * offsetHeight)}px`;
    }

    const isBehind = !isTailing && total > seen;
    newest.hidden = isTailing;
    newest.textContent = isBehind ? `↓ ${grouped.format(total - seen)} new` : "↓ Newest";
    count.textContent = `${grouped.format(total)} ${total === 1 ? "line" : "lines"}`;
    for (const part of [count, tools]) part.hidden = total === 0;
    empty.hidden = total > 0;

    if (isTailing && last !== undefined && total > painted) {
      figures.delays.push(Date.now() - parse(last).at);
      if (figures.delays.length > MOST_DELAYS) figures.delays.splice(0, MOST_DELAYS / 2);
    }
    painted = total;
    Object.assign(figures, { total, first, end, isTailing, paints: figures.paints + 1 });
    fetchMissing(first, end);
  };

  const drawSoon = () => {
    frameRequest ||= requestAnimationFrame(draw);
  };

  const put = (top) => {
    if (Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top;
    ownTop = scroller.scrollTop;
  };

  const drawRun = () => {
    name.textContent = run ? `${shortName(run.job)} #${run.number}` : "";
    name.title = run?.job ?? "";
    if (run && model.get("href")) name.href = address(model.get("href"), run);
    else name.removeAttribute("href");
    if (run) drawStatus(status, run.status);
    announced.textContent = run ? `Run ${run.number} is ${run.status}.` : "";
    bar.hidden = !run;
    empty.textContent = run
      ? `Nothing was printed${isOver(run) ? "" : " yet"}.`
      : run === null
        ? "There is no run yet."
        : "";
    drawSoon();
  };

  // What arrives.

  const follow = (next) => {
    if (next?.id !== run?.id) {
      chunks.clear();
      total = 0;
      painted = 0;
      isTailing = true;
    }
    run = next;
    drawRun();
  };

  const frame = (head, body) => {
    if (head.run !== undefined) follow(head.run);
    if (head.kind !== "log") return;
    chunks.put(head.first, split(utf8.decode(body), head.count));
    total = Math.max(total, head.total, head.first + head.count);
    drawSoon();
  };

  const asked = new Set();
  const fetchMissing = (first, end) => {
    for (const start of chunks.missing(first, end)) {
      if (asked.size >= ASKS_AT_ONCE) return;
      if (asked.has(start)) continue;
      asked.add(start);
      figures.asks += 1;
      fetchLines(start, CHUNK_LINES)
        .then(
          (lacks) => lacks,
          () => true,
        )
        .then((isLacking) => {
          const done = () => {
            asked.delete(start);
            drawSoon();
          };
          if (isLacking) setTimeout(done, RETRY_MS);
          else done();
        });
    }
  };

  /** Asks for a range and keeps it; whether nothing came. */
  const fetchLines = async (first, wanted) => {
    const of = run?.id;
    const { head, body } = await link.ask({ kind: "range", first, count: wanted });
    if (of === run?.id) chunks.put(head.first, split(utf8.decode(body), head.count));
    return head.count === 0;
  };

  // What the reader does.

  const leave = () => {
    if (!isTailing || total * ROW <= sight.clientHeight) return;
    held = hold(1, total);
    seen = total;
    isTailing = false;
    drawSoon();
  };

  const tail = () => {
    isTailing = true;
    drawSoon();
  };

  let gestureAt = Number.NEGATIVE_INFINITY;
  let isHeld = false; // the scroll bar, for as long as the reader likes
  const point = (event) => {
    isHeld = event.buttons > 0;
  };
  const glide = (event) => {
    gestureAt = performance.now();
    // A glide upwards begins with a pixel; lines that arrive before it must not pull back.
    if (event.deltaY < 0) leave();
  };

  const scrolled = () => {
    const top = scroller.scrollTop;
    if (Math.abs(top - ownTop) < 1) return;
    // Layout scrolls too, when the window or the scroll bars of the page change: that is undone.
    if (!isHeld && performance.now() - gestureAt > GLIDE_MS) return drawSoon();
    gestureAt = performance.now();
    ownTop = top;
    const way = scroller.scrollHeight - scroller.clientHeight;
    if (top >= way - 1) return tail();
    leave();
    isTailing = false;
    held = hold(top / way, total);
    drawSoon();
  };

  /** Moves by keys: at once, so that lines that arrive in between do not end a glide. */
  const move = (by) => {
    const height = sight.clientHeight;
    const top = topLine(isTailing ? hold(1, total) : held, height) + by;
    const ratio = ratioAt(top, total, height);
    if (ratio >= 1) return tail();
    leave();
    held = hold(ratio, total);
    drawSoon();
  };

  const press = (event) => {
    const page = Math.max(1, Math.floor(sight.clientHeight / ROW) - 1);
    const by = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      " ": event.shiftKey ? -page : page,
      Home: -total,
      End: total,
    }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(by);
  };

  const copyLines = async () => {
    const first = Math.max(0, total - COPY_LINES);
    const end = total;
    for (const start of chunks.missing(first, end)) await fetchLines(start, CHUNK_LINES);
    const texts = [];
    for (let number = first; number < end; number++) texts.push(parse(chunks.get(number) ?? "O0\t").text);
    return { text: texts.join("\n"), number: end - first };
  };

  const toggle = (button, change) => () => {
    button.setAttribute("aria-pressed", String(change()));
    drawSoon();
  };
  wrap.addEventListener(
    "click",
    toggle(wrap, () => {
      isWrapped = !isWrapped;
      return lines.classList.toggle("ry-log-wrapped", isWrapped);
    }),
  );
  time.addEventListener(
    "click",
    toggle(time, () => {
      isSinceStart = !isSinceStart;
      return isSinceStart;
    }),
  );
  copy.addEventListener("click", async () => {
    const said = await copyLines().then(
      ({ text, number }) => putOnClipboard(text).then(() => `Copied ${grouped.format(number)} lines`),
      () => "Not copied",
    );
    copy.textContent = said;
    setTimeout(() => copy.replaceChildren("Copy"), RETRY_MS);
  });
  newest.addEventListener("click", () => {
    tail();
    scroller.focus({ preventScroll: true });
  });
  scroller.addEventListener("scroll", scrolled, { passive: true });
  scroller.addEventListener("keydown", press);
  for (const kind of ["wheel", "touchmove"]) scroller.addEventListener(kind, glide, { passive: true });
  for (const kind of ["pointerdown", "pointermove"])
    scroller.addEventListener(kind, point, { passive: true });
  scroller.addEventListener("selectstart", leave); // who selects text reads it

  const resize = () => {
    scroller.style.height = `${model.get("height")}px`;
  };
  const observer = new ResizeObserver(drawSoon);
  observer.observe(scroller);
  const unwatch = watch(model, ["height", "href"], () => {
    resize();
    drawRun();
  });
  resize();

  const snapshot = model.get("snapshot");
  run = snapshot.run;
  total = snapshot.total ?? 0;
  chunks.put(snapshot.first ?? 0, snapshot.lines ?? []);
  drawRun();

  return {
    frame,
    stop() {
      isStopped = true;
      cancelAnimationFrame(frameRequest);
      observer.disconnect();
      unwatch();
    },
  };
});

/** The clipboard, also where the page is not a secure context: there, what is selected in a field is copied. */
async function putOnClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = h("textarea", { class: "ry-unseen" });
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (!isCopied) throw new Error("The browser refused.");
}
