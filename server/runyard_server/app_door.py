"""The door of one app: who may come in, with what they carry, and what there is to see while the app is not there.

A member's browser enters with a ticket from the server and anybody else's with a public link, both of which become a
cookie of the app's host; a program sends its API key. Forwarding is `proxy`; nothing of an app is read here.
"""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from runyard.core.clock import MICROSECONDS
from runyard.core.errors import Declined, Forbidden, NotFound, NotSignedIn, RunyardError, Unavailable
from runyard.core.profiles import ACCESS
from runyard.core.store import jobs, runs
from runyard_server import cookies
from runyard_server.app_pages import (
    START_PATH,
    closed_page,
    enter_page,
    starting_page,
    stopped_page,
    unknown_page,
)
from runyard_server.auth import Action, Actor
from runyard_server.context import Server
from runyard_server.credentials import APP_COOKIE
from runyard_server.errors import respond
from runyard_server.links import COOKIE_SECONDS, LINK_COOKIE, LINK_PATH
from runyard_server.middleware import is_own
from runyard_server.pages import HEADERS
from runyard_server.proxy import Target
from runyard_server.tokens import LIFETIME_SECONDS, Claims, TokenKind
from runyard_server.visits import Visit, foreign_session, is_page, look_up, origin_in, start

log = logging.getLogger(__name__)

ENTER_PATH = "/-/enter"
"""Where a ticket becomes a cookie. Paths below `/-/` of an app's host are ours."""

LINK_STARTS_SECONDS = 60
"""How often people without an account may start an app: what ends at once is not started all the time."""

PUBLIC = "public"
"""What an app is told of the role of somebody who came with a public link."""


class AppDoor:
    """One request to an app: it opens to a target, or it answers.

    `through`: the link or the sign-in that it was opened with, and that what is open ends with. `is_public`: it was a
    link.
    """

    def __init__(self, server: Server, scope: Scope, headers: Headers, prefix: str = "") -> None:
        self._server, self._scope, self._headers, self._prefix = server, scope, headers, prefix
        self._origin = origin_in(server.settings, scope)
        self._cookies = cookie_parser(headers.get("cookie", ""))
        self.through: str | None = None
        self.is_public = False

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
        visit = await run_in_threadpool(self._arrive, job)
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
                    await run_in_threadpool(start, self._server, visit)
                raise Unavailable("The app is not running.", "Ask again in a moment, or start its job.")
            return target
        except RunyardError as error:
            return respond(error)

    def _enter(self, job: RowMapping) -> Response:
        """Take a ticket and give the cookie of this host."""
        query = parse_qs(self._scope["query_string"].decode("latin-1"))
        ticket = self._server.tickets.spend(query.get("ticket", [""])[0], job["id"])
        if ticket is None:
            return self._way_in(job)
        claims = Claims(
            TokenKind.APP,
            ticket.user_id,
            job["workspace_id"],
            job_id=job["id"],
            session_id=ticket.session_id,
        )
        cookie, _ = self._server.tokens.issue(claims)
        return self._to_app(APP_COOKIE, cookie, LIFETIME_SECONDS[TokenKind.APP])

    def _enter_with_link(self, job: RowMapping, token: str) -> Response:
        """Take the token of a link and give a cookie of this host, to each browser one of its own."""
        if job["paused_at"] is not None or not self._server.links.opens(token, job):
            return unknown_page()
        self.through, self.is_public = job["link_id"], True
        known = None if self._guest(job) is None else self._cookie(LINK_COOKIE)
        return self._to_app(
            LINK_COOKIE, known or self._server.links.new_cookie(job["link_id"]), COOKIE_SECONDS
        )

    def _to_app(self, name: str, cookie: str, seconds: int) -> Response:
        """Return the way into the app, with a cookie of its host."""
        response = RedirectResponse("/", 303, HEADERS)
        cookies.give(response, name, cookie, seconds, self._origin)
        return response

    def _arrive(self, job: RowMapping) -> Visit | Response:
        """Return who is there: a member as themselves, else a guest; or the page for who is neither."""
        member, guest = self._member(job), self._guest(job)
        if member is not None:
            visit = look_up(self._server, job, member)
            if visit.may(Action.OPEN):
                self.through = member.session_id
                return visit
        if guest is not None:
            self.through, self.is_public = job["link_id"], True
            visit = look_up(self._server, job, guest)
            assert visit.may(Action.OPEN), "the link is this app's"
            return visit
        if member is None and self._cookie(LINK_COOKIE) is None:
            return self._way_in(job)
        return unknown_page()

    def _guest(self, job: RowMapping) -> Actor | None:
        """Return the viewer that a link's cookie names, None if the link does not work (any more)."""
        viewer_id = self._server.links.viewer(self._cookie(LINK_COOKIE) or "", job)
        if viewer_id is None or job["paused_at"] is not None:
            return None
        return Actor(viewer_id, frozenset({Action.OPEN}), only_job=job["id"])

    def _member(self, job: RowMapping) -> Actor | None:
        """Return the user that an app's cookie names, None if it names none (any more)."""
        try:
            return self._server.credentials.member(self._cookie(APP_COOKIE) or "", job["id"])
        except NotSignedIn:
            return None

    def _cookie(self, name: str) -> str | None:
        return cookies.find(self._cookies, name, self._origin)

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
                await run_in_threadpool(start, self._server, visit)
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
            await run_in_threadpool(start, self._server, visit)
        except Declined as refusal:
            return stopped_page(str(refusal), may_start=False)
        return starting_page()

    def _way_in(self, job: RowMapping) -> Response:
        """Return the page that leads to the server, which knows who is signed in and gives them a ticket."""
        server = self._server.settings.public_url
        if not server:
            here = urlsplit(self._origin)
            server = f"{here.scheme}://localhost" + ("" if here.port is None else f":{here.port}")
        return enter_page(f"{server.rstrip('/')}/apps/open/{job['id']}")


def _job_of(server: Server, run_id: str) -> RowMapping | None:
    def work(connection: Connection) -> RowMapping | None:
        run = runs.by_id(connection, run_id)
        return None if run is None else jobs.by_ids(connection, [run["job_id"]])[run["job_id"]]

    return server.runtime.database.read(work)
