"""Ticks: the instants that a cron expression names in a time zone.

Pure: nothing is read but the time zone database. The only user of croniter, and the only place that knows
time zones. Instants are whole microseconds UTC. What a run covers between ticks is `intervals`; the syntax of
cron, checked with the standard library alone, is `triggers`.

A cron expression speaks of wall clocks, and these skip an hour in spring and show one twice in autumn.
Croniter therefore walks naive wall time, and this module alone maps it to instants (TZ-03, TZ-04):

* a fixed hour (`30 2 * * *`) is due once for every wall time it names: at its first occurrence, or, when the
  clock skips it, at the first instant after the gap, where several collapse into one;
* an hour field that starts with `*` is due whenever the clock shows a time it names, so in both passes of a
  repeated hour and not in a skipped one.
"""

from __future__ import annotations

import difflib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterError, croniter

from runyard.core.clock import MICROSECONDS, to_datetime
from runyard.core.cron import ALIASES, check_cron
from runyard.core.errors import InvalidTrigger

MINUTE = 60 * MICROSECONDS
MINUTES_PER_DAY = 24 * 60
DAY = MINUTES_PER_DAY * MINUTE
"""The farthest a clock was ever set (Samoa left out a day): how far around an instant a change matters."""

TICKS_KEPT = 16_384
"""Answers kept: jobs that are due together mostly share their schedule, and each asks for the ticks around now."""

EXPRESSIONS_KEPT = 4_096
"""Expressions kept as read, and days kept as found: those of any usual server, at most 12 MB."""

