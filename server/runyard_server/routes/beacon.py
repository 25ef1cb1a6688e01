"""The beacon: where a run's pipelines tell what they did. Its address is the credential, and good for nothing else.

What is read of a trace is in `core.pipeline_traces`. Runs of pipelines are listed in `runs`.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from runyard.core.errors import NotFound
from runyard.core.pipeline_traces import read_trace
from runyard.core.preparing import BEACON_PATH
from runyard.core.store import pipeline_runs
from runyard_server import schemas
from runyard_server.context import Server, reply, server_of

router = APIRouter(prefix=BEACON_PATH.rstrip("/"), tags=["beacon"])

TRACE = "trace"
"""What is received of all that dlt tells: how a run of a pipeline went (contract 9.6)."""


@router.put("/{token}/{kind}", response_model=schemas.Received)
async def receive_report(request: Request, token: str, kind: str) -> Response:
    """Keep what a pipeline tells of its run; JSON, whatever the request calls it."""
    server = server_of(request)
    # Who may not tell need not send all of it first.
    run_id, attempt = await run_in_threadpool(server.credentials.reporting, token)
    if kind != TRACE:
        raise NotFound(f"Nothing but `{TRACE}` is received here.", "There is nothing to do: the run goes on.")
    body = await request.body()
    return await run_in_threadpool(_keep, server, run_id, attempt, body)


def _keep(server: Server, run_id: str, attempt: int, body: bytes) -> Response:
    trace, runtime = read_trace(body), server.runtime
    id, now = runtime.ids.new_id(), runtime.clock.now()

    def work(connection: Connection) -> None:
        pipeline_runs.keep(connection, run_id, attempt, trace, id=id, now=now)

    runtime.database.write(work)
    received: schemas.Received = {"transaction_id": trace.transaction_id}
    return reply(received)
