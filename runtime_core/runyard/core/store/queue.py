"""Runs that wait: what there is room for, and how they leave the queue.

What each covers when it does is decided in `core.planning`; `core.claiming` brings both together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, exists, func, insert, select, update

from runyard.core.intervals import Window
from runyard.core.jobs import JobType
from runyard.core.runs import ACTIVE, OPEN, RunStatus
from runyard.core.store.runs import Step, move_all
from runyard.core.store.tables import attempts, has_begun, job_state, jobs, runs, runs_that_are

BATCH = str(JobType.BATCH)

UNLIMITED = 2**31 - 1
"""Stands for no limit in SQL: the largest number PostgreSQL compares counts with."""


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
class Look:
    """What open runs may have for the executor, told without counting who has room."""

    is_waiting: bool
    """Whether a run waits that could be claimed, or waits for an instant that a clock set back has put far ahead."""
    is_to_retry: bool
    """Whether a run is to be tried again, now or later."""
    is_to_stop: bool
    """Whether somebody wants a run to stop that has not ended."""


# Built once, as building one costs as much as running it.
_is_pending = runs_that_are({RunStatus.PENDING})
_is_ready = ~has_begun | (runs.c.due_at <= bindparam("now")) | (runs.c.updated_at > bindparam("now"))
_LOOK = select(
    exists().where(_is_pending, runs.c.stop_requested_at.is_(None), _is_ready),
    exists().where(_is_pending, has_begun),
    exists().where(runs_that_are(OPEN), runs.c.stop_requested_at.is_not(None)),
)


def look(connection: Connection, now: int) -> Look:
    """Return whether there may be anything to do for the executor; one statement, asked at each wake-up."""
    return Look(*map(bool, connection.execute(_LOOK, {"now": now}).one()))


_BEGIN_ATTEMPTS = insert(attempts)
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


def claim(connection: Connection, claims: Sequence[Claim], *, engine: str, now: int) -> None:
    """Take runs off the queue, each as its next attempt."""
    if not claims:
        return
    move_all(
        connection,
        [
            Step(
                each.row,
                RunStatus.STARTING,
                values={
                    "attempt": each.attempt,
                    "refresh": each.refresh,
                    "interval_start": None if each.window is None else each.window.start,
                    "interval_end": None if each.window is None else each.window.end,
                },
            )
            for each in claims
        ],
        now=now,
    )
    asked = sorted({each.row["job_id"] for each in claims if each.refresh})
    asked_at = dict(connection.execute(_REFRESH_ASKED_AT, {"ids": asked}).all()) if asked else {}
    begun = [
        {
            "run_id": each.row["id"],
            "number": each.attempt,
            "engine": engine,
            # After what it fulfils, also by a clock that was set back since.
            "created_at": max(now, asked_at.get(each.row["job_id"], now)) if each.refresh else now,
        }
        for each in claims
    ]
    connection.execute(_BEGIN_ATTEMPTS, begun)


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
