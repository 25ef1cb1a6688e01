"""Ticks against a clock that is read minute by minute, around every kind of change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.core.clock import from_datetime, to_datetime
from runyard.core.ticks import DAY, MINUTE, next_tick, previous_tick, ticks

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


FAST = settings(derandomize=True, deadline=None, max_examples=120)


# SPEC: TZ-03, TZ-04, TZ-05, QLT-02
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
