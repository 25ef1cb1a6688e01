"""What planning stands on: a job as it is at one moment, as data.

Loaded by `store.facts`, built by hand in tests. Pure: what follows from the stored values is computed here, so that
planning asks a job instead of counting rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from runyard.core.clock import from_datetime
from runyard.core.intervals import Cron, Every, Once, Range, Schedule, Window, resolve_range
from runyard.core.jobs import JobDefinition
from runyard.core.triggers import TriggerType, parse_duration, parse_instant, parse_trigger

TEXTS_KEPT = 20_000
"""Triggers and ranges kept as read, as many as versions of jobs are: each is asked for several times a decision."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job at one moment, however many runs it has: small, whatever waits. Instants are microseconds UTC.

    `done_until`: every window before it is covered. `covered`: completed windows after a gap, oldest first.
    `anchor_at`: where the phase of an `every` trigger starts. `waiting`: by trigger, the oldest run that waits for a
    slot. `working_on`: the windows of active runs, empty ones left out; a run that waits to be tried again counts as
    active. `held_at`: the oldest tick that waits for its upstreams. `seen_until`: up to where ticks were looked at;
    None where that is just before `next_due_at`.
    `fired`: the `once` triggers whose tick has its run.
    """

    job_id: str
    workspace_id: str
    definition: JobDefinition
    anchor_at: int
    next_due_at: int | None = None
    held_at: int | None = None
    seen_until: int | None = None
    fired: frozenset[str] = frozenset()
    done_until: int | None = None
    covered: tuple[Window, ...] = ()
    completed_at: int | None = None
    refresh_pending: bool = False
    refreshing: bool = False
    """Whether an active run will fulfil the refresh that is pending, if it completes."""
    paused: bool = False
    archived: bool = False
    waiting: Mapping[str, str] = field(default_factory=dict)
    waiting_count: int = 0
    active_count: int = 0
    working_on: tuple[Window, ...] = ()

    @property
    def has_free_slot(self) -> bool:
        """Return whether a run created now may start at once (EXE-05, EXE-08)."""
        limit = self.definition.concurrency
        return limit is None or self.active_count + self.waiting_count < limit

    def with_active(self, window: Window, *, refresh: bool = False) -> JobFacts:
        """Return the facts after one of the waiting runs became active with this window, perhaps as a refresh."""
        working_on = self.working_on if window.is_empty else (*self.working_on, window)
        return replace(
            self,
            working_on=working_on,
            waiting_count=self.waiting_count - 1,
            active_count=self.active_count + 1,
            refreshing=self.refreshing or (refresh and self.refresh_pending),
        )

    def with_waiting(self, trigger: str, run_id: str) -> JobFacts:
        """Return the facts after a run of this trigger was created, which waits for a slot."""
        return replace(self, waiting={trigger: run_id, **self.waiting}, waiting_count=self.waiting_count + 1)

    def with_ended(self, window: Window | None) -> JobFacts:
        """Return the facts after the active run that works on this window ended."""
        working_on = list(self.working_on)
        if window in working_on:
            working_on.remove(window)
        return replace(self, active_count=self.active_count - 1, working_on=tuple(working_on))

    def starting_over(self) -> JobFacts:
        """Return the facts after a refresh was asked for: nothing counts as covered until one completes (RFR-05)."""
        return replace(self, done_until=None, covered=(), refresh_pending=True, refreshing=False)

    def with_completed(
        self, window: Window | None, *, refresh: bool, now: int, exact: bool = False
    ) -> JobFacts:
        """Return the facts after a run completed: the pointer moves over all that is covered without a gap (IVL-05).

        A window that somebody asked for as it stands is covered like any other, so missing time is missing no longer;
        but it never says where the job's windows begin (IVL-14).
        """
        done_until, covered = self.done_until, list(self.covered)
        if window is not None and not window.is_empty:
            covered = sorted([*covered, window], key=lambda each: each.start)
            if done_until is None and not (exact and self.range is None):
                done_until = window.start if self.range is None else self.range.start
            for each in covered:
                if done_until is not None and each.start <= done_until:
                    done_until = max(done_until, each.end)
        return replace(
            self,
            done_until=done_until,
            covered=tuple(each for each in covered if done_until is None or each.end > done_until),
            completed_at=now,
            refresh_pending=self.refresh_pending and not refresh,
        )

    @property
    def timed(self) -> tuple[tuple[str, Schedule], ...]:
        """Return the timed triggers of the job with what each means."""
        pairs = (
            (trigger, _schedule_of(trigger, self.definition.timezone)) for trigger in self.definition.triggers
        )
        return tuple((trigger, schedule) for trigger, schedule in pairs if schedule is not None)

    @property
    def coming(self) -> tuple[tuple[str, Schedule], ...]:
        """Return the timed triggers that may come yet: a `once` that has fired never does, by any clock (TRG-17)."""
        return tuple((trigger, schedule) for trigger, schedule in self.timed if trigger not in self.fired)

    @property
    def schedule(self) -> Cron | Every | None:
        """Return the one repeating trigger, whose ticks cut time into windows; None if there is none (TRG-10)."""
        return next((schedule for _, schedule in self.timed if isinstance(schedule, Cron | Every)), None)

    @property
    def range(self) -> Range | None:
        """Return the overall range the job declares, on tick boundaries."""
        if self.definition.interval is None or self.schedule is None:
            return None
        return _range_of(self.definition.interval, self.schedule, self.definition.timezone)


_range_of = lru_cache(TEXTS_KEPT)(resolve_range)


@lru_cache(TEXTS_KEPT)
def _schedule_of(text: str, timezone: str) -> Schedule | None:
    """Return what a timed trigger says; None for a trigger that waits for an event or a person."""
    trigger = parse_trigger(text)
    match trigger.type:
        case TriggerType.SCHEDULE:
            return Cron(trigger.expr, timezone)
        case TriggerType.EVERY:
            return Every(parse_duration(trigger.expr))
        case TriggerType.ONCE:
            return Once(from_datetime(parse_instant(trigger.expr)))
        case _:
            return None
