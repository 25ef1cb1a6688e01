"""What the end of a run causes: follow-ups, the next part of a backlog, a refresh downstream.

Which jobs are downstream is `refresh`; whether an attempt that failed is the end at all is `retrying`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runyard.core.facts import JobFacts
from runyard.core.intervals import Window, remaining
from runyard.core.jobs import RefreshPolicy, upstream_refs
from runyard.core.outcomes import Outcome
from runyard.core.planning.decisions import Decision, NewRun, created, iso
from runyard.core.planning.events import Event, plan_event
from runyard.core.planning.windows import has_window, next_gap
from runyard.core.refresh import downstream_of
from runyard.core.runs import RunStatus
from runyard.core.triggers import in_words, parse_trigger


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has just become terminal."""

    run_id: str
    trigger: str
    status: RunStatus
    refresh: bool
    window: Window | None


@dataclass(frozen=True, slots=True)
class After:
    """What the end of a run causes."""

    decisions: tuple[Decision, ...] = ()
    refreshed: tuple[str, ...] = ()
    """Ids of the jobs that must start over: their next run is a refresh and covers their whole range."""
    woken: tuple[str, ...] = ()
    """Ids of the jobs with a tick that waits for this one: planning looks at them now."""


def plan_after(ended: Ended, job: JobFacts, graph: Mapping[str, JobFacts], now: int) -> After:
    """Return what the end of a run causes, itself not included.

    Shape: `job` are the facts of its job after the run became terminal; `graph` maps job refs to the facts of every
    job that follows it or is gated by it, directly or not, at least as far as a refresh travels.
    Source: FUP-01..07, IVL-05, IVL-13, RFR-02..05.
    """
    decisions = [
        decision
        for other in graph.values()
        for trigger in _fired_by(ended, job, other)
        for decision in [_decide_follow_up(ended, job, other, trigger)]
    ]
    refreshed: tuple[str, ...] = ()
    woken: tuple[str, ...] = ()
    if ended.status is RunStatus.COMPLETED:
        woken = tuple(other.job_id for other in graph.values() if _waits_for(job, other))
        part = _next_part(ended, job, now)
        if part is not None:
            decisions.append(part)
        if ended.refresh or job.definition.refresh is RefreshPolicy.ALWAYS:
            refreshed = tuple(other.job_id for other in downstream_of(job, graph))
    return After(tuple(decisions), refreshed, woken)


def _waits_for(job: JobFacts, other: JobFacts) -> bool:
    """Return whether a tick of another job waits for this one (FRS-09)."""
    return other.held_at is not None and job.definition.job_ref in upstream_refs(other.definition.freshness)


def _fired_by(ended: Ended, job: JobFacts, other: JobFacts) -> list[str]:
    """Return the triggers of `other` that this end fires: success on completed, fail on failed (FUP-02)."""
    event = {RunStatus.COMPLETED: "job.success", RunStatus.FAILED: "job.fail"}.get(ended.status)
    wanted = f"{event}:{job.definition.job_ref}"
    return [trigger for trigger in other.definition.triggers if trigger == wanted]


def _decide_follow_up(ended: Ended, job: JobFacts, other: JobFacts, trigger: str) -> Decision:
    words = in_words(parse_trigger(trigger))
    event = Event(f"{trigger}@{ended.run_id}", f"{words[0].upper()}{words[1:]}.", ended.run_id)
    return plan_event(
        other, trigger, event, facts={"upstream": job.definition.job_ref, "upstream_run": ended.run_id}
    )


def _next_part(ended: Ended, job: JobFacts, now: int) -> Decision | None:
    """Return the run of the next part of a backlog that is worked off in parts, if one is left (IVL-13)."""
    if ended.window is None or ended.window.is_empty or job.archived or job.paused:
        return None
    # `remaining` and not just any gap: what has passed since the last tick is no part yet.
    if not remaining(job.schedule, job.range, job.done_until, now):
        return None
    if any(has_window(job, trigger) for trigger in job.waiting):
        return None
    if next_gap(job, now) is None:
        return None
    run = NewRun(
        ended.trigger,
        f"{ended.trigger}@after:{ended.run_id}",
        None,
        previous_run_id=ended.run_id,
    )

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        facts = {"previous_run": ended.run_id, "done_until": iso(job.done_until)}
        return Decision(job.job_id, ended.trigger, outcome, because, facts=facts, **more)

    return created(decided, job, run, "The backlog has another part; the oldest goes first.")
