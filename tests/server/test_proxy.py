"""The proxy between a real application and real clients, all over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.support.patience import PATIENCE_SECONDS
from tests.support.upstreams import served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from runyard_server import proxy
from runyard_server.credentials import APP_COOKIE, COOKIE
from runyard_server.proxy import Proxy, Target

RUN = "11111111-1111-4111-8111-111111111111"

NAME = "report-1234abcd.localhost"

MIB = 1024 * 1024


@dataclass
class World:
    """An application, the proxy before it, and a client of the proxy. `direct` is the application's own port."""

    proxy: Proxy = field(default_factory=Proxy)
    direct: int = 0
    port: int = 0
    prefix: str = ""
    has_left: asyncio.Event = field(default_factory=asyncio.Event)
    first_event_read: asyncio.Event = field(default_factory=asyncio.Event)
    closed_with: asyncio.Queue[tuple[int, str]] = field(default_factory=asyncio.Queue)

    @property
    def origin(self) -> str:
        return f"http://{NAME}:{self.port}"

    @property
    def client(self) -> httpx.AsyncClient:
        """Return a new client that reaches the proxy under the app's name."""
        return visitor(self.port, NAME)

    def socket(self, path: str, **options: Any) -> connect:
        return socket(self.port, path, NAME, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = Target(RUN, self.direct, self.origin, "ann@example.org", "owner", self.prefix)
        await self.proxy.forward(target, scope, receive, send)

    # The application --------------------------------------------------------------------------------------

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/echo/{rest:path}", self.echo, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
                Route("/size", self.size, methods=["POST"]),
                Route("/cookies", self.cookies),
                Route("/status/{code:int}", self.status),
                Route("/big", self.big),
                Route("/events", self.events),
                Route("/broken", self.broken),
                Route("/to", self.redirect),
                Route("/slash/", self.home),
                WebSocketRoute("/ws", self.echo_socket),
                WebSocketRoute("/closing", self.closing),
                WebSocketRoute("/refusing", self.refusing),
                WebSocketRoute("/flood", self.flood),
                WebSocketRoute("/late", self.late),
            ]
        )

    async def home(self, _: Request) -> Response:
        return PlainTextResponse("home")

    async def echo(self, request: Request) -> Response:
        return JSONResponse(
            {
                "method": request.method,
                "target": request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode(),
                "headers": list(request.headers.items()),
                "body": (await request.body()).decode(),
                "url": str(request.url),
            }
        )

    async def size(self, request: Request) -> Response:
        return JSONResponse(sum([len(chunk) async for chunk in request.stream()]))

    async def cookies(self, _: Request) -> Response:
        response = PlainTextResponse("two")
        response.set_cookie("first", "1")
        response.set_cookie("second", "2", domain="localhost")
        response.set_cookie(APP_COOKIE, "taken-over")
        return response

    async def status(self, request: Request) -> Response:
        return Response(status_code=request.path_params["code"])

    async def big(self, _: Request) -> Response:
        return StreamingResponse(bytes(MIB) for _ in range(32))

    async def events(self, _: Request) -> Response:
        async def frames() -> AsyncIterator[str]:
            try:
                yield "data: one\n\n"
                await self.first_event_read.wait()
                yield "data: two\n\n"
                await asyncio.Event().wait()
            finally:
                self.has_left.set()

        return StreamingResponse(frames(), media_type="text/event-stream")

    async def broken(self, _: Request) -> Response:
        async def half() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("an app that breaks off")

        return StreamingResponse(half())

    async def redirect(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["where"].replace("PORT", str(self.direct)))

    async def echo_socket(self, socket: WebSocket) -> None:
        offered = socket.scope["subprotocols"]
        await socket.accept(subprotocol=offered[-1] if offered else None)
        if not offered:
            await socket.send_json({name.decode(): value.decode() for name, value in socket.scope["headers"]})
        while (message := await socket.receive())["type"] == "websocket.receive":
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
        self.closed_with.put_nowait((message["code"], message.get("reason") or ""))

    async def closing(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4321, "enough")

    async def refusing(self, socket: WebSocket) -> None:
        await socket.close()

    async def late(self, socket: WebSocket) -> None:
        await asyncio.sleep(2 * proxy.CONNECT_SECONDS)
        await socket.accept()
        await socket.close(4321, "at last")

    async def flood(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            for number in range(2000):
                await socket.send_text(str(number))
        except WebSocketDisconnect:
            return
        await socket.close()


@asynccontextmanager
async def world(prefix: str = "") -> AsyncIterator[World]:
    here = World(prefix=prefix)
    async with served(here.application()) as here.direct, served(here) as here.port:
        try:
            yield here
        finally:
            await here.proxy.close()


Story = Callable[..., Coroutine[Any, Any, None]]


def told(story: Story) -> Callable[..., None]:
    """Run a story on an event loop of its own."""

    @wraps(story)
    def run(**given: Any) -> None:
        asyncio.run(story(**given))

    return run


# Requests -------------------------------------------------------------------------------------------------


@told
async def test_a_request_arrives_as_it_was_written() -> None:
    async with world() as here, here.client as client:
        request = client.build_request("POST", "/", content=b"hello", headers={"x-own": "kept", "te": "gzip"})
        request.extensions["target"] = b"/echo/a%2Fb/%C3%A9;p=1/../x?q=%20a+b&q=&=1"
        seen = (await client.send(request)).json()
    assert seen["method"] == "POST"
    assert seen["target"] == "/echo/a%2Fb/%C3%A9;p=1/../x?q=%20a+b&q=&=1"
    assert seen["body"] == "hello"
    headers = dict(seen["headers"])
    assert headers["x-own"] == "kept"
    assert "te" not in headers


# SPEC: APP-06
@told
async def test_the_app_sees_the_host_of_its_visitor() -> None:
    async with world() as here, here.client as client:
        seen = (await client.get("/echo/")).json()
        assert seen["url"].startswith(f"http://{NAME}:{here.port}/")
        assert dict(seen["headers"])["host"] == f"{NAME}:{here.port}"


# SPEC: SEC-07
@told
async def test_our_credentials_stay_with_us_and_identity_cannot_be_claimed() -> None:
    claims = [
        ("authorization", "Bearer dlt_u_secret"),
        ("cookie", f"{COOKIE}=s1; theme=dark; {APP_COOKIE}=s2; __Host-{COOKIE}=s3"),
        ("cookie", "lang=en"),
        ("x-runyard-user", "mallory"),
        ("X-Runyard-Role", "owner"),
        # What some applications read as if it were written with dashes.
        ("x_runyard_role", "mallory"),
        ("x_forwarded_for", "1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
    ]
    async with world() as here, here.client as client:
        headers = (await client.get("/echo/", headers=claims)).json()["headers"]
        assert "authorization" not in dict(headers)
        assert "forwarded" not in dict(headers)
        assert [value for name, value in headers if name == "cookie"] == ["theme=dark; lang=en"]
        assert [value for name, value in headers if name == "x-runyard-user"] == ["ann@example.org"]
        assert [value for name, value in headers if name == "x-runyard-role"] == ["owner"]
        assert [value for name, value in headers if name == "x-forwarded-for"] == ["127.0.0.1"]
        assert not [name for name, _ in headers if "_" in name]
        async with here.socket("/ws", headers=claims) as socket:
            text = str(await socket.recv())
    assert "ann@example.org" in text
    assert not [word for word in ("mallory", "secret", "s1", "s2", "s3", "1.2.3.4") if word in text]


@told
async def test_headers_about_one_connection_stay_on_it() -> None:
    async with world() as here, here.client as client:
        hop = {"connection": "keep-alive, x-only-here", "x-only-here": "1", "keep-alive": "timeout=5"}
        headers = dict((await client.get("/echo/", headers=hop)).json()["headers"])
    assert "x-only-here" not in headers
    assert "keep-alive" not in headers


@told
async def test_every_cookie_of_the_app_arrives_and_stays_on_its_host() -> None:
    async with world() as here, here.client as client:
        cookies = (await client.get("/cookies")).headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["first", "second"]
    assert "domain" not in "".join(cookies).lower()


# SPEC: APP-06
@pytest.mark.parametrize(
    ("where", "seen"),
    [
        ("/next?a=1", "/next?a=1"),
        ("http://127.0.0.1:PORT/next", "ORIGIN/next"),
        ("http://localhost:PORT", "ORIGIN"),
        ("https://example.org/", "https://example.org/"),
        ("http://localhost:PORT0/", "http://localhost:PORT0/"),
    ],
)
@told
async def test_a_redirect_never_names_where_the_app_listens(where: str, seen: str) -> None:
    async with world() as here, here.client as client:
        location = (await client.get("/to", params={"where": where})).headers["location"]
        assert location == seen.replace("ORIGIN", here.origin).replace("PORT", str(here.direct))
        added = await client.get("/slash")
        assert added.headers["location"] == f"{here.origin}/slash/"


@told
async def test_below_a_prefix_the_app_is_at_its_root_and_redirects_lead_back() -> None:
    async with world(prefix=f"/apps/{RUN}") as here, here.client as client:
        seen = (await client.get(f"/apps/{RUN}/echo/x")).json()
        assert seen["target"] == "/echo/x?"
        for where in ("/slash/", "http://127.0.0.1:PORT/slash/"):
            response = await client.get(f"/apps/{RUN}/to", params={"where": where})
            path = response.headers["location"].removeprefix(here.origin)
            assert path == f"/apps/{RUN}/slash/"
            assert (await client.get(path)).text == "home"
        assert "set-cookie" not in (await client.get(f"/apps/{RUN}/cookies")).headers


# SPEC: SEC-07
@pytest.mark.parametrize("where", ["ORIGIN//evil.example/", "http://127.0.0.1:PORT//evil.example/"])
@told
async def test_below_a_prefix_no_redirect_of_the_apps_leads_to_another_host(where: str) -> None:
    async with world(prefix=f"/apps/{RUN}") as here, here.client as client:
        where = where.replace("ORIGIN", here.origin)
        response = await client.get(f"/apps/{RUN}/to", params={"where": where})
        assert response.headers["location"].removeprefix(here.origin) == f"/apps/{RUN}//evil.example/"
        seen = (await client.get(f"/apps/{RUN}%2fecho/x")).status_code
        assert seen == 404, "an address that hides its slash is not below"


@pytest.mark.parametrize("code", [204, 304, 404, 500])
@told
async def test_an_answer_without_a_body_is_one(code: int) -> None:
    async with world() as here, here.client as client:
        for _ in range(2):
            response = await client.get(f"/status/{code}")
            assert (response.status_code, response.content) == (code, b"")


@told
async def test_head_tells_the_size_and_sends_nothing() -> None:
    async with world() as here, here.client as client:
        asked = await client.head("/slash/")
        assert (asked.headers["content-length"], asked.content) == ("4", b"")
        assert (await client.get("/slash/")).text == "home", "and the connection is good for more"


@told
async def test_large_bodies_pass_both_ways_with_and_without_a_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield bytes(MIB)

    async with world() as here, here.client as client:
        assert (await client.post("/size", content=chunks())).json() == 32 * MIB
        assert (await client.post("/size", content=bytes(8 * MIB))).json() == 8 * MIB
        assert (await client.post("/size")).json() == 0
        assert len((await client.get("/big")).content) == 32 * MIB


@told
async def test_events_arrive_one_by_one_and_a_visitor_who_leaves_is_left() -> None:
    async with world() as here, here.client as client:
        async with client.stream("GET", "/events") as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "data: one"
            here.first_event_read.set()
            assert [await anext(lines), await anext(lines)] == ["", "data: two"]
        await asyncio.wait_for(here.has_left.wait(), PATIENCE_SECONDS)


@told
async def test_a_visitor_who_leaves_while_sending_leaves_nothing_behind() -> None:
    async with world() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(f"POST /size HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 9\r\n\r\nhalf".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await reader.read() == b""
        async with here.client as client:
            assert (await client.get("/slash/")).text == "home"


@told
async def test_half_an_answer_is_not_taken_for_a_whole_one() -> None:
    async with world() as here, here.client as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/broken")
        assert (await client.get("/slash/")).text == "home"


@told
async def test_when_the_app_closed_all_connections_meanwhile_a_new_one_is_opened() -> None:
    kept = 2
    all_open = asyncio.Barrier(kept)
    opened = 0

    async def app(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        is_closing = opened <= kept
        with closing(writer):
            while await reader.readuntil(b"\r\n\r\n"):
                if is_closing:
                    await all_open.wait()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
                if is_closing:
                    await reader.readuntil(b"\r\n\r\n")
                    return

    here = World()
    async with await asyncio.start_server(app, "127.0.0.1", 0) as listening, served(here) as here.port:
        here.direct = listening.sockets[0].getsockname()[1]
        async with here.client as client:
            await asyncio.gather(*(client.get("/") for _ in range(kept)))
            assert [(await client.get("/")).text for _ in range(2)] == ["hi", "hi"]
        await here.proxy.close()


@told
async def test_an_app_that_is_not_there_is_told_as_such() -> None:
    async with world() as here, here.client as client:
        async with served(here.application()) as gone:
            pass
        here.direct = gone
        response = await client.get("/")
        assert response.status_code == 502
        assert "does not answer" in response.text
        assert str(gone) not in response.text
        with pytest.raises(InvalidStatus, match="502"):
            await here.socket("/ws")


# Web sockets ----------------------------------------------------------------------------------------------


@told
async def test_messages_pass_both_ways_and_open_sockets_are_counted() -> None:
    async with world() as here:
        assert here.proxy.sockets.of(RUN) == 0
        async with here.socket("/ws", max_size=None) as socket:
            await socket.recv()
            assert here.proxy.sockets.of(RUN) == 1
            for message in ("text", "", b"\x00\xff", b"", "é" * 1000, bytes(8 * MIB)):
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())
            async with here.socket("/ws"):
                assert here.proxy.sockets.of(RUN) == 2
            await here.closed_with.get()
        await here.closed_with.get()
        await until(lambda: here.proxy.sockets.of(RUN) == 0)


@told
async def test_the_app_chooses_among_the_subprotocols() -> None:
    async with world() as here:
        offered = [Subprotocol("one"), Subprotocol("two")]
        async with here.socket("/ws", subprotocols=offered) as socket:
            assert socket.subprotocol == "two"


@told
async def test_closing_tells_the_other_side_why() -> None:
    async with world() as here:
        async with here.socket("/closing") as socket:
            assert await closed(socket) == (4321, "enough")
        for code, reason in ((4000, "done"), (1000, "")):
            socket = await here.socket("/ws")
            await socket.close(code, reason)
            assert await here.closed_with.get() == (code, reason)


@told
async def test_a_visitor_who_vanishes_ends_the_socket_of_the_app() -> None:
    async with world() as here:
        socket = await here.socket("/ws")
        await socket.recv()
        socket.transport.abort()
        await asyncio.wait_for(here.closed_with.get(), PATIENCE_SECONDS)


@told
async def test_a_server_that_stops_hangs_up_even_if_it_may_not_say_goodbye() -> None:
    async with world() as here:
        accepted = asyncio.Event()
        said: asyncio.Queue[Message] = asyncio.Queue()
        said.put_nowait({"type": "websocket.connect"})

        async def hear(message: Message) -> None:
            if message["type"] == "websocket.accept":
                accepted.set()

        scope = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": [(b"host", b"x")]}
        forwarding = asyncio.create_task(here(scope, said.get, hear))
        await accepted.wait()
        forwarding.cancel()
        await asyncio.sleep(0)
        forwarding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forwarding
        await asyncio.wait_for(here.closed_with.get(), PATIENCE_SECONDS)


@told
async def test_a_socket_that_the_app_refuses_is_refused() -> None:
    async with world() as here:
        with pytest.raises(InvalidStatus, match="403"):
            await here.socket("/refusing")


@told
async def test_a_busy_app_may_take_longer_to_open_a_socket_than_to_accept_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy, "CONNECT_SECONDS", 0.1)
    async with world() as here, here.socket("/late") as socket:
        assert await closed(socket) == (4321, "at last")


@told
async def test_a_slow_reader_gets_everything_in_order() -> None:
    async with world() as here, here.socket("/flood", max_queue=1) as socket:
        assert [int(text) async for text in socket] == list(range(2000))


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        await socket.recv()
    return socket.close_code, socket.close_reason


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds; it takes turns, not time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0)
