"""The way to interactive apps: which app a request means, who asks, and what there is to show. Plain ASGI.

An app is at the root of a host of its own, `<label>.<apps host>`. A member's browser enters with a ticket from the
server and anybody else's with a public link, both of which become a cookie of that host; a program sends its API key,
and may also use `/apps/<run id>/` on the server's own host. Forwarding is `proxy`; here nothing of an app is read.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import cast
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runyard.core.clock import MICROSECONDS
from runyard.core.errors import Declined, Forbidden, NotFound, NotSignedIn, RunyardError, Unavailable
from runyard.core.profiles import ACCESS
from runyard.core.publishing import require_access
from runyard.core.runs import RunStatus
from runyard.core.store import accounts, jobs, runs
from runyard_server.app_hosts import host_name, label_in
from runyard_server.app_pages import (
    START_PATH,
    closed_page,
    enter_page,
    starting_page,
    stopped_page,
    unknown_page,
)
from runyard_server.auth import Action, Actor, Resource, Role, may
from runyard_server.context import Server
from runyard_server.credentials import APP_COOKIE
from runyard_server.errors import respond
from runyard_server.links import COOKIE_SECONDS, LINK_COOKIE, LINK_PATH
from runyard_server.middleware import is_own, panel_names
from runyard_server.pages import HEADERS
from runyard_server.proxy import Target, refuse_socket
from runyard_server.settings import Settings
from runyard_server.tokens import LIFETIME_SECONDS, Claims, TokenKind

log = logging.getLogger(__name__)

ENTER_PATH = "/-/enter"
"""Where a ticket becomes a cookie. Paths below `/-/` of an app's host are ours."""

LINK_STARTS_SECONDS = 60
"""How often people without an account may start an app: what ends at once is not started all the time."""

PUBLIC = "public"
"""What an app is told of the role of somebody who came with a public link."""

_RUN_PATH = re.compile(r"(/apps/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))(?:/|$)")


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at the door of an app: a user, or a guest, who came with a public link.

    `role` is None for who has no part in its workspace; `newest` is the app's last run, if it has ever run.
    """

    job: RowMapping
    actor: Actor
    email: str
    role: Role | None
    run: RowMapping | None
    newest: RowMapping | None

    @property
    def is_guest(self) -> bool:
        return self.actor.only_job is not None

    @property
    def has_failed(self) -> bool:
        return self.newest is not None and self.newest["status"] == RunStatus.FAILED

    def may(self, action: Action) -> bool:
        return may(self.actor, action, Resource(self.job["workspace_id"], self.role, job_id=self.job["id"]))


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
        answer: Target | Response
        if name in self._panel_names:
            label, below = None, _RUN_PATH.match(scope["path"])
        else:
            label, below = label_in(name, self._settings.apps_host), None
        if label is not None:
            job = await run_in_threadpool(_job_at, server, label)
            door = _Door(server, scope, headers)
            answer = unknown_page() if job is None else await door.open(job)
            if door.link_id is not None:
                await server.open_links.serve(
                    door.link_id, partial(pass_on, server, answer), scope, receive, send
                )
                return
        elif below is not None:
            answer = await _Door(server, scope, headers, prefix=below[1]).open_run(below[2])
        else:
            await self._app(scope, receive, send)
            return
        await pass_on(server, answer, scope, receive, send)


async def pass_on(
    server: Server, answer: Target | Response, scope: Scope, receive: Receive, send: Send
) -> None:
    """Forward a request to its target, or give it the answer there is; a web socket is refused with its status."""
    if isinstance(answer, Target):
        await server.proxy.forward(answer, scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await refuse_socket(Response(status_code=answer.status_code), scope, receive, send)
    else:
        await answer(scope, receive, send)


def origin_in(settings: Settings, scope: Scope) -> str:
    """Return the scheme and host that a visitor used."""
    public = urlsplit(settings.public_url or "").scheme
    scheme = public or {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return f"{scheme}://{Headers(scope=scope)['host']}"


def is_page(scope: Scope) -> bool:
    """Return whether somebody asks for a page; what an old tab goes on asking for is none."""
    asked_for = Headers(scope=scope).get("sec-fetch-dest", "document")
    return bool(scope["type"] == "http" and asked_for == "document")


def foreign_session() -> Response:
    """Return what who names somebody else's session gets."""
    return respond(Forbidden("This session is somebody else's.", "Reload the page for one of your own."))


