"""Runs, moved along the table of `core.runs` and taken off the queue.

`new_runs` creates them, `shown_runs` lists them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from runyard.core.intervals import Window
from runyard.core.jobs import JobType
from runyard.core.runs import ACTIVE, OPEN, TERMINAL, Reason, RunStatus, is_legal
from runyard.core.store import feed
from runyard.core.store.tables import (
    attempts,
    deployments,
    has_begun,
    job_state,
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

BATCH = str(JobType.BATCH)

UNLIMITED = 2**31 - 1
"""Stands for no limit in SQL: the largest number PostgreSQL compares counts with."""


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
_BEGIN_ATTEMPT = insert(attempts)
_REFRESH_ASKED_AT = select(job_state.c.job_id, job_state.c.refresh_requested_at).where(
    job_state.c.job_id.in_(bindparam("ids", expanding=True)), job_state.c.refresh_requested_at.is_not(None)
)
_NEXT_RETRY_AT = select(func.min(runs.c.due_at)).where(
    runs_that_are({RunStatus.PENDING}), has_begun, runs.c.due_at > bindparam("after")
)
_WAIT_NO_LONGER = (
    update(runs)
    .where(runs_that_are({RunStatus.PENDING}), has_begun, runs.c.updated_at > bindparam("shown"))
    .values(due_at=runs.c.due_at - runs.c.updated_at + bindparam("shown"), updated_at=bindparam("shown"))
)
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


@dataclass(frozen=True, slots=True)
class Step:
    """A run as it was read in this transaction, where it is to be moved, and what else changes of it."""

    row: RowMapping
    target: RunStatus
    reason: Reason | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def move(
    connection: Connection,
    run_id: str,
    target: RunStatus,
    *,
    now: int,
    actor: str = SYSTEM,
    reason: Reason | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Move a run if the table allows it; return whether it was moved."""
    row = by_id(connection, run_id)
    steps = [] if row is None else [Step(row, target, reason, values or {})]
    return bool(move_all(connection, steps, now=now, actor=actor))


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


@dataclass(frozen=True, slots=True)
class Limits:
    """How many batch runs may be active at once, on the whole server and in each workspace; None: any number.

    Apps are not counted and never wait: somebody sits before the screen and wants to see one (EXE-07).
    """

    server: int | None = None
    workspace: int | None = None

    @property
    def of_one_workspace(self) -> int | None:
        """Return how many batch runs of one workspace may be active at once while the others rest."""
        return min((limit for limit in (self.server, self.workspace) if limit is not None), default=None)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Queue:
    """What the open runs may have for the executor, told without counting who has room."""

    is_waiting: bool
    """Whether a run waits that could be claimed, or waits for an instant that a clock set back has put far ahead."""
    is_to_retry: bool
    """Whether a run is to be tried again, now or later."""
    is_to_stop: bool
    """Whether somebody wants a run to stop that has not ended."""


_is_pending = runs_that_are({RunStatus.PENDING})
_is_ready = ~has_begun | (runs.c.due_at <= bindparam("now")) | (runs.c.updated_at > bindparam("now"))
_QUEUE = select(
    exists().where(_is_pending, runs.c.stop_requested_at.is_(None), _is_ready),
    exists().where(_is_pending, has_begun),
    exists().where(runs_that_are(OPEN), runs.c.stop_requested_at.is_not(None)),
)


def queue(connection: Connection, now: int) -> Queue:
    """Return whether there may be anything to do for the executor; one statement, asked at each wake-up."""
    return Queue(*map(bool, connection.execute(_QUEUE, {"now": now}).one()))


_slots = (
    select(runs.c.job_id, func.count().label("taken"))
    # A run that waits to be tried again keeps its slot.
    .where(runs_that_are(OPEN), has_begun)
    .group_by(runs.c.job_id)
    .subquery()
)
_taken = func.coalesce(_slots.c.taken, 0)
_CLAIMABLE = (
    select(runs, jobs.c.concurrency, jobs.c.job_type, _taken.label("taken"))
    .join(jobs, jobs.c.id == runs.c.job_id)
    .outerjoin(_slots, _slots.c.job_id == runs.c.job_id)
    .where(
        runs_that_are({RunStatus.PENDING}),
        runs.c.stop_requested_at.is_(None),
        ~has_begun | (runs.c.due_at <= bindparam("now")),
        has_begun | jobs.c.concurrency.is_(None) | (_taken < jobs.c.concurrency),
    )
    .order_by(runs.c.due_at, runs.c.id)
    .limit(bindparam("at_most"))
    .offset(bindparam("beyond"))
)
# Not as it is: SQLite would walk through all runs of a workspace to have them in groups.
_workspace_id = runs.c.workspace_id.concat("")
_at_work = (
    select(_workspace_id.label("workspace_id"), func.count().label("active"))
    .join(jobs, jobs.c.id == runs.c.job_id)
    .where(runs_that_are(ACTIVE), jobs.c.job_type == BATCH)
    .group_by(_workspace_id)
    .cte()
)
_active_here = func.coalesce(_at_work.c.active, 0)
_active_anywhere = select(func.coalesce(func.sum(_at_work.c.active), 0)).scalar_subquery()
_CLAIMABLE_WITHIN_LIMITS = (
    _CLAIMABLE.add_columns(_active_here.label("active_here"), _active_anywhere.label("active_anywhere"))
    .outerjoin(_at_work, _at_work.c.workspace_id == runs.c.workspace_id)
    .where(
        (jobs.c.job_type != BATCH)
        | ((_active_here < bindparam("workspace_max")) & (_active_anywhere < bindparam("server_max")))
    )
)


