"""Ticks and windows: when a timed trigger is due, and which part of time one run covers.

Pure: `now` comes in, nothing is read but the time zone database. The only user of croniter, and the only
place that knows time zones. Instants are whole microseconds UTC. The grammar of triggers is in `triggers`,
what is done about a due tick in `planning`.

A cron expression speaks of wall clocks, and these skip an hour in spring and show one twice in autumn.
Croniter therefore walks naive wall time, and this module alone maps it to instants (TZ-03, TZ-04):

* a fixed hour (`30 2 * * *`) is due once for every wall time it names: at its first occurrence, or, when the
  clock skips it, at the first instant after the gap, where several collapse into one;
* an hour field that starts with `*` is due whenever the clock shows a time it names, so in both passes of a
  repeated hour and not in a skipped one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterError, croniter

from runyard.core.clock import MICROSECONDS, from_datetime, to_datetime
from runyard.core.errors import InvalidInterval, InvalidTrigger
from runyard.core.jobs import IntervalSpec

MIN_EVERY_SECONDS = 60.0
"""Shortest `every` period unless the server is told otherwise: below it starting runs is most of the work."""

UPCOMING = 5
"""Firing times that a preview shows (TRG-22)."""

MINUTE = 60 * MICROSECONDS
DAY = 24 * 60 * MINUTE
"""The farthest a clock was ever set (Samoa left out a day): how far around an instant a change matters."""

YEARS = range(1900, 2200)
"""Years an interval may speak of; anything else is a slip of the pen, and calendars end at 1 and 9999."""

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Names for cron expressions, and what they stand for."""

_NOT_REPEATABLE = re.compile(r"\b[hr]\b", re.IGNORECASE)
"""croniter's `H` and `R` fields draw their value, so two readings of one expression would differ."""

Step = Literal[1, -1]


