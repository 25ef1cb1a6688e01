// A live list of jobs. Its kernel end is job_table.py; what all tables do is in table_view.mjs.

import "./job_table.css";
import { h } from "./dom.mjs";
import { liveWidget } from "./live.mjs";
import { say, sayInstant } from "./say.mjs";
import { drawStatus, looks } from "./status.mjs";
import { byRef, jobStates, jobStatus } from "./table_model.mjs";
import { drawTable } from "./table_view.mjs";
import { instantIn, relative } from "./words.mjs";

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

/** Return who paused a job, when, and until when; empty for one that is not paused. */
const pausedInWords = ({ is_paused: isPaused, paused_by: by, paused_at: at, timezone }) =>
  isPaused ? `by ${by ?? "somebody"}, ${instantIn(at, timezone)}, until it is resumed` : "";

/** Return who set a schedule beside the code, when, and until when it counts; empty where the code's own does. */
function overrideInWords({ override, timezone }) {
  if (!override) return "";
  const instead = override.replaces ? `instead of ${override.replaces}` : "where the code has none";
  const until = "until it is taken away or a deploy changes the code's";
  return `set by ${override.by}, ${instantIn(override.at, timezone)}, ${instead}, ${until}`;
}

/** Show the tags as labels. */
function drawTags(cell, { tags }) {
  if (cell.dataset.said === tags.join(" ")) return;
  cell.dataset.said = tags.join(" ");
  cell.title = tags.join(", ");
  cell.replaceChildren(...tags.map((tag) => h("span", { class: "ry-tag" }, tag)));
}

const columns = [
  {
    name: "status",
    title: "Status",
    draw(cell, job) {
      drawStatus(cell, jobStatus(job), isApp(job));
      const paused = pausedInWords(job);
      cell.title = paused && `paused ${paused}`;
    },
  },
  {
    name: "name",
    title: "Job",
    draw(cell, { name, ref }) {
      say(cell, name);
      cell.title = ref;
    },
  },
  { name: "tags", title: "Tags", draw: drawTags },
  { name: "kind", title: "Kind", draw: (cell, { kind }) => say(cell, kind) },
  {
    name: "trigger",
    title: "Runs",
    draw(cell, job) {
      const words = job.triggers.join(", ") || "when started";
      say(cell, job.override ? `✎ ${words}` : words);
      cell.title = [words, overrideInWords(job)].filter(Boolean).join("; ");
    },
  },
  {
    name: "when",
    title: "Next run",
    isTimed: true,
    draw(cell, { next_at: at, is_paused: isPaused, timezone }, now) {
      say(cell, at === null || isPaused ? "–" : relative(at, now));
      sayInstant(cell, at, timezone);
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
      [
        job.ref,
        job.title,
        job.kind,
        jobStatus(job),
        ...job.triggers,
        ...job.tags,
        job.pipeline,
        job.description,
      ].join(" "),
    statusOf: jobStatus,
    states: jobStates,
    tagsOf: ({ tags }) => tags,
    pipelineOf: ({ pipeline }) => pipeline,
    details: (job) => [
      ["Title", job.title],
      ["About", job.description],
      ["Ref", job.ref],
      ["Runs", job.triggers.join(", ")],
      ["Schedule", overrideInWords(job)],
      ["Paused", pausedInWords(job)],
      ["Next run", !job.is_paused && job.next_at !== null && instantIn(job.next_at, job.timezone)],
      [
        "Latest run",
        job.latest &&
          `#${job.latest.number}, ${job.latest.status}, ${instantIn(job.latest.created_at, job.timezone)}`,
      ],
      ["Pipeline", job.pipeline],
      ["Tags", job.tags.join(", ")],
      ["Address", job.url],
    ],
  }),
);
