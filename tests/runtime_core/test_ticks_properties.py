"""Ticks against a clock that is read minute by minute, around every kind of change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from croniter import CroniterError, croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runyard.core.clock import from_datetime, to_datetime
from runyard.core.errors import InvalidTrigger
from runyard.core.ticks import DAY, MINUTE, check_schedule, next_tick, previous_tick, ticks

CHANGES = [
    ("Europe/Berlin", "1996-10-27"),
    ("Europe/Berlin", "2024-03-31"),
    ("Europe/Berlin", "2024-10-27"),
    ("America/New_York", "2024-03-10"),
    ("America/New_York", "2024-11-03"),
    ("America/Santiago", "2024-04-07"),
    ("America/Santiago", "2024-09-08"),
    ("Africa/Casablanca", "2024-03-10"),
    ("Africa/Casablanca", "2024-04-14"),
    ("Asia/Kathmandu", "2024-05-05"),
    ("Australia/Lord_Howe", "2024-04-07"),
    ("Australia/Lord_Howe", "2024-10-06"),
    ("Pacific/Apia", "2010-09-26"),
    ("Pacific/Apia", "2011-12-31"),
    ("Pacific/Kwajalein", "1993-08-21"),
]
"""Zones and days (UTC) around which their clocks change; Kathmandu's never do."""


@dataclass(frozen=True)
class Example:
    """A cron expression, and the same said a second time without one."""

    text: str
    is_fixed_hour: bool
    names: Callable[[datetime], bool]


MINUTES = {
    "0": {0},
    "17": {17},
    "30": {30},
    "*/15": {0, 15, 30, 45},
    "5,55": {5, 55},
    "45-50": set(range(45, 51)),
    "*": set(range(60)),
}
HOURS = {
    "*": set(range(24)),
    "*/2": set(range(0, 24, 2)),
    "*/23": {0, 23},
    "0": {0},
    "1": {1},
    "2": {2},
    "3": {3},
    "23": {23},
    "1-3": {1, 2, 3},
    "0,2,4": {0, 2, 4},
    "22-23": {22, 23},
}
DAYS: dict[str, Callable[[datetime], bool]] = {
    "* * *": lambda _: True,
    "* * sun": lambda wall: wall.isoweekday() == 7,
    "31 * *": lambda wall: wall.day == 31,
    "1-15 */2 *": lambda wall: wall.day <= 15 and wall.month % 2 == 1,
    "30 * 1": lambda wall: wall.day == 30 or wall.isoweekday() == 1,
}


@st.composite
def crons(draw: st.DrawFn) -> Example:
    minute, hour, day = (draw(st.sampled_from(sorted(table))) for table in (MINUTES, HOURS, DAYS))
    return Example(
        f"{minute} {hour} {day}",
        is_fixed_hour=not hour.startswith("*"),
        names=lambda wall: wall.minute in MINUTES[minute] and wall.hour in HOURS[hour] and DAYS[day](wall),
    )


def slow_ticks(cron: Example, timezone: str, start: int, end: int) -> list[int]:
    """Return the ticks in [start, end) by looking at a clock each minute; both are whole minutes.

    A fixed hour fires when the clock shows it for the first time or jumps over it, any other always.
    """
    zone = ZoneInfo(timezone)
    minute = timedelta(minutes=1)
    found = []
    furthest: datetime | None = None
    # Two days ahead of the first answer, so that what the clock showed before a change is known.
    for instant in range(start - 2 * DAY, end, MINUTE):
        shown = to_datetime(instant).astimezone(zone).replace(tzinfo=None)
        furthest = furthest or shown - minute
        if cron.is_fixed_hour:
            passed = (shown - furthest) // minute
            due = any(cron.names(furthest + n * minute) for n in range(1, passed + 1))
        else:
            due = cron.names(shown)
        furthest = max(furthest, shown)
        if due and instant >= start:
            found.append(instant)
    return found


FAST = settings(derandomize=True, deadline=None, max_examples=80)


# SPEC: TZ-03, TZ-04, TZ-05
@FAST
@given(crons(), st.sampled_from(CHANGES))
def test_ticks_are_what_a_clock_shows_around_a_change(cron: Example, change: tuple[str, str]) -> None:
    timezone, day = change
    start = from_datetime(datetime.fromisoformat(f"{day}T00:00Z")) - 18 * 60 * MINUTE
    end = start + 36 * 60 * MINUTE
    assert ticks(cron.text, timezone, start, end, 36 * 60) == slow_ticks(cron, timezone, start, end)


