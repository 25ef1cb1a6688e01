"""Runs of pipelines: what a job's pipelines told of themselves, kept with the run that they ran in."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from runyard.core.errors import TooLarge
from runyard.core.pipeline_traces import PipelineTrace
from runyard.core.store import feed
from runyard.core.store.tables import pipeline_runs, runs

KEPT_MAX = 1_000
"""Runs of pipelines that are kept with one run: a pipeline for each of a thousand sources, some 10 MB at most."""

REPORTED = "run.pipeline"
"""The kind of change that tells of one."""

_SHORT = [column for column in pipeline_runs.c if column.name not in ("tables", "load_packages")]


def keep(
    connection: Connection, run_id: str, attempt: int, trace: PipelineTrace, *, id: str, now: int
) -> None:
    """Store what a pipeline told, in place of what it told before of the same. Raises: TooLarge."""
    told_before = (
        pipeline_runs.c.run_id == run_id,
        pipeline_runs.c.transaction_id == trace.transaction_id,
    )
    connection.execute(delete(pipeline_runs).where(*told_before))
    if count_of(connection, run_id) >= KEPT_MAX:
        raise TooLarge(
            f"A run keeps what {KEPT_MAX} runs of pipelines told.", "Run the others in jobs of their own."
        )
    values = {
        "id": id,
        "run_id": run_id,
        "attempt": attempt,
        "transaction_id": trace.transaction_id,
        "pipeline_name": trace.pipeline_name,
        "destination_name": trace.destination_name,
        "dataset_name": trace.dataset_name,
        "started_at": trace.started_at,
        "finished_at": trace.finished_at,
        "error_step": trace.error_step,
        "error_message": trace.error_message,
        "tables": [{"table_name": name, "rows": rows} for name, rows in trace.tables],
        "table_count": trace.table_count,
        "total_rows": trace.total_rows,
        "load_packages": [{"load_id": load_id, "status": status} for load_id, status in trace.load_packages],
        "created_at": now,
    }
    connection.execute(insert(pipeline_runs).values(values))
    run = connection.execute(select(runs.c.workspace_id, runs.c.job_id).where(runs.c.id == run_id)).one()
    feed.append(
        connection,
        workspace_id=run.workspace_id,
        kind=REPORTED,
        job_id=run.job_id,
        run_id=run_id,
        data={"pipeline_name": trace.pipeline_name},
        now=now,
    )


def count_of(connection: Connection, run_id: str) -> int:
    """Return how many runs of pipelines a run has."""
    query = select(func.count()).select_from(pipeline_runs).where(pipeline_runs.c.run_id == run_id)
    return int(connection.execute(query).scalar_one())


def page(connection: Connection, run_id: str, *, limit: int, offset: int) -> Sequence[RowMapping]:
    """Return the runs of pipelines of a run with their tables, in the order in which they began."""
    query = select(pipeline_runs).where(pipeline_runs.c.run_id == run_id)
    in_order = query.order_by(pipeline_runs.c.started_at, pipeline_runs.c.id).limit(limit).offset(offset)
    return connection.execute(in_order).mappings().all()


def summaries(connection: Connection, run_ids: Collection[str], limit: int) -> dict[str, list[RowMapping]]:
    """Return the first runs of pipelines of these runs, by run, without their tables; at most `limit` of all."""
    query = select(*_SHORT).where(pipeline_runs.c.run_id.in_(sorted(run_ids)))
    in_order = query.order_by(pipeline_runs.c.started_at, pipeline_runs.c.id).limit(limit)
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(in_order).mappings():
        found.setdefault(row["run_id"], []).append(row)
    return found