class _Door:
    """One request to an app: it opens to a target, or it answers. `link_id`: the link that it was opened with."""

    def __init__(self, server: Server, scope: Scope, headers: Headers, prefix: str = "") -> None:
        self._server, self._scope, self._headers, self._prefix = server, scope, headers, prefix
        self._origin = origin_in(server.settings, scope)
        self._cookies = cookie_parser(headers.get("cookie", ""))
        self.link_id: str | None = None

    async def open_run(self, run_id: str) -> Target | Response:
        """Open the app of a run to a program; a cookie opens nothing here, where the server's own pages are."""
        if "authorization" not in self._headers:
            return respond(NotSignedIn("This address is for programs.", "Send `Bearer` and an API key."))
        job = await run_in_threadpool(_job_of, self._server, run_id)
        return await self._open_to_program(job, run_id)

    async def open(self, job: RowMapping) -> Target | Response:
        """Open an app on its own host."""
        if "authorization" in self._headers:
            return await self._open_to_program(job)
        is_reading = self._scope["type"] == "http" and self._scope["method"] in ("GET", "HEAD", "OPTIONS")
        if not is_reading and not all(is_own(self._headers, name) for name in (APP_COOKIE, LINK_COOKIE)):
            return respond(Forbidden("Another site asked for this.", "Do it from a page of this app."))
        if is_reading and self._scope["path"] == ENTER_PATH:
            return self._enter(job)
        if is_reading and self._scope["path"].startswith(LINK_PATH):
            return self._enter_with_link(job, self._scope["path"].removeprefix(LINK_PATH))
        visit = await self._visit(job)
        if isinstance(visit, Response):
            return visit
        if self._scope["type"] == "http" and self._scope["path"] == START_PATH:
            return await self._start_again(visit)
        return self._target(visit) or await self._page_of_stopped(visit)

    async def _open_to_program(self, job: RowMapping | None, run_id: str | None = None) -> Target | Response:
        try:
            actor = await run_in_threadpool(
                self._server.credentials.actor, self._headers["authorization"], None
            )
            visit = None if job is None else await run_in_threadpool(look_up, self._server, job, actor)
            if visit is None or not visit.may(Action.OPEN):
                raise NotFound("There is no such app for you.", "Check the address and your key.")
            if run_id is not None and (visit.run is None or visit.run["id"] != run_id):
                raise Unavailable("This run serves nothing now.", "Start the job and use its new run.")
            target = self._target(visit)
            if target is None:
                if visit.may(Action.START) and not visit.has_failed:
                    await run_in_threadpool(_start, self._server, visit)
                raise Unavailable("The app is not running.", "Ask again in a moment, or start its job.")
            return target
        except RunyardError as error:
            return respond(error)

    def _enter(self, job: RowMapping) -> Response:
        """Take a ticket and give the cookie of this host."""
        query = parse_qs(self._scope["query_string"].decode("latin-1"))
        user_id = self._server.tickets.spend(query.get("ticket", [""])[0], job["id"])
        if user_id is None:
            return enter_page(f"{self._panel_origin()}/apps/open/{job['id']}")
        cookie, _ = self._server.tokens.issue(
            Claims(TokenKind.APP, user_id, job["workspace_id"], job_id=job["id"])
        )
        return self._to_app(APP_COOKIE, cookie, LIFETIME_SECONDS[TokenKind.APP])

    def _enter_with_link(self, job: RowMapping, token: str) -> Response:
        """Take the token of a link and give a cookie of this host, to each browser one of its own."""
        if job["paused_at"] is not None or not self._server.links.opens(token, job):
            return unknown_page()
        self.link_id = job["link_id"]
        known = None if self._guest(job) is None else self._cookies[LINK_COOKIE]
        return self._to_app(
            LINK_COOKIE, known or self._server.links.new_cookie(job["link_id"]), COOKIE_SECONDS
        )

    def _to_app(self, name: str, cookie: str, seconds: int) -> Response:
        """Return the way into the app, with a cookie of its host."""
        response = RedirectResponse("/", 303, HEADERS)
        response.set_cookie(
            name,
            cookie,
            max_age=seconds,
            httponly=True,
            samesite="lax",
            secure=self._origin.startswith("https:"),
        )
        return response

    async def _visit(self, job: RowMapping) -> Visit | Response:
        """Return who is there: a member as themselves, else a guest; or the page for who is neither."""
        member, guest = self._member(job), self._guest(job)
        if member is not None:
            visit = await run_in_threadpool(look_up, self._server, job, member)
            if visit.may(Action.OPEN):
                return visit
        if guest is not None:
            self.link_id = job["link_id"]
            visit = await run_in_threadpool(look_up, self._server, job, guest)
            assert visit.may(Action.OPEN), "the link is this app's"
            return visit
        if member is None and LINK_COOKIE not in self._cookies:
            return enter_page(f"{self._panel_origin()}/apps/open/{job['id']}")
        return unknown_page()

    def _guest(self, job: RowMapping) -> Actor | None:
        """Return the viewer that a link's cookie names, None if the link does not work (any more)."""
        viewer_id = self._server.links.viewer(self._cookies.get(LINK_COOKIE, ""), job)
        if viewer_id is None or job["paused_at"] is not None:
            return None
        return Actor(viewer_id, frozenset({Action.OPEN}), only_job=job["id"])

    def _member(self, job: RowMapping) -> Actor | None:
        """Return the user that an app's cookie names."""
        cookie = self._cookies.get(APP_COOKIE)
        if cookie is None:
            return None
        try:
            claims = self._server.tokens.read(cookie)
        except NotSignedIn:
            return None
        return Actor(claims.user_id) if claims.job_id == job["id"] else None

    def _target(self, visit: Visit) -> Target | Response | None:
        """Return where the app is, None if it is not running."""
        if visit.run is None:
            return None
        if visit.is_guest and visit.run["profile"] != ACCESS:
            return closed_page()
        if not self._server.sessions.admits(visit.run["id"], visit.actor.user_id, self._scope):
            return foreign_session()
        return Target(
            visit.run["id"],
            visit.run["port"],
            self._origin,
            visit.email,
            PUBLIC if visit.is_guest else visit.role or "",
            self._prefix,
        )

    async def _page_of_stopped(self, visit: Visit) -> HTMLResponse:
        """Start an app that a page of it is asked for; what an old tab goes on asking for starts nothing."""
        if visit.is_guest:
            return await self._start_for_guest(visit)
        if not visit.may(Action.START):
            return stopped_page(
                "Your role does not allow you to start it: ask a developer of its workspace.", may_start=False
            )
        if visit.has_failed:
            return stopped_page("Its last run failed; the log of the run says why.", may_start=True)
        if not is_page(self._scope):
            return stopped_page("Nobody has opened it since it stopped.", may_start=True)
        return await self._start(visit)

    async def _start_for_guest(self, visit: Visit) -> HTMLResponse:
        """Start an app for somebody without an account, unless it failed or was started just now (PUB-11)."""
        if visit.has_failed or not is_page(self._scope):
            return closed_page()
        now = self._server.runtime.clock.now()
        if visit.newest is None or now - visit.newest["created_at"] >= LINK_STARTS_SECONDS * MICROSECONDS:
            try:
                await run_in_threadpool(_start, self._server, visit)
            except RunyardError as error:
                log.warning("a public link could not start %s: %s", visit.job["job_ref"], error)
                return closed_page()
        return starting_page()

    async def _start_again(self, visit: Visit) -> Response:
        """Start an app by its button; the page that follows leads to the app."""
        if self._scope["method"] != "POST" or not visit.may(Action.START):
            return RedirectResponse("/", 303, HEADERS)
        return await self._start(visit)

    async def _start(self, visit: Visit) -> HTMLResponse:
        try:
            await run_in_threadpool(_start, self._server, visit)
        except Declined as refusal:
            return stopped_page(str(refusal), may_start=False)
        return starting_page()

    def _panel_origin(self) -> str:
        if self._server.settings.public_url:
            return self._server.settings.public_url.rstrip("/")
        here = urlsplit(self._origin)
        return f"{here.scheme}://localhost" + ("" if here.port is None else f":{here.port}")


