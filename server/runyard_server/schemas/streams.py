"""What is pushed: lines of logs and changes."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from runyard_server.schemas.shared import Instant, JsonObject, Uuid


class LogLine(TypedDict):
    """A line of a log; `line_num` counts from 0."""

    content: str
    line_num: int
    reported_at: Instant
    source: Literal["user", "setup", "runner"]
    stage: Literal["build", "run"]
    io_stream: Literal["stdout", "stderr", "other"]


class Event(TypedDict):
    """A change of a workspace; `id` is where to resume."""

    id: int
    at: Instant
    kind: str
    job_id: Uuid | None
    run_id: Uuid | None
    data: JsonObject
