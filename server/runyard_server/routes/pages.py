"""Pages for people: signing in, and what runs here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from runyard.core.errors import NotSignedIn
from runyard.core.store import accounts, jobs, runs
from runyard_server import pages
from runyard_server.context import actor_of, origin_of, server_of
from runyard_server.credentials import COOKIE
from runyard_server.sign_in import SESSION_SECONDS
from runyard_server.views import instant, status_of

router = APIRouter(include_in_schema=False)

RUNS_SHOWN = 10
"""Newest runs per workspace: what fits on a screen."""

WORKSPACES_SHOWN = 20


@router.get("/sign-in")
def open_sign_in(request: Request, token: Annotated[str, Query()] = "") -> Response:
    """Show the button; spend nothing."""
    return pages.sign_in_page(token) if server_of(request).sign_ins.is_open(token) else pages.spent_page()


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form()]) -> Response:
    """Spend a one-time address and sign the browser in."""
    cookie = server_of(request).sign_ins.spend(token)
    if cookie is None:
        return pages.spent_page()
    response = RedirectResponse("/", 303)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",
        secure=origin_of(request).startswith("https:"),
    )
    return response


@router.get("/")
@router.get("/w/{rest:path}")
def show_home(request: Request) -> Response:
    """Show what runs here. The addresses that clients print for workspaces, jobs and runs lead here too."""
    try:
        actor = actor_of(request)
    except NotSignedIn:
        return pages.stranger_page()

    def work(connection: Connection) -> list[pages.WorkspaceSection]:
        rows = accounts.list_memberships(connection, actor.user_id)[:WORKSPACES_SHOWN]
        return [
            _section(connection, row["id"], row["name"])
            for row in rows
            if actor.only_workspace in (None, row["id"])
        ]

    sections = server_of(request).runtime.database.read(work)
    return pages.home_page(origin_of(request), sections)


def _section(connection: Connection, workspace_id: str, name: str) -> pages.WorkspaceSection:
    _, job_count = jobs.page(connection, workspace_id, archived=False, limit=1, offset=0)
    rows, _ = runs.page(connection, workspace_id, limit=RUNS_SHOWN, offset=0)
    by_id = jobs.by_ids(connection, {row["job_id"] for row in rows})
    lines = [
        pages.RunLine(
            by_id[row["job_id"]]["job_ref"], row["number"], status_of(row), instant(row["created_at"])
        )
        for row in rows
    ]
    return pages.WorkspaceSection(workspace_id, name, job_count, lines)
