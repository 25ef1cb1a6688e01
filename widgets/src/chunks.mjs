// Lines of a log by number, of which only some are here: kept in chunks, the longest unused chunk forgotten first.

/** Lines per chunk; also how many are asked for at once. */
export const CHUNK_LINES = 500;

/** Chunks kept: 30,000 lines, a few megabytes, whatever the length of the log. */
const MOST_CHUNKS = 60;

export class Chunks {
  #chunks = new Map();

  /** Keeps `lines`, of which the first has number `first`. */
  put(first, lines) {
    for (let at = 0; at < lines.length; ) {
      const offset = (first + at) % CHUNK_LINES;
      const count = Math.min(CHUNK_LINES - offset, lines.length - at);
      const chunk = this.#touch((first + at - offset) / CHUNK_LINES) ?? [];
      for (let i = 0; i < count; i++) chunk[offset + i] = lines[at + i];
      this.#chunks.set((first + at - offset) / CHUNK_LINES, chunk);
      at += count;
    }
    while (this.#chunks.size > MOST_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value);
  }

  /** Line `number`, or undefined when it is not here. */
  get(number) {
    return this.#touch(Math.floor(number / CHUNK_LINES))?.[number % CHUNK_LINES];
  }

  /** Numbers of the first lines of the chunks that lack a line of `first` up to, without, `end`. */
  missing(first, end) {
    const found = new Set();
    for (let number = first; number < end; number++) {
      if (this.get(number) === undefined) found.add(number - (number % CHUNK_LINES));
    }
    return [...found];
  }

  clear() {
    this.#chunks.clear();
  }

  /** A chunk, which is thereby the last to be forgotten: a Map keeps the order in which keys were added. */
  #touch(index) {
    const chunk = this.#chunks.get(index);
    if (chunk) {
      this.#chunks.delete(index);
      this.#chunks.set(index, chunk);
    }
    return chunk;
  }
}
