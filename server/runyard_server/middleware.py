"""What every request passes before it reaches a route, HTTP and web socket alike. Plain ASGI.

Known names only (SEC-07), no foreign page that acts with a visitor's cookie (SEC-06), no endless body.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runyard.core.errors import Forbidden, InvalidRequest, RunyardError, TooLarge
from runyard.core.preparing import BEACON_PATH
from runyard.core.webhooks import BODY_BYTES_MAX as HOOK_BYTES_MAX
from runyard_server.app_hosts import host_name
from runyard_server.cookies import names_of
from runyard_server.credentials import COOKIE
from runyard_server.errors import respond
from runyard_server.links import HOOK_PATH
from runyard_server.settings import MIB, Settings

BODY_BYTES_MAX = 64 * MIB
"""A JSON body: a manifest of 10,000 jobs with long docstrings."""

BEACON_BYTES_MAX = 8 * MIB
"""What a pipeline tells of one run: that of a first load into a thousand tables of fifty columns."""

UPLOAD_SUFFIX = "/-upload"

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_REFUSED = 4403
"""Close code of a web socket that is not let in; the private range, for there is no standard one."""


def guards(settings: Settings) -> Sequence[Middleware]:
    """Return the checks of this server, the first one first."""
    return (
        Middleware(HostGuard, names=panel_names(settings)),
        Middleware(OriginGuard),
        Middleware(BodyLimit, upload_bytes_max=settings.upload_limits.max_stream_bytes),
    )


def panel_names(settings: Settings) -> frozenset[str]:
    """Return the names under which the server's own pages and its API are reached."""
    return LOCAL_NAMES | {settings.host, urlsplit(settings.public_url or "").hostname or settings.host}


class HostGuard:
    """Refuses a Host that is not ours, so that a foreign name pointed at this machine opens nothing (421)."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and host_name(Headers(scope=scope).get("host", "")) not in self._names:
            error = InvalidRequest(
                "This server is not known under that name.",
                "Add it as RUNYARD_PUBLIC_URL, or use `localhost`.",
            )
            await _refuse(error, 421, scope, receive, send)
            return
        await self._app(scope, receive, send)


class OriginGuard:
    """Refuses a change that a page of another origin asks for in the name of a signed-in visitor (403).

    A request with an Authorization header is a program's: no foreign page can make a browser send one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "websocket" or (
            scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        )
        if changes and not is_own(Headers(scope=scope), COOKIE):
            error = Forbidden("Another site asked for this.", "Do it from a page of this server.")
            await _refuse(error, 403, scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_own(headers: Headers, cookie: str) -> bool:
    """Return whether a changing request comes from a page of the host it goes to, or from a program.

    What says neither is a program, unless it has the cookie that browsers have there.
    """
    if "authorization" in headers:
        return True
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc == headers.get("host")
    return cookie_parser(headers.get("cookie", "")).keys().isdisjoint(names_of(cookie))


class BodyLimit:
    """Ends a request whose body is larger than any honest one (413)."""

    def __init__(self, app: ASGIApp, upload_bytes_max: int) -> None:
        self._app, self._upload_bytes_max = app, upload_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        error = TooLarge(f"The request has more than {limit // MIB} MiB.", "Send less at once.")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await _refuse(error, 413, scope, receive, send)
            return
        left = limit

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise error
            return message

        await self._app(scope, bounded, send)

    def _limit(self, path: str) -> int:
        if path.startswith(HOOK_PATH):
            return HOOK_BYTES_MAX
        if path.startswith(BEACON_PATH):
            return BEACON_BYTES_MAX
        return self._upload_bytes_max if path.endswith(UPLOAD_SUFFIX) else BODY_BYTES_MAX


async def _refuse(error: RunyardError, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _REFUSED, "reason": error.cause})
        return
    await respond(error, status)(scope, receive, send)
