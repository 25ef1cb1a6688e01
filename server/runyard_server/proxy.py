"""Forwards requests and web sockets to the process of an interactive run, which listens on loopback.

Nothing is held back: bodies, events and messages pass as they come, as fast as the slower side takes them, and
when one side leaves the other one is left too. The app sees the Host its visitor used, so that what it links to
and redirects to is reachable; who the visitor is stands in `x-runyard-user` and `x-runyard-role`, and nowhere
else: our cookies and credentials stay here. Who may come this far is not here, see `app_door`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from runyard_server.app_pages import unreachable_page
from runyard_server.cookies import names_of
from runyard_server.credentials import APP_COOKIE, COOKIE
from runyard_server.links import LINK_COOKIE
from runyard_server.settings import MIB
from runyard_server.socket_counts import SocketCounts

LOOPBACK = "127.0.0.1"

CONNECT_SECONDS = 5.0
"""How long an app may take to accept a connection: it is on this machine, so a busy one is slower than the way."""

OPENING_SECONDS = 60.0
"""How long an app may take to open a web socket: it answers itself, and a notebook may be busy with its imports."""

SILENCE_SECONDS = 3600.0
"""How long an app may say nothing while it answers, or read nothing: longer than any query worth waiting for."""

KEPT_SECONDS = 2.0
"""How long an idle connection is kept: less than the five seconds after which the servers of most apps close it."""

KEPT_CONNECTIONS = 64
"""Idle connections kept for all apps together: two browsers' worth of assets for each of a handful of apps."""

MESSAGE_BYTES_MAX = 64 * MIB
"""Largest message of a web socket from an app; it is in memory as a whole. Notebooks send their charts in one."""

IDENTITY = "x-runyard-"
"""How the headers begin that only we may set."""

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "trailers", "transfer-encoding", "upgrade"}
)
"""Headers about one connection, of which there are two here."""

_NOT_TO_APP = _HOP_BY_HOP | {"authorization", "expect", "forwarded"}
_NOT_TO_APP_SOCKET = _NOT_TO_APP | {"host", "content-length"}
_NOT_TO_VISITOR = _HOP_BY_HOP | {"date", "server"}
"""The server that answers for us says these two itself."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that may be asked twice, for they change nothing."""

_OWN_COOKIES = frozenset(name for own in (COOKIE, APP_COOKIE, LINK_COOKIE) for name in names_of(own))

