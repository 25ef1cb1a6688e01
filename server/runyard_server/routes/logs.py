"""The log of a run: as it is now, or as it grows."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from runyard.core.errors import NotFound
from runyard.core.runs import TERMINAL
from runyard_server.context import Here, ReadingData
from runyard_server.routes.runs import find_run
from runyard_server.schemas import LogLine
from runyard_server.streams import event_stream, followed_log, stored_log

router = APIRouter(prefix="/logs/v1/workspaces/{workspace_id}/job-runs/{run_id}", tags=["logs"])


@router.get("/logs", response_model=LogLine, response_class=StreamingResponse)
def get_log(here: ReadingData, run_id: UUID) -> Response:
    """Return the log there is, oldest line first, one JSON object a line."""
    _status(here, run_id)
    directory = here.runtime.run_directory(str(run_id))
    if not directory.exists():
        raise NotFound("This run has not started, so it has no log.", "Look at the run to see why.")
    return StreamingResponse(stored_log(directory), media_type="application/x-ndjson")


@router.get("/log-stream", response_model=LogLine, response_class=StreamingResponse)
def follow_log(here: ReadingData, run_id: UUID) -> Response:
    """Return the log from its beginning and as it grows; ends when the run has ended."""
    _status(here, run_id)
    directory = here.runtime.run_directory(str(run_id))

    async def is_over() -> bool:
        return await run_in_threadpool(_status, here, run_id) in TERMINAL

    return event_stream(followed_log(here.runtime.logs, str(run_id), directory, is_over))


def _status(here: Here, run_id: UUID) -> str:
    run = here.read(lambda connection: find_run(connection, here.workspace_id, str(run_id)))
    return str(run["status"])
