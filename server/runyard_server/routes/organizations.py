"""The caller, and this server as the organization that clients expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection, RowMapping
from starlette.responses import Response

from runyard.core.errors import Forbidden, NotFound
from runyard.core.store import accounts
from runyard_server.auth import Action, Role
from runyard_server.context import Caller, KnownCaller, page, reply
from runyard_server.installation import create_workspace
from runyard_server.requests import CreateWorkspace, PageQuery
from runyard_server.schemas import (
    Me,
    Organization,
    OrganizationMe,
    Page,
    Workspace,
)

router = APIRouter(prefix="/api/v1", tags=["organizations"])


@router.get("/me", response_model=Me)
def get_me(here: KnownCaller) -> Response:
    """Return the caller, if it is a person."""
    if not here.actor.is_person:
        raise Forbidden("A service account is nobody.", "Use the key of a person.")
    user, rows = _user_and_workspaces(here)
    views = here.views()
    me: Me = {
        "user_id": user["id"],
        "email": user["email"],
        "name": user["name"],
        "organization_membership_id": user["id"],
        "primary_organization": views.organization(),
        "latest_organization": views.organization(),
        "latest_workspace": views.workspace(rows[-1]) if rows else None,
        "organization_memberships": [views.organization_membership(user["id"])],
    }
    return reply(me)


@router.get("/organizations", response_model=Page[Organization])
def list_organizations(here: KnownCaller, query: Annotated[PageQuery, Query()]) -> Response:
    """Return the one organization there is."""
    everything = [here.views().organization()]
    return reply(page(everything[query.offset :][: query.limit], len(everything), query))


@router.get("/organizations/{organization_id}", response_model=Organization)
def get_organization(here: KnownCaller, organization_id: UUID) -> Response:
    """Return this server as an organization."""
    _check(here, organization_id)
    return reply(here.views().organization())


@router.get("/organizations/{organization_id}/me", response_model=OrganizationMe)
def get_organization_me(here: KnownCaller, organization_id: UUID) -> Response:
    """Return the caller with every workspace the credential reaches."""
    _check(here, organization_id)
    user, rows = _user_and_workspaces(here)
    views = here.views()
    me: OrganizationMe = {
        "user_id": user["id"],
        "email": user["email"],
        "organization_membership_id": user["id"],
        "organization": views.organization(),
        "role": Role.OWNER,
        "workspace_memberships": [{"role": row["role"], "workspace": views.workspace(row)} for row in rows],
    }
    return reply(me)


@router.post("/organizations/{organization_id}/workspaces", status_code=201, response_model=Workspace)
def create(here: KnownCaller, organization_id: UUID, request: CreateWorkspace) -> Response:
    """Create a workspace that the caller owns."""
    _check(here, organization_id)
    here.require(Action.CREATE_WORKSPACE)
    runtime = here.server.runtime
    row = create_workspace(
        runtime.database,
        runtime.clock,
        runtime.ids,
        name=request.name,
        description=request.description,
        user_id=here.actor.user_id,
    )
    return reply(here.views().workspace(row), 201)


def _check(here: Caller, organization_id: UUID) -> None:
    if str(organization_id) != here.server.installation.id:
        raise NotFound(f"There is no organization {organization_id} here.", "List them first.")


def _user_and_workspaces(here: Caller) -> tuple[RowMapping, Sequence[RowMapping]]:
    """Return the caller's user and the workspaces that the credential reaches, oldest first."""

    def work(connection: Connection) -> tuple[RowMapping, Sequence[RowMapping]]:
        user = accounts.get_user(connection, here.actor.user_id)
        assert user is not None, "a credential belongs to a user"
        rows = accounts.list_memberships(connection, here.actor.user_id)
        only = here.actor.only_workspace
        return user, [row for row in rows if only in (None, row["id"])]

    return here.server.runtime.database.read(work)
