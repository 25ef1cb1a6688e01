// Which rows a table shows, in which order, and which actions a row has. Pure; drawing is in table_view.mjs.

/** Return what words, a status, a tag and a pipeline leave of `rows`; every word has to be in a row's text. */
export function matching(rows, { words, status, tag, pipeline }, shape) {
  const { text, statusOf, groups, tagsOf, pipelineOf } = shape;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (status && statusOf(row) !== status && !groups?.[status]?.(row)) return false;
    if (tag && !tagsOf(row).includes(tag)) return false;
    if (pipeline && pipelineOf(row) !== pipeline) return false;
    const found = wanted.length ? text(row).toLowerCase() : "";
    return wanted.every((word) => found.includes(word));
  });
}

/** Return how many rows have each status, and are in each group, as `[status, count]`, the most frequent first. */
export function countsBy(rows, { statusOf, groups }) {
  const counts = new Map();
  const count = (status) => counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const row of rows) {
    count(statusOf(row));
    for (const [name, has] of Object.entries(groups ?? {})) if (has(row)) count(name);
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

/** Return the actions there are for a row that is all of `states`. */
export const actionsFor = (actions, states) =>
  actions.filter((action) => !action.for || action.for.some((state) => states.includes(state)));

/** Newest first. */
export const newestFirst = (a, b) => b.created_at - a.created_at || b.number - a.number;

/** By ref; what is archived comes last. */
export const byRef = (a, b) => a.is_archived - b.is_archived || (a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0);

/** Return a job's status in one word: archived, paused, or that of its latest run; "new" before the first. */
export function jobStatus({ is_archived: isArchived, is_paused: isPaused, latest }) {
  if (isArchived) return "archived";
  return isPaused ? "paused" : (latest?.status ?? "new");
}

/** Return everything a job is that an action may ask for. */
export function jobStates({ kind, is_archived: isArchived, is_paused: isPaused, latest }) {
  return [kind, latest?.status ?? "new", isArchived ? "archived" : isPaused ? "paused" : "active"];
}
