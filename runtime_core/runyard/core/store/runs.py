"""Runs: created once per cause, moved along the table of `core.runs`, listed newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    bindparam,
    func,
    insert,
    select,
    update,
)

from runyard.core.intervals import Window
from runyard.core.runs import ACTIVE, OPEN, TERMINAL, Reason, RunStatus, is_legal
from runyard.core.store import feed
from runyard.core.store.tables import (
    attempts,
    deployments,
    job_versions,
    jobs,
    run_causes,
    run_events,
    runs,
    runs_that_are,
    workspaces,
)

SYSTEM = "system"
"""The actor of a move that no person asked for."""

CLAIM_BATCH = 200
"""Waiting runs looked at in one claim: more than two cores start in a second."""

TOTAL_MAX = 10_001
"""Lists count no further than this (contract 2.2): past it a number helps nobody and costs a scan."""


@dataclass(frozen=True, slots=True)
class Move:
    """A run that has moved, which is news: where it came from (None: it is new) and where it is now."""

    workspace_id: str
    job_id: str
    run_id: str
    number: int
    source: RunStatus | None
    target: RunStatus
    reason: Reason | None = None


def add_causes(connection: Connection, causes: Iterable[tuple[str, str]]) -> None:
    """Store pairs of a run and one that caused it (FUP-04, FUP-05)."""
    rows = [{"run_id": run_id, "cause_run_id": cause_run_id} for run_id, cause_run_id in causes]
    if rows:
        connection.execute(insert(run_causes), rows)


def move(
    connection: Connection,
    run_id: str,
    target: RunStatus,
    *,
    now: int,
    actor: str = SYSTEM,
    attempt: int | None = None,
    reason: Reason | None = None,
    values: Mapping[str, Any] | None = None,
) -> RowMapping | None:
    """Move a run if the table allows it and it is still at `attempt`; return the row before, or None if not moved.

    One place writes `started_at` (entering running) and `finished_at` (entering a terminal status); each move
    appends to the history and to the feed.
    """
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if row is None or not is_legal(RunStatus(row["status"]), target):
        return None
    if attempt is not None and row["attempt"] != attempt:
        return None
    changes: dict[str, Any] = {"status": target, "updated_at": now, "due_at": None, **(values or {})}
    if target is RunStatus.RUNNING:
        changes.setdefault("started_at", now)
    if target in TERMINAL:
        assert reason is not None, "a terminal run says why it ended"
        changes.update(reason=reason)
        changes.setdefault("finished_at", now)
    connection.execute(update(runs).where(runs.c.id == run_id).values(changes))
    source = RunStatus(row["status"])
    moved = Move(row["workspace_id"], row["job_id"], run_id, row["number"], source, target, reason)
    note_moves(connection, [moved], actor=actor, now=now)
    return row


def note_moves(connection: Connection, moves: Sequence[Move], *, actor: str, now: int) -> None:
    """Append moves to the history of their runs, and to the feed."""
    rows = [
        {
            "run_id": each.run_id,
            "at": now,
            "from_status": each.source,
            "to_status": each.target,
            "reason": each.reason,
            "actor": actor,
        }
        for each in moves
    ]
    connection.execute(insert(run_events), rows)
    changes = [
        feed.Change(
            each.workspace_id,
            f"run.{each.target}",
            each.job_id,
            each.run_id,
            {"status": each.target, "number": each.number, "reason": each.reason},
        )
        for each in moves
    ]
    feed.append_all(connection, changes, now)


def request_stop(connection: Connection, run_id: str, user_id: str | None, now: int) -> bool:
    """Store that somebody wants a run to stop; return False if it has ended or was asked already."""
    query = (
        update(runs)
        .where(runs.c.id == run_id, runs_that_are(OPEN), runs.c.stop_requested_at.is_(None))
        .values(stop_requested_at=now, stop_requested_by=user_id, updated_at=now)
        .returning(runs.c.workspace_id, runs.c.job_id, runs.c.number)
    )
    row = connection.execute(query).first()
    if row is None:
        return False
    feed.append(
        connection,
        workspace_id=row.workspace_id,
        kind="run.stopping",
        job_id=row.job_id,
        run_id=run_id,
        data={"number": row.number},
        now=now,
    )
    return True


# For the executor -----------------------------------------------------------------------------------------


_active = (
    select(runs.c.job_id, func.count().label("active"))
    # Active ones are open ones; said too, because the index over these is the one in the order of jobs.
    .where(runs_that_are(OPEN), runs_that_are(ACTIVE))
    .group_by(runs.c.job_id)
    .subquery()
)
_taken_slots = func.coalesce(_active.c.active, 0)
_CLAIMABLE = (
    select(runs, jobs.c.concurrency, _taken_slots.label("active"))
    .join(jobs, jobs.c.id == runs.c.job_id)
    .outerjoin(_active, _active.c.job_id == runs.c.job_id)
    .where(
        runs_that_are({RunStatus.PENDING}),
        runs.c.stop_requested_at.is_(None),
        jobs.c.concurrency.is_(None) | (_taken_slots < jobs.c.concurrency),
    )
    .order_by(runs.c.created_at, runs.c.id)
    .limit(bindparam("at_most"))
)


def claimable(connection: Connection, limit: int = CLAIM_BATCH) -> list[RowMapping]:
    """Return waiting runs whose job has a free slot, oldest first, no more per job than it has slots.

    Slots are counted from run rows, so there is nothing that could leak (EXE-08).
    """
    taken: dict[str, int] = {}
    found = []
    for row in connection.execute(_CLAIMABLE, {"at_most": limit}).mappings():
        slots = taken.setdefault(row["job_id"], row["active"])
        if row["concurrency"] is None or slots < row["concurrency"]:
            taken[row["job_id"]] = slots + 1
            found.append(row)
    return found


def claim(
    connection: Connection, row: RowMapping, *, window: Window, refresh: bool, engine: str, now: int
) -> int | None:
    """Take a waiting run off the queue as its next attempt; return the attempt's number, None if not ours to take."""
    attempt = int(row["attempt"]) + 1
    moved = move(
        connection,
        row["id"],
        RunStatus.STARTING,
        now=now,
        attempt=row["attempt"],
        values={
            "attempt": attempt,
            "refresh": refresh,
            "interval_start": window.start,
            "interval_end": window.end,
        },
    )
    if moved is None:
        return None
    connection.execute(
        insert(attempts).values(run_id=row["id"], number=attempt, engine=engine, created_at=now)
    )
    return attempt


