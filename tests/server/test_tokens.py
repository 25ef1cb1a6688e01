"""Tokens that live as long as something else: a viewer's in the panel, an app's in its environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.api import JSON, Api
from tests.support.two_apps import REPORT, TwoApps

from runyard.core.runs import Reason, RunStatus
from runyard.core.store import accounts, runs
from runyard_server.credentials import COOKIE
from runyard_server.sign_in import SESSION_SECONDS
from runyard_server.tokens import Claims, TokenKind


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def status(api: Api, path: str, token: str, method: str = "GET", body: JSON | None = None) -> int:
    return api.request(method, path, key=None, headers=bearer(token), json=body).status_code


def run_key(api: Api, run_id: str) -> str:
    run = api.runtime.database.read(lambda connection: runs.launch_facts(connection, run_id))
    return api.server.tokens.run_key(run)


def sign_in(api: Api) -> tuple[str, str]:
    """Return the cookie of a browser that signed in, and the token that the panel gets for it."""
    token = api.server.owner_url("").rpartition("=")[2]
    cookie = api.request("POST", "/sign-in", key=None, data={"token": token}).cookies[COOKIE]
    api.forget_cookies()
    actor = api.server.credentials.actor(None, cookie)
    claims = Claims(TokenKind.PANEL, actor.user_id, None, session_id=actor.session_id)
    return cookie, api.server.tokens.issue(claims)[0]


# SPEC: SEC-02
def test_the_key_of_a_run_reads_its_workspace_and_changes_nothing(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    run = apps.start()
    key = run_key(api, run)
    assert status(api, api.here, key) == 200
    assert status(api, f"{api.here}/job-runs/{run}", key) == 200
    for path, body in {
        f"{api.here}/jobs/-trigger": {"job_ids": [apps.other]},
        f"{api.here}/job-runs/{run}/-cancel": None,
        f"{api.here}/deployments/-issue-upload": None,
        f"{api.here}/configurations/-issue-upload": None,
        f"{api.here}/-deploy": {
            "job_definition_engine_version": 2,
            "job_definition_hash": "hash",
            "jobs": [REPORT],
            "deployment_module": None,
            "description": None,
            "dry_run": False,
        },
    }.items():
        assert status(api, path, key, "POST", body) == 403, path
    assert status(api, "/api/v1/me", key) == 403
    organization = f"/api/v1/organizations/{api.organization_id}/workspaces"
    assert status(api, organization, key, "POST", {"name": "mine", "description": None}) == 403


# SPEC: SEC-02
def test_the_key_of_a_run_reaches_no_other_workspace_and_no_app(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    run = apps.start()
    key = run_key(api, run)
    made = api.ok(
        "POST",
        f"/api/v1/organizations/{api.organization_id}/workspaces",
        201,
        json={"name": "other", "description": None},
    )
    assert status(api, f"/api/v1/workspaces/{made['id']}", key) == 404
    assert status(api, f"/apps/open/{apps.other}", key) == 404, "no ticket to act as its user"
    assert status(api, f"/apps/{run}/", key) == 404
    app = api.request("GET", "/", key=None, headers={**bearer(key), "host": apps.host(apps.other)})
    assert app.status_code == 404


def test_the_key_of_a_run_ends_with_the_run_and_so_does_what_it_got(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    run = apps.start()
    key = run_key(api, run)
    path = f"{api.here}/-issue-dataplane-token"
    data_token = api.ok("POST", path, key=None, headers=bearer(key))["token"]
    log = f"/logs/v1/workspaces/{api.workspace_id}/job-runs/{run}/logs"
    assert status(api, log, data_token) == 404, "known, but there is no log yet"
    api.move(run, RunStatus.COMPLETED, reason=Reason.OK)
    for what, token in ((api.here, key), (path, key), (log, key), (log, data_token)):
        assert status(api, what, token, "POST" if what == path else "GET") == 401, what


# SPEC: PUB-05
def test_the_key_of_a_run_does_not_learn_the_public_links_of_other_apps(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    apps.give_access(tmp_path)
    apps.publish()
    path = f"{api.here}/jobs/{apps.report}"
    key = run_key(api, apps.start())
    by_a_run = api.get(path, key=key)
    assert (by_a_run["public_url"], api.get(path)["public_url"] is None) == (None, False)
    assert all(job["public_url"] is None for job in api.get(f"{api.here}/jobs", key=key)["items"])


# SPEC: SEC-02
def test_a_token_for_one_purpose_sees_nothing_of_the_home_page(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    upload = api.post(f"{api.here}/deployments/-issue-upload")["upload_token"]
    app = apps.cookie().partition("=")[2]
    for token in (upload, app):
        page = api.request("GET", "/", key=None, headers=bearer(token))
        assert api.workspace_id not in page.text
        assert "story" not in page.text


def test_a_viewers_token_does_what_the_viewer_may(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    _cookie, token = sign_in(api)
    assert status(api, "/api/v1/me", token) == 200
    assert status(api, api.here, token) == 200
    assert status(api, f"{api.here}/jobs/-trigger", token, "POST", {"job_ids": [apps.other]}) == 200
    with_role_lost = Claims(TokenKind.PANEL, "11111111-1111-4111-8111-111111111111", None)
    stranger, _ = api.server.tokens.issue(with_role_lost)
    assert status(api, api.here, stranger) == 404


# SPEC: AUT-09
def test_signing_out_ends_the_session_and_everything_issued_to_it(api: Api) -> None:
    cookie, token = sign_in(api)
    as_browser = {"cookie": f"{COOKIE}={cookie}", "sec-fetch-site": "same-origin"}
    path = f"{api.here}/-issue-dataplane-token"
    data_token = api.ok("POST", path, key=None, headers=as_browser)["token"]
    left = api.request("POST", "/sign-out", key=None, headers=as_browser)
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert f'{COOKIE}=""' in left.headers["set-cookie"]
    api.forget_cookies()
    assert api.request("GET", "/api/v1/me", key=None, headers=as_browser).status_code == 401
    assert status(api, "/api/v1/me", token) == 401
    log = f"/logs/v1/workspaces/{api.workspace_id}/job-runs/{api.workspace_id}/logs"
    assert status(api, log, data_token) == 401


def test_a_viewers_token_ends_when_the_session_does(local_api: Api) -> None:
    _cookie, token = sign_in(local_api)
    assert status(local_api, "/api/v1/me", token) == 200
    local_api.clock.turn(SESSION_SECONDS)
    assert status(local_api, "/api/v1/me", token) == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_is_signed_out_from_a_foreign_page(local_api: Api, method: str) -> None:
    cookie, token = sign_in(local_api)
    headers = {"cookie": f"{COOKIE}={cookie}", "sec-fetch-site": "cross-site"}
    assert local_api.request(method, "/sign-out", key=None, headers=headers).status_code in (403, 404, 405)
    assert status(local_api, "/api/v1/me", token) == 200


def test_the_panels_workspace_is_nobodys(api: Api) -> None:
    job = api.runtime.panel.job
    _cookie, token = sign_in(api)
    assert status(api, f"/api/v1/workspaces/{job['workspace_id']}", token) == 404
    assert status(api, f"/apps/open/{job['id']}", token) == 404
    mine = api.get(f"/api/v1/organizations/{api.organization_id}/me")["workspace_memberships"]
    assert [row["workspace"]["id"] for row in mine] == [api.workspace_id]
    owner = api.runtime.database.read(
        lambda connection: accounts.list_memberships(connection, api.server.installation.owner_id)
    )
    assert job["workspace_id"] not in {row["id"] for row in owner}
