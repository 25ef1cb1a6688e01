"""Which part of time a run covers, and whether it is a refresh: decided when it leaves the queue and not before.

What ran meanwhile moves the boundary. How a schedule cuts time into windows is `intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass

from runyard.core.facts import JobFacts
from runyard.core.intervals import Window, run_window
from runyard.core.triggers import TriggerType, parse_trigger


@dataclass(frozen=True, slots=True)
class Started:
    """A run as it leaves the queue: what it covers, and the facts of its job before it counts as active."""

    job: JobFacts
    window: Window
    refresh: bool
    starts_over: bool = False
    """Whether what the job has covered is forgotten with this start."""


def plan_claim(
    job: JobFacts,
    trigger: str,
    *,
    asked_refresh: bool,
    fired_at: int,
    now: int,
    exact: Window | None = None,
) -> Started | None:
    """Return what a run becomes that leaves the queue now; None if it has to wait for another run's window.

    A refresh is pending until one completes: if this run fails, the next one is a refresh again (RFR-05). It starts
    over once nothing that began before it works on time that is to be loaded anew. A run of an
    `exact` window is no refresh, whatever is pending, for it covers a part alone (IVL-14).
    """
    if exact is not None:
        is_taken = any(exact.overlaps(window) for window in job.working_on)
        # What fulfils no refresh that is pending is none, be it the first run that completes.
        is_first = job.completed_at is None and not job.refresh_pending
        return None if is_taken else Started(job, exact, refresh=is_first)
    refresh = is_refresh(job, asked=asked_refresh)
    # Beside a refresh under way another one works on: starting over with each, runs that overlap would never end it.
    starts_over = refresh and (asked_refresh or not job.refreshing)
    if starts_over and job.working_on:
        return None
    job = job.starting_over() if starts_over else job
    return Started(job, window_at_start(job, trigger, fired_at, now), refresh, starts_over)


def window_at_start(job: JobFacts, trigger: str, fired_at: int, now: int) -> Window:
    """Return the part of time that a run covers, decided at the moment it leaves the queue.

    Shape: half-open, possibly a point. It never overlaps a window that is covered or that another active run works
    on. A run without a window of its own gets the point at which its trigger fired (IVL-11); a run that finds
    nothing left to do gets the point up to which its job is done (IVL-09).
    Source: IVL-02..04, IVL-09..11, IVL-13.
    """
    if not has_window(job, trigger):
        return Window(fired_at, fired_at)
    gap = next_gap(job, now)
    if gap is not None:
        return gap
    at = job.done_until if job.done_until is not None else fired_at
    return Window(at, at)


def next_gap(job: JobFacts, now: int) -> Window | None:
    """Return the oldest window that is neither covered nor being worked on; None if there is none."""
    start = job.done_until
    taken = sorted([*job.covered, *job.working_on], key=lambda window: window.start)
    schedule = job.schedule
    assert schedule is not None, "only a schedule cuts time into windows"
    while True:
        window = run_window(schedule, job.range, done_until=start, now=now)
        if window is None or window.is_empty:
            return None
        in_the_way = next((other for other in taken if other.overlaps(window)), None)
        if in_the_way is None:
            return window
        if in_the_way.start > window.start:
            return Window(window.start, in_the_way.start)
        start = in_the_way.end


def has_window(job: JobFacts, trigger: str) -> bool:
    """Return whether runs of this trigger cover a part of time rather than a point (IVL-09..11)."""
    if job.schedule is None:
        return False
    kind = parse_trigger(trigger).type
    if kind in (TriggerType.SCHEDULE, TriggerType.EVERY, TriggerType.MANUAL, TriggerType.PIPELINE_NAME):
        return True
    return kind is not TriggerType.ONCE and job.definition.interval is not None


def is_refresh(job: JobFacts, *, asked: bool) -> bool:
    """Return whether a run that starts now is a refresh: asked for, signalled, or nothing ever completed.

    Decided at the start, as the window is: of two first runs, the second may find that the first has completed.
    Source: RFR-05, RFR-06, RFR-08.
    """
    return asked or job.refresh_pending or job.completed_at is None
