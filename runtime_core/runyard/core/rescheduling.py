"""A job's times change: by a deploy, or by a schedule that somebody sets beside the code (TRG-21).

Such a schedule takes the place of the one that the code declares wherever the job's triggers count, until it is taken
away or does not fit the code of a deploy any more. What a trigger means is `triggers`, when it is due `planning`.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, RowMapping

from runyard.core.errors import Conflict, InvalidInput, InvalidRequest
from runyard.core.facts import JobFacts
from runyard.core.intervals import Every
from runyard.core.job_times import check_times
from runyard.core.jobs import JobDefinition
from runyard.core.manifest import schedule_of, waits_for_events, with_schedule
from runyard.core.planning import due_after
from runyard.core.store import facts, feed, jobs
from runyard.core.triggers import read_schedule


def set_schedule(
    connection: Connection,
    job: RowMapping,
    written: str,
    *,
    min_every_seconds: float,
    user_id: str,
    now: int,
) -> None:
    """Set a schedule beside the code: five cron fields, or a `schedule:` or `every:` trigger.

    Raises: InvalidTrigger, InvalidRequest for what is no schedule or a job that runs all the time, Conflict for a job
    that is not deployed any more.
    """
    trigger = str(read_schedule(written))
    before = facts.load(connection, [job["id"]])[job["id"]]
    if not before.definition.is_batch:
        raise InvalidRequest(
            f"{job['job_ref']} is an app, which has no schedule.", "Start it by visiting it."
        )
    if before.archived:
        raise Conflict(f"{job['job_ref']} is not deployed any more.", "Deploy it again first.")
    declared = declared_by(job)
    check_times(with_schedule(declared, trigger), min_every_seconds)
    jobs.set_override(
        connection, job["id"], trigger=trigger, replaced=schedule_of(declared), user_id=user_id, now=now
    )
    reschedule(connection, job["id"], before, now)
    feed.append_about(connection, job, "job.rescheduled", now)


def drop_schedule(connection: Connection, job: RowMapping, *, now: int) -> None:
    """Let the schedule of the code count again, if another one was set."""
    if job["override"] is None:
        return
    before = facts.load(connection, [job["id"]])[job["id"]]
    jobs.drop_override(connection, job["id"])
    if job["archived_at"] is None:
        reschedule(connection, job["id"], before, now)
    feed.append_about(connection, job, "job.rescheduled", now)


def declared_by(job: RowMapping) -> JobDefinition:
    """Return the typed view of a job as its code declares it."""
    return facts.definition_of(job["version_id"], job["definition"], job["extensions"])


def is_outdated(job: RowMapping, declared: JobDefinition, min_every_seconds: float) -> bool:
    """Return whether a job has a schedule beside the code that does not fit what the code says now.

    Either the code changed its own schedule, or it declares what this one could not be set for: an interval without a
    tick of it, or an app.
    """
    if job["override"] is None:
        return False
    if schedule_of(declared) != job["override_replaced"] or not declared.is_batch:
        return True
    try:
        check_times(with_schedule(declared, job["override"]), min_every_seconds)
    except InvalidInput:
        return True
    return False


def reschedule(connection: Connection, job_id: str, before: JobFacts | None, now: int) -> None:
    """Set the next tick of a job, `before` being what it was before its times may have changed, None if it is new.

    A timed trigger that stayed as it was keeps its phase and a tick that is already due; a new or changed one starts
    counting now, so that a fresh job never runs at deploy time; a changed period counts from the start of the last run,
    and so is never farther away than one new period (TRG-14, TRG-15, TRG-17).
    """
    job = facts.load(connection, [job_id])[job_id]
    old = None if before is None or before.archived else before
    if old is not None and old.timed == job.timed and job.next_due_at is not None:
        return
    if not job.timed and not waits_for_events(job.definition):
        jobs.set_paused(connection, job_id, user_id=None, at=None)  # nothing is left to pause
    anchor = now
    if old is not None and isinstance(old.schedule, Every):
        # A clock that was set back shows an earlier time than that start had.
        anchor = min(jobs.last_started_at(connection, job_id) or now, now)
    due_at = due_after(replace(job, anchor_at=anchor), now)
    jobs.start_counting(connection, job_id, next_due_at=due_at, anchor_at=anchor)
