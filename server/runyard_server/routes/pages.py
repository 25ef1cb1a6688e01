"""Pages for people: signing in, and what runs here."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from runyard.core.errors import NotSignedIn, RunyardError
from runyard.core.store import accounts, jobs, shown_runs
from runyard_server import cookies, pages
from runyard_server.auth import Action, Resource, Role, may
from runyard_server.context import InWorkspace, Server, actor_of, origin_of, server_of
from runyard_server.credentials import COOKIE
from runyard_server.panel_gate import is_installed
from runyard_server.sign_in import ASKED_COOKIE, PANEL, SESSION_SECONDS, landing
from runyard_server.views import instant, status_of

router = APIRouter(include_in_schema=False)

RUNS_SHOWN = 10
"""Newest runs per workspace: what fits on a screen."""

WORKSPACES_SHOWN = 20


@router.get("/sign-in")
def open_sign_in(request: Request, token: Annotated[str, Query()] = "") -> Response:
    """Show the button and spend nothing; the panel starts, to be there when the button has been pressed."""
    server = server_of(request)
    if not server.sign_ins.is_open(token):
        return pages.spent_page()
    _start_panel(server)
    return pages.sign_in_page(token)


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form()]) -> Response:
    """Spend a one-time address and sign the browser in; the panel starts if it does not run any more."""
    server = server_of(request)
    cookie = server.sign_ins.spend(token)
    if cookie is None:
        return pages.spent_page()
    _start_panel(server)
    response = RedirectResponse(landing(request.cookies.get(ASKED_COOKIE)), 303)
    response.delete_cookie(ASKED_COOKIE)
    cookies.give(response, COOKIE, cookie, SESSION_SECONDS, origin_of(request))
    return response


def _start_panel(server: Server) -> None:
    if is_installed():
        server.runtime.panel.start(None)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the browser's session, and with it every token that was issued to it."""
    response = RedirectResponse("/", 303)
    cookies.take(response, COOKIE, origin_of(request))
    server = server_of(request)
    with suppress(NotSignedIn):
        server.sign_ins.end(actor_of(request))
        server.changes.wake()  # for `open_visits`, which closes what this browser has open
    return response


@router.get("/w/{workspace_id}")
@router.get("/w/{workspace_id}/{place:path}")
def show_place(request: Request, workspace_id: str, place: str = "") -> Response:
    """Lead to the page of the panel that an address means, as clients print them (contract 4.1)."""
    try:
        actor_of(request)
    except NotSignedIn:
        return pages.stranger_page(request.url.path)
    noun, _, name = place.partition("/")
    if noun == "jobs" and name:
        place = quote(f"{noun}/{_job_ref(request, workspace_id, name)}")
    elif noun == "pipelines" and name:
        place = f"jobs?pipeline={quote(name, safe='')}"
    else:
        place = quote(place) if noun == "runs" else ""
    return RedirectResponse(f"{PANEL}#/w/{quote(workspace_id)}/{place}", 303)


def _job_ref(request: Request, workspace_id: str, name: str) -> str:
    """Return the ref of a job that an address names by its id; any other name as it is."""
    try:
        job_id = str(UUID(name))
        here = InWorkspace(Action.READ).enter(request, workspace_id)
    except (ValueError, RunyardError):
        return name
    row = here.read(lambda connection: jobs.get(connection, workspace_id, job_id))
    return name if row is None else str(row["job_ref"])


@router.get("/")
def show_home(request: Request) -> Response:
    """Show what runs here, without the panel."""
    try:
        actor = actor_of(request)
    except NotSignedIn:
        return pages.stranger_page()

    def work(connection: Connection) -> list[pages.WorkspaceSection]:
        rows = accounts.list_memberships(connection, actor.user_id)[:WORKSPACES_SHOWN]
        return [
            _section(connection, row["id"], row["name"])
            for row in rows
            if may(actor, Action.READ, Resource(row["id"], Role(row["role"])))
        ]

    sections = server_of(request).runtime.database.read(work)
    return pages.home_page(origin_of(request), sections)


def _section(connection: Connection, workspace_id: str, name: str) -> pages.WorkspaceSection:
    _, job_count = jobs.page(connection, workspace_id, archived=False, limit=1, offset=0)
    rows, _ = shown_runs.page(connection, workspace_id, limit=RUNS_SHOWN, offset=0)
    by_id = jobs.by_ids(connection, {row["job_id"] for row in rows})
    lines = [
        pages.RunLine(
            by_id[row["job_id"]]["job_ref"], row["number"], status_of(row), instant(row["created_at"])
        )
        for row in rows
    ]
    return pages.WorkspaceSection(workspace_id, name, job_count, lines)
