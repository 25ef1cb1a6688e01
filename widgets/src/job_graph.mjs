// The graph of jobs: what follows what, what waits for what, and how each stands. Its kernel end is job_graph.py;
// where nodes and edges lie is computed in layout.mjs.

import "./job_graph.css";
import { address, h, svg } from "./dom.mjs";
import { fitText } from "./fit_text.mjs";
import { followGestures } from "./gestures.mjs";
import { layout, NODE_HEIGHT, NODE_WIDTH } from "./layout.mjs";
import { liveWidget } from "./live.mjs";
import { Rows } from "./rows.mjs";
import { withCode } from "./say.mjs";
import { choose, toggled } from "./selection.mjs";
import { looks } from "./status.mjs";
import { byRef } from "./table_model.mjs";
import { watch } from "./watch.mjs";

const MARGIN = 20; // px around the whole drawing
const NEAREST = 2; // scales
const FARTHEST = 0.1;
const FARTHEST_FIT = 0.34; // a drawing that is larger still is not shown whole: nobody could read it
const FAR = 0.66; // below, a node shows its name in large letters and nothing else
const NAME_FONT = "600 13px system-ui, sans-serif";
const FAR_FONT = "600 18px system-ui, sans-serif";
const TEXT_LEFT = 16; // px from a node's left side
const FIT_MS = 150; // of no change in size, then the drawing is fitted again

/** Return the curve through a path's points, flat where it passes a layer or meets a node. */
function curve(points) {
  return points
    .map(([x, y], i) => {
      if (i === 0) return `M${x},${y}`;
      const [fromX, fromY] = points[i - 1];
      const half = (fromX + x) / 2;
      return fromY === y ? `L${x},${y}` : `C${half},${fromY} ${half},${y} ${x},${y}`;
    })
    .join("");
}

const arrow = (kind) =>
  svg(
    "marker",
    {
      id: `ry-arrow-${kind}`,
      viewBox: "0 0 8 8",
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      orient: "auto",
    },
    svg("path", { d: "M0,0.5 L8,4 L0,7.5 z" }),
  );

