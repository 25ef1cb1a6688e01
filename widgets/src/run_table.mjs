// A live list of runs, the newest first. Its kernel end is run_table.py; what all tables do is in table_view.mjs.

import "./run_table.css";
import { liveWidget } from "./live.mjs";
import { say, sayInstant } from "./say.mjs";
import { drawStatus } from "./status.mjs";
import { newestFirst } from "./table_model.mjs";
import { drawTable } from "./table_view.mjs";
import { duration, instant, isOver, relative, runTime, shortName, waitTime } from "./words.mjs";

const columns = [
  { name: "status", title: "Status", draw: (cell, { status }) => drawStatus(cell, status) },
  {
    name: "name",
    title: "Job",
    draw(cell, { job }) {
      say(cell, shortName(job));
      cell.title = job;
    },
  },
  { name: "number", title: "Run", draw: (cell, { number }) => say(cell, `#${number}`) },
  {
    name: "when",
    title: "Started",
    isTimed: true,
    draw(cell, run, now) {
      const unstarted = isOver(run) ? "never" : "waits";
      say(cell, run.started_at === null ? unstarted : relative(run.started_at, now));
      sayInstant(cell, run.started_at ?? run.created_at);
    },
  },
  {
    name: "length",
    title: "Duration",
    isTimed: true,
    draw(cell, run, now) {
      const length = runTime(run, now);
      say(cell, length === null ? "" : duration(length));
    },
  },
  { name: "trigger", title: "Trigger", draw: (cell, { trigger }) => say(cell, trigger ?? "") },
  { name: "profile", title: "Profile", draw: (cell, { profile }) => say(cell, profile ?? "") },
];

const when = (at) => at !== null && instant(at);

export default liveWidget((view) =>
  drawTable(view, {
    noun: "run",
    nouns: "runs",
    key: "id",
    columns,
    order: newestFirst,
    refOf: ({ job }) => job,
    label: ({ job, number }) => `${shortName(job)} #${number}`,
    text: ({ job, number, status, trigger, profile }) =>
      [job, `#${number}`, status, trigger, profile].join(" "),
    statusOf: ({ status }) => status,
    groups: { unfinished: (run) => !isOver(run) },
    states: ({ status }) => [status],
    details: (run, now) => [
      ["Why", [run.reason, run.message].filter(Boolean).join(": ")],
      ["Created", when(run.created_at)],
      ["Waited", duration(waitTime(run, now))],
      ["Started", when(run.started_at)],
      ["Finished", when(run.finished_at)],
      ["Job", run.job],
      ["Id", run.id],
    ],
  }),
);
