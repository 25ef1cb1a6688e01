"""What a route handler is given: the server, who asks, and the workspace it happens in.

`InWorkspace(action)` is the one door to a workspace: it finds the actor, looks up the role, asks `auth.may`.
A handler that is in a workspace may do what its route says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from pydantic_core import to_json
from sqlalchemy import Connection, RowMapping
from starlette.responses import Response

from runyard.core.errors import Forbidden, NotFound
from runyard.core.runtime import Runtime
from runyard.core.store import accounts, snapshots, workspaces
from runyard.core.store.shown_runs import TOTAL_MAX
from runyard_server import cookies
from runyard_server.auth import Action, Actor, Resource, Role, may
from runyard_server.credentials import COOKIE, Credentials
from runyard_server.installation import Installation
from runyard_server.links import Links
from runyard_server.open_visits import OpenVisits
from runyard_server.proxy import Proxy
from runyard_server.requests import PageQuery
from runyard_server.schemas import Page
from runyard_server.session_guard import SessionGuard
from runyard_server.settings import Settings
from runyard_server.sign_in import SignIns
from runyard_server.streams import ChangeHub
from runyard_server.tickets import Tickets
from runyard_server.tokens import Tokens
from runyard_server.views import Views

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """Everything a handler may use; one for each app."""

    runtime: Runtime
    settings: Settings
    installation: Installation
    tokens: Tokens
    credentials: Credentials
    sign_ins: SignIns
    changes: ChangeHub
    proxy: Proxy
    tickets: Tickets
    sessions: SessionGuard
    links: Links
    open_visits: OpenVisits

    def owner_url(self, origin: str) -> str:
        """Return a new one-time address that signs the owner in (AUT-09)."""
        return origin + self.sign_ins.issue(self.installation.owner_id)


def server_of(request: Request) -> Server:
    """Return the server that a request came to."""
    return cast(Server, request.app.state.server)


def origin_of(request: Request) -> str:
    """Return the scheme and host under which the caller reaches us."""
    public = server_of(request).settings.public_url
    return public.rstrip("/") if public else str(request.base_url).rstrip("/")


def actor_of(request: Request) -> Actor:
    """Return who asks. Raises: NotSignedIn."""
    return server_of(request).credentials.actor(
        request.headers.get("authorization"), cookies.find(request.cookies, COOKIE, origin_of(request))
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """A request by somebody we know, in no particular workspace."""

    server: Server
    actor: Actor
    origin: str

    def require(self, action: Action) -> None:
        """Raises: Forbidden unless the actor may do this on the server as a whole."""
        if not may(self.actor, action, Resource()):
            raise Forbidden("This key is for one workspace.", "Use the key of a person.")

    def views(self) -> Views:
        """Return how rows look to this caller."""
        server = self.server
        return Views(server.installation, None, self.origin, server.settings.apps_host)


Documented = Annotated[object, Security(HTTPBearer(auto_error=False, description="An API key or a token."))]
"""Says in the OpenAPI document how a route is entered; finding the actor is `credentials`."""


def caller(request: Request, _: Documented) -> Caller:
    """Return the request of a known caller. Raises: NotSignedIn."""
    return Caller(server_of(request), actor_of(request), origin_of(request))


KnownCaller = Annotated[Caller, Depends(caller)]


@dataclass(frozen=True, slots=True)
class Here(Caller):
    """A request in a workspace, by somebody who may do there what the route does."""

    workspace: RowMapping
    role: Role

    @property
    def workspace_id(self) -> str:
        return str(self.workspace["id"])

    @property
    def runtime(self) -> Runtime:
        return self.server.runtime

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads from the store."""
        return self.runtime.database.read(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` leaves in the store, once it is on disk."""
        return self.runtime.database.write(work)

    def views_of(self, connection: Connection) -> Views:
        """Return how rows look here: a job's profile depends on the settings that are deployed."""
        profiles = snapshots.profiles(connection, self.workspace_id)
        server = self.server
        # An app's key reads, and whoever looks at the app sees what it reads: the addresses of others are not for them.
        may_open = may(self.actor, Action.OPEN, Resource(self.workspace_id, self.role))
        links = server.links if may_open else None
        return Views(server.installation, links, self.origin, server.settings.apps_host, profiles)


class InWorkspace:
    """Lets those into the workspace of the path who may do `action` there.

    Raises: NotSignedIn; NotFound also for a workspace the caller has no part in; Forbidden.
    """

    def __init__(self, action: Action) -> None:
        self.action = action

    def __call__(self, request: Request, workspace_id: UUID, _: Documented) -> Here:
        return self.enter(request, str(workspace_id))

    def enter(self, request: Request, workspace_id: str, upload_id: str | None = None) -> Here:
        """Return the request in its workspace, once it is allowed."""
        server, actor = server_of(request), actor_of(request)

        def look_up(connection: Connection) -> tuple[RowMapping | None, RowMapping | None]:
            membership = accounts.get_membership(connection, actor.user_id, workspace_id)
            return workspaces.get(connection, workspace_id), membership

        workspace, membership = server.runtime.database.read(look_up)
        if workspace is None or membership is None or actor.only_workspace not in (None, workspace_id):
            raise NotFound(f"There is no workspace {workspace_id} for you.", "Check its id and your key.")
        role = Role(membership["role"])
        if not may(actor, self.action, Resource(workspace_id, role, upload_id)):
            raise Forbidden(
                f"As {role} with this credential you may not {self.action.replace('_', ' ')} here.",
                "Ask an owner of the workspace.",
            )
        return Here(server, actor, origin_of(request), workspace, role)


class InUpload(InWorkspace):
    """Lets in who holds the token of the upload in the path."""

    def __init__(self) -> None:
        super().__init__(Action.UPLOAD)

    def __call__(self, request: Request, workspace_id: UUID, snapshot_id: UUID, _: Documented) -> Here:  # type: ignore[override]
        return self.enter(request, str(workspace_id), str(snapshot_id))


Reading = Annotated[Here, Depends(InWorkspace(Action.READ))]
ReadingData = Annotated[Here, Depends(InWorkspace(Action.READ_DATA))]
Starting = Annotated[Here, Depends(InWorkspace(Action.START))]
Pausing = Annotated[Here, Depends(InWorkspace(Action.PAUSE))]
Scheduling = Annotated[Here, Depends(InWorkspace(Action.SCHEDULE))]
Publishing = Annotated[Here, Depends(InWorkspace(Action.PUBLISH))]
Cancelling = Annotated[Here, Depends(InWorkspace(Action.CANCEL))]
Deploying = Annotated[Here, Depends(InWorkspace(Action.DEPLOY))]
Uploading = Annotated[Here, Depends(InUpload())]


def reply(content: Any, status: int = 200) -> Response:
    """Return an answer as JSON, written as it is: `content` is one of the types of `schemas`."""
    return Response(to_json(content), status, media_type="application/json")


def page(items: Sequence[T], total: int, query: PageQuery) -> Page[T]:
    """Return part of a list; totals are counted no further than the contract does."""
    return {
        "items": list(items),
        "total": min(total, TOTAL_MAX),
        "limit": query.limit,
        "offset": query.offset,
        "next_cursor": None,
    }
