"""Runs as readers see them: one, a page of them, the newest of each job, and how one came about and went on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, select

from runyard.core.runs import OPEN
from runyard.core.store.tables import attempts, jobs, run_causes, run_events, runs, runs_that_are

TOTAL_MAX = 10_001
"""Lists count no further than this (contract 2.2): past it a number helps nobody and costs a scan."""


def get(connection: Connection, workspace_id: str, run_id: str) -> RowMapping | None:
    """Return a run of a workspace."""
    query = select(runs).where(runs.c.workspace_id == workspace_id, runs.c.id == run_id)
    return connection.execute(query).mappings().first()


def page(
    connection: Connection,
    workspace_id: str,
    *,
    job_id: str | None = None,
    number: int | None = None,
    statuses: Sequence[str] = (),
    stopping: bool = False,
    previous_run_id: str | None = None,
    hidden_ref: str | None = None,
    limit: int,
    offset: int,
) -> tuple[Sequence[RowMapping], int]:
    """Return runs newest first, and how many match, counted no further than `TOTAL_MAX`.

    With `stopping`, runs that somebody wants to stop match besides those in `statuses`; runs of the job
    `hidden_ref` do not match.
    """
    is_open = bool(statuses or stopping) and set(statuses) <= OPEN
    is_narrow = is_open or job_id is not None or previous_run_id is not None
    # A database without statistics would walk through all runs of the workspace rather than use a narrower index.
    where = [(runs.c.workspace_id.concat("") if is_narrow else runs.c.workspace_id) == workspace_id]
    if is_open:
        where.append(runs_that_are(OPEN))
    if previous_run_id is not None:
        where.append(runs.c.previous_run_id == previous_run_id)
    if hidden_ref is not None:
        by_ref = select(jobs.c.id).where(jobs.c.workspace_id == workspace_id, jobs.c.job_ref == hidden_ref)
        # Looked up first: a condition on another table would be asked for each of the rows that are counted.
        if (hidden := connection.execute(by_ref).scalar_one_or_none()) is not None:
            where.append(runs.c.job_id != hidden)
    if job_id is not None:
        where.append(runs.c.job_id == job_id)
    if number is not None:
        where.append(runs.c.number == number)
    if statuses or stopping:
        is_stopping = runs.c.stop_requested_at.is_not(None) & runs_that_are(OPEN)
        in_statuses = runs.c.status.in_(list(statuses))
        where.append(in_statuses | is_stopping if stopping else in_statuses)
    newest_first = (runs.c.created_at.desc(), runs.c.id.desc())
    query = select(runs).where(*where).order_by(*newest_first).limit(limit).offset(offset)
    counted = select(runs.c.id).where(*where).limit(TOTAL_MAX).subquery()
    total = connection.execute(select(func.count()).select_from(counted)).scalar_one()
    return connection.execute(query).mappings().all(), total


def latest_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, RowMapping]:
    """Return the newest run of each of these jobs, by job id."""
    newest = (
        select(runs.c.id)
        .where(runs.c.job_id == jobs.c.id)
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
        .correlate(jobs)
        .scalar_subquery()
    )
    query = select(runs).join(jobs, runs.c.id == newest).where(jobs.c.id.in_(list(job_ids)))
    return {row["job_id"]: row for row in connection.execute(query).mappings()}


def history(connection: Connection, run_id: str) -> Sequence[RowMapping]:
    """Return the moves of a run, oldest first."""
    query = select(run_events).where(run_events.c.run_id == run_id).order_by(run_events.c.id)
    return connection.execute(query).mappings().all()


def attempts_of(connection: Connection, run_id: str) -> Sequence[RowMapping]:
    """Return the attempts of a run, oldest first."""
    query = select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.number)
    return connection.execute(query).mappings().all()


def causes_of(connection: Connection, run_id: str) -> Sequence[str]:
    """Return the runs that caused a run."""
    query = select(run_causes.c.cause_run_id).where(run_causes.c.run_id == run_id)
    return connection.execute(query).scalars().all()


def effects_of(connection: Connection, run_id: str) -> Sequence[RowMapping]:
    """Return the runs that a run caused, oldest first."""
    query = (
        select(runs)
        .join(run_causes, run_causes.c.run_id == runs.c.id)
        .where(run_causes.c.cause_run_id == run_id)
        .order_by(runs.c.created_at, runs.c.id)
    )
    return connection.execute(query).mappings().all()
