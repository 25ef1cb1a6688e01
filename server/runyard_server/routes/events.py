"""The changes of a workspace, as they happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from runyard.core.store import feed
from runyard_server.context import Reading
from runyard_server.schemas import Event
from runyard_server.streams import EVENTS_READ, event_stream

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}", tags=["events"])

EventId = Annotated[int | None, Query(ge=0)]
LastEventId = Annotated[int | None, Header(ge=0)]


@router.get("/events", response_model=Event, response_class=StreamingResponse)
def follow_events(here: Reading, after: EventId = None, last_event_id: LastEventId = None) -> Response:
    """Return what changes from now on, or after the id of a change that was seen."""
    start = after if last_event_id is None else last_event_id
    if start is None:
        start = here.read(lambda connection: feed.last_id(connection, here.workspace_id))

    async def read(seen: int) -> Sequence[RowMapping]:
        return await run_in_threadpool(
            here.read, lambda connection: feed.after(connection, here.workspace_id, seen, EVENTS_READ)
        )

    return event_stream(here.server.changes.follow(read, start))
