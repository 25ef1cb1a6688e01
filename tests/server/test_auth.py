"""Who may do what, in one function and through every route."""

from __future__ import annotations

from itertools import product

import pytest
from fastapi.routing import APIRoute
from tests.support.api import ROUTES, Api

from runyard_server.auth import ALLOWED, FULL, Action, Actor, Resource, Role, may

WORKSPACE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

OPEN = {
    "get_health",
    "get_version",
    "open_sign_in",
    "sign_in",
    "sign_out",
    "show_home",
    "show_place",
    "open_app",
    "call_webhook",
    "call_webhook_at",
    "receive_report",
}
"""Routes that need no credential: they tell nothing, or ask themselves."""

ACTIONS = {
    "get_workspace": Action.READ,
    "get_workspace_me": Action.READ,
    "list_members": Action.READ,
    "issue_dataplane_token": Action.READ,
    "deploy": Action.DEPLOY,
    "list_deployments": Action.READ,
    "get_latest_deployment": Action.READ,
    "list_manifests": Action.READ,
    "get_manifest": Action.READ,
    "compare_manifests": Action.READ,
    "apply_manifest": Action.DEPLOY,
    "issue_deployment_upload": Action.DEPLOY,
    "get_deployment": Action.READ,
    "list_deployment_files": Action.READ_DATA,
    "upload_deployment": Action.UPLOAD,
    "list_configurations": Action.READ,
    "get_latest_configuration": Action.READ,
    "issue_configuration_upload": Action.DEPLOY,
    "get_configuration": Action.READ,
    "list_configuration_files": Action.READ_DATA,
    "upload_configuration": Action.UPLOAD,
    "list_jobs": Action.READ,
    "get_job": Action.READ,
    "list_decisions": Action.READ,
    "list_next_firings": Action.READ,
    "get_plan": Action.READ,
    "trigger_jobs": Action.START,
    "pause_job": Action.PAUSE,
    "resume_job": Action.PAUSE,
    "set_schedule": Action.SCHEDULE,
    "drop_schedule": Action.SCHEDULE,
    "issue_webhook": Action.PUBLISH,
    "publish_job": Action.PUBLISH,
    "unpublish_job": Action.PUBLISH,
    "list_runs": Action.READ,
    "get_run": Action.READ,
    "list_pipeline_runs": Action.READ,
    "cancel_run": Action.CANCEL,
    "cancel_runs": Action.CANCEL,
    "get_log": Action.READ_DATA,
    "follow_log": Action.READ_DATA,
    "get_lines": Action.READ_DATA,
    "follow_lines": Action.READ_DATA,
    "follow_events": Action.READ,
}
"""What each route in a workspace does: a new route has to be added here, or the suite fails."""

WITHOUT_WORKSPACE = {"get_me", "list_organizations", "get_organization", "get_organization_me", "create"}


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_a_role_allows_what_its_row_says(role: Role, action: Action) -> None:
    resource = Resource(WORKSPACE, role, upload_id="u")
    actor = Actor("user", frozenset(Action), upload_id="u")
    assert may(actor, action, resource) == (action in ALLOWED[role])


# SPEC: SEC-02
def test_the_default_is_no() -> None:
    everything = Actor("user", frozenset(Action))
    assert not any(may(everything, action, Resource(WORKSPACE, role=None)) for action in Action)
    assert not any(may(Actor("user", frozenset()), a, Resource(WORKSPACE, Role.OWNER)) for a in Action)
    assert [action for action in Action if may(everything, action, Resource())] == [Action.CREATE_WORKSPACE]


def test_a_credential_of_one_workspace_reaches_no_other() -> None:
    service = Actor("user", FULL, only_workspace=WORKSPACE)
    assert may(service, Action.READ, Resource(WORKSPACE, Role.OWNER))
    assert not may(service, Action.READ, Resource(OTHER, Role.OWNER))
    assert not may(service, Action.CREATE_WORKSPACE, Resource())


# SPEC: PUB-05
def test_who_came_with_a_public_link_may_open_its_app_and_nothing_else() -> None:
    guest = Actor("viewer", frozenset(Action), only_job="app")
    own, other = (
        Resource(WORKSPACE, Role.OWNER, job_id="app"),
        Resource(WORKSPACE, Role.OWNER, job_id="other"),
    )
    assert [action for action in Action if may(guest, action, own)] == [Action.OPEN]
    assert not any(may(guest, action, elsewhere) for action in Action for elsewhere in (other, Resource()))


# SPEC: SEC-02
def test_every_route_asks_for_its_action_of_every_role(local_api: Api) -> None:
    assert set(ROUTES) == OPEN | WITHOUT_WORKSPACE | set(ACTIONS)
    keys = {role: local_api.add_user(role) for role in Role}
    for name in sorted(WITHOUT_WORKSPACE | set(ACTIONS)):
        assert _status(local_api, ROUTES[name], key=None) == 401, name
        assert _status(local_api, ROUTES[name], key="dlt_u_nobody") == 401, name
    for (name, action), role in product(ACTIONS.items(), Role):
        if name.startswith("follow_"):
            continue  # streams stay open; they are entered through the same door as the rest
        is_refused = _status(local_api, ROUTES[name], key=keys[role]) == 403
        may_do = action in ALLOWED[role] and action is not Action.UPLOAD
        assert is_refused != may_do, (name, role)


def test_a_workspace_of_others_looks_like_one_that_does_not_exist(local_api: Api) -> None:
    for workspace_id in (OTHER, local_api.foreign_workspace()):
        response = local_api.request("GET", f"/api/v1/workspaces/{workspace_id}")
        assert (response.status_code, response.json()["code"]) == (404, "RY1200")


def _status(api: Api, route: APIRoute, *, key: str | None) -> int:
    path = route.path.format(
        workspace_id=api.workspace_id,
        organization_id=api.organization_id,
        snapshot_id=OTHER,
        job_id=OTHER,
        run_id=OTHER,
        version=1,
        other=2,
    )
    (method,) = sorted(route.methods or ())
    return api.request(method, path, key=key, json={}).status_code
