"""Answers that have no end of their own: followed logs and changes, what an app streams, web sockets.

A server that stops ends them first, so that it waits for nobody. Who hears it, a browser or a client, comes back by
itself. What such an answer says is not here.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runyard_server.streams import LINES_MEDIA

_MEDIA = tuple(media.encode() for media in ("text/event-stream", LINES_MEDIA))
"""How the content type of an answer begins that goes on until somebody leaves."""


class Endless:
    """An application around another one whose open answers can be ended. Used on one event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._endless: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def end(self) -> None:
        """End what is endless now, and let nothing say of itself that it was cut off from here on."""
        self._is_ending = True
        for task in self._endless:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server answers each request in a task"

        async def noticed(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_endless(message):
                self._endless.add(task)
            await send(message)

        if scope["type"] == "websocket":
            self._endless.add(task)
        try:
            await self._app(scope, receive, noticed)
        except asyncio.CancelledError:
            if not self._is_ending:
                raise
        finally:
            self._endless.discard(task)


def _is_endless(start: Message) -> bool:
    # Apps may write the names of headers in any case.
    return any(
        name.lower() == b"content-type" and value.startswith(_MEDIA)
        for name, value in start.get("headers", ())
    )
