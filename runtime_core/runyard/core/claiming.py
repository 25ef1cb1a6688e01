"""Waiting runs leave the queue. The counterpart of `settling`: what a run covers is decided here, at its start.

Everything here happens inside a transaction of the caller. What starts the attempts is the `executor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from runyard.core.engines import AttemptId
from runyard.core.errors import InvalidInput
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.planning import Started, due_again, plan_claim
from runyard.core.store import facts, jobs, queue, runs
from runyard.core.store.queue import Claim, Limits

ENGINE = "local"
"""What an attempt says of where it runs."""

RUNS_AT_ONCE = 200
"""Waiting runs looked at in one go: more than two cores start in a second."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that holds a slot now; `error` is why it cannot be started."""

    attempt: AttemptId
    error: Exception | None = None


def claim_waiting(connection: Connection, limits: Limits, now: int) -> list[Claimed]:
    """Claim the waiting runs that there is room for; one that has to wait for another's window is left.

    What comes after a run that waits to start over is left too, or that could wait for ever (RFR-05). What is left
    takes no room from others, however many wait before them (EXE-07).
    """
    queue.wait_no_longer(connection, now)
    beyond = 0
    blocked: set[str] = set()
    while waiting := queue.claimable(connection, now, limits, at_most=RUNS_AT_ONCE, beyond=beyond):
        if claimed := _claim_of(connection, waiting, blocked, limits, now):
            return claimed
        if len(waiting) < RUNS_AT_ONCE:
            break
        beyond += len(waiting)
    return []


def _claim_of(
    connection: Connection, waiting: Sequence[RowMapping], blocked: set[str], limits: Limits, now: int
) -> list[Claimed]:
    """Claim those of some waiting runs that need not wait; add the jobs to `blocked` that wait to start over."""
    known, unreadable = facts.load_readable(connection, (row["job_id"] for row in waiting))
    claimed: list[Claimed] = []
    claims: list[Claim] = []
    room = queue.Room(limits)
    for row in waiting:
        if not room.is_left_for(row):
            continue
        error: Exception | None = None
        # Stored before it starts if an attempt has had it, or if somebody asked for exactly this one (IVL-14).
        window, refresh = runs.window_of(row), row["refresh"]
        # Since its first attempt a run has its own window, unless it could not be started then.
        if not row["attempt"] or window is None:
            if row["job_id"] in blocked:
                continue
            try:
                planned = _plan(row, known, unreadable, window, now)
            except Exception as reason:
                # Of any kind: what is wrong with one job must not keep the runs of others from starting.
                error = reason
            else:
                if planned is None:
                    if not row["exact"]:
                        blocked.add(row["job_id"])
                    continue
                started, due_at = planned
                job, window, refresh = started.job, started.window, started.refresh
                if started.starts_over:
                    # It is asked for after every claim there was.
                    queue.claim(connection, claims, engine=ENGINE, now=now)
                    claims = []
                    jobs.start_over(connection, job.job_id, due_at=due_at, now=now)
                known[job.job_id] = job.with_active(window, refresh=refresh)
        room.take(row)
        claim = Claim(row, window, refresh)
        claims.append(claim)
        claimed.append(Claimed(AttemptId(row["id"], claim.attempt), error))
    queue.claim(connection, claims, engine=ENGINE, now=now)
    return claimed


def _plan(
    row: RowMapping,
    known: Mapping[str, JobFacts],
    unreadable: Mapping[str, InvalidInput],
    exact: Window | None,
    now: int,
) -> tuple[Started, int | None] | None:
    """Return what a run becomes and, if it starts over, when its job is due next; None if it has to wait.

    Raises: what is wrong with the job.
    """
    if row["job_id"] in unreadable:
        raise unreadable[row["job_id"]]
    job = known[row["job_id"]]
    started = plan_claim(
        job,
        row["trigger"],
        asked_refresh=row["refresh"],
        fired_at=runs.fired_at(row),
        now=now,
        exact=exact,
    )
    if started is None:
        return None
    is_due = started.starts_over and not job.archived
    return started, due_again(job, now) if is_due else None