def _job_at(server: Server, label: str) -> RowMapping | None:
    job = server.runtime.database.read(lambda connection: jobs.by_label(connection, label))
    return None if job is None or job["archived_at"] is not None else job


def _job_of(server: Server, run_id: str) -> RowMapping | None:
    def work(connection: Connection) -> RowMapping | None:
        run = runs.by_id(connection, run_id)
        return None if run is None else jobs.by_ids(connection, [run["job_id"]])[run["job_id"]]

    return server.runtime.database.read(work)


def look_up(server: Server, job: RowMapping, actor: Actor) -> Visit:
    """Return somebody at the door of an app, with what is known of it now."""

    def work(connection: Connection) -> Visit:
        user = accounts.get_user(connection, actor.user_id)
        membership = accounts.get_membership(connection, actor.user_id, job["workspace_id"])
        run = runs.serving(connection, job["id"])
        newest = runs.latest_of(connection, [job["id"]]).get(job["id"])
        return Visit(
            job,
            actor,
            "" if user is None else user["email"],
            None if membership is None else Role(membership["role"]),
            run,
            newest,
        )

    return server.runtime.database.read(work)


def _start(server: Server, visit: Visit) -> None:
    """Start an app; for a guest under `access` alone. Raises: Conflict if that has no settings any more."""
    workspace_id = visit.job["workspace_id"]
    if visit.is_guest:
        server.runtime.database.read(lambda connection: require_access(connection, workspace_id))
    server.runtime.run_control.start(
        workspace_id,
        job_ids=[visit.job["id"]],
        selectors=None,
        profile=ACCESS if visit.is_guest else None,
        user_id=None if visit.is_guest else visit.actor.user_id,
    )
