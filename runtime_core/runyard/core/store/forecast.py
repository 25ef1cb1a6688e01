"""Loads what a preview starts from: jobs as they are, the runs of them that are open, and how long their runs take."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from sqlalchemy import Connection, bindparam, select

from runyard.core.clock import MICROSECONDS
from runyard.core.errors import InvalidInput
from runyard.core.facts import JobFacts
from runyard.core.job_times import range_if_planned
from runyard.core.preview import ForeseenRun, Situation
from runyard.core.refresh import upstreams_of
from runyard.core.runs import OPEN, RunStatus
from runyard.core.store import facts
from runyard.core.store.runs import fired_at, window_of
from runyard.core.store.tables import attempts, job_state, jobs, runs, runs_that_are

RECENT_RUNS = 20
"""Runs whose length says what is usual: enough to pass over an odd one, few enough to follow a change."""

_LENGTHS = (
    select(runs.c.status, runs.c.started_at, runs.c.finished_at)
    .where(runs.c.job_id == bindparam("of_job"))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(RECENT_RUNS)
)


def of_workspace(connection: Connection, workspace_id: str, now: int) -> Situation:
    """Return the live jobs of a workspace as they are now, without those that cannot be read or planned."""
    query = select(jobs.c.id).where(jobs.c.workspace_id == workspace_id, jobs.c.archived_at.is_(None))
    ids = connection.execute(query.order_by(jobs.c.job_ref)).scalars().all()
    found: dict[str, JobFacts] = {}
    for start in range(0, len(ids), facts.BATCH):
        loaded, _ = facts.load_readable(connection, ids[start : start + facts.BATCH])
        found |= {job.definition.job_ref: job for job in loaded.values() if _has_times(job)}
    return _situation(connection, workspace_id, dict(sorted(found.items())), now)


def of_job(connection: Connection, workspace_id: str, ref: str, now: int) -> Situation:
    """Return a job and all that may decide about it as they are now."""
    found: dict[str, JobFacts] = {}
    frontier = {ref}
    while frontier:
        loaded = facts.by_ref(connection, workspace_id, frontier)
        live = {each: job for each, job in loaded.items() if not job.archived and _has_times(job)}
        found |= live
        frontier = {up for job in live.values() for up in upstreams_of(job)} - found.keys()
    return _situation(connection, workspace_id, dict(sorted(found.items())), now)


def _has_times(job: JobFacts) -> bool:
    try:
        range_if_planned(job)
    except InvalidInput:
        return False
    return True


def _situation(connection: Connection, workspace_id: str, found: dict[str, JobFacts], now: int) -> Situation:
    ids = {job.job_id for job in found.values()}
    seconds = {
        job.job_id: usual
        for job in found.values()
        if job.definition.triggers and (usual := usual_seconds(connection, job.job_id)) is not None
    }
    open_runs = tuple(_open_runs(connection, workspace_id, ids))
    return Situation(now, found, open_runs, seconds, _refresh_asked_at(connection, workspace_id))


def usual_seconds(connection: Connection, job_id: str) -> float | None:
    """Return how long a run of a job usually takes: the median of the last that completed, None if none did."""
    lengths = [
        (finished_at - started_at) / MICROSECONDS
        for status, started_at, finished_at in connection.execute(_LENGTHS, {"of_job": job_id})
        if status == RunStatus.COMPLETED
    ]
    return median(lengths) if lengths else None


def _refresh_asked_at(connection: Connection, workspace_id: str) -> dict[str, int]:
    """Return when each refresh was asked for that no run has fulfilled yet, by job."""
    query = (
        select(job_state.c.job_id, job_state.c.refresh_requested_at)
        .join(jobs, jobs.c.id == job_state.c.job_id)
        .where(jobs.c.workspace_id == workspace_id, job_state.c.refresh_requested_at.is_not(None))
    )
    return {row.job_id: row.refresh_requested_at for row in connection.execute(query)}


def _open_runs(connection: Connection, workspace_id: str, job_ids: set[str]) -> Iterable[ForeseenRun]:
    """Yield the runs of these jobs that have not ended, oldest first."""
    first = attempts.alias()
    query = (
        select(runs, attempts.c.created_at.label("claimed_at"), first.c.created_at.label("begun_at"))
        .outerjoin(attempts, (attempts.c.run_id == runs.c.id) & (attempts.c.number == runs.c.attempt))
        .outerjoin(first, (first.c.run_id == runs.c.id) & (first.c.number == 1))
        .where(runs.c.workspace_id == workspace_id, runs_that_are(OPEN))
        .order_by(runs.c.created_at, runs.c.id)
    )
    for row in connection.execute(query).mappings():
        if row["job_id"] not in job_ids:
            continue
        waits = row["status"] == RunStatus.PENDING and not row["attempt"]
        yield ForeseenRun(
            run_id=row["id"],
            job_id=row["job_id"],
            trigger=row["trigger"],
            due_at=fired_at(row),
            created_at=row["created_at"],
            refresh=row["refresh"],
            begun_at=row["begun_at"],
            # One that is to be tried again keeps its slot, and begins when it is due.
            claimed_at=None if waits else max(row["claimed_at"], row["due_at"] or 0),
            exact=row["exact"],
            window=window_of(row),
        )
