"""Pausing a job and resuming it. What a paused job's ticks become is decided in `planning`.

Ticks go by all the same and are written down as `paused`, so nothing is due any earlier or later for a pause, and the
first run after it has a window that covers it. Starts by hand are not held up (TRG-20).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, RowMapping

from runyard.core.enacting import enact
from runyard.core.errors import InvalidRequest
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.intervals import Schedule, latest_due, next_due
from runyard.core.manifest import waits_for_events
from runyard.core.planning import plan_missed_events
from runyard.core.store import decisions, facts, feed, jobs
from runyard.core.store.facts import job_of


def pause(connection: Connection, job: RowMapping, *, user_id: str, now: int) -> None:
    """Let a job's triggers rest; who paused it first, and when, stays.

    Raises: InvalidRequest for a job that has no tick ahead and waits for no event.
    """
    if job["paused_at"] is not None:
        return
    if job["next_due_at"] is None and not waits_for_events(job_of(job)):
        raise InvalidRequest(
            f"{job['job_ref']} is not scheduled and follows nothing, so there is nothing to pause.",
            "Only a job that a schedule or an event will start can be paused.",
        )
    jobs.set_paused(connection, job["id"], user_id=user_id, at=now)
    feed.append_about(connection, job, "job.paused", now)


def resume(connection: Connection, job: RowMapping, *, ids: Ids, now: int, catch_up: bool = False) -> bool:
    """Let a job's triggers work again, from the next tick and event on; return whether something is made up for.

    With `catch_up` each makes up for what went by since the pause: ticks as if nobody had looked since (SCH-06), ends
    of other jobs with one run for all of them (TRG-20). A webhook's call is gone, and so is a deploy (TRG-25).
    Raises: InvalidInput if it is to catch up and is nothing that this server can read.
    """
    if job["paused_at"] is None:
        return False
    makes_up = False
    jobs.set_paused(connection, job["id"], user_id=None, at=None)
    if catch_up and job["archived_at"] is None:
        known = facts.load(connection, [job["id"]])[job["id"]]
        missed = decisions.paused_triggers(connection, job["id"], job["paused_at"])
        counts_again = _count_again(connection, known, missed, job["paused_at"], now)
        planned = plan_missed_events(known, missed, job["paused_at"])
        enact(connection, planned, {known.job_id: known.definition}, ids=ids, now=now)
        makes_up = counts_again or bool(planned)
    feed.append_about(connection, job, "job.resumed", now)
    return makes_up


def _count_again(
    connection: Connection, job: JobFacts, missed: Collection[str], paused_at: int, now: int
) -> bool:
    """Let planning look again at the ticks that a job missed, which timed triggers among `missed` had, if any did."""
    firsts = [
        first
        for trigger, schedule in job.coming
        if trigger in missed and (first := _first_missed(schedule, job.anchor_at, paused_at, now)) is not None
    ]
    if firsts:
        due_at = min(firsts if job.next_due_at is None else (*firsts, job.next_due_at))
        held = {} if job.held_at is None else {job.job_id: job.held_at}
        jobs.set_due(connection, {job.job_id: due_at}, held)
    return bool(firsts)


def _first_missed(schedule: Schedule, anchor: int, paused_at: int, now: int) -> int | None:
    """Return the first tick of a pause; one that came before it if no other did; None if none counts any more.

    The tick that came before had waited for its upstreams, or nobody had looked at it yet.
    """
    latest = latest_due(schedule, anchor=anchor, now=now)
    since = max(paused_at, anchor)
    first = next_due(schedule, anchor=anchor, last_due=since, now=since)
    return latest if latest is None or first is None else min(first, latest)
