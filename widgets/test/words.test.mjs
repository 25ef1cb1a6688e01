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

test("a zone that the browser does not know is left out", () => {
  assert.equal(instantIn(AT, "Moon/Tranquility"), instant(AT));
  assert.equal(instantIn(AT), instant(AT));
});
