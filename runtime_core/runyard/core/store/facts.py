"""Loads the facts that planning decides on.

Who decides loads the facts in the transaction that writes the decision; writes happen one after the other, so what was
true when deciding is still true when it is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from runyard.core.facts import JobFacts, OpenRun
from runyard.core.intervals import Window
from runyard.core.jobs import JobDefinition, parse_job
from runyard.core.runs import OPEN, RunStatus
from runyard.core.store.tables import (
    covered_windows,
    job_edges,
    job_state,
    job_versions,
    jobs,
    runs,
)

BATCH = 500
"""Jobs planned in one transaction: enough that a burst is quick, few enough that others get their turn."""


def due_job_ids(connection: Connection, now: int, limit: int = BATCH) -> Sequence[str]:
    """Return the jobs whose time has come, the longest overdue first."""
    query = (
        select(job_state.c.job_id)
        .where(job_state.c.next_due_at <= now)
        .order_by(job_state.c.next_due_at, job_state.c.job_id)
        .limit(limit)
    )
    return connection.execute(query).scalars().all()


def next_due_at(connection: Connection) -> int | None:
    """Return when the next job is due, None if no job is timed."""
    query = (
        select(job_state.c.next_due_at)
        .where(job_state.c.next_due_at.is_not(None))
        .order_by(job_state.c.next_due_at)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def load(connection: Connection, job_ids: Iterable[str]) -> dict[str, JobFacts]:
    """Return the facts of these jobs by id; unknown ids are left out."""
    ids = sorted(set(job_ids))
    if not ids:
        return {}
    query = (
        select(
            job_state,
            jobs.c.workspace_id,
            jobs.c.archived_at,
            jobs.c.version_id,
            job_versions.c.definition,
            job_versions.c.extensions,
        )
        .join(jobs, jobs.c.id == job_state.c.job_id)
        .join(job_versions, job_versions.c.id == jobs.c.version_id)
        .where(job_state.c.job_id.in_(ids))
    )
    rows = connection.execute(query).mappings().all()
    open_runs = _open_runs(connection, ids)
    covered = _covered_after_gaps(connection, rows)
    return {row["job_id"]: _facts(row, open_runs[row["job_id"]], covered[row["job_id"]]) for row in rows}


def by_ref(connection: Connection, workspace_id: str, refs: Iterable[str]) -> dict[str, JobFacts]:
    """Return the facts of the jobs with these refs, by ref."""
    query = select(jobs.c.id).where(
        jobs.c.workspace_id == workspace_id, jobs.c.job_ref.in_(sorted(set(refs)))
    )
    found = load(connection, connection.execute(query).scalars())
    return {facts.definition.job_ref: facts for facts in found.values()}


def downstream(
    connection: Connection, workspace_id: str, ref: str, *, transitive: bool
) -> dict[str, JobFacts]:
    """Return the jobs that follow a job or are gated by it, by ref."""
    reached: set[str] = set()
    frontier = {ref}
    while frontier:
        query = (
            select(job_edges.c.job_id, jobs.c.job_ref)
            .join(jobs, jobs.c.id == job_edges.c.job_id)
            .where(job_edges.c.workspace_id == workspace_id, job_edges.c.upstream_ref.in_(sorted(frontier)))
        )
        found = {(job_id, job_ref) for job_id, job_ref in connection.execute(query) if job_id not in reached}
        reached |= {job_id for job_id, _ in found}
        frontier = {job_ref for _, job_ref in found} if transitive else set()
    return {facts.definition.job_ref: facts for facts in load(connection, reached).values()}


def definition_of(
    version_id: str, definition: Mapping[str, Any], extensions: Mapping[str, Any]
) -> JobDefinition:
    """Return the typed view of a job version. A version never changes, so its view is made once."""
    view = _views(version_id)
    if not view:
        view.append(parse_job(definition, extensions))
    return view[0]


@lru_cache(maxsize=20_000)
def _views(_version_id: str) -> list[JobDefinition]:
    """Return the place where the view of one version is kept: empty until it is made."""
    return []


def _facts(row: RowMapping, open_runs: list[OpenRun], covered: list[Window]) -> JobFacts:
    return JobFacts(
        job_id=row["job_id"],
        workspace_id=row["workspace_id"],
        definition=definition_of(row["version_id"], row["definition"], row["extensions"]),
        anchor_at=row["anchor_at"],
        next_due_at=row["next_due_at"],
        done_until=row["done_until"],
        covered=tuple(covered),
        completed_at=row["completed_at"],
        refresh_pending=row["refresh_pending"],
        paused=row["paused_at"] is not None,
        archived=row["archived_at"] is not None,
        open_runs=tuple(open_runs),
    )


def _open_runs(connection: Connection, job_ids: Sequence[str]) -> defaultdict[str, list[OpenRun]]:
    query = (
        select(
            runs.c.id,
            runs.c.job_id,
            runs.c.trigger,
            runs.c.status,
            runs.c.interval_start,
            runs.c.interval_end,
        )
        .where(runs.c.job_id.in_(job_ids), runs.c.status.in_(sorted(OPEN)))
        .order_by(runs.c.created_at, runs.c.id)
    )
    found: defaultdict[str, list[OpenRun]] = defaultdict(list)
    for row in connection.execute(query):
        window = None if row.interval_start is None else Window(row.interval_start, row.interval_end)
        found[row.job_id].append(OpenRun(row.id, row.trigger, RunStatus(row.status), window))
    return found


def _covered_after_gaps(connection: Connection, rows: Sequence[RowMapping]) -> defaultdict[str, list[Window]]:
    found: defaultdict[str, list[Window]] = defaultdict(list)
    query = (
        select(covered_windows.c.job_id, covered_windows.c.start_at, covered_windows.c.end_at)
        .join(job_state, job_state.c.job_id == covered_windows.c.job_id)
        .where(
            covered_windows.c.job_id.in_([row["job_id"] for row in rows]),
            covered_windows.c.end_at > job_state.c.done_until,
        )
        .order_by(covered_windows.c.start_at)
    )
    for job_id, start, end in connection.execute(query):
        found[job_id].append(Window(start, end))
    return found
