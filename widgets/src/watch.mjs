// Traits of a model, followed together: not every host takes several names at once.

/** Call `changed` whenever one of these traits changes; returns what ends that. */
export function watch(model, traits, changed) {
  for (const name of traits) model.on(`change:${name}`, changed);
  return () => {
    for (const name of traits) model.off(`change:${name}`, changed);
  };
}
