"""The caller and their workspaces, in the words that the published client expects; and how a server begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import OWNER_KEY, Api

from runyard.core.errors import InvalidRequest
from runyard_server import schemas

OTHER_KEY = "dlt_u_another-key-of-the-owner"


def test_the_owner_finds_organization_and_workspaces(api: Api) -> None:
    me = api.get("/api/v1/me")
    TypeAdapter(schemas.Me).validate_python(me)
    (organization,) = api.get("/api/v1/organizations")["items"]
    assert (
        organization == me["primary_organization"] == api.get(f"/api/v1/organizations/{organization['id']}")
    )
    mine = api.get(f"/api/v1/organizations/{organization['id']}/me")
    TypeAdapter(schemas.OrganizationMe).validate_python(mine)
    (membership,) = mine["workspace_memberships"]
    assert (membership["role"], membership["workspace"]["name"]) == ("owner", "story")
    assert membership["workspace"] == api.get(api.here)
    assert membership["workspace"]["dataplane_url"] == "http://localhost"
    assert membership["workspace"]["predefined_profiles"] == {"DATA_WRITE": "prod", "DATA_READ": "access"}


def test_two_workspaces_may_have_one_name(api: Api) -> None:
    path = f"/api/v1/organizations/{api.organization_id}/workspaces"
    made = api.ok("POST", path, 201, json={"name": "story", "description": "again"})
    assert made["id"] != api.workspace_id
    assert made["description"] == "again"
    mine = api.get(f"/api/v1/organizations/{api.organization_id}/me")
    assert len(mine["workspace_memberships"]) == 2


def test_a_workspace_key_reaches_exactly_its_workspace(local_api: Api) -> None:
    path = f"/api/v1/organizations/{local_api.organization_id}"
    key = local_api.add_user("developer", workspace_key=True)
    local_api.ok("POST", f"{path}/workspaces", 201, json={"name": "other", "description": None})
    (membership,) = local_api.get(f"{path}/me", key=key)["workspace_memberships"]
    assert membership["workspace"]["id"] == local_api.workspace_id


def test_members_and_the_callers_own_role_are_told(local_api: Api) -> None:
    key = local_api.add_user("viewer")
    members = local_api.get(f"{local_api.here}/members", key=key)
    assert [member["role"] for member in members["items"]] == ["owner", "viewer"]
    mine = local_api.get(f"{local_api.here}/me", key=key)
    assert mine["workspace_role"] == "viewer"
    TypeAdapter(schemas.WorkspaceMe).validate_python(mine)


# SPEC: AUT-08
def test_another_key_in_the_environment_revokes_the_one_before(tmp_path: Path) -> None:
    with Api(tmp_path / "data"):
        pass
    with Api(tmp_path / "data", key=OTHER_KEY) as api:
        assert len(api.get("/api/v1/organizations", key=OTHER_KEY)["items"]) == 1
        assert api.request("GET", "/api/v1/me", key=OWNER_KEY).status_code == 401
    with pytest.raises(InvalidRequest, match="revoked"):
        Api(tmp_path / "data")


# SPEC: AUT-08
def test_keys_are_kept_as_hashes_only(tmp_path: Path) -> None:
    with Api(tmp_path / "data"):
        pass
    assert OWNER_KEY.encode() not in (tmp_path / "data" / "runyard.db").read_bytes()


def test_a_server_that_starts_again_is_the_same_one(tmp_path: Path) -> None:
    with Api(tmp_path / "data") as api:
        before, token = (
            api.get("/api/v1/organizations")["items"],
            api.post(f"{api.here}/-issue-dataplane-token"),
        )
    with Api(tmp_path / "data") as again:
        assert again.get("/api/v1/organizations")["items"] == before
        assert again.server.tokens.read(token["token"]).user_id == again.get("/api/v1/me")["user_id"]
