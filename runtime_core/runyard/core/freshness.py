"""Is what a job reads complete? The gate in front of a start, decided on given facts (FRS-01..06).

A gate never starts a job; it only holds a tick back until every upstream has completed its latest window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runyard.core.clock import to_datetime
from runyard.core.errors import InvalidInput
from runyard.core.facts import JobFacts
from runyard.core.intervals import Cron, Every
from runyard.core.jobs import upstream_refs
from runyard.core.ticks import previous_tick

UNREADABLE = "{} is nothing that this server can read"


def stale_because(gates: Sequence[str], upstreams: Mapping[str, JobFacts], now: int) -> dict[str, str]:
    """Return, for each upstream that is not fresh, a sentence that says what is missing; empty if all are fresh."""
    answers = {ref: _answer(ref, upstreams.get(ref), now) for ref in upstream_refs(gates)}
    return {ref: answer for ref, answer in answers.items() if answer is not None}


def _answer(ref: str, upstream: JobFacts | None, now: int) -> str | None:
    """Return what is missing of an upstream, which may be none that can be read, or in a zone that nobody knows."""
    try:
        return UNREADABLE.format(ref) if upstream is None else _missing(ref, upstream, now)
    except InvalidInput:
        return UNREADABLE.format(ref)


def _missing(ref: str, upstream: JobFacts, now: int) -> str | None:
    """Return what is missing of an upstream. The sentence stays the same until that changes (FRS-03)."""
    if upstream.completed_at is None:
        return f"{ref} has never completed"
    if upstream.refresh_pending:
        return f"{ref} has to be reloaded first"
    if _is_loading(upstream):
        return f"{ref} is running its current interval"
    schedule, until = upstream.schedule, upstream.done_until
    if isinstance(schedule, Cron):
        if until is None or until < _latest_end(upstream, schedule, now):
            return f"{ref} has covered {'nothing' if until is None else 'nothing after ' + _iso(until)}"
    elif isinstance(schedule, Every):
        since = upstream.completed_at if until is None else until
        if now - since >= schedule.period:
            return f"{ref} covered its last period at {_iso(since)}, more than one period ago"
    return None


def _is_loading(upstream: JobFacts) -> bool:
    """Return whether a run of the upstream works on its current interval (FRS-05).

    Of a job without a schedule every run is current; of any other one, who works on time covered long ago is not.
    """
    if upstream.schedule is None:
        return upstream.active_count > 0
    until = upstream.done_until
    return any(until is None or window.end >= until for window in upstream.working_on)


def _latest_end(upstream: JobFacts, schedule: Cron, now: int) -> int:
    """Return where the latest window of the upstream ends that could be covered by now."""
    latest = previous_tick(schedule.expr, schedule.timezone, now)
    reach = upstream.range
    return latest if reach is None or reach.end is None else min(latest, reach.end)


def _iso(instant: int) -> str:
    return to_datetime(instant).isoformat()
