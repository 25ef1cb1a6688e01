"""Runs: listing them, looking at one, stopping them. Their logs are in `logs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection, RowMapping
from starlette.responses import Response

from runyard.core.errors import Conflict, NotFound
from runyard.core.jobs import DASHBOARD_REF
from runyard.core.run_control import CancelAnswer
from runyard.core.settling import attempts_max
from runyard.core.store import jobs, pipeline_runs, shown_runs
from runyard_server import requests, schemas
from runyard_server.context import Cancelling, Here, Reading, page, reply
from runyard_server.views import CANCELLING, pipeline_run, status_of

SUMMARIES_MAX = 1_000
"""Runs of pipelines in one line with a list of runs: as many as runs in it, for most run one each or none."""

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/job-runs", tags=["runs"])


@router.get("", response_model=schemas.Page[schemas.ListedRun])
def list_runs(here: Reading, query: Annotated[requests.RunQuery, Query()]) -> Response:
    """Return runs, newest first."""
    is_narrow = query.job_id is not None or query.previous_job_run_id is not None
    hides_system = not (query.include_system_job_runs or is_narrow)

    def work(connection: Connection) -> schemas.Page[schemas.ListedRun]:
        rows, total = shown_runs.page(
            connection,
            here.workspace_id,
            job_id=None if query.job_id is None else str(query.job_id),
            number=query.number,
            statuses=[status for status in query.status if status != CANCELLING],
            stopping=CANCELLING in query.status,
            previous_run_id=None if query.previous_job_run_id is None else str(query.previous_job_run_id),
            hidden_ref=DASHBOARD_REF if hides_system else None,
            limit=query.limit,
            offset=query.offset,
        )
        jobs_by_id = jobs.by_ids(connection, {row["job_id"] for row in rows})
        older = _older_versions(connection, rows, jobs_by_id)
        told = pipeline_runs.summaries(connection, [row["id"] for row in rows], SUMMARIES_MAX)
        return page(here.views_of(connection).listed_runs(rows, jobs_by_id, older, told), total, query)

    return reply(here.read(work))


@router.get("/{run_id}", response_model=schemas.DetailedRun)
def get_run(here: Reading, run_id: UUID) -> Response:
    """Return a run with how it came about, how it went on and why it ended."""
    return reply(here.read(lambda connection: _detailed(here, connection, str(run_id))))


@router.get("/{run_id}/pipeline-runs", response_model=schemas.Page[schemas.PipelineRun])
def list_pipeline_runs(
    here: Reading, run_id: UUID, query: Annotated[requests.PageQuery, Query()]
) -> Response:
    """Return what the pipelines of a run told of themselves, in the order in which they began."""

    def work(connection: Connection) -> schemas.Page[schemas.PipelineRun]:
        run = find_run(connection, here.workspace_id, str(run_id))
        rows = pipeline_runs.page(connection, run["id"], limit=query.limit, offset=query.offset)
        return page(list(map(pipeline_run, rows)), pipeline_runs.count_of(connection, run["id"]), query)

    return reply(here.read(work))


@router.post("/{run_id}/-cancel", response_model=schemas.DetailedRun)
def cancel_run(here: Cancelling, run_id: UUID) -> Response:
    """Ask a run to stop; one that has ended is a conflict."""
    (answer,) = _cancel(here, [run_id], dry_run=False)
    if answer.outcome == "terminal" and answer.run is not None:
        raise Conflict(f"The run has ended: it is {answer.run['status']}.", "There is nothing to stop.")
    return reply(here.read(lambda connection: _detailed(here, connection, str(run_id))))


@router.post("/-cancel", response_model=schemas.CancelledRuns)
def cancel_runs(here: Cancelling, request: requests.CancelRuns) -> Response:
    """Ask runs to stop; with `dry_run` only say which would be asked."""
    receipt: schemas.CancelledRuns = {"succeeded": [], "skipped": [], "failed": []}
    for answer in _cancel(here, request.job_run_ids, dry_run=request.dry_run):
        if answer.run is None:
            receipt["failed"].append({"ref": answer.run_id, "detail": "There is no such run."})
        else:
            list_of = receipt["succeeded"] if answer.outcome == "cancelled" else receipt["skipped"]
            list_of.append(_cancelled(answer, answer.run))
    return reply(receipt)


def _cancel(here: Here, run_ids: list[UUID], *, dry_run: bool) -> list[CancelAnswer]:
    return here.runtime.run_control.cancel(
        here.workspace_id,
        [str(run_id) for run_id in run_ids],
        dry_run=dry_run,
        user_id=here.actor.user_id,
    )


def _cancelled(answer: CancelAnswer, run: RowMapping) -> schemas.CancelledRun:
    return {
        "job_ref": answer.job_ref or "",
        "job_run_id": answer.run_id,
        "job_run_number": run["number"],
        "previous_status": status_of(run),
    }


def find_run(connection: Connection, workspace_id: str, run_id: str) -> RowMapping:
    """Return a run. Raises: NotFound."""
    row = shown_runs.get(connection, workspace_id, run_id)
    if row is None:
        raise NotFound(f"There is no run {run_id} in this workspace.", "List the runs to see their ids.")
    return row


def _older_versions(
    connection: Connection, rows: Sequence[RowMapping], jobs_by_id: Mapping[str, RowMapping]
) -> dict[str, RowMapping]:
    """Return the versions that runs were made of and that are no longer the current ones of their jobs."""
    current = {job["version_id"] for job in jobs_by_id.values()}
    older = {row["job_version_id"] for row in rows} - current
    return jobs.versions(connection, older) if older else {}


def _detailed(here: Here, connection: Connection, run_id: str) -> schemas.DetailedRun:
    row = find_run(connection, here.workspace_id, run_id)
    effects = shown_runs.effects_of(connection, run_id)
    jobs_by_id = jobs.by_ids(connection, {row["job_id"], *(effect["job_id"] for effect in effects)})
    views = here.views_of(connection)
    told = pipeline_runs.summaries(connection, [run_id], SUMMARIES_MAX)
    (listed,) = views.listed_runs([row], jobs_by_id, _older_versions(connection, [row], jobs_by_id), told)
    return {
        **listed,
        "attempts_max": attempts_max(connection, run_id),
        "attempts": [views.attempt(attempt) for attempt in shown_runs.attempts_of(connection, run_id)],
        "causes": list(shown_runs.causes_of(connection, run_id)),
        "history": [views.move(move) for move in shown_runs.history(connection, run_id)],
        "downstream_job_runs": [
            views.downstream_run(effect, jobs_by_id[effect["job_id"]]) for effect in effects
        ],
    }
