// Rows by the tags they carry. Pure; drawing is in table_view.mjs.

/** The group of rows without a tag. */
export const NO_TAG = "";

/** Return the tags of `rows`, by name, each with how many carry it. */
export function tagCounts(rows, tagsOf) {
  const counts = new Map();
  for (const row of rows) for (const tag of tagsOf(row)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Return `[tag, rows]` by the name of the tag, a row under each of its tags and those without any at the end. */
export function tagGroups(rows, tagsOf) {
  const groups = tagCounts(rows, tagsOf).map(([tag]) => [
    tag,
    rows.filter((row) => tagsOf(row).includes(tag)),
  ]);
  const rest = rows.filter((row) => tagsOf(row).length === 0);
  return rest.length ? [...groups, [NO_TAG, rest]] : groups;
}
