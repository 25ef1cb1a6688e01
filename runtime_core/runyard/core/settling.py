"""The end of a run, with all that it causes, or of an attempt after which it is tried again. The only way a run ends.

Everything here happens inside a transaction of the caller: the end of a run and what it causes are one commit, so no
crash can lose a follow-up or fire it twice (FUP-01, RFR-10).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core.enacting import enact, enact_each
from runyard.core.errors import InvalidInput
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.jobs import JobDefinition, RetryPolicy
from runyard.core.planning import Decision, Ended, due_again, plan_after
from runyard.core.retrying import Failed, plan_retry
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts, jobs, runs
from runyard.core.store.runs import Step

log = logging.getLogger(__name__)


def settle(
    connection: Connection,
    row: RowMapping,
    target: RunStatus,
    reason: Reason,
    *,
    ids: Ids,
    now: int,
    actor: str = runs.SYSTEM,
    values: Mapping[str, Any] | None = None,
) -> RunStatus | None:
    """End a run and write all that its end causes, or let it be tried again if it failed and its job says so.

    Returns the status of the run now; None if it had ended. `row` is the run as it was read in this transaction,
    `values` are of a run that ends.
    """
    run_id, values = row["id"], values or {}
    if target is RunStatus.FAILED and _try_again(
        connection, run_id, reason, values.get("message"), ids=ids, now=now
    ):
        return RunStatus.PENDING
    if not runs.move_all(connection, [Step(row, target, reason, values)], now=now, actor=actor):
        return None
    try:
        caused = _effects(connection, row, target, now)
    except InvalidInput as error:
        # The job, or the zone of its schedule, is nothing that this server can read: its run has ended all the same.
        log.error("what the end of run %s causes cannot be told", run_id, exc_info=error)
        return target
    if target is RunStatus.COMPLETED:
        _cover(connection, caused.job, row, now)
    for job_id, due_at in caused.refreshed.items():
        jobs.start_over(connection, job_id, due_at=due_at, now=now)
    jobs.look_again(connection, caused.woken, now)
    enact_each(connection, caused.decisions, caused.definitions, ids=ids, now=now)
    return target


@dataclass(frozen=True, slots=True)
class _Effects:
    """What an end causes: `job` are the facts that follow, `refreshed` when each job that starts over is due."""

    job: JobFacts
    decisions: Sequence[Decision]
    definitions: Mapping[str, JobDefinition]
    refreshed: Mapping[str, int | None]
    woken: Sequence[str]


def _effects(connection: Connection, row: RowMapping, target: RunStatus, now: int) -> _Effects:
    """Return what the end of a run causes. Writes nothing, so an end that cannot be judged leaves nothing half done.

    Raises: InvalidInput if this server cannot read what is stored of the job.
    """
    window = runs.window_of(row)
    job, graph = facts.with_followers(connection, row["workspace_id"], row["job_id"], refresh=row["refresh"])
    if target is RunStatus.COMPLETED:
        job = job.with_completed(window, refresh=row["refresh"], now=now, exact=row["exact"])
    # A window that was asked for is no part of a backlog that would go on after it.
    ended = Ended(row["id"], row["trigger"], target, row["refresh"], None if row["exact"] else window)
    after = plan_after(ended, job, graph, now)
    known = {each.job_id: each for each in (job, *graph.values())}
    return _Effects(
        job,
        after.decisions,
        {job_id: each.definition for job_id, each in known.items()},
        {job_id: _due_again(known[job_id], now) for job_id in after.refreshed},
        after.woken,
    )


def _due_again(job: JobFacts, now: int) -> int | None:
    """Return when a job that starts over is due next; None also if its times are nothing that this server can read."""
    try:
        return due_again(job, now)
    except InvalidInput as error:
        log.error("when job %s is due cannot be told", job.job_id, exc_info=error)
        return None


def attempts_max(connection: Connection, run_id: str) -> int:
    """Return how many attempts a run has at most; those it had if its job is nothing that this server can read."""
    row = runs.retry_facts(connection, run_id)
    try:
        return _policy(row).retries + 1
    except InvalidInput:
        return max(int(row["attempt"]), 1)


def _policy(row: RowMapping) -> RetryPolicy:
    """Return how a run is retried: as its own version of the job says, not one that was deployed since."""
    return facts.definition_of(row["job_version_id"], row["definition"], row["extensions"]).retry


def _try_again(
    connection: Connection,
    run_id: str,
    reason: Reason,
    message: str | None,
    *,
    ids: Ids,
    now: int,
) -> bool:
    """Put a run whose attempt failed back into the queue, if it is to be tried again; return whether it is (DEC-20)."""
    row = runs.retry_facts(connection, run_id)
    failed = Failed(run_id, row["job_id"], row["trigger"], row["attempt"], reason, message)
    is_wanted = row["stop_requested_at"] is None and row["archived_at"] is None
    try:
        policy = _policy(row)
    except InvalidInput:
        return False  # nobody can tell any more
    retry = plan_retry(failed, policy, is_wanted=is_wanted, now=now)
    if retry is None:
        return False
    again = Step(row, RunStatus.PENDING, reason, {"due_at": retry.due_at})
    if not runs.move_all(connection, [again], now=now):
        return False
    enact(connection, [retry.decision], {}, ids=ids, now=now)
    return True


def _cover(connection: Connection, job: JobFacts, row: RowMapping, now: int) -> None:
    """Note the window of a completed run; `job` are the facts that follow."""
    window = runs.window_of(row)
    if window is not None and not window.is_empty:
        jobs.cover(connection, job_id=job.job_id, start=window.start, end=window.end, run_id=row["id"])
    jobs.note_completed(connection, job.job_id, done_until=job.done_until, now=now)
    if row["refresh"]:
        jobs.note_refreshed(connection, job.job_id, row["id"])
