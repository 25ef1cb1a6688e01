// One line of a log: its stream, its instant, and its text as a terminal would have left it.

import { two } from "./words.mjs";

/** Each stream by its letter: what marks it, and what the mark means. */
export const STREAMS = {
  O: { mark: "", name: "stdout" },
  E: { mark: "!", name: "stderr" },
  S: { mark: "»", name: "runyard" },
};

// Colours, cursor movements and titles: CSI and OSC sequences, then any two-character escape.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
const ESCAPES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rest of what a terminal would not print
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** "E1764000000000\tboom" as `{ stream: "E", at: 1764000000000, text: "boom" }`. */
export function parse(line) {
  const tab = line.indexOf("\t");
  return { stream: line[0], at: Number(line.slice(1, tab)), text: printed(line.slice(tab + 1)) };
}

/** What is left to read of a text: no escape sequences, and after a carriage return only what overwrote the rest. */
export function printed(text) {
  const plain = text.replace(ESCAPES, "").replace(/\r+$/, "");
  return plain.slice(plain.lastIndexOf("\r") + 1).replace(CONTROLS, "");
}

/** The lines of a frame's body; `count` tells no line from one that is empty. */
export const split = (text, count) => (count === 0 ? [] : text.split("\n"));

const three = (n) => String(n).padStart(3, "0");

/** An instant of the viewer's day, "14:03:07.120". */
export function clock(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${three(date.getMilliseconds())}`;
}

/** The same since `start`: "+0:07.120", "+1:02:07.120". */
export function elapsed(at, start) {
  const ms = Math.max(0, at - start);
  const seconds = `${two((ms / 1000) % 60)}.${three(ms % 1000)}`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60
    ? `+${minutes}:${seconds}`
    : `+${Math.floor(minutes / 60)}:${two(minutes % 60)}:${seconds}`;
}
