// Which lines of a long list are on screen. Pure: heights and positions in pixels, lines as numbers that may be
// fractions.
//
// One rule serves short lists, lists taller than a browser can scroll, and rows of different heights: when the list
// is scrolled by a fraction of its way, the line at that fraction of the list is at that fraction of the window.
// With rows of one height that is exactly how scrolling always looks.

/** Height of a row that is not wrapped. */
export const ROW = 20;

/** Browsers stop at about 33 million pixels, some at 17; beyond this the scroll bar stands for more than pixels. */
const MOST_PIXELS = 15_000_000;

/** Part of a row that is only rounding: no row is drawn for it. */
const HAIR = 1e-6;

/** How tall `total` rows scroll. */
export const scrollHeight = (total) => Math.min(total * ROW, MOST_PIXELS);

/** Where a list scrolled by `ratio` (0 to 1) holds: its line `line` is at the fraction `at` of the window. */
export const hold = (ratio, total) => ({ line: ratio * total, at: ratio });

/** The rows to draw so that the window is full, from `first` up to, without, `end`. */
export function rowsAround({ line, at }, total, height) {
  const first = Math.max(0, Math.floor(line - (at * height) / ROW + HAIR));
  const end = Math.min(total, Math.ceil(line + ((1 - at) * height) / ROW - HAIR));
  return { first, end };
}

/** The line at the top of the window, were all rows of one height. */
export const topLine = ({ line, at }, height) => line - (at * height) / ROW;

/** How far a list of `total` lines is scrolled when `top` is the line at the top of the window. */
export function ratioAt(top, total, height) {
  const way = total - height / ROW;
  return way <= 0 ? 0 : Math.min(1, Math.max(0, top / way));
}
