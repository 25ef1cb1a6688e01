"""Real ASGI applications on a real port of loopback: what the proxy forwards to, and the proxy itself."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an application on this event loop while the context is open, and tell the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_level="critical",
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        is_up = asyncio.Event()
        startup = server.startup

        async def start(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            is_up.set()

        server.startup = start  # type: ignore[method-assign]
        with_signals_left_alone = server._serve([listener])
        task = asyncio.create_task(with_signals_left_alone)
        await is_up.wait()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def mirror(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with the path and the headers of the request, or send them into an opened socket."""
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    seen = json.dumps({"path": scope["path"], **headers})
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": seen})
        await send({"type": "websocket.close", "code": 1000})
        return
    start = {"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"app=1")]}
    await send(start)
    await send({"type": "http.response.body", "body": seen.encode()})
