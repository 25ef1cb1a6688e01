"""The server as one ASGI application: a table of contents, everything in it is elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from runyard.core.runtime import Runtime
from runyard_server.app_gate import AppGate
from runyard_server.context import Server
from runyard_server.credentials import Credentials
from runyard_server.errors import HANDLERS
from runyard_server.idle_panel import IdlePanel
from runyard_server.installation import prepare
from runyard_server.links import Links
from runyard_server.middleware import guards
from runyard_server.open_visits import OpenVisits
from runyard_server.panel_gate import PanelGate
from runyard_server.proxy import Proxy
from runyard_server.routes import (
    apps,
    beacon,
    events,
    hooks,
    jobs,
    logs,
    manifests,
    organizations,
    pages,
    plans,
    runs,
    server,
    snapshots,
    workspaces,
)
from runyard_server.schemas import ErrorBody
from runyard_server.session_guard import SessionGuard
from runyard_server.settings import Settings
from runyard_server.sign_in import SignIns
from runyard_server.streams import ChangeHub
from runyard_server.tickets import Tickets
from runyard_server.tokens import Tokens

ROUTERS = (
    server.router,
    organizations.router,
    workspaces.router,
    *(snapshots.routes_of(noun) for noun in snapshots.NOUNS),
    manifests.router,
    jobs.router,
    plans.router,
    runs.router,
    logs.router,
    events.router,
    pages.router,
    apps.router,
    hooks.router,
    beacon.router,
)


def create_app(runtime: Runtime, settings: Settings) -> FastAPI:
    """Return the application of a runtime, whose loops run as long as the application does.

    `app.state.server` is what the routes use; a launcher gets the owner's sign-in address from it.
    """
    app = FastAPI(
        title="runyard",
        version=version("runyard"),
        lifespan=_lifespan,
        middleware=[Middleware(AppGate, settings=settings), *guards(settings), Middleware(PanelGate)],
        exception_handlers=HANDLERS,
        redirect_slashes=False,
        # Their pages load scripts from elsewhere, which no page of ours does.
        docs_url=None,
        redoc_url=None,
    )
    app.router.routes.extend(_routes())
    app.state.server = _wire(runtime, settings)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes of every application of this process: what checks requests and answers is made once."""
    router = APIRouter(
        responses={"default": {"model": ErrorBody, "description": "A refusal, with its reasons."}},
        generate_unique_id_function=_operation_id,
    )
    for each in ROUTERS:
        router.include_router(each)
    return router.routes


def _wire(runtime: Runtime, settings: Settings) -> Server:
    database, clock, ids = runtime.database, runtime.clock, runtime.ids
    tokens = Tokens(runtime.data_dir / "keys", clock, ids)
    changes = ChangeHub()
    database.on_change(changes.wake)
    installation = prepare(database, clock, ids, settings.bootstrap_api_key)
    credentials = Credentials(database, clock, tokens)
    runtime.panel.install(installation.owner_id)
    return Server(
        runtime=runtime,
        settings=settings,
        installation=installation,
        tokens=tokens,
        credentials=credentials,
        sign_ins=SignIns(database, clock, ids),
        changes=changes,
        proxy=Proxy(),
        tickets=Tickets(clock, ids),
        sessions=SessionGuard(),
        links=Links(runtime.data_dir / "keys", ids),
        open_visits=OpenVisits(database, clock, changes),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    server: Server = app.state.server
    server.runtime.start()
    idle = IdlePanel(server.runtime.panel, server.proxy.sockets, server.runtime.clock)
    idle.start()
    try:
        yield
    finally:
        idle.close()
        await server.proxy.close()
        server.runtime.close()


def _operation_id(route: APIRoute) -> str:
    return route.name
