"""The log of a run: as it is now, or as it grows; whole as published, or any part of it in compact frames."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from runyard.core.errors import NotFound
from runyard.core.logs import LogReader, total_lines
from runyard.core.runs import TERMINAL
from runyard_server import requests
from runyard_server.context import Here, ReadingData
from runyard_server.routes.runs import find_run
from runyard_server.schemas import LogLine
from runyard_server.streams import (
    LINES_MEDIA,
    STREAM_HEADERS,
    event_stream,
    followed_lines,
    followed_log,
    lines_frame,
    read_lines,
    stored_log,
)

router = APIRouter(prefix="/logs/v1/workspaces/{workspace_id}/job-runs/{run_id}", tags=["logs"])

FRAMES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Frames of lines.", "content": {LINES_MEDIA: {"schema": {"type": "string"}}}}
}
"""How OpenAPI tells of the compact form, which is no JSON."""


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
    return event_stream(followed_log(here.runtime.logs, str(run_id), directory, _is_over(here, run_id)))


@router.get("/lines", response_class=StreamingResponse, responses=FRAMES)
def get_lines(here: ReadingData, run_id: UUID, query: Annotated[requests.LinesQuery, Query()]) -> Response:
    """Return a part of the log as one frame; it may hold fewer lines than asked for, at least one if there is."""
    is_over = _status(here, run_id) in TERMINAL
    directory = here.runtime.run_directory(str(run_id))
    total = total_lines(directory)
    first = _from_start(query.first, total)
    lines = read_lines(LogReader(directory, first), query.limit)
    return Response(lines_frame(first, lines, total, is_over=is_over), media_type=LINES_MEDIA)


@router.get("/line-stream", response_class=StreamingResponse, responses=FRAMES)
def follow_lines(here: ReadingData, run_id: UUID, first: int = 0) -> Response:
    """Return the log from a line on and as it grows, in frames; the one that says `is_over` is the last."""
    _status(here, run_id)
    directory = here.runtime.run_directory(str(run_id))
    start = _from_start(first, total_lines(directory))
    frames = followed_lines(here.runtime.logs, str(run_id), directory, start, _is_over(here, run_id))
    return StreamingResponse(frames, media_type=LINES_MEDIA, headers=STREAM_HEADERS)


def _from_start(first: int, total: int) -> int:
    """Return the number of a line that may be counted from the end."""
    return first if first >= 0 else max(0, total + first)


def _is_over(here: Here, run_id: UUID) -> Callable[[], Awaitable[bool]]:
    async def is_over() -> bool:
        return await run_in_threadpool(_status, here, run_id) in TERMINAL

    return is_over


def _status(here: Here, run_id: UUID) -> str:
    run = here.read(lambda connection: find_run(connection, here.workspace_id, str(run_id)))
    return str(run["status"])
