"""Is what a job reads complete? The gate in front of a start, decided on given facts (FRS-01..06).

A gate never starts a job; it only holds a tick back until every upstream has completed its latest window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runyard.core.clock import to_datetime
from runyard.core.facts import JobFacts
from runyard.core.intervals import Cron, Every
from runyard.core.jobs import upstream_refs
from runyard.core.ticks import previous_tick


def stale_because(gates: Sequence[str], upstreams: Mapping[str, JobFacts], now: int) -> dict[str, str]:
    """Return, for each upstream that is not fresh, a sentence that says what is missing; empty if all are fresh."""
    answers = {ref: _missing(ref, upstreams[ref], now) for ref in upstream_refs(gates)}
    return {ref: answer for ref, answer in answers.items() if answer is not None}


def _missing(ref: str, upstream: JobFacts, now: int) -> str | None:
    if upstream.completed_at is None:
        return f"{ref} has never completed"
    if upstream.refresh_pending:
        return f"{ref} has to be reloaded first"
    schedule = upstream.schedule
    if isinstance(schedule, Cron):
        return _missing_of_cron(ref, upstream, schedule, now)
    if isinstance(schedule, Every):
        since = upstream.done_until if upstream.done_until is not None else upstream.completed_at
        if now - since >= schedule.period:
            return (
                f"{ref} covered its last period at {to_datetime(since).isoformat()}, more than one period ago"
            )
    return None


def _missing_of_cron(ref: str, upstream: JobFacts, schedule: Cron, now: int) -> str | None:
    latest = previous_tick(schedule.expr, schedule.timezone, now)
    reach = upstream.range
    if reach is not None and reach.end is not None:
        latest = min(latest, reach.end)
    if upstream.done_until is not None and upstream.done_until >= latest:
        return None
    until = (
        "nothing" if upstream.done_until is None else f"up to {to_datetime(upstream.done_until).isoformat()}"
    )
    return f"{ref} has covered {until}, its latest window ends at {to_datetime(latest).isoformat()}"
