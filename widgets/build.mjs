// Bundles each widget into runyard_widgets/static/, one script and one style sheet. They are committed, so that only
// who changes a widget needs node. `--check` writes nothing and fails when what is there is not what would be built.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const SOURCES = join(import.meta.dirname, "src");
const PACKAGE = join(import.meta.dirname, "runyard_widgets");
const STATIC = join(PACKAGE, "static");

/** Bytes of one file: it travels into every notebook that shows the widget. */
const MOST_BYTES = 20_000;

/** A script is a widget when there is a Python module of the same name. */
function widgets() {
  const modules = new Set(readdirSync(PACKAGE).map((name) => basename(name, ".py")));
  return readdirSync(SOURCES).filter((name) => name.endsWith(".mjs") && modules.has(basename(name, ".mjs")));
}

const { outputFiles } = await build({
  entryPoints: widgets().map((name) => join(SOURCES, name)),
  outdir: STATIC,
  write: false,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
});
const built = new Map(outputFiles.map((file) => [basename(file.path), file.contents]));

const problems = [];
for (const [name, contents] of built) {
  if (contents.length > MOST_BYTES)
    problems.push(`${name} has ${contents.length} bytes, more than ${MOST_BYTES}`);
}
const there = new Set(readdirSync(STATIC));
if (process.argv.includes("--check")) {
  for (const [name, contents] of built) {
    if (!there.has(name) || !readFileSync(join(STATIC, name)).equals(contents))
      problems.push(`${name} is out of date`);
  }
  for (const name of there) if (!built.has(name)) problems.push(`${name} is built from nothing`);
} else {
  for (const [name, contents] of built) writeFileSync(join(STATIC, name), contents);
  for (const name of there) if (!built.has(name)) rmSync(join(STATIC, name));
}

if (problems.length > 0) {
  console.error(`widgets: ${problems.join("; ")}. \`make widgets\` builds them from widgets/src.`);
  process.exit(1);
}
