// A live list of jobs. Its kernel end is job_table.py; what all tables do is in table_view.mjs.

import "./job_table.css";
import { h } from "./dom.mjs";
import { liveWidget } from "./live.mjs";
import { say, sayInstant } from "./say.mjs";
import { drawStatus, looks } from "./status.mjs";
import { byRef, jobStates, jobStatus } from "./table_model.mjs";
import { drawTable } from "./table_view.mjs";
import { instant, relative } from "./words.mjs";

const STRIP = 12; // bars: the latest runs that fit beside the rest of a row

const isApp = ({ kind }) => kind !== "batch";

/** Show the last runs as small bars, oldest first: height, shape and colour tell how each ended, a title says it. */
function drawStrip(cell, { recent, kind }) {
  const runs = recent.slice(-STRIP);
  const said = runs.map(({ status }) => status).join(" ");
  if (cell.dataset.said === said) return;
  cell.dataset.said = said;
  const ended = runs.length ? `last runs, oldest first: ${said.replaceAll(" ", ", ")}` : "no run yet";
  cell.replaceChildren(
    h(
      "span",
      { class: "ry-strip", role: "img", "aria-label": ended, title: ended },
      ...runs.map(({ status }) =>
        h("i", { class: `ry-${looks(status, isApp({ kind })).colour}`, "data-status": status }),
      ),
    ),
  );
}

const columns = [
  { name: "status", title: "Status", draw: (cell, job) => drawStatus(cell, jobStatus(job), isApp(job)) },
  {
    name: "name",
    title: "Job",
    draw(cell, { name, ref }) {
      say(cell, name);
      cell.title = ref;
    },
  },
  { name: "kind", title: "Kind", draw: (cell, { kind }) => say(cell, kind) },
  {
    name: "trigger",
    title: "Runs",
    draw: (cell, { triggers }) => say(cell, triggers.join(", ") || "when started"),
  },
  {
    name: "when",
    title: "Next run",
    isTimed: true,
    draw(cell, { next_at: at, is_paused: isPaused }, now) {
      say(cell, at === null || isPaused ? "–" : relative(at, now));
      sayInstant(cell, at);
    },
  },
  { name: "recent", title: "Last runs", draw: drawStrip },
];

export default liveWidget((view) =>
  drawTable(view, {
    noun: "job",
    nouns: "jobs",
    key: "ref",
    columns,
    order: byRef,
    refOf: ({ ref }) => ref,
    label: ({ name }) => name,
    text: (job) =>
      [job.ref, job.title, job.kind, jobStatus(job), ...job.triggers, ...job.tags, job.description].join(" "),
    statusOf: jobStatus,
    states: jobStates,
    details: (job) => [
      ["Title", job.title],
      ["About", job.description],
      ["Ref", job.ref],
      ["Runs", job.triggers.join(", ")],
      ["Next run", job.next_at !== null && instant(job.next_at)],
      [
        "Latest run",
        job.latest && `#${job.latest.number}, ${job.latest.status}, ${instant(job.latest.created_at)}`,
      ],
      ["Tags", job.tags.join(", ")],
      ["Address", job.url],
    ],
  }),
);
