"""What is going to happen: of one job, and of a whole workspace."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.responses import Response

from runyard.core.clock import MICROSECONDS
from runyard.core.outcomes import DAYS_MAX
from runyard.core.preview import Situation, preview
from runyard.core.store import forecast
from runyard_server import plan_views, requests, schemas
from runyard_server.context import Reading, reply
from runyard_server.routes.jobs import find_job

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}", tags=["plans"])

DAY = 86_400 * MICROSECONDS


@router.get("/plan", response_model=schemas.Plan)
def get_plan(here: Reading, query: Annotated[requests.PlanQuery, Query()]) -> Response:
    """Return what the planner will decide in the next days, and which runs come of it, if each takes its usual time.

    It ends early, and says so, where more falls into these days than fits into an answer.
    """
    now = here.runtime.clock.now()
    situation = here.read(lambda connection: forecast.of_workspace(connection, here.workspace_id, now))
    situation = replace(situation, active_max=here.server.settings.run_limits.of_one_workspace)
    seen = preview(situation, now + query.days * DAY)
    return reply(plan_views.plan(situation, seen))


@router.get("/jobs/{job_id}/next", response_model=schemas.NextFirings)
def list_next_firings(
    here: Reading, job_id: UUID, query: Annotated[requests.NextFiringsQuery, Query()]
) -> Response:
    """Return what the planner will decide about a job next, with the windows that its runs will cover."""
    now = here.runtime.clock.now()

    def work(connection: Connection) -> Situation:
        job = find_job(here, connection, job_id)
        return forecast.of_job(connection, here.workspace_id, job["job_ref"], now)

    situation = here.read(work)
    return reply(
        plan_views.next_firings(
            preview(situation, now + DAYS_MAX * DAY, of_job=str(job_id), count=query.limit)
        )
    )
