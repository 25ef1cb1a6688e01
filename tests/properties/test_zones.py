"""A seeded sample of what `make zones` looks at: changes of clocks, and days like any other."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from tests.properties.zones import around_change, compare
from tests.support.expressions import any_cron, any_days
from tests.support.oracles import DAY, HOUR, SlowCron, changes, instant_of, names_day, slow_ticks, watch

from runyard.core.ticks import check_schedule, previous_tick, ticks

ZONES = sorted(available_timezones())

KNOWN = [
    "Europe/Berlin",
    "America/Santiago",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Antarctica/Troll",
]
"""Half an hour, a whole day, two hours, four changes a year: each sets its clocks in a way of its own."""


# SPEC: QLT-02, TZ-05, IVL-04
@pytest.mark.parametrize("seed", range(24))
def test_ticks_and_windows_around_a_change_are_what_a_clock_shows(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    name = KNOWN[seed] if seed < len(KNOWN) else random.choice(ZONES)
    zone = ZoneInfo(name)
    instants = changes(zone, instant_of(2005), instant_of(2013)) or [instant_of(2012)]
    change = random.choice(instants)
    tally = compare(name, change - 18 * HOUR, change + 18 * HOUR, around_change(zone, change, random))
    assert tally.wrong == ()
    assert tally.ticks > 0


# SPEC: QLT-02, TZ-05
@pytest.mark.parametrize("seed", range(24))
def test_ticks_and_windows_of_any_day_are_what_a_clock_shows(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    start = instant_of(random.randint(1990, 2040)) + random.randrange(365) * DAY
    crons = [any_cron(random) for _ in range(6)]
    assert compare(random.choice(ZONES), start, start + DAY, crons).wrong == ()


# SPEC: TRG-03
@pytest.mark.parametrize("seed", range(40))
def test_the_days_a_cron_names_are_those_found_by_looking_at_every_day(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    days = any_days(random)
    first = date(2020 + random.randrange(8), 1, 1)
    begin, count = (first - date(1970, 1, 1)).days, 500
    named = [number for number in range(count) if names_day(f"0 0 {days}", first + timedelta(days=number))]
    cron, start, end = f"0 0 {days}", begin * DAY, (begin + count) * DAY
    expected = [(begin + number) * DAY for number in named]
    check_schedule(cron, "UTC")
    assert ticks(cron, "UTC", start, end, count) == expected
    if expected:
        assert previous_tick(cron, "UTC", end - 1) == expected[-1]


# SPEC: TZ-03, TZ-04
def test_a_clock_read_by_the_minute_knows_what_we_say_about_berlin() -> None:
    # The slow truth itself, against what is written in the specification.
    # 31 March and 27 October 2024, midnight in UTC; the hours below count from there.
    spring, autumn = instant_of(2024) + 90 * DAY, instant_of(2024) + 300 * DAY
    for start, text, hours in (
        (spring, "30 2 * * *", [1]),
        (spring, "30 1-3 * * *", [0, 1, 1]),
        (autumn, "30 2 * * *", [0]),
        (autumn, "30 */1 * * *", [0, 1, 2]),
    ):
        clock = watch(ZoneInfo("Europe/Berlin"), start, start + 3 * HOUR)
        assert [(tick - start) // HOUR for tick in slow_ticks(SlowCron(text), clock)] == hours, text
