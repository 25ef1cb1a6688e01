"""Apps: the way from the server's own pages to the host of an interactive job."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from runyard.core.errors import Forbidden, NotFound, NotSignedIn
from runyard.core.store import jobs
from runyard_server import pages
from runyard_server.app_door import ENTER_PATH
from runyard_server.app_hosts import app_origin
from runyard_server.app_pages import unknown_page
from runyard_server.auth import Action
from runyard_server.context import InWorkspace, actor_of, origin_of, server_of

router = APIRouter(include_in_schema=False)


@router.get("/apps/open/{job_id}")
def open_app(request: Request, job_id: UUID) -> Response:
    """Send a member of the workspace to an app, with a ticket to enter it."""
    try:
        actor = actor_of(request)
    except NotSignedIn:
        return pages.stranger_page(request.url.path)
    server = server_of(request)
    job = server.runtime.database.read(
        lambda connection: jobs.by_ids(connection, [str(job_id)]).get(str(job_id))
    )
    if job is None or job["label"] is None:
        return unknown_page()
    try:
        InWorkspace(Action.OPEN).enter(request, job["workspace_id"])
    except (NotFound, Forbidden):
        return unknown_page()
    ticket = server.tickets.issue(actor.user_id, job["id"], actor.session_id)
    origin = app_origin(origin_of(request), job["label"], server.settings.apps_host)
    return RedirectResponse(f"{origin}{ENTER_PATH}?ticket={ticket}", 303, pages.HEADERS)