_GOING_AWAY, _INTERNAL_ERROR = 1001, 1011


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, and for whom.

    `origin` is the visitor's scheme and host; `prefix` is the part of the path that is ours, not the app's. `token`
    acts for the visitor: only the server's own panel is given one.
    """

    run_id: str
    port: int
    origin: str
    user: str
    role: str
    prefix: str = ""
    token: str = field(default="", repr=False)


class VisitorLeft(Exception):
    """The visitor hung up while sending: nobody is there to be answered."""


class Proxy:
    """Forwards to any number of apps over one pool of connections. Used on one event loop."""

    def __init__(self) -> None:
        self.sockets = SocketCounts()
        self._upstream = _transport(kept=KEPT_CONNECTIONS)
        self._afresh = _transport(kept=0)

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._upstream.aclose()
        await self._afresh.aclose()

    async def forward(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request or a web socket, until it is over on both sides."""
        if scope["type"] == "websocket":
            with self.sockets.counted(target.run_id):
                await _forward_socket(target, scope, receive, send)
            return
        visitor = _Visitor(receive)
        answering = asyncio.create_task(self._answer(target, scope, visitor, receive, send))
        leaving = asyncio.create_task(visitor.leave())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
            with suppress(asyncio.CancelledError, VisitorLeft):
                await answering

    async def _answer(
        self, target: Target, scope: Scope, visitor: _Visitor, receive: Receive, send: Send
    ) -> None:
        sent = Headers(scope=scope)
        has_body = "content-length" in sent or "transfer-encoding" in sent
        if not has_body:
            await visitor.finish()
        request = httpx.Request(
            scope["method"],
            f"http://{LOOPBACK}:{target.port}/",
            headers=_to_app(target, scope, _NOT_TO_APP),
            content=visitor.body() if has_body else None,
            extensions={
                # As the visitor wrote it: a URL object would change what it thinks is unusual.
                "target": _path(target, scope).encode("ascii"),
                "timeout": httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, pool=None).as_dict(),
            },
        )
        try:
            answer = await self._ask(request, is_repeatable=not has_body and scope["method"] in _SAFE)
        except httpx.TransportError:
            await unreachable_page()(scope, receive, send)
            return
        try:
            headers = _to_visitor(target, answer.headers)
            await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
            try:
                async for chunk in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except httpx.TransportError:
                return  # without an end, so that nobody takes half an answer for a whole one
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def _ask(self, request: httpx.Request, *, is_repeatable: bool) -> httpx.Response:
        """Return an answer that begins. An app may close a connection just when it is used again; then once more.

        On a new connection: when this process was kept waiting, all that are kept may have been closed meanwhile.
        Raises: httpx.TransportError.
        """
        try:
            return await self._upstream.handle_async_request(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if not is_repeatable:
                raise
            return await self._afresh.handle_async_request(request)


def _transport(*, kept: int) -> httpx.AsyncHTTPTransport:
    """Return what connects to apps and keeps so many connections that are idle."""
    return httpx.AsyncHTTPTransport(
        verify=False,  # it is plain HTTP on loopback; loading certificates would slow the start
        trust_env=False,
        limits=httpx.Limits(
            max_connections=None, max_keepalive_connections=kept, keepalive_expiry=KEPT_SECONDS
        ),
    )


class _Visitor:
    """The receiving side of a request: first its body, then silence, at last that the visitor has left."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._has_sent_all = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises: VisitorLeft if it stays incomplete."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise VisitorLeft
            more = message.get("more_body", False)
            if chunk := message.get("body"):
                yield chunk
        self._has_sent_all.set()

    async def finish(self) -> None:
        """Read to the end of a body that has nothing in it."""
        async for _ in self.body():
            pass

    async def leave(self) -> None:
        """Return when the visitor has left, after everything was sent."""
        await self._has_sent_all.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


# Web sockets ----------------------------------------------------------------------------------------------


class _Connect(connect):
    """Connects to the app and to nothing that it would redirect to."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _forward_socket(target: Target, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect, always the first
    host = Headers(scope=scope)["host"]
    try:
        app = await _Connect(
            f"ws://{host}{_path(target, scope)}",
            host=LOOPBACK,
            port=target.port,
            additional_headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in _to_app(target, scope, _NOT_TO_APP_SOCKET)
                if not name.startswith(b"sec-websocket-")
            ],
            subprotocols=[Subprotocol(name) for name in scope.get("subprotocols", ())] or None,
            max_size=MESSAGE_BYTES_MAX,
            open_timeout=OPENING_SECONDS,
            # The visitor's side is pinged by our own server; loopback loses nobody.
            ping_interval=None,
            compression=None,
            proxy=None,
            user_agent_header=None,
        )
    except InvalidStatus as refusal:
        await refuse_socket(Response(status_code=refusal.response.status_code), scope, receive, send)
        return
    except (OSError, WebSocketException):
        await refuse_socket(Response(status_code=502), scope, receive, send)
        return
    try:
        await send({"type": "websocket.accept", "subprotocol": app.subprotocol})
        await _forward_both_ways(app, receive, send)
    finally:
        # Closed already, unless the server stops and lets nobody say goodbye.
        app.transport.abort()


