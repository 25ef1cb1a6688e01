// Text cut to a width, for drawings: neither SVG nor a canvas does it by itself.

const measure = document.createElement("canvas").getContext("2d");
const fitted = new Map();
const MOST_KEPT = 5_000; // texts; names of a large workspace in two sizes

/** `text` as much of it as `width` px hold in `font`, with an ellipsis where something is missing. */
export function fitText(text, width, font) {
  const key = `${font}\n${Math.round(width)}\n${text}`;
  if (!fitted.has(key)) {
    if (fitted.size >= MOST_KEPT) fitted.clear();
    fitted.set(key, cut(text, width, font));
  }
  return fitted.get(key);
}

function cut(text, width, font) {
  measure.font = font;
  if (measure.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