Step = Literal[1, -1]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Clocks of a zone are put forward by `seconds`, or back if these are negative."""

    at: int
    seconds: int


def check_schedule(cron: str, timezone: str) -> None:
    """Return if `cron` names instants in `timezone`.

    Raises: InvalidTrigger if it is not five fields or an alias, names a time that never comes, or the zone is
        unknown.
    Source: TRG-03, TRG-09, TZ-01.
    """
    _zone(timezone)
    check_cron(cron)
    try:
        next(_wall_ticks(cron, 0, 1))
    except CroniterError as error:
        raise InvalidTrigger(
            f"`{cron}` names no time that ever comes: {error}.", "Name a time that exists."
        ) from error


def next_tick(cron: str, timezone: str, after: int) -> int:
    """Return the first tick strictly after an instant."""
    return _nearest(cron, timezone, after + 1, 1)


def previous_tick(cron: str, timezone: str, at: int) -> int:
    """Return the latest tick at or before an instant."""
    return _nearest(cron, timezone, at, -1)


def ticks(cron: str, timezone: str, start: int, end: int, limit: int) -> list[int]:
    """Return the ticks in [start, end), oldest first, at most `limit` of them."""
    found: list[int] = []
    tick = next_tick(cron, timezone, start - 1)
    while tick < end and len(found) < limit:
        found.append(tick)
        tick = next_tick(cron, timezone, tick)
    return found


def clock_changes(timezone: str, start: int, end: int) -> list[ClockChange]:
    """Return when clocks in `timezone` are put forward or back in (start, end], oldest first."""
    zone = _zone(timezone)
    found: list[ClockChange] = []
    at = start
    while (change := _change(zone, at, end)) is not None:
        found.append(ClockChange(change, (_offset(zone, change) - _offset(zone, at)) // MICROSECONDS))
        at = change
    return found


def skipped_times(cron: str, timezone: str, change: ClockChange) -> list[str]:
    """Return the times of day that one tick at a change stands for, because clocks skip them, as `HH:MM` (TZ-03)."""
    if _fields(cron)[1].startswith("*"):
        return []
    after = change.at + _offset(_zone(timezone), change.at)
    walls = takewhile(lambda wall: wall < after, _wall_ticks(cron, after - change.seconds * MICROSECONDS, 1))
    return [f"{to_datetime(wall):%H:%M}" for wall in walls]


def at_wall_time(naive: datetime, timezone: str) -> int:
    """Return when clocks in `timezone` first show a naive time; for one they skip, the end of the gap."""
    return _first_occurrence(_zone(timezone), _wall(naive))


def local_text(instant: int, timezone: str) -> str:
    """Return an instant as ISO text in `timezone`, with its offset."""
    return to_datetime(instant).astimezone(_zone(timezone)).isoformat()


# Wall time below is an int too: microseconds since 1970 as the local clock shows them, so that
# wall time = instant + offset.


@lru_cache(TICKS_KEPT)
def _nearest(cron: str, timezone: str, at: int, step: Step) -> int:
    """Return the first tick at or after an instant (step 1), or the last at or before it (step -1)."""
    zone = _zone(timezone)
    hour = _fields(cron)[1]
    return (_whenever_shown if hour.startswith("*") else _once_per_wall_time)(cron, zone, at, step)


def _once_per_wall_time(cron: str, zone: ZoneInfo, at: int, step: Step) -> int:
    """Return the nearest tick of a cron with fixed hours: each wall time once, skipped ones after the gap."""
    # Around a change, wall times that count may lie on either side of what the clock shows at `at`.
    offsets = _offset(zone, at - DAY), _offset(zone, at)
    for wall in _wall_ticks(cron, at + (min(offsets) if step > 0 else max(offsets)), step):
        tick = _first_occurrence(zone, wall)
        if (tick - at) * step >= 0:
            return tick
    raise AssertionError("a cron expression has no last tick")


def _whenever_shown(cron: str, zone: ZoneInfo, at: int, step: Step) -> int:
    """Return the nearest instant whose wall time the cron names."""
    while True:
        offset = _offset(zone, at)
        tick = next(_wall_ticks(cron, at + offset, step)) - offset
        change = _change(zone, at, tick)
        if change is None:
            return tick
        at = change


def _wall_ticks(cron: str, wall: int, step: Step) -> Iterator[int]:
    """Yield wall times of a cron from `wall` on, itself included, forward or back."""
    days, minutes = _read(cron)
    day, minute = divmod(-(-wall // MINUTE) if step > 0 else wall // MINUTE, MINUTES_PER_DAY)
    edge = 0 if step > 0 else MINUTES_PER_DAY - 1
    while True:
        found = _nearest_day(days, day, step)
        if found != day:
            minute = edge
        first = bisect_left(minutes, minute) if step > 0 else bisect_right(minutes, minute) - 1
        for index in range(first, len(minutes) if step > 0 else -1, step):
            yield (found * MINUTES_PER_DAY + minutes[index]) * MINUTE
        day, minute = found + step, edge


@lru_cache(EXPRESSIONS_KEPT)
def _read(cron: str) -> tuple[str, array[int]]:
    """Return the three fields of a cron that name days, and the minutes of a day that the other two name.

    A day has its minutes whichever day it is, and which days are named has nothing to do with minutes. So croniter,
    whose steps are slow, is asked for days alone, and most expressions name them all or share theirs with others.
    Raises: CroniterError if it is none.
    """
    fields = _fields(cron)
    minutes, hours = (
        range(count) if named == ["*"] else [int(each) for each in named]
        for named, count in zip(croniter.expand(" ".join(fields))[0], (60, 24), strict=False)
    )
    return " ".join(fields[2:]), array("H", (hour * 60 + minute for hour in hours for minute in minutes))


@lru_cache(EXPRESSIONS_KEPT)
def _nearest_day(days: str, day: int, step: Step) -> int:
    """Return the first named day at or after a day, or the last at or before it; days are counted from 1970."""
    if days == "* * *":
        return day
    # croniter excludes where it starts and computes in floats: a second beside midnight is exact.
    start = to_datetime(day * DAY - step * MICROSECONDS).replace(tzinfo=None)
    walk = croniter(f"0 0 {days}", start)
    return _wall(walk.get_next(datetime) if step > 0 else walk.get_prev(datetime)) // DAY


def _first_occurrence(zone: ZoneInfo, wall: int) -> int:
    """Return when a clock first shows a wall time; for one that it skips, the first instant after the gap."""
    naive = to_datetime(wall)
    before, after = (_microseconds(naive.replace(tzinfo=zone, fold=fold).utcoffset()) for fold in (0, 1))
    if before >= after:
        return wall - before
    gap_end = _change(zone, wall - after, wall - before)
    assert gap_end is not None, "the offset changes across a gap"
    return gap_end


def _change(zone: ZoneInfo, start: int, end: int) -> int | None:
    """Return the instant nearest to `start`, up to `end`, that has another offset than `start`."""
    offset = _offset(zone, start)
    same = start
    while same != end:
        # By days: the database holds no two changes of a zone within one that cancel each other.
        other = min(same + DAY, end) if end > start else max(same - DAY, end)
        if _offset(zone, other) != offset:
            while abs(other - same) > 1:
                middle = (same + other) // 2
                if _offset(zone, middle) == offset:
                    same = middle
                else:
                    other = middle
            return other
        same = other
    return None


def _offset(zone: ZoneInfo, instant: int) -> int:
    """Return the offset from UTC in force at an instant, in microseconds."""
    return _microseconds(to_datetime(instant).astimezone(zone).utcoffset())


def _microseconds(span: timedelta | None) -> int:
    assert span is not None, "a zone always has an offset"
    return span // timedelta(microseconds=1)


def _wall(naive: datetime) -> int:
    """Return a naive datetime as wall time."""
    return (naive - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - wall time has no zone


def _fields(cron: str) -> list[str]:
    return ALIASES.get(cron.strip().lower(), cron).split()


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError, RecursionError) as error:
        near = difflib.get_close_matches(timezone, available_timezones(), 1)
        raise InvalidTrigger(
            f"`{timezone}` is no known time zone.",
            f"Did you mean `{near[0]}`?" if near else "Use a name like Europe/Berlin.",
        ) from error
