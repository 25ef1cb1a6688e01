"""A slow truth about cron: a clock that is looked at each minute, and fields matched by hand.

Shares nothing with `ticks` but the time zone database: no cron library, no arithmetic on offsets. Wall time is a whole
number of minutes since 1970 as a clock on the wall shows them, instants are microseconds UTC.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TypeAlias
from zoneinfo import ZoneInfo

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

LEAD = 8 * HOUR
"""How long a clock is watched before the first answer counts; `changes` asserts that none was set back by more."""

Clock: TypeAlias = Sequence[tuple[int, int]]
"""Each minute of a stretch of time: the instant, and what the clock shows."""


@dataclass(frozen=True)
class SlowCron:
    """An expression whose meaning is looked up minute by minute."""

    text: str

    @cached_property
    def is_fixed_hour(self) -> bool:
        return not self.text.split()[1].startswith("*")

    @cached_property
    def _minutes_of_day(self) -> frozenset[int]:
        minute, hour, *_ = self.text.split()
        hours, minutes = _numbers(hour, 0, 23), _numbers(minute, 0, 59)
        return frozenset(60 * each + past for each in hours for past in minutes)

    @cached_property
    def _days(self) -> dict[int, bool]:
        return {}

    def names(self, wall: int) -> bool:
        """Return whether the expression names a minute of wall time."""
        day, minute = divmod(wall, 24 * 60)
        if minute not in self._minutes_of_day:
            return False
        if day not in self._days:
            self._days[day] = names_day(self.text, date(1970, 1, 1) + timedelta(days=day))
        return self._days[day]


def names_day(cron: str, day: date) -> bool:
    """Return whether the last three fields name a date; either of two restricted day fields is enough."""
    _, _, of_month, month, of_week = cron.lower().split()
    if day.month not in _numbers(month, 1, 12, MONTHS, base=1):
        return False
    restricted = [field not in ("*", "?") for field in (of_month, of_week)]
    matches = [_is_day_of_month(of_month, day), _is_day_of_week(of_week, day)]
    return any(matches) if all(restricted) else all(matches)


def _is_day_of_month(field: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    for item in field.split(","):
        if item == "l":
            if day.day == last:
                return True
        elif item.endswith("w"):
            if day == _nearest_workday(day.replace(day=min(int(item[:-1]), last))):
                return True
        elif day.day in _numbers(item, 1, 31):
            return True
    return False


def _nearest_workday(day: date) -> date:
    """Return the workday of the same month that is nearest to a date."""
    near = [day + timedelta(days=by) for by in (0, -1, 1, -2, 2)]
    return next(each for each in near if each.isoweekday() <= 5 and each.month == day.month)


def _is_day_of_week(field: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    for item in field.split(","):
        name, hash_, nth = item.partition("#")
        is_last = name.startswith("l") and len(name) > 1
        if day.isoweekday() % 7 not in {n % 7 for n in _numbers(name.removeprefix("l"), 0, 7, WEEKDAYS)}:
            continue
        if is_last and day.day + 7 <= last:
            continue
        if hash_ and (day.day - 1) // 7 + 1 != int(nth):
            continue
        return True
    return False


def _numbers(field: str, low: int, high: int, names: Sequence[str] = (), base: int = 0) -> set[int]:
    """Return what a field of numbers, names, ranges and steps lists."""
    found: set[int] = set()
    for item in field.lower().split(","):
        span, _, step = item.partition("/")
        ends = [
            names.index(end) + base if end in names else int(end) for end in span.split("-") if end.isalnum()
        ]
        # The week ends with Saturday, 6: Sunday is 0 and 7.
        end = 6 if names is WEEKDAYS else high
        first, last = (low, end) if span in ("*", "?") else (ends[0], end if step else ends[0])
        last = ends[1] if len(ends) == 2 else last
        # A range that ends before it begins goes round the end of its field.
        whole = 7 if names is WEEKDAYS else high - low + 1
        last += whole if last < first else 0
        found |= {(n - low) % whole + low if n > high else n for n in range(first, last + 1, int(step or 1))}
    return found


def watch(zone: ZoneInfo, start: int, end: int) -> Clock:
    """Return what a clock shows each minute of [start, end), and of the time before that matters to it."""
    shown = []
    for seconds in range((start - LEAD) // 1_000_000, end // 1_000_000, 60):
        offset = datetime.fromtimestamp(seconds, zone).utcoffset()
        assert offset is not None
        # Whole minutes: no clock since 1990 differs from UTC by part of one, and `changes` asserts it.
        shown.append((seconds * 1_000_000, seconds // 60 + offset.days * 24 * 60 + offset.seconds // 60))
    return shown


def slow_ticks(cron: SlowCron, clock: Clock) -> list[int]:
    """Return the ticks in the stretch that is watched, without its lead.

    A fixed hour fires when the clock shows it for the first time or jumps over it, any other always.
    """
    return list(_ticks(cron, clock))


def _ticks(cron: SlowCron, clock: Clock) -> Iterator[int]:
    furthest = clock[0][1] - 1
    begin = clock[0][0] + LEAD
    for instant, shown in clock:
        if shown == furthest + 1 or not cron.is_fixed_hour:
            due = cron.names(shown)
        else:
            # After a jump back nothing is new, after a jump ahead all that was left out is.
            due = any(cron.names(wall) for wall in range(furthest + 1, shown + 1))
        furthest = shown if shown > furthest else furthest
        if due and instant >= begin:
            yield instant


def changes(zone: ZoneInfo, start: int, end: int) -> list[int]:
    """Return the first minute of each new offset in [start, end); none was undone within three hours."""

    def offset(instant: int) -> timedelta:
        return datetime.fromtimestamp(instant // 1_000_000, zone).utcoffset() or timedelta()

    found = []
    before = offset(start)
    for later in range(start + 3 * HOUR, end, 3 * HOUR):
        after = offset(later)
        if after != before:
            assert not after % timedelta(minutes=1), f"{zone} is {after} ahead of UTC"
            assert before - after < timedelta(microseconds=LEAD), f"{zone} was set back by {before - after}"
            minutes = range(later - 3 * HOUR, later + MINUTE, MINUTE)
            found.append(next(minute for minute in minutes if offset(minute) == after))
            before = after
    return found


def instant_of(year: int) -> int:
    """Return the instant at which a year begins in UTC."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
