"""The way to interactive apps: which app a request means. Plain ASGI; who may enter is `app_door`.

An app is at the root of a host of its own, `<label>.<apps host>`. A program may also use `/apps/<run id>/` on the
server's own host.
"""

from __future__ import annotations

import re
from typing import cast

from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from runyard.core.store import jobs
from runyard_server.app_door import AppDoor
from runyard_server.app_hosts import host_name, label_in
from runyard_server.app_pages import unknown_page
from runyard_server.context import Server
from runyard_server.middleware import panel_names
from runyard_server.settings import Settings
from runyard_server.visits import also_saying, pass_on

_RUN_PATH = re.compile(r"(/apps/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))(?:/|$)")


class AppGate:
    """Sends requests that mean an app to it, once they may, and lets all others pass."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._panel_names = panel_names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        server = cast(Server, scope["app"].state.server)
        headers = Headers(scope=scope)
        name = host_name(headers.get("host", ""))
        if name in self._panel_names:
            if (below := _RUN_PATH.match(scope["path"])) is None:
                await self._app(scope, receive, send)
                return
            answer = await AppDoor(server, scope, headers, prefix=below[1]).open_run(below[2])
            await pass_on(server, answer, scope, receive, send)
        elif (label := label_in(name, self._settings.apps_host)) is not None:
            job = await run_in_threadpool(_job_at, server, label)
            door = AppDoor(server, scope, headers)
            answer = unknown_page() if job is None else await door.open(job)
            if door.is_public:
                # No search engine is to list what a link opens (PUB-11).
                send = also_saying(send, b"x-robots-tag", b"noindex")
            await pass_on(server, answer, scope, receive, send, door.through)
        else:
            await self._app(scope, receive, send)


def _job_at(server: Server, label: str) -> RowMapping | None:
    job = server.runtime.database.read(lambda connection: jobs.by_label(connection, label))
    return None if job is None or job["archived_at"] is not None else job