def by_id(connection: Connection, run_id: str) -> RowMapping | None:
    """Return a run, whatever its workspace."""
    return connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()


def with_status(connection: Connection, statuses: Iterable[RunStatus]) -> Sequence[RowMapping]:
    """Return the runs in these statuses, oldest first."""
    query = select(runs).where(runs_that_are(statuses)).order_by(runs.c.created_at, runs.c.id)
    return connection.execute(query).mappings().all()


def to_stop(connection: Connection) -> Sequence[RowMapping]:
    """Return the open runs that somebody wants to stop."""
    query = select(runs).where(runs_that_are(OPEN), runs.c.stop_requested_at.is_not(None))
    return connection.execute(query).mappings().all()


def set_port(connection: Connection, run_id: str, port: int) -> None:
    """Store where an interactive run will listen."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(port=port))


def measure_attempt(connection: Connection, run_id: str, number: int, values: Mapping[str, Any]) -> None:
    """Store what the supervisor reported of an attempt."""
    connection.execute(
        update(attempts).where(attempts.c.run_id == run_id, attempts.c.number == number).values(dict(values))
    )


def launch_facts(connection: Connection, run_id: str) -> RowMapping:
    """Return what a start needs: the run, its job version, its deployment's requirements, its workspace's maker."""
    query = (
        select(
            runs,
            job_versions.c.definition,
            job_versions.c.extensions,
            deployments.c.requirements,
            deployments.c.content_hash.label("deployment_hash"),
            workspaces.c.created_by.label("workspace_user_id"),
        )
        .join(workspaces, workspaces.c.id == runs.c.workspace_id)
        .join(job_versions, job_versions.c.id == runs.c.job_version_id)
        .join(deployments, deployments.c.id == runs.c.deployment_id)
        .where(runs.c.id == run_id)
    )
    return connection.execute(query).mappings().one()


# For interactive jobs -------------------------------------------------------------------------------------


def serving(connection: Connection, job_id: str) -> RowMapping | None:
    """Return the run that answers for an interactive job on its `port`; None while there is none."""
    query = select(runs).where(
        runs.c.job_id == job_id,
        runs_that_are({RunStatus.RUNNING}),
        runs_that_are(OPEN),
        runs.c.port.is_not(None),
    )
    return connection.execute(query.order_by(runs.c.number.desc())).mappings().first()


def open_of(connection: Connection, job_id: str) -> RowMapping | None:
    """Return the newest run of a job that has not ended and that nobody wants to stop."""
    query = select(runs).where(
        runs.c.job_id == job_id, runs_that_are(OPEN), runs.c.stop_requested_at.is_(None)
    )
    return connection.execute(query.order_by(runs.c.number.desc())).mappings().first()


# For readers ----------------------------------------------------------------------------------------------


def _detailed() -> Select[Any]:
    return select(runs)


def get(connection: Connection, workspace_id: str, run_id: str) -> RowMapping | None:
    query = _detailed().where(runs.c.workspace_id == workspace_id, runs.c.id == run_id)
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
    query = _detailed().where(*where).order_by(*newest_first).limit(limit).offset(offset)
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