async def _forward_both_ways(app: ClientConnection, receive: Receive, send: Send) -> None:
    ways = {asyncio.create_task(_to_socket(app, receive)), asyncio.create_task(_from_socket(app, send))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await app.close()


async def _to_socket(app: ClientConnection, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        try:
            await app.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            # The other way tells the visitor, in the app's words.
            await asyncio.Event().wait()
    code = message.get("code", 1000)
    await app.close(_sendable(code, instead=_GOING_AWAY), message.get("reason") or "")


async def _from_socket(app: ClientConnection, send: Send) -> None:
    try:
        async for message in app:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except ConnectionClosed:
        pass
    code = _sendable(app.close_code or 1006, instead=_INTERNAL_ERROR)
    await send({"type": "websocket.close", "code": code, "reason": app.close_reason or ""})


def _sendable(code: int, instead: int) -> int:
    """Return a close code as it may be sent: 1005 says that there was none, 1006 that nobody said goodbye."""
    return {1005: 1000, 1006: instead, 1015: instead}.get(code, code)


async def refuse_socket(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a web socket that is not opened with a status (403 where the server knows no other)."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return

    async def as_denial(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await response({**scope, "type": "http"}, receive, as_denial)


# Addresses and headers ------------------------------------------------------------------------------------


def _path(target: Target, scope: Scope) -> str:
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    path = raw.decode("latin-1").removeprefix(target.prefix)
    if not path.startswith("/"):  # the prefix alone, or with a slash in disguise
        path = f"/{path}"
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _to_app(target: Target, scope: Scope, dropped: Collection[str]) -> list[tuple[bytes, bytes]]:
    """Return the visitor's headers as the app gets them, with what we say of the visitor."""
    headers = Headers(scope=scope)
    named = _named(headers.getlist("connection"))
    kept = [
        (name, value)
        for name, value in headers.items()
        if name not in dropped
        and name not in named
        and name != "cookie"
        # Some applications do not tell an underscore from a dash.
        and not name.replace("_", "-").startswith((IDENTITY, "x-forwarded-"))
    ]
    if cookies := _foreign_cookies(headers.getlist("cookie")):
        kept.append(("cookie", cookies))
    scheme, _, host = target.origin.partition("://")
    kept += [
        ("x-forwarded-proto", scheme),
        ("x-forwarded-host", host),
        ("x-forwarded-for", (scope.get("client") or ("",))[0]),
        # In ASCII, for a header has no other letters.
        (f"{IDENTITY}user", quote(target.user, safe="@+")),
        (f"{IDENTITY}role", target.role),
    ]
    if target.prefix:
        kept.append(("x-forwarded-prefix", target.prefix))
    if target.token:
        kept.append((f"{IDENTITY}token", target.token))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]


def _to_visitor(target: Target, headers: httpx.Headers) -> list[tuple[bytes, bytes]]:
    """Return the app's headers as the visitor gets them: all of them, in their order, but none about us."""
    named = _named(headers.get_list("connection"))
    answer = []
    for raw_name, raw_value in headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in _NOT_TO_VISITOR or name in named:
            continue
        if name == "set-cookie":
            # On the server's own host an app has no cookies; on its own, none that reach other hosts.
            if target.prefix or value.partition("=")[0].strip() in _OWN_COOKIES:
                continue
            value = _DOMAIN.sub("", value)
        else:
            value = _upstream(target.port).sub(target.origin + target.prefix, value)
        if name == "location" and target.prefix:
            value = _below_prefix(target, value)
        answer.append((name.encode("latin-1"), value.encode("latin-1")))
    return answer


_DOMAIN = re.compile(r";\s*domain=[^;]*", re.IGNORECASE)


def _upstream(port: int) -> re.Pattern[str]:
    """Return what the address of an app looks like where it names itself."""
    return re.compile(rf"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):{port}(?!\d)")


def _below_prefix(target: Target, location: str) -> str:
    """Return a redirect of an app that does not know of its prefix; `//` begins a host, unless one stands before."""
    if not location.startswith(f"{target.origin}/") and not re.match(r"/(?!/)", location):
        return location
    path = location.removeprefix(target.origin)
    is_below = path.startswith(f"{target.prefix}/") or path == target.prefix
    return path if is_below else target.prefix + path


def _named(values: Iterable[str]) -> set[str]:
    """Return the names of headers that a Connection header declares to be about the connection."""
    return {name.strip().lower() for value in values for name in value.split(",")}


def _foreign_cookies(values: Iterable[str]) -> str:
    """Return the cookies that are not ours."""
    pairs = (pair.strip() for value in values for pair in value.split(";"))
    return "; ".join(pair for pair in pairs if pair and pair.partition("=")[0].strip() not in _OWN_COOKIES)
