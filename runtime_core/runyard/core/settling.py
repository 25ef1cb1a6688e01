"""The end of a run, with all that it causes. The only way a run ends.

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
from runyard.core.jobs import RefreshPolicy
from runyard.core.planning import Ended, due_after, plan_after
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
) -> bool:
    """End a run and write all that its end causes; return False if it had ended, or is at another attempt."""
    row = runs.move(
        connection, run_id, target, now=now, actor=actor, attempt=attempt, reason=reason, values=values
    )
    if row is None:
        return False
    job = facts.load(connection, [row["job_id"]])[row["job_id"]]
    if target is RunStatus.COMPLETED:
        job = _cover(connection, job, row, now)
    ended = Ended(run_id, row["trigger"], target, row["refresh"], _window(row))
    travels = row["refresh"] or job.definition.refresh is RefreshPolicy.ALWAYS
    graph = facts.downstream(connection, row["workspace_id"], job.definition.job_ref, transitive=travels)
    after = plan_after(ended, job, graph, now)
    known = {each.job_id: each for each in (job, *graph.values())}
    for job_id in after.refreshed:
        jobs.start_over(connection, job_id, due_at=due_after(known[job_id], now), now=now)
    jobs.look_again(connection, after.woken, now)
    definitions = {job_id: each.definition for job_id, each in known.items()}
    enact(connection, after.decisions, definitions, ids=ids, now=now)
    return True


def _cover(connection: Connection, job: JobFacts, row: RowMapping, now: int) -> JobFacts:
    """Note the window of a completed run, and return the facts that follow."""
    window = _window(row)
    if window is not None and not window.is_empty:
        jobs.cover(connection, job_id=job.job_id, start=window.start, end=window.end, run_id=row["id"])
    job = job.with_completed(window, refresh=row["refresh"], now=now)
    jobs.note_completed(connection, job.job_id, done_until=job.done_until, now=now)
    if row["refresh"]:
        jobs.note_refreshed(connection, job.job_id, row["id"], row["attempt"])
    return job


def _window(row: RowMapping) -> Window | None:
    return None if row["interval_start"] is None else Window(row["interval_start"], row["interval_end"])