@dataclass(frozen=True, slots=True)
class Cron:
    """Due at the wall times of an expression in a zone."""

    expr: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Every:
    """Due once per period, counted from an anchor."""

    period_seconds: float

    @property
    def period(self) -> int:
        """Return the period in microseconds."""
        return round(self.period_seconds * MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Once:
    """Due at one instant."""

    at: int


Schedule = Cron | Every | Once
"""What a timed trigger says; None stands for a start by an event, a tag or a hand."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part [start, end) of time that one run covers; empty where both are one instant."""

    start: int
    end: int

    def __post_init__(self) -> None:
        assert self.start <= self.end, "a window ends before it starts"

    @property
    def is_empty(self) -> bool:
        return self.start == self.end


@dataclass(frozen=True, slots=True)
class Range:
    """The overall range a job covers, resolved.

    `end` None is open. `split` is the longest window: a period, or a cron whose ticks are the cut points.
    `warnings` are sentences for whoever deploys.
    """

    start: int
    end: int | None = None
    split: Every | Cron | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def is_complete(self, done_until: int | None) -> bool:
        """Return whether windows up to `done_until` cover all of it (IVL-08)."""
        return self.end is not None and done_until is not None and done_until >= self.end


def check_schedule(cron: str, timezone: str) -> None:
    """Return if `cron` names instants in `timezone`.

    Raises: InvalidTrigger if it is not five fields or an alias, names a time that never comes, or the zone is
        unknown.
    Source: TRG-03, TRG-09, TZ-01.
    """
    _zone(timezone)
    fields = _fields(cron)
    if len(fields) != 5 or _NOT_REPEATABLE.search(cron):
        raise InvalidTrigger(
            f"`{cron}` is no cron expression.",
            f"Write five fields (minute, hour, day, month, weekday) or one of {', '.join(ALIASES)}.",
        )
    try:
        next(_wall_ticks(cron, 0, 1))
    except CroniterError as error:
        raise InvalidTrigger(
            f"`{cron}` names no time that ever comes: {error}.", "Correct the field that is out of range."
        ) from error


def check_every(period_seconds: float, minimum_seconds: float = MIN_EVERY_SECONDS) -> None:
    """Return if a period is long enough.

    Raises: InvalidTrigger if it is shorter than `minimum_seconds`.
    Source: TRG-16.
    """
    if period_seconds < minimum_seconds:
        raise InvalidTrigger(
            f"A period of {period_seconds:g} s is shorter than {minimum_seconds:g} s.",
            "Choose a longer period, or lower RUNYARD_MIN_EVERY_SECONDS on the server.",
        )


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


def next_due(schedule: Schedule, *, anchor: int, last_due: int | None, now: int) -> int | None:
    """Return when a trigger is due next, None if never again.

    `anchor` is where its phase counts from: the first deploy of the trigger, or, after the period changed,
    the start of the last run. `last_due` is the due instant handled last. None returns twice, even where
    the clock was set back, and those that passed unseen do not return: only a `once` may lie before `now`.
    Source: TRG-14, TRG-15, TRG-17, SCH-06.
    """
    after = now if last_due is None else max(now, last_due)
    match schedule:
        case Cron():
            return next_tick(schedule.expr, schedule.timezone, after)
        case Every():
            return after + schedule.period - (after - anchor) % schedule.period
        case Once():
            # A `once` that had passed when it was deployed has elapsed; one missed later is made up for.
            handled = anchor if last_due is None else max(anchor, last_due)
            return schedule.at if schedule.at > handled else None


def upcoming(
    schedule: Schedule, *, anchor: int, last_due: int | None, now: int, count: int = UPCOMING
) -> list[int]:
    """Return the next firing times, oldest first: what `next_due` will say, one after the other (TZ-07)."""
    found: list[int] = []
    while len(found) < count:
        due = next_due(schedule, anchor=anchor, last_due=last_due, now=now)
        if due is None:
            break
        found.append(due)
        last_due = due
    return found


def resolve_range(spec: IntervalSpec, schedule: Schedule | None, timezone: str = "UTC") -> Range:
    """Return the range a job declares, its ends moved back to ticks of a cron schedule.

    Texts without an offset are wall times in `timezone`, the zone of the job.
    Raises: InvalidInterval if the texts name no range, or the job has no `schedule` or `every` to cover it.
        InvalidTrigger if the split is a cron expression that names no instants.
    Source: IVL-01, IVL-07, IVL-13.
    """
    if not isinstance(schedule, Cron | Every):
        raise InvalidInterval(
            "An interval needs a `schedule` or `every` trigger to work it off.",
            "Give the job one, or drop `interval`.",
        )
    warnings: list[str] = []

    def snapped(name: str, text: str) -> int:
        instant = _parse_instant(name, text, timezone)
        if isinstance(schedule, Every):
            return instant
        tick = previous_tick(schedule.expr, schedule.timezone, instant)
        if tick != instant:
            moved = to_datetime(tick).astimezone(ZoneInfo(schedule.timezone)).isoformat()
            warnings.append(
                f"interval.{name} {text} is no tick of `{schedule.expr}`: it was moved back to {moved}."
            )
        return tick

    start = snapped("start", spec.start)
    end = None if spec.end is None else snapped("end", spec.end)
    if end is not None and end <= start:
        raise InvalidInterval(
            f"The interval from {spec.start} to {spec.end} holds no tick.", "Move `end` behind `start`."
        )
    split = None if spec.split is None else _parse_split(spec.split, timezone)
    return Range(start, end, split, tuple(warnings))


def run_window(
    schedule: Schedule | None, interval: Range | None, done_until: int | None, now: int
) -> Window | None:
    """Return what a run that starts now covers, None if the declared range is complete.

    `done_until` is the end of the last window a completed run covered, None before the first and after a
    refresh. Windows continue there, so whatever was missed widens the next one; a split cuts off its oldest
    part. An empty window says that nothing elapsed since: a tick may skip it, a start by hand still runs.
    Source: IVL-02..06, IVL-08..11, IVL-13.
    """
    if interval is None:
        match schedule:
            case None:
                return Window(now, now)
            case Once():
                return Window(schedule.at, schedule.at)
            case Cron() | Every():
                end = _elapsed(schedule, now)
                start = _step_before(schedule, end) if done_until is None else done_until
        # The pointer may lie ahead of the last tick (another cron, a clock set back); it never goes back.
        return Window(start, max(start, end))
    assert isinstance(schedule, Cron | Every), "resolve_range refuses an interval without a period"
    if interval.is_complete(done_until):
        return None
    start = interval.start if done_until is None else max(done_until, interval.start)
    end = _elapsed(schedule, now) if interval.end is None else min(_elapsed(schedule, now), interval.end)
    if interval.split is not None:
        end = min(end, _cut(schedule, interval.split, start))
    return Window(start, max(start, end))


def remaining(schedule: Schedule | None, interval: Range | None, done_until: int | None, now: int) -> bool:
    """Return whether a split range has another part to work off now, without waiting for a tick.

    Source: IVL-13.
    """
    if interval is None or interval.split is None or interval.is_complete(done_until):
        return False
    assert isinstance(schedule, Cron | Every), "resolve_range refuses an interval without a period"
    start = interval.start if done_until is None else max(done_until, interval.start)
    # The end of the range may leave a part shorter than a period.
    step = _step_after(schedule, start)
    return (step if interval.end is None else min(step, interval.end)) <= now


def _elapsed(schedule: Cron | Every, now: int) -> int:
    """Return up to where windows may reach now: the last tick, or now itself where there is no grid."""
    return previous_tick(schedule.expr, schedule.timezone, now) if isinstance(schedule, Cron) else now


def _step_before(schedule: Cron | Every, end: int) -> int:
    """Return where the shortest window that ends at `end` begins: a tick, or a period, earlier."""
    if isinstance(schedule, Cron):
        return previous_tick(schedule.expr, schedule.timezone, end - 1)
    return end - schedule.period


def _step_after(schedule: Cron | Every, start: int) -> int:
    """Return where the shortest window that begins at `start` ends: a tick, or a period, later."""
    if isinstance(schedule, Cron):
        return next_tick(schedule.expr, schedule.timezone, start)
    return start + schedule.period


def _cut(schedule: Cron | Every, split: Every | Cron, start: int) -> int:
    """Return where a window that begins at `start` ends at the latest: on a tick, at least one after it.

    A period is a limit, so the cut moves back to a tick; a cut point is a place: the first tick there counts.
    """
    if isinstance(split, Every):
        cut = _elapsed(schedule, start + split.period)
    else:
        point = next_tick(split.expr, split.timezone, start)
        cut = next_tick(schedule.expr, schedule.timezone, point - 1) if isinstance(schedule, Cron) else point
    return max(cut, _step_after(schedule, start))


def _parse_instant(name: str, text: str, timezone: str) -> int:
    """Return the instant an ISO text names; without an offset it is wall time in `timezone`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInterval(
            f"interval.{name} `{text}` is no ISO 8601 time.", "Write it like 2026-01-31T00:00:00Z."
        ) from error
    if moment.year not in YEARS:
        raise InvalidInterval(
            f"interval.{name} `{text}` is outside {YEARS.start} to {YEARS.stop - 1}.", "Correct the year."
        )
    if moment.tzinfo is None:
        return _first_occurrence(_zone(timezone), _wall(moment))
    return from_datetime(moment)


def _parse_split(text: str, timezone: str) -> Every | Cron:
    """Return the longest window: a duration, or a cron expression whose ticks are the cut points."""
    if text.startswith("@") or " " in text.strip():
        check_schedule(text, timezone)
        return Cron(text, timezone)
    return Every(_parse_duration(text))


def _parse_duration(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text.strip())
    if found is None or float(found[1]) <= 0:
        raise InvalidInterval(
            f"interval.split `{text}` is neither a duration nor a cron expression.",
            "Write a duration like `7d` or a cron expression like `@monthly`.",
        )
    return float(found[1]) * units[found[2] or "s"]


# Wall time below is an int too: microseconds since 1970 as the local clock shows them, so that
# wall time = instant + offset.


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
    # croniter excludes where it starts and computes in floats: a second beside the minute is exact.
    minute = (
        -(-wall // MINUTE) * MINUTE - MICROSECONDS if step > 0 else wall // MINUTE * MINUTE + MICROSECONDS
    )
    walk = croniter(cron, to_datetime(minute).replace(tzinfo=None))
    while True:
        yield _wall(walk.get_next(datetime) if step > 0 else walk.get_prev(datetime))


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
    return ALIASES.get(cron.strip(), cron).split()


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        near = difflib.get_close_matches(timezone, available_timezones(), 1)
        raise InvalidTrigger(
            f"`{timezone}` is no known time zone.",
            f"Did you mean `{near[0]}`?" if near else "Use a name like Europe/Berlin.",
        ) from error
