"""The end of a server while somebody follows a stream or holds a web socket open: at once, and without a word."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import threading
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from tests.support.patience import PATIENCE_SECONDS
from tests.support.visits import socket, visitor
from websockets.exceptions import ConnectionClosed

from runyard.core.health import LOOPBACK
from runyard_server.cli.serving import HttpServer


async def stream(_request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b": here\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(chunks(), headers={"Content-Type": "text/event-stream; charset=utf-8"})


async def talk(opened: WebSocket) -> None:
    await opened.accept()
    await opened.send_text("here")
    await asyncio.Event().wait()  # as one that never looks whether its visitor is there


class Working:
    """An answer that is under way until it is allowed to end."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    async def answer(self, _request: Request) -> Response:
        self.begun.set()
        await asyncio.to_thread(self.may_end.wait, PATIENCE_SECONDS)
        return PlainTextResponse("done")


async def stop_while_answering() -> None:
    working = Working()
    server = HttpServer(
        Starlette(
            routes=[Route("/stream", stream), Route("/work", working.answer), WebSocketRoute("/talk", talk)]
        )
    )
    listener = sockets.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    await asyncio.to_thread(server.is_up.wait)
    async with visitor(port) as visit, socket(port, "/talk") as opened:
        assert await opened.recv() == "here"
        async with visit.stream("GET", "/stream") as answer:
            chunks = answer.aiter_raw()
            assert await anext(chunks) == b": here\n\n"
            answered = asyncio.create_task(visit.get("/work"))
            await asyncio.to_thread(working.begun.wait)
            server.should_exit = True
            with pytest.raises(ConnectionClosed):
                await opened.recv()
            assert not server.ended.is_set()
            working.may_end.set()
            assert (await answered).text == "done"
    await asyncio.to_thread(thread.join)


# SPEC: SCH-04
def test_streams_and_web_sockets_end_with_the_server_and_what_has_an_end_comes_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.addHandler(caplog.handler)  # which tells nobody above it
    try:
        with caplog.at_level(logging.WARNING):
            asyncio.run(stop_while_answering())
    finally:
        uvicorn.removeHandler(caplog.handler)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
    assert said in ([], ["ASGI callable returned without completing response."]), "the latter is filtered"
