"""Windows: when a timed trigger is due, and which part of time one run covers.

Pure: `now` comes in. Instants are whole microseconds UTC. Which instants a cron expression names is `ticks`,
the grammar of triggers is `triggers`, and what is done about a due tick is `planning`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from runyard.core.clock import MICROSECONDS, from_datetime
from runyard.core.errors import InvalidInput, InvalidInterval, InvalidTrigger
from runyard.core.jobs import IntervalSpec
from runyard.core.outcomes import UPCOMING
from runyard.core.ticks import at_wall_time, check_schedule, local_text, next_tick, previous_tick
from runyard.core.triggers import YEARS, parse_duration

MIN_EVERY_SECONDS = 60.0
"""Shortest `every` period unless the server is told otherwise: below it starting runs is most of the work."""


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

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end


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


def latest_due(schedule: Schedule, *, anchor: int, now: int) -> int | None:
    """Return the latest instant after `anchor`, up to `now`, at which a trigger was due; None without one."""
    match schedule:
        case Cron():
            latest = previous_tick(schedule.expr, schedule.timezone, now)
        case Every():
            latest = now - (now - anchor) % schedule.period
        case Once():
            latest = schedule.at
    # An anchor ahead of `now` is of a clock that was set back since, and bounds nothing.
    return latest if latest <= now and not latest <= anchor <= now else None


def upcoming(schedule: Schedule, *, anchor: int, now: int, count: int = UPCOMING) -> list[int]:
    """Return the next firing times, oldest first: what `next_due` will say, one after the other (TZ-07)."""
    found: list[int] = []
    last_due: int | None = None
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
            moved = local_text(tick, schedule.timezone)
            warnings.append(
                f"interval.{name} {text} is no tick of `{schedule.expr}`, so it moved to {moved}."
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


WINDOWS_MAX = 100
"""Windows of one start that names its range: a split day of every quarter of an hour; more is a backlog's work."""


def exact_windows(
    schedule: Schedule | None, interval: Range | None, timezone: str, wanted: Window, now: int
) -> list[Window]:
    """Return the windows that cover exactly a part of time that somebody names, oldest first.

    One window, or several where the range is split. The part lies in time that has elapsed and, of a cron, begins and
    ends on ticks, so that what is covered stays a row of whole windows. Times in errors are of `timezone`.
    Raises: InvalidInterval with the nearest times that would do. Source: IVL-13, IVL-14.
    """
    if not isinstance(schedule, Cron | Every):
        raise InvalidInterval(
            "The job has no windows.", "Only a job with a `schedule` or `every` trigger works off time."
        )
    if wanted.is_empty:
        raise InvalidInterval("The window is empty.", "Let it end after its start.")
    if isinstance(schedule, Cron):
        for end in (wanted.start, wanted.end):
            _require_tick(schedule, timezone, end)
    elapsed = _elapsed(schedule, now)
    first = wanted.start if interval is None else interval.start
    last = elapsed if interval is None or interval.end is None else min(elapsed, interval.end)
    if wanted.start < first or wanted.end > last:
        raise InvalidInterval(
            "The window is not within the time that the job covers by now.",
            f"Choose one from {local_text(first, timezone)} to {local_text(last, timezone)}.",
        )
    found: list[Window] = []
    start = wanted.start
    while start < wanted.end:
        if len(found) == WINDOWS_MAX:
            raise InvalidInterval(
                f"These are more than {WINDOWS_MAX} windows.",
                f"Name a shorter part of time, for example up to {local_text(start, timezone)}.",
            )
        split = None if interval is None else interval.split
        end = wanted.end if split is None else min(wanted.end, _cut(schedule, split, start))
        found.append(Window(start, end))
        start = end
    return found


def _require_tick(schedule: Cron, timezone: str, instant: int) -> None:
    before = previous_tick(schedule.expr, schedule.timezone, instant)
    if before != instant:
        after = next_tick(schedule.expr, schedule.timezone, instant)
        raise InvalidInterval(
            f"{local_text(instant, timezone)} is no tick of `{schedule.expr}`.",
            f"The nearest are {local_text(before, timezone)} and {local_text(after, timezone)}.",
        )


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
        return at_wall_time(moment, timezone)
    return from_datetime(moment)


def _parse_split(text: str, timezone: str) -> Every | Cron:
    """Return the longest window: a duration, or a cron expression whose ticks are the cut points."""
    if text.startswith("@") or " " in text.strip():
        check_schedule(text, timezone)
        return Cron(text, timezone)
    try:
        return Every(parse_duration(text))
    except InvalidInput as error:
        raise InvalidInterval(
            f"interval.split `{text}` is neither a duration nor a cron expression.",
            "Write a duration like `7d` or a cron expression like `@monthly`.",
        ) from error
