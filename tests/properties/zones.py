"""Every time zone, minute by minute: ticks and windows against a clock that is looked at each minute.

Run as a program this is the long target (`make zones`): every distinct zone, 36 hours around every change of its
clocks from 1990 to 2040, and 20 random days a year. `test_zones` runs a seeded sample of the same.
"""

# SPEC: QLT-02
from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from tests.support.expressions import any_cron
from tests.support.oracles import DAY, HOUR, MINUTE, SlowCron, changes, instant_of, slow_ticks, watch

from runyard.core.intervals import Cron, Window, next_due, run_window, upcoming
from runyard.core.ticks import previous_tick, ticks

FIRST_YEAR, LAST_YEAR = 1990, 2040
BEGIN, END = instant_of(FIRST_YEAR), instant_of(LAST_YEAR + 1)
DAYS_A_YEAR = 20


@dataclass(frozen=True)
class Tally:
    """How much was looked at, and one line for each stretch of time that differs."""

    changes: int = 0
    days: int = 0
    ticks: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.changes + other.changes,
            self.days + other.days,
            self.ticks + other.ticks,
            self.wrong + other.wrong,
        )


def compare(name: str, start: int, end: int, crons: Iterable[SlowCron]) -> Tally:
    """Return what differs between the ticks and windows in [start, end) and those a clock shows."""
    clock = watch(ZoneInfo(name), start, end)
    tally = Tally()
    for cron in crons:
        expected = slow_ticks(cron, clock)
        faults = _faults(Cron(cron.text, name), start, end, expected)
        lines = tuple(f"{name} `{cron.text}` [{start}, {end}): {fault}" for fault in faults)
        tally += Tally(ticks=len(expected), wrong=lines)
    return tally


def _faults(cron: Cron, start: int, end: int, expected: Sequence[int]) -> Iterable[str]:
    found = ticks(cron.expr, cron.timezone, start, end, (end - start) // MINUTE)
    if found != expected:
        yield f"ticks {sorted(set(found) ^ set(expected))}"
        return
    previewed = upcoming(cron, anchor=start - 1, now=start - 1, count=len(expected))
    if previewed != expected:
        yield "the preview lists others"
    for earlier, later, following in zip(expected, expected[1:], [*expected[2:], end], strict=False):
        for now in (later, (later + following) // 2):
            if run_window(cron, None, None, now) != Window(earlier, later):
                yield f"the window at {now} is not [{earlier}, {later})"
        if previous_tick(cron.expr, cron.timezone, later - 1) != earlier:
            yield f"the tick before {later} is not {earlier}"
        if next_due(cron, anchor=start, last_due=earlier, now=earlier) != later:
            yield f"the tick after {earlier} is not {later}"


def around_change(zone: ZoneInfo, change: int, random: Random) -> list[SlowCron]:
    """Return expressions that have something to say where clocks jump: the hours that are skipped or come twice."""
    minute_before = watch(zone, change - MINUTE, change)[-1][1]
    hours = [(minute_before + by) // 60 % 24 for by in (1, -60, 61)]
    fixed = [SlowCron(f"{random.randrange(60)} {hour} * * *") for hour in hours]
    return [*fixed, SlowCron("30 * * * *"), SlowCron("*/20 0-23 * * *"), any_cron(random), any_cron(random)]


def distinct_zones(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the changes of each zone, one zone for all that change their clocks alike."""
    known: dict[tuple[object, ...], str] = {}
    found: dict[str, list[int]] = {}
    for name in names:
        zone = ZoneInfo(name)
        instants = changes(zone, BEGIN, END)
        shown = tuple(watch(zone, instant, instant + MINUTE)[-1] for instant in (BEGIN, *instants))
        if known.setdefault(shown, name) == name:
            found[name] = instants
    return found


def check_zone(name: str, instants: Sequence[int]) -> Tally:
    """Return the tally of one zone: all of its changes, and random days of every year."""
    random = Random(name)  # noqa: S311
    tally = Tally()
    for change in instants:
        crons = around_change(ZoneInfo(name), change, random)
        tally += Tally(changes=1) + compare(name, change - 18 * HOUR, change + 18 * HOUR, crons)
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for day in random.sample(range(365), DAYS_A_YEAR):
            start = instant_of(year) + day * DAY
            tally += Tally(days=1) + compare(name, start, start + DAY, [any_cron(random)])
    return tally


def main() -> int:
    began = time.monotonic()
    zones = distinct_zones(sorted(available_timezones()))
    # The longest first, so that no core is left with one at the end.
    ordered = sorted(zones.items(), key=lambda item: -len(item[1]))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        tallies = pool.map(check_zone, *zip(*ordered, strict=True))
        total = sum(tallies, Tally())
    sys.stdout.writelines(f"{line}\n" for line in total.wrong)
    sys.stdout.write(
        f"{len(available_timezones())} zones, {len(zones)} distinct; {total.changes} changes, {total.days} other days, "
        f"{total.ticks} ticks; {len(total.wrong)} differ; {time.monotonic() - began:.0f} s\n"
    )
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
