"""Pausing a job and resuming it. What a paused job's ticks become is decided in `planning`.

Ticks go by all the same and are written down as `paused`, so nothing is due any earlier or later for a pause, and the
first run after it has a window that covers it. Starts by hand are not held up (TRG-20).
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from runyard.core.errors import InvalidRequest
from runyard.core.manifest import waits_for_events
from runyard.core.store import feed, jobs
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


def resume(connection: Connection, job: RowMapping, *, now: int) -> None:
    """Let a job's triggers work again, from the next tick on."""
    if job["paused_at"] is not None:
        jobs.set_paused(connection, job["id"], user_id=None, at=None)
        feed.append_about(connection, job, "job.resumed", now)
