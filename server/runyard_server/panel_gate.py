"""The way to the control panel, at `/panel/` of the server's own host. Plain ASGI, behind the guards of every request.

The panel is a job like any other; what sets this way apart from `app_door` is who may go it and as whom: any signed-in
browser, and for a web socket, which opens a kernel session, with a token that acts for its viewer.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runyard.core.errors import NotSignedIn
from runyard_server import cookies
from runyard_server.app_pages import START_PATH, starting_page
from runyard_server.auth import Actor
from runyard_server.context import Server
from runyard_server.credentials import COOKIE
from runyard_server.pages import missing_panel_page, stopped_panel_page, stranger_page
from runyard_server.proxy import Target
from runyard_server.sign_in import PANEL
from runyard_server.tokens import Claims, TokenKind
from runyard_server.visits import Visit, also_saying, foreign_session, is_page, look_up, origin_in, pass_on

_PREFIX = PANEL.rstrip("/")
_START = _PREFIX + START_PATH

_NOT_FRAMED = (b"content-security-policy", b"frame-ancestors 'none'")
"""No other page, an app's first of all, may show an answer inside of itself."""


class PanelGate:
    """Sends requests below `/panel/` to the panel, once they may, and lets all others pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if not (path + "/").startswith(PANEL):
            await self._app(scope, receive, send)
            return
        server = cast(Server, scope["app"].state.server)
        through = None
        answer: Target | Response
        if path + "/" == PANEL:
            answer = RedirectResponse(PANEL, 307)
        else:
            sent = cookie_parser(Headers(scope=scope).get("cookie", ""))
            try:
                cookie = cookies.find(sent, COOKIE, origin_in(server.settings, scope))
                visit = await run_in_threadpool(_arrive, server, cookie)
            except NotSignedIn:
                answer = stranger_page()
            else:
                through = visit.actor.session_id
                answer = await _open(server, visit, scope)
        await pass_on(server, answer, scope, receive, also_saying(send, *_NOT_FRAMED), through)


async def _open(server: Server, visit: Visit, scope: Scope) -> Target | Response:
    """Return where the panel is, or what there is to say instead."""
    if visit.run is not None and scope["path"] != _START:
        return await _target(server, visit, scope)
    return await run_in_threadpool(_page_of_stopped, server, visit, scope)


def _arrive(server: Server, cookie: str | None) -> Visit:
    """Return a viewer at the door. Raises: NotSignedIn."""
    return look_up(server, server.runtime.panel.job, server.credentials.actor(None, cookie))


async def _target(server: Server, visit: Visit, scope: Scope) -> Target | Response:
    assert visit.run is not None, "asked before"
    if not server.sessions.admits(visit.run["id"], visit.actor.user_id, scope):
        return foreign_session()
    # Only who opens a session is read there; everything else would carry the token for nothing.
    opens_session = scope["type"] == "websocket"
    return Target(
        visit.run["id"],
        visit.run["port"],
        origin_in(server.settings, scope),
        visit.email,
        visit.role or "",
        _PREFIX,
        await run_in_threadpool(_viewer_token, server, visit.actor) if opens_session else "",
    )


def _viewer_token(server: Server, viewer: Actor) -> str:
    claims = Claims(TokenKind.PANEL, viewer.user_id, None, session_id=viewer.session_id)
    return server.tokens.issue(claims)[0]


def _page_of_stopped(server: Server, visit: Visit, scope: Scope) -> Response:
    """Start the panel that a page of it is asked for, unless it failed the last time."""
    panel = server.runtime.panel
    if not is_installed():
        return missing_panel_page()
    if scope["path"] == _START:
        if scope.get("method") == "POST":
            panel.start(visit.actor.user_id)
        return RedirectResponse(PANEL, 303)
    if visit.has_failed:
        assert visit.newest is not None, "that is what failed"
        log = server.runtime.run_directory(visit.newest["id"])
        return stopped_panel_page(visit.newest["message"] or "", log, _START)
    if is_page(scope):
        panel.start(visit.actor.user_id)
    return starting_page()


def is_installed() -> bool:
    """Return whether the server's own environment has what the panel is made with."""
    return find_spec("marimo") is not None
