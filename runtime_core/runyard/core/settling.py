"""The end of a run, with all that it causes, or of an attempt after which it is tried again. The only way a run ends.

Everything here happens inside a transaction of the caller: the end of a run and what it causes are one commit, so no
crash can lose a follow-up or fire it twice (FUP-01, RFR-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core.enacting import enact
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.intervals import Window
from runyard.core.jobs import RefreshPolicy, RetryPolicy
from runyard.core.planning import Ended, due_after, plan_after
from runyard.core.retrying import Failed, plan_retry
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts, jobs, runs


def settle(
    connection: Connection,
    run_id: str,
    target: RunStatus,
    reason: Reason,
    *,
    ids: Ids,
    now: int,
    actor: str = runs.SYSTEM,
    attempt: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> RunStatus | None:
    """End a run and write all that its end causes, or let it be tried again if it failed and its job says so.

    Returns the status of the run now; None if it had ended, or is at another attempt. `values` are of a run that ends.
    """
    if target is RunStatus.FAILED and _try_again(
        connection, run_id, reason, (values or {}).get("message"), ids=ids, now=now, attempt=attempt
    ):
        return RunStatus.PENDING
    row = runs.move(
        connection, run_id, target, now=now, actor=actor, attempt=attempt, reason=reason, values=values
    )
    if row is None:
        return None
    job = facts.load(connection, [row["job_id"]])[row["job_id"]]
    if target is RunStatus.COMPLETED:
        job = _cover(connection, job, row, now)
    # A window that was asked for is no part of a backlog that would go on after it.
    window = None if row["exact"] else _window(row)
    ended = Ended(run_id, row["trigger"], target, row["refresh"], window)
    travels = row["refresh"] or job.definition.refresh is RefreshPolicy.ALWAYS
    graph = facts.downstream(connection, row["workspace_id"], job.definition.job_ref, transitive=travels)
    after = plan_after(ended, job, graph, now)
    known = {each.job_id: each for each in (job, *graph.values())}
    for job_id in after.refreshed:
        jobs.start_over(connection, job_id, due_at=due_after(known[job_id], now), now=now)
    jobs.look_again(connection, after.woken, now)
    definitions = {job_id: each.definition for job_id, each in known.items()}
    enact(connection, after.decisions, definitions, ids=ids, now=now)
    return target


def attempts_max(connection: Connection, run_id: str) -> int:
    """Return how many attempts a run has at most."""
    return _policy(runs.retry_facts(connection, run_id)).retries + 1


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
    attempt: int | None,
) -> bool:
    """Put a run whose attempt failed back into the queue, if it is to be tried again; return whether it is (DEC-20)."""
    row = runs.retry_facts(connection, run_id)
    failed = Failed(run_id, row["job_id"], row["trigger"], row["attempt"], reason, message)
    is_wanted = row["stop_requested_at"] is None and row["archived_at"] is None
    retry = plan_retry(failed, _policy(row), is_wanted=is_wanted, now=now)
    if retry is None:
        return False
    again = {"due_at": retry.due_at}
    moved = runs.move(
        connection, run_id, RunStatus.PENDING, now=now, attempt=attempt, reason=reason, values=again
    )
    if moved is not None:
        enact(connection, [retry.decision], {}, ids=ids, now=now)
    return moved is not None


def _cover(connection: Connection, job: JobFacts, row: RowMapping, now: int) -> JobFacts:
    """Note the window of a completed run, and return the facts that follow."""
    window = _window(row)
    if window is not None and not window.is_empty:
        jobs.cover(connection, job_id=job.job_id, start=window.start, end=window.end, run_id=row["id"])
    job = job.with_completed(window, refresh=row["refresh"], now=now, exact=row["exact"])
    jobs.note_completed(connection, job.job_id, done_until=job.done_until, now=now)
    if row["refresh"]:
        jobs.note_refreshed(connection, job.job_id, row["id"], row["attempt"])
    return job


def _window(row: RowMapping) -> Window | None:
    return None if row["interval_start"] is None else Window(row["interval_start"], row["interval_end"])
