"""A workspace: what it is, who is in it, and making a manifest the truth in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.responses import Response

from runyard.core.deploying import DeployedChange, DeployRequest, DeployResult
from runyard.core.reconcile import Change
from runyard.core.store import accounts
from runyard_server import requests, schemas
from runyard_server.auth import Role
from runyard_server.context import Deploying, Here, Reading, page, reply
from runyard_server.tokens import Claims, TokenKind
from runyard_server.views import Views, schedule_override

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}", tags=["workspaces"])


@router.get("", response_model=schemas.Workspace)
def get_workspace(here: Reading) -> Response:
    """Return a workspace."""
    return reply(here.views().workspace(here.workspace))


@router.get("/me", response_model=schemas.WorkspaceMe)
def get_workspace_me(here: Reading) -> Response:
    """Return the caller in a workspace."""
    user = here.read(lambda connection: accounts.get_user(connection, here.actor.user_id))
    assert user is not None, "a credential belongs to a user"
    views = here.views()
    me: schemas.WorkspaceMe = {
        "user_id": user["id"],
        "email": user["email"],
        "organization_membership_id": user["id"],
        "organization": views.organization(),
        "organization_role": Role.OWNER,
        "workspace": views.workspace(here.workspace),
        "workspace_role": here.role,
    }
    return reply(me)


@router.get("/members", response_model=schemas.Page[schemas.Member])
def list_members(here: Reading, query: Annotated[requests.PageQuery, Query()]) -> Response:
    """Return who is in a workspace, the longest first."""
    rows = here.read(lambda connection: accounts.list_members(connection, here.workspace_id))
    shown = [here.views().member(row) for row in rows[query.offset :][: query.limit]]
    return reply(page(shown, len(rows), query))


@router.post("/-issue-dataplane-token", response_model=schemas.DataplaneToken)
def issue_dataplane_token(here: Reading) -> Response:
    """Return a token for the data plane of this workspace."""
    actor = here.actor
    claims = Claims(
        TokenKind.DATA_PLANE,
        actor.user_id,
        here.workspace_id,
        # It ends with what it was asked for with, if that ends sooner.
        session_id=actor.session_id,
        run_id=actor.run_id,
    )
    token, expires_at = here.server.tokens.issue(claims)
    return reply(schemas.DataplaneToken(token=token, expires_at=expires_at))


@router.post("/-deploy", response_model=schemas.DeployedWorkspace)
def deploy(here: Deploying, request: requests.DeployWorkspace) -> Response:
    """Make a manifest the truth, all of it or nothing; with `dry_run` only say what would change."""
    result = here.runtime.deploying.deploy(
        here.workspace_id,
        DeployRequest(
            engine_version=request.job_definition_engine_version,
            manifest_hash=request.job_definition_hash,
            jobs=request.jobs,
            extensions=request.extensions,
            deployment_module=request.deployment_module,
            description=request.description,
            dry_run=request.dry_run,
            deployment_id=None if request.deployment_id is None else str(request.deployment_id),
            configuration_id=None if request.configuration_id is None else str(request.configuration_id),
        ),
        here.actor.user_id,
    )

    return reply(show_deployed(here, result, request.deployment_module))


def show_deployed(
    here: Here, result: DeployResult, deployment_module: str | None
) -> schemas.DeployedWorkspace:
    """Return what a deploy did as its author sees it."""

    def show(connection: Connection) -> schemas.DeployedWorkspace:
        views = here.views_of(connection)
        changed = [change for change in result.changes if change.change is not Change.UNCHANGED]
        unchanged = [change for change in result.changes if change.change is Change.UNCHANGED]
        return {
            "job_receipt": {
                "succeeded": [_deployed(views, change) for change in changed],
                "skipped": [_deployed(views, change) for change in unchanged],
                "failed": [],
            },
            "warnings": list(result.warnings),
            "deployment_module": deployment_module,
        }

    return here.read(show)


def _deployed(views: Views, change: DeployedChange) -> schemas.DeployedJob:
    previous = change.previous
    return {
        "job": views.job(change.job),
        "outcome": change.change,
        "fields": list(change.fields),
        "previous_version": None if previous is None else views.job_version(previous, change.job),
        "dropped_override": None if change.dropped is None else schedule_override(change.dropped),
    }