# SPEC: TZ-05
@FAST
@given(
    crons(), st.sampled_from(CHANGES), st.integers(-18 * 60 * MINUTE, 18 * 60 * MINUTE), st.integers(2, 12)
)
def test_ticks_increase_and_read_the_same_backwards(
    cron: Example, change: tuple[str, str], offset: int, count: int
) -> None:
    timezone, day = change
    at = from_datetime(datetime.fromisoformat(f"{day}T00:00Z")) + offset
    found = [previous_tick(cron.text, timezone, at)]
    for _ in range(count):
        found.append(next_tick(cron.text, timezone, found[-1]))
    assert found[0] <= at < found[1]
    for earlier, later in pairwise(found):
        assert earlier < later
        assert previous_tick(cron.text, timezone, later) == later
        assert previous_tick(cron.text, timezone, later - 1) == earlier
        assert next_tick(cron.text, timezone, later - 1) == later


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    """Draw a field of a cron expression: `*`, numbers, ranges, lists, steps, and what only this one has."""
    number = st.integers(low, high)
    span = st.lists(number, min_size=2, max_size=2).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, high)
    return st.one_of(
        st.sampled_from(("*", *more)),
        st.lists(number.map(str) | span, min_size=1, max_size=3).map(",".join),
        st.builds("{}/{}".format, st.just("*") | number | span, step),
    )


# SPEC: TRG-03
@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.tuples(
        field(0, 59),
        field(0, 23),
        field(1, 31, "L", "15W", "1W", "?"),
        field(1, 12, "jan-mar", "feb"),
        field(0, 6, "mon-fri", "sat,sun", "7", "5#2", "L5", "?"),
    ).map(" ".join),
    st.integers(0, 4_000_000_000_000_000),
)
def test_ticks_of_any_expression_are_those_that_croniter_walks(cron: str, at: int) -> None:
    """Days are found by croniter and minutes by ourselves, so the two are put together as croniter does."""
    second = to_datetime(at).replace(microsecond=0, tzinfo=None)
    try:
        forward, back = (croniter(cron, second + timedelta(seconds=offset)) for offset in (0, 1))
        expected = [back.get_prev(datetime), *(forward.get_next(datetime) for _ in range(3))]
    except CroniterError:
        assume(False)
    found = [previous_tick(cron, "UTC", at)]
    for _ in range(3):
        found.append(next_tick(cron, "UTC", max(found[-1], at)))
    assert found == [from_datetime(moment.replace(tzinfo=UTC)) for moment in expected]


# SPEC: QLT-08
@settings(derandomize=True, deadline=1000, max_examples=400)
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(st.text("0123456789*/,-?#LWHRmonjafeb", min_size=1, max_size=6), min_size=4, max_size=6).map(
            " ".join
        ),
    )
)
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    with suppress(InvalidTrigger):
        check_schedule(text, "Europe/Berlin")
        assert next_tick(text, "Europe/Berlin", 0) > 0


def kinds_of_change() -> dict[tuple[timedelta, str], tuple[str, int]]:
    """Return one zone and minute for each way in which clocks anywhere are set between 1990 and 2040.

    Shape: (by how much, wall time of day before) -> (zone, first minute after the change).
    """
    begin, end = (from_datetime(datetime(year, 1, 1, tzinfo=UTC)) for year in (1990, 2041))
    kinds: dict[tuple[timedelta, str], tuple[str, int]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for week in range(begin, end, 7 * DAY):
            before, after = (offset(zone, instant) for instant in (week, week + 7 * DAY))
            if before != after:
                minutes = range(week, week + 7 * DAY + MINUTE, MINUTE)
                change = minutes[bisect_right(minutes, False, key=partial(differs, zone, before))]
                wall = (to_datetime(change) + before).strftime("%H:%M")
                kinds.setdefault((after - before, wall), (name, change))
    return kinds


def offset(zone: ZoneInfo, instant: int) -> timedelta:
    return to_datetime(instant).astimezone(zone).utcoffset() or timedelta()


def differs(zone: ZoneInfo, known: timedelta, instant: int) -> bool:
    return offset(zone, instant) != known


def example(minute: str, hour: str) -> Example:
    return Example(
        f"{minute} {hour} * * *",
        is_fixed_hour=not hour.startswith("*"),
        names=lambda wall: wall.minute in MINUTES[minute] and wall.hour in HOURS[hour],
    )


# SPEC: TZ-05
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ticks_hold_for_every_kind_of_change_in_the_world() -> None:
    kinds = kinds_of_change()
    assert len(kinds) >= 40
    for name, change in kinds.values():
        start, end = change - 18 * 60 * MINUTE, change + 18 * 60 * MINUTE
        for cron in (example("30", "*"), example("*/15", "0,2,4"), example("0", "0"), example("17", "22-23")):
            assert ticks(cron.text, name, start, end, 36 * 60) == slow_ticks(cron, name, start, end), (
                name,
                cron,
            )
