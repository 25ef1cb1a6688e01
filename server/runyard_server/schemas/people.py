"""Organizations, workspaces, and who belongs to them."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.shared import Instant, JsonObject, Uuid


class Organization(TypedDict):
    """This server, which clients see as an organization."""

    id: Uuid
    name: str
    description: str | None
    dataplane_id: str | None
    created_at: Instant
    updated_at: Instant


class Workspace(TypedDict):
    """A workspace."""

    id: Uuid
    name: str
    description: str | None
    organization_id: Uuid
    dataplane_id: str
    dataplane_url: str
    created_at: Instant
    updated_at: Instant
    archived_at: Instant | None
    is_playground: bool
    predefined_profiles: JsonObject


class OrganizationMembership(TypedDict):
    """A user in an organization."""

    id: Uuid
    is_active: bool
    organization: Organization
    role: str


class Me(TypedDict):
    """The caller, a person."""

    user_id: Uuid
    email: str
    name: str | None
    organization_membership_id: Uuid
    primary_organization: Organization
    latest_organization: Organization
    latest_workspace: Workspace | None
    organization_memberships: list[OrganizationMembership]


class WorkspaceMembership(TypedDict):
    """A workspace of the caller."""

    role: str
    workspace: Workspace


class OrganizationMe(TypedDict):
    """The caller in an organization, with every workspace the credential reaches."""

    user_id: Uuid
    email: str
    organization_membership_id: Uuid
    organization: Organization
    role: str
    workspace_memberships: list[WorkspaceMembership]


class Member(TypedDict):
    """A user in a workspace."""

    id: Uuid
    user_id: Uuid
    email: str
    name: str | None
    role: str
    organization_membership_id: Uuid


class WorkspaceMe(TypedDict):
    """The caller in a workspace."""

    user_id: Uuid
    email: str
    organization_membership_id: Uuid
    organization: Organization
    organization_role: str
    workspace: Workspace
    workspace_role: str


class DataplaneToken(TypedDict):
    """A token for the data plane; `expires_at` in seconds since 1970."""

    token: str
    expires_at: int
