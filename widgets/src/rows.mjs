// Rows by key, kept current by the frames of a feed, and the server's clock that came with them. Pure.

/** The rows a widget shows. `key` names the field that tells rows apart. */
export class Rows {
  #byKey = new Map();
  #clockAhead = 0; // ms the server's clock is ahead of this one

  constructor(key) {
    this.key = key;
  }

  /** Take over a frame's head: all rows anew, or the changed and the gone ones. */
  merge({ rows = [], gone = [], is_all: isAll, now }, clock = Date.now()) {
    if (isAll) this.#byKey.clear();
    for (const id of gone) this.#byKey.delete(id);
    for (const row of rows) this.#byKey.set(row[this.key], row);
    if (now) this.#clockAhead = now - clock;
  }

  /** The present by the server's clock, so that an open run never looks older than it is. */
  now(clock = Date.now()) {
    return clock + this.#clockAhead;
  }

  get(key) {
    return this.#byKey.get(key);
  }

  get size() {
    return this.#byKey.size;
  }

  [Symbol.iterator]() {
    return this.#byKey.values();
  }
}
