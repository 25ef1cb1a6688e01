// Which rows are selected: the trait `selected` of a widget's model, a list of keys.

/** Return a selection after one of its rows was chosen: that one or none alone, or besides the others if `isMore`. */
export function toggled(selected, key, isMore) {
  const others = isMore ? selected.filter((other) => other !== key) : [];
  return selected.includes(key) && (isMore || selected.length === 1) ? others : [...others, key];
}

/** Select these rows, in Python too. */
export function choose(model, keys) {
  model.set("selected", keys);
  model.save_changes();
}
