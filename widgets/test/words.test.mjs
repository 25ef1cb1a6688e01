import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, instantIn } from "../src/words.mjs";

const AT = Date.UTC(2026, 10, 22, 12);
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

test("an instant is said in the job's zone too, where clocks show another time there", () => {
  // Farther from each other than any time zone is from both.
  for (const [there, clock] of [
    ["Pacific/Kiritimati", /02:00:00/],
    ["Pacific/Pago_Pago", /01:00:00/],
  ]) {
    if (there === HERE) continue;
    const said = instantIn(AT, there);
    assert.ok(said.startsWith(`${instant(AT)} your time (`), said);
    assert.ok(said.endsWith(` in ${there})`), said);
    assert.match(said.slice(instant(AT).length), clock);
  }
  assert.equal(instantIn(AT, HERE), instant(AT));
});

test("where clocks show the same time of another day, both are said", async () => {
  const before = process.env.TZ;
  process.env.TZ = "Pacific/Honolulu";
  try {
    // Imported anew: what formats instants here is made once.
    const { instantIn } = await import("../src/words.mjs?in=Honolulu");
    assert.match(
      instantIn(AT, "Pacific/Kiritimati"),
      /22.* your time \(.*23.*02:00:00 in Pacific\/Kiritimati\)$/,
    );
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test("a zone that the browser does not know is left out", () => {
  assert.equal(instantIn(AT, "Moon/Tranquility"), instant(AT));
  assert.equal(instantIn(AT), instant(AT));
});