export default liveWidget(({ model, root }) => {
  const rows = new Rows("ref");
  const nodes = new Map(); // ref -> its elements and place
  let edges = [];
  let lines = []; // the edges as drawn
  let shape = ""; // of the graph that is laid out
  let size = { width: 0, height: 0 };
  let view = { x: 0, y: 0, scale: 1 };
  let isMoved = false; // by the viewer, so that it is not fitted again on its own
  let current = null; // the ref arrow keys are at

  const edgeLayer = svg("g", { "aria-hidden": "true" });
  const nodeLayer = svg("g", { onkeydown: moveByKey });
  const world = svg("g", {}, edgeLayer, nodeLayer);
  const canvas = svg("svg", { role: "group" }, svg("defs", {}, arrow("follow"), arrow("freshness")), world);
  const note = h("p", { class: "ry-note" });
  const button = (label, title, onclick) =>
    h("button", { type: "button", title, "aria-label": title, onclick }, label);
  const bar = h(
    "div",
    { class: "ry-bar" },
    h("span", { class: "ry-key" }, h("i", { class: "ry-follow" }), "follows"),
    h("span", { class: "ry-key" }, h("i", { class: "ry-freshness" }), "waits for fresh data"),
    h("span", { class: "ry-key" }, h("i", { class: "ry-app" }), "interactive"),
    h(
      "span",
      { class: "ry-zoom" },
      button("−", "Zoom out", () => zoomBy(1 / 1.3)),
      button("+", "Zoom in", () => zoomBy(1.3)),
      button("Fit", "Show the whole graph", fit),
    ),
  );
  root.classList.add("ry-graph");
  root.append(bar, canvas, note);

  // The drawing as a whole.

  function redraw() {
    const jobs = [...rows].filter((job) => !job.is_archived).sort(byRef);
    const refs = jobs.map(({ ref }) => ref);
    const known = new Set(refs);
    const drawn = edges.filter(({ source, target }) => known.has(source) && known.has(target));
    const next = JSON.stringify([refs, drawn]);
    if (next !== shape) {
      shape = next;
      arrange(refs, drawn);
    }
    for (const job of jobs) drawNode(job);
    note.hidden = jobs.length > 0;
    canvas.toggleAttribute("hidden", jobs.length === 0);
    note.replaceChildren(...withCode(model.get("empty") || "No jobs yet."));
    canvas.setAttribute(
      "aria-label",
      `Graph of ${jobs.length} jobs and ${drawn.length} edges. Arrow keys follow the edges.`,
    );
  }

  function arrange(refs, drawn) {
    const number = new Map(refs.map((ref, i) => [ref, i]));
    const found = layout(
      refs.length,
      drawn.map(({ source, target }) => [number.get(source), number.get(target)]),
    );
    size = found;
    for (const [ref, { element }] of nodes) {
      if (number.has(ref)) continue;
      element.remove();
      nodes.delete(ref);
    }
    for (const [i, ref] of refs.entries()) {
      const node = nodes.get(ref) ?? makeNode(ref);
      nodes.set(ref, Object.assign(node, found.nodes[i], { before: [], after: [] }));
      node.element.setAttribute("transform", `translate(${node.x},${node.y})`);
    }
    lines = drawn.map(({ source, target, kind }, i) => {
      nodes.get(source).after.push(target);
      nodes.get(target).before.push(source);
      const element = svg("path", {
        class: `ry-edge ry-${kind}`,
        d: curve(found.paths[i]),
        "marker-end": `url(#ry-arrow-${kind})`,
      });
      return { source, target, element };
    });
    edgeLayer.replaceChildren(...lines.map(({ element }) => element));
    if (!nodes.has(current)) current = refs[0] ?? null;
    if (!isMoved) fit();
  }

  function fit() {
    isMoved = false;
    const room = root.clientWidth - 2 * MARGIN;
    if (room <= 0) return;
    const high = model.get("height") - 2 * MARGIN;
    const scale = Math.max(FARTHEST_FIT, Math.min(1, room / size.width, high / size.height));
    const height = Math.min(high, size.height * scale) + 2 * MARGIN;
    canvas.style.height = `${height}px`;
    const centred = (space, needed) => Math.max(MARGIN, (space - needed) / 2);
    show({
      x: centred(root.clientWidth, size.width * scale),
      y: centred(height, size.height * scale),
      scale,
    });
  }

  function show(next) {
    view = next;
    world.setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.scale})`);
    canvas.classList.toggle("ry-far", view.scale < FAR);
  }

  function zoom(factor, x, y) {
    const scale = Math.min(NEAREST, Math.max(FARTHEST, view.scale * factor));
    const by = scale / view.scale;
    isMoved = true;
    show({ x: x - (x - view.x) * by, y: y - (y - view.y) * by, scale });
  }

  const zoomBy = (factor) => zoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);

  // One node.

  function makeNode(ref) {
    const texts = {
      name: svg("text", { class: "ry-name", x: TEXT_LEFT, y: 20 }),
      status: svg("text", { class: "ry-word", x: TEXT_LEFT, y: 37 }),
      far: svg("text", { class: "ry-large", x: TEXT_LEFT, y: NODE_HEIGHT / 2 + 7 }),
      hint: svg("title"),
    };
    const element = svg(
      "g",
      {
        class: "ry-node",
        role: "button",
        tabindex: -1,
        onclick: (event) => select(ref, event.ctrlKey || event.metaKey || event.shiftKey),
        ondblclick: () => open(ref),
        onfocus: () => focused(ref),
        onblur: () => light(null),
        onpointerenter: () => light(ref),
        onpointerleave: () => light(null),
      },
      texts.hint,
      svg("rect", { class: "ry-box", width: NODE_WIDTH, height: NODE_HEIGHT }),
      svg("rect", { class: "ry-side", x: 6, y: 10, width: 4, height: NODE_HEIGHT - 20, rx: 2 }),
      texts.name,
      texts.status,
      texts.far,
    );
    nodeLayer.append(element);
    return { element, texts };
  }

  function drawNode(job) {
    const { element, texts, before, after } = nodes.get(job.ref);
    const status = job.latest?.status ?? "new";
    const { sign, word, colour } = looks(status, job.kind !== "batch");
    const paused = job.is_paused ? looks("paused") : null;
    const said = [
      `${sign} ${word}`,
      paused && `${paused.sign} paused`,
      job.kind === "interactive" && "app",
    ].filter(Boolean);
    const isSelected = model.get("selected").includes(job.ref);
    const wide = NODE_WIDTH - 1.6 * TEXT_LEFT;
    element.setAttribute("class", `ry-node ry-${colour} ry-${job.kind}${job.is_paused ? " ry-paused" : ""}`);
    element.setAttribute("aria-pressed", String(isSelected));
    element.setAttribute("tabindex", job.ref === current ? 0 : -1);
    const around = [before.length && `after ${names(before)}`, after.length && `before ${names(after)}`];
    const spoken = [job.name, job.kind, word, paused && "paused", ...around].filter(Boolean).join(", ");
    element.setAttribute("aria-label", spoken);
    texts.hint.textContent = [job.ref, ...job.triggers].join("\n");
    texts.name.textContent = fitText(job.name, wide, NAME_FONT);
    texts.status.textContent = said.join(" · ");
    texts.far.textContent = `${sign} ${fitText(job.name, wide - 24, FAR_FONT)}`;
  }

  const names = (refs) => refs.map((ref) => rows.get(ref).name).join(" and ");

  function light(ref) {
    for (const { source, target, element } of lines) {
      element.classList.toggle("ry-lit", source === ref || target === ref);
    }
  }

  // Selecting, opening, moving.

  function select(ref, isMore) {
    choose(model, toggled(model.get("selected"), ref, isMore));
    redraw();
  }

  function open(ref) {
    const href = address(model.get("href"), rows.get(ref));
    if (href) location.assign(href);
  }

  function focused(ref) {
    nodes.get(current)?.element.setAttribute("tabindex", -1);
    current = ref;
    nodes.get(ref).element.setAttribute("tabindex", 0);
    light(ref);
  }

  function moveByKey(event) {
    const node = nodes.get(current);
    const beside = (step) =>
      [...nodes]
        .filter(([, other]) => Math.sign(other.y - node.y) === step)
        .map(([ref, other]) => ({
          ref,
          distance: Math.abs(other.y - node.y) + 2 * Math.abs(other.x - node.x),
        }))
        .sort((a, b) => a.distance - b.distance)[0]?.ref;
    const moves = {
      ArrowRight: () => node.after[0],
      ArrowLeft: () => node.before[0],
      ArrowDown: () => beside(1),
      ArrowUp: () => beside(-1),
      " ": () => select(current, true),
      Enter: () => (model.get("href") ? open(current) : select(current, false)),
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = moves[event.key]();
    if (next) {
      reveal(next);
      nodes.get(next).element.focus({ preventScroll: true });
    }
  }

  /** Bring a node into view, by no more than is needed. */
  function reveal(ref) {
    const { x, y } = nodes.get(ref);
    const short = (at, length, space) =>
      Math.max(MARGIN - at, 0) || Math.min(space - MARGIN - at - length, 0);
    const [left, top] = [view.x + x * view.scale, view.y + y * view.scale];
    const dx = short(left, NODE_WIDTH * view.scale, canvas.clientWidth);
    const dy = short(top, NODE_HEIGHT * view.scale, canvas.clientHeight);
    if (dx || dy) show({ ...view, x: view.x + dx, y: view.y + dy });
  }

  const unfollow = followGestures(canvas, {
    pan(dx, dy) {
      isMoved = true;
      show({ ...view, x: view.x + dx, y: view.y + dy });
    },
    zoom,
  });
  let fitting = 0;
  const resized = new ResizeObserver(() => {
    clearTimeout(fitting);
    fitting = setTimeout(() => isMoved || fit(), FIT_MS);
  });
  resized.observe(root);

  const take = (head) => {
    if (head.edges) edges = head.edges;
    rows.merge(head);
    redraw();
  };
  const unwatch = watch(model, ["selected", "href", "empty"], redraw);
  take(model.get("snapshot"));
  return {
    frame: take,
    stop() {
      unfollow();
      resized.disconnect();
      clearTimeout(fitting);
      unwatch();
    },
  };
});
