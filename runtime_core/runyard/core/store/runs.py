"""Runs, moved along the table of `core.runs`.

`new_runs` creates them, `queue` says which may start and takes them off it, `shown_runs` lists them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    insert,
    select,
    update,
)

from runyard.core.intervals import Window
from runyard.core.runs import OPEN, TERMINAL, Reason, RunStatus, is_legal
from runyard.core.store import feed
from runyard.core.store.tables import (
    attempts,
    deployments,
    job_versions,
    jobs,
    run_bodies,
    run_causes,
    run_events,
    runs,
    runs_that_are,
    workspaces,
)

SYSTEM = "system"
"""The actor of a move that no person asked for."""


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


# Built once, as building one costs as much as running it, and each run needs all of these several times.
_RUN = select(runs).where(runs.c.id == bindparam("of_run"))
_RUNS = select(runs).where(runs.c.id.in_(bindparam("ids", expanding=True)))
_SET_RUN = update(runs).where(runs.c.id == bindparam("of_run"))
_SET_ATTEMPT = update(attempts).where(
    attempts.c.run_id == bindparam("of_run"), attempts.c.number == bindparam("of_number")
)
_ADD_CAUSES = insert(run_causes)
_NOTE_MOVES = insert(run_events)
_TO_STOP = select(runs).where(runs_that_are(OPEN), runs.c.stop_requested_at.is_not(None))
_RETRY_FACTS = (
    select(runs, job_versions.c.definition, job_versions.c.extensions, jobs.c.archived_at)
    .join(job_versions, job_versions.c.id == runs.c.job_version_id)
    .join(jobs, jobs.c.id == runs.c.job_id)
    .where(runs.c.id == bindparam("of_run"))
)
_LAUNCH_FACTS = (
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
    .where(runs.c.id == bindparam("of_run"))
)


def window_of(row: RowMapping) -> Window | None:
    """Return the part of time that a run covers, or somebody asked it to; None as long as that is not decided."""
    return None if row["interval_start"] is None else Window(row["interval_start"], row["interval_end"])


def fired_at(row: RowMapping) -> int:
    """Return when the trigger of a run fired: at its tick, or when the run came to be."""
    at: int = row["created_at"] if row["tick_at"] is None else row["tick_at"]
    return at


def add_causes(connection: Connection, causes: Iterable[tuple[str, str]]) -> None:
    """Store pairs of a run and one that caused it (FUP-04, FUP-05)."""
    rows = [{"run_id": run_id, "cause_run_id": cause_run_id} for run_id, cause_run_id in causes]
    if rows:
        connection.execute(_ADD_CAUSES, rows)


def stand_for(connection: Connection, causes: Iterable[tuple[str, str]]) -> None:
    """Let runs that wait stand for what joined them, each given with the cause that has its run by that (TRG-18)."""
    rows = [{"of_run": run_id, "cause": cause} for run_id, cause in causes]
    if rows:
        connection.execute(_SET_RUN, rows)


@dataclass(frozen=True, slots=True)
class Step:
    """A run as it was read in this transaction, where it is to be moved, and what else changes of it."""

    row: RowMapping
    target: RunStatus
    reason: Reason | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def move_all(
    connection: Connection, steps: Sequence[Step], *, now: int, actor: str = SYSTEM
) -> list[RowMapping]:
    """Move runs that were read in this transaction; return the rows before of those that the table allows to move.

    One place writes `started_at` (entering running, and not again by a later attempt) and `finished_at` (entering a
    terminal status); each move appends to the history and to the feed. However many there are, it takes the same few
    statements: transactions that write come one after the other, so what was read is still so.
    """
    legal = [step for step in steps if is_legal(RunStatus(step.row["status"]), step.target)]
    alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for step in legal:
        changes = _changes(step, now)
        alike[tuple(changes)].append({"of_run": step.row["id"], **changes})
    for changed in alike.values():
        connection.execute(_SET_RUN, changed)
    note_moves(connection, [_moved(step) for step in legal], actor=actor, now=now)
    return [step.row for step in legal]


def _changes(step: Step, now: int) -> dict[str, Any]:
    """Return what a move writes of its run."""
    changes: dict[str, Any] = {"status": step.target, "updated_at": now, "due_at": None, **step.values}
    if step.target is RunStatus.RUNNING:
        changes.setdefault("started_at", now)
    if step.target in TERMINAL:
        assert step.reason is not None, "a terminal run says why it ended"
        changes.update(reason=step.reason)
        changes.setdefault("finished_at", now)
    if step.row["attempt"] > 1 and step.row["started_at"] is not None:
        changes.pop("started_at", None)
    return changes


def _moved(step: Step) -> Move:
    row = step.row
    source = RunStatus(row["status"])
    return Move(
        row["workspace_id"], row["job_id"], row["id"], row["number"], source, step.target, step.reason
    )


def note_moves(connection: Connection, moves: Sequence[Move], *, actor: str, now: int) -> None:
    """Append moves to the history of their runs, and to the feed."""
    if not moves:
        return
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
    connection.execute(_NOTE_MOVES, rows)
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


def retry_facts(connection: Connection, run_id: str) -> RowMapping:
    """Return what decides whether a run is tried again: the run, what it runs, whether its job is archived."""
    return connection.execute(_RETRY_FACTS, {"of_run": run_id}).mappings().one()


def by_id(connection: Connection, run_id: str) -> RowMapping | None:
    """Return a run, whatever its workspace."""
    return connection.execute(_RUN, {"of_run": run_id}).mappings().first()


def by_ids(connection: Connection, run_ids: Iterable[str]) -> dict[str, RowMapping]:
    """Return runs by id, whatever their workspace."""
    rows = connection.execute(_RUNS, {"ids": sorted(run_ids)}).mappings()
    return {row["id"]: row for row in rows}


def with_status(connection: Connection, statuses: Iterable[RunStatus]) -> Sequence[RowMapping]:
    """Return the runs in these statuses, oldest first."""
    query = select(runs).where(runs_that_are(statuses)).order_by(runs.c.created_at, runs.c.id)
    return connection.execute(query).mappings().all()


def to_stop(connection: Connection) -> Sequence[RowMapping]:
    """Return the open runs that somebody wants to stop."""
    return connection.execute(_TO_STOP).mappings().all()


def set_port(connection: Connection, run_id: str, port: int) -> None:
    """Store where an interactive run will listen."""
    connection.execute(_SET_RUN, {"of_run": run_id, "port": port})


def note_started(connection: Connection, started: Sequence[tuple[str, int, int]]) -> None:
    """Store when attempts started, each a run, the number of the attempt and the instant."""
    rows = [{"of_run": of, "of_number": number, "started_at": at} for of, number, at in started]
    if rows:
        connection.execute(_SET_ATTEMPT, rows)


def measure_attempt(connection: Connection, run_id: str, number: int, values: Mapping[str, Any]) -> None:
    """Store how an attempt went: what its supervisor reported, and why it ended."""
    connection.execute(_SET_ATTEMPT, {"of_run": run_id, "of_number": number, **values})


def launch_facts(connection: Connection, run_id: str) -> RowMapping:
    """Return what a start needs: the run, its job version, its deployment's requirements, its workspace's maker."""
    return connection.execute(_LAUNCH_FACTS, {"of_run": run_id}).mappings().one()


def keep_body(connection: Connection, run_id: str, body: str) -> None:
    """Store what was posted to the webhook that started a run."""
    connection.execute(insert(run_bodies).values(run_id=run_id, body=body))


def body_of(connection: Connection, run_id: str) -> str | None:
    """Return what was posted to the webhook that started a run."""
    query = select(run_bodies.c.body).where(run_bodies.c.run_id == run_id)
    return connection.execute(query).scalar_one_or_none()


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
