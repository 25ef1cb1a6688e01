"""Who is at the door of an app, and what becomes of their request: shared by the ways to apps and to the panel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from runyard.core.errors import Forbidden
from runyard.core.profiles import ACCESS
from runyard.core.publishing import require_access
from runyard.core.runs import RunStatus
from runyard.core.store import accounts, runs, shown_runs
from runyard_server.auth import Action, Actor, Resource, Role, may
from runyard_server.context import Server
from runyard_server.errors import respond
from runyard_server.proxy import Target, refuse_socket
from runyard_server.settings import Settings


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


def look_up(server: Server, job: RowMapping, actor: Actor) -> Visit:
    """Return somebody at the door of an app, with what is known of it now."""

    def work(connection: Connection) -> Visit:
        user = accounts.get_user(connection, actor.user_id)
        membership = accounts.get_membership(connection, actor.user_id, job["workspace_id"])
        run = runs.serving(connection, job["id"])
        newest = shown_runs.latest_of(connection, [job["id"]]).get(job["id"])
        return Visit(
            job,
            actor,
            "" if user is None else user["email"],
            None if membership is None else Role(membership["role"]),
            run,
            newest,
        )

    return server.runtime.database.read(work)


def start(server: Server, visit: Visit) -> None:
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


async def pass_on(
    server: Server,
    answer: Target | Response,
    scope: Scope,
    receive: Receive,
    send: Send,
    through: str | None = None,
) -> None:
    """Forward a request to its target, or give it the answer there is, for as long as what it came `through` works.

    That is the id of a public link or of a signed-in browser's session; a key is asked for every time.
    """
    if through is None:
        await _answer(server, answer, scope, receive, send)
    else:
        await server.open_visits.serve(through, partial(_answer, server, answer), scope, receive, send)


async def _answer(
    server: Server, answer: Target | Response, scope: Scope, receive: Receive, send: Send
) -> None:
    if isinstance(answer, Target):
        await server.proxy.forward(answer, scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await refuse_socket(Response(status_code=answer.status_code), scope, receive, send)
    elif answer.status_code == HTTPStatus.UNAUTHORIZED and _asks_for_manifest(scope):
        await JSONResponse({}, media_type="application/manifest+json")(scope, receive, send)
    else:
        await answer(scope, receive, send)


def also_saying(send: Send, name: bytes, value: bytes) -> Send:
    """Return a `send` that adds a header to every answer."""

    async def saying(message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            message = {**message, "headers": [*message.get("headers", ()), (name, value)]}
        await send(message)

    return saying


def origin_in(settings: Settings, scope: Scope) -> str:
    """Return the scheme and host that a visitor used."""
    public = urlsplit(settings.public_url or "").scheme
    scheme = public or {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    return f"{scheme}://{Headers(scope=scope)['host']}"


def is_page(scope: Scope) -> bool:
    """Return whether somebody asks for a page; what an old tab goes on asking for is none."""
    asked_for = Headers(scope=scope).get("sec-fetch-dest", "document")
    return bool(scope["type"] == "http" and asked_for == "document")


def _asks_for_manifest(scope: Scope) -> bool:
    """Return whether a browser asks how a page is put on a home screen: without cookies, whoever is signed in."""
    return Headers(scope=scope).get("sec-fetch-dest") == "manifest"


def foreign_session() -> Response:
    """Return what who names somebody else's session gets."""
    return respond(Forbidden("This session is somebody else's.", "Reload the page for one of your own."))
