"""Which timed triggers are due, and what each tick becomes.

When ticks fall is `core.ticks` and `intervals`; whether upstream is fresh is `freshness`; what the run of a tick covers
is `windows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runyard.core import freshness
from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.intervals import Schedule, latest_due, next_due
from runyard.core.outcomes import Outcome
from runyard.core.planning.decisions import Decision, NewRun, created, iso


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions for due ticks, and when each of the jobs looked at is to be looked at next (None: never).

    Of a job that has ticks which wait for upstreams, `held_at` is the oldest of them, and `seen_until` up to where
    ticks were looked at: an upstream may complete, and the job be looked at again, while the clock shows less.
    """

    decisions: tuple[Decision, ...]
    next_due_at: Mapping[str, int | None]
    held_at: Mapping[str, int] = field(default_factory=dict)
    seen_until: Mapping[str, int] = field(default_factory=dict)


def plan(due: Iterable[JobFacts], upstreams: Mapping[str, JobFacts], now: int) -> Plan:
    """Return a decision per due trigger of these jobs, and when each job is due next.

    Shape: `due` are jobs whose `next_due_at` has come; `upstreams` maps a job ref to its facts for every job named
    in a freshness gate. However many ticks were missed, a trigger makes one decision (SCH-06). A tick that waits for
    its upstreams is looked at again when one completes, when its time is over, and when the next tick is due. It has
    come also by a clock that was set back behind it since: it waits on until its upstreams are fresh, or until the
    clock shows the end of its time, and no tick up to it comes a second time.
    Source: TRG-14..20, IVL-04, IVL-08, FRS-01..06, FRS-09, SCH-08.
    """
    decisions: list[Decision] = []
    next_due_at: dict[str, int | None] = {}
    held_at: dict[str, int] = {}
    seen_until: dict[str, int] = {}
    for job in due:
        seen = _seen_until(job)
        until = max(now, seen)
        looks = [] if _range_is_covered(job) else [due_after(job, until)]
        room = job
        for trigger, schedule in job.coming:
            waits = _waiting_tick(job, schedule, seen)
            first = waits or next_due(schedule, anchor=job.anchor_at, last_due=seen, now=seen)
            if first is None or first > until:
                continue
            latest = latest_due(schedule, anchor=job.anchor_at, now=until) or first
            made = _decide_tick(room, trigger, first, latest, upstreams, now, has_waited=waits is not None)
            if made[-1].outcome is Outcome.WAITING:
                held_at[job.job_id] = min(latest, held_at.get(job.job_id, latest))
                seen_until[job.job_id] = until
                looks.append(_deadline(job, latest))
            # That it waits was said when it began to.
            decisions += made if latest > seen or made[-1].outcome is not Outcome.WAITING else ()
            if made[-1].run is not None:
                room = replace(room, waiting_count=room.waiting_count + 1)
        next_due_at[job.job_id] = min((look for look in looks if look is not None), default=None)
    return Plan(tuple(decisions), next_due_at, held_at, seen_until)


def _seen_until(job: JobFacts) -> int:
    """Return up to where the ticks of a job that is due have been looked at."""
    assert job.next_due_at is not None, "only due jobs are planned"
    return job.next_due_at - 1 if job.seen_until is None else job.seen_until


def _waiting_tick(job: JobFacts, schedule: Schedule, seen: int) -> int | None:
    """Return the tick of a trigger that waits for its upstreams; None without one.

    A job notes only the oldest of those that wait. Each waits equally long and no longer than to the next of its
    trigger, so of another trigger the last one since then waits too.
    """
    if job.held_at is None:
        return None
    latest = latest_due(schedule, anchor=job.anchor_at, now=seen)
    return latest if latest is not None and latest >= job.held_at else None


def due_after(job: JobFacts, now: int) -> int | None:
    """Return the earliest instant after `now` at which a timed trigger of the job is due; None if there is none."""
    dues = [next_due(schedule, anchor=job.anchor_at, last_due=now, now=now) for _, schedule in job.coming]
    return min((due for due in dues if due is not None), default=None)


def due_again(job: JobFacts, now: int) -> int | None:
    """Return when a job that starts over after `now` is due, `job` being what it was; None if nothing changes.

    Only of a job that had covered its range do the ticks come again. Any other one that is due no more has had them
    all, also those that a clock shows ahead which was set back since.
    """
    return due_after(job, now) if _range_is_covered(job) else None


def cause_of_tick(trigger: str, tick: int) -> str:
    """Return the cause of the run of a tick, by which it has no second one (TRG-18)."""
    return f"{trigger}@{iso(tick)}"


def _decide_tick(
    job: JobFacts,
    trigger: str,
    first: int,
    tick: int,
    upstreams: Mapping[str, JobFacts],
    now: int,
    *,
    has_waited: bool,
) -> list[Decision]:
    """Return what becomes of the ticks from `first` to `tick`, which are one (SCH-06).

    A tick that waited until the next one came is over: of that there is a decision before the one about `tick`.
    """
    facts: dict[str, Any] = {
        "first_tick": iso(first),
        "tick": iso(tick),
        "lateness_seconds": max(now - tick, 0) / 1e6,
        "done_until": iso(job.done_until),
        "active_runs": job.active_count,
        "concurrency": job.definition.concurrency,
    }

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        return Decision(job.job_id, trigger, outcome, because, tick_at=tick, facts=facts, **more)

    if job.paused:
        return [decided(Outcome.PAUSED, "The job is paused.")]
    if _range_is_covered(job):
        return [
            decided(Outcome.SKIPPED, "The job has covered its whole range; nothing of it is left to run.")
        ]
    stale = freshness.stale_because(job.definition.freshness, upstreams, now)
    if stale:
        facts["stale"] = stale
        missing = f"Upstream is not fresh: {'; '.join(stale.values())}."
        if now >= _deadline(job, tick):
            return [decided(Outcome.NOT_FRESH, missing)]
        over = replace(decided(Outcome.NOT_FRESH, missing), tick_at=first, facts=dict(facts))
        facts["waits_until"] = iso(_deadline(job, tick))
        waits = decided(Outcome.WAITING, f"The tick waits. {missing}")
        return [over, waits] if has_waited and first != tick else [waits]
    waiting = job.waiting.get(trigger)
    if waiting is not None:
        return [
            decided(
                Outcome.COALESCED,
                "An earlier run of this trigger still waits for a slot; its window will cover this tick too.",
                joins=waiting,
            )
        ]
    run = NewRun(trigger, cause_of_tick(trigger, tick), tick)
    if has_waited:
        what = "The tick has waited for its upstreams, and they are fresh now."
    elif first == tick:
        what = f"Due at {iso(tick)}."
    else:
        what = f"Ticks since {iso(first)} were missed; one run covers them all."
    return [created(decided, job, run, what)]


def _deadline(job: JobFacts, tick: int) -> int:
    """Return how long a tick waits for its upstreams (FRS-09)."""
    return tick + round(job.definition.freshness_wait_seconds * MICROSECONDS)


def _range_is_covered(job: JobFacts) -> bool:
    """Return whether the job declares an end and every window before it is covered (IVL-08)."""
    return job.range is not None and not job.refresh_pending and job.range.is_complete(job.done_until)