def claimable(
    connection: Connection,
    now: int,
    limits: Limits = NO_LIMITS,
    *,
    at_most: int,
    beyond: int = 0,
) -> Sequence[RowMapping]:
    """Return waiting runs for which there is room now, `at_most` after the first `beyond`, in the order they were due.

    A job has slots, a workspace and the server may have limits. What they hold is counted from run rows, so there is
    nothing that could leak; what those hold that are claimed of these is counted by `Room`.
    Source: EXE-05, EXE-07, EXE-08.
    """
    given = {"now": now, "beyond": beyond, "at_most": at_most}
    if limits == NO_LIMITS:
        return connection.execute(_CLAIMABLE, given).mappings().all()
    most = {"workspace_max": limits.workspace or UNLIMITED, "server_max": limits.server or UNLIMITED}
    return connection.execute(_CLAIMABLE_WITHIN_LIMITS, {**given, **most}).mappings().all()


class Room:
    """What is left of slots and limits while runs that `claimable` has returned are claimed one after the other."""

    def __init__(self, limits: Limits = NO_LIMITS) -> None:
        self._limits = limits
        self._claimed: Counter[str] = Counter()

    def is_left_for(self, row: RowMapping) -> bool:
        """Return whether a run may be claimed beside those that were."""
        bounds = self._bounds(row)
        return all(most is None or taken + self._claimed[whose] < most for whose, taken, most in bounds)

    def take(self, row: RowMapping) -> None:
        """Note that a run was claimed."""
        self._claimed.update(whose for whose, _, most in self._bounds(row) if most is not None)

    def _bounds(self, row: RowMapping) -> list[tuple[str, int, int | None]]:
        """Return what a run takes room of, how much of it was taken before any was claimed, and how much there is."""
        limits = self._limits
        # A run that waits to be tried again has kept its slot.
        job = row["job_id"], row["taken"], None if row["attempt"] else row["concurrency"]
        if limits == NO_LIMITS or row["job_type"] != BATCH:
            return [job]
        workspace = row["workspace_id"], row["active_here"], limits.workspace
        return [job, workspace, ("server", row["active_anywhere"], limits.server)]


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that `claimable` has just returned, and what its next attempt covers.

    One that cannot be started, because what it covers cannot be told, has no window.
    """

    row: RowMapping
    window: Window | None
    refresh: bool

    @property
    def attempt(self) -> int:
        """Return the number of the attempt."""
        return int(self.row["attempt"]) + 1


def claim_all(connection: Connection, claims: Sequence[Claim], *, engine: str, now: int) -> None:
    """Take runs off the queue, each as its next attempt."""
    if not claims:
        return
    move_all(
        connection,
        [
            Step(
                claim.row,
                RunStatus.STARTING,
                values={
                    "attempt": claim.attempt,
                    "refresh": claim.refresh,
                    "interval_start": None if claim.window is None else claim.window.start,
                    "interval_end": None if claim.window is None else claim.window.end,
                },
            )
            for claim in claims
        ],
        now=now,
    )
    asked = sorted({claim.row["job_id"] for claim in claims if claim.refresh})
    asked_at = dict(connection.execute(_REFRESH_ASKED_AT, {"ids": asked}).all()) if asked else {}
    begun = [
        {
            "run_id": claim.row["id"],
            "number": claim.attempt,
            "engine": engine,
            # After what it fulfils, also by a clock that was set back since.
            "created_at": max(now, asked_at.get(claim.row["job_id"], now)) if claim.refresh else now,
        }
        for claim in claims
    ]
    connection.execute(_BEGIN_ATTEMPT, begun)


def wait_no_longer(connection: Connection, now: int) -> None:
    """Let no run wait longer for its next attempt than its delay from now on, where a clock was set back (DEC-20).

    A run that waits was changed last when its attempt failed. Where that is ahead of the clock, its wait begins anew.
    """
    connection.execute(_WAIT_NO_LONGER, {"shown": now})


def next_retry_at(connection: Connection, after: int) -> int | None:
    """Return when the next run that waits for it may be tried again; None if none waits for that.

    One that could be tried again by `after` and was not claimed waits for room, not for time.
    """
    return connection.execute(_NEXT_RETRY_AT, {"after": after}).scalar_one_or_none()


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
