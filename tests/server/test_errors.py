"""Every way in which the API refuses, and the one shape all of them have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.api import OWNER_KEY, Api, package
from tests.support.worlds import batch_job

from runyard.core import errors
from runyard_server.errors import STATUS, status_of

UNKNOWN = "22222222-2222-4222-8222-222222222222"

JOBS = "/api/v1/workspaces/{ws}/jobs"
RUNS = "/api/v1/workspaces/{ws}/job-runs"
DEPLOY = "/api/v1/workspaces/{ws}/-deploy"
MANIFEST = {"job_definition_engine_version": 2, "job_definition_hash": "h", "jobs": []}

REFUSALS: list[tuple[str, str, Any, int, str]] = [
    # The address and the method.
    ("GET", "/nowhere", None, 404, "RY1200"),
    ("GET", "/api/v1/nowhere", None, 404, "RY1200"),
    ("DELETE", "/healthz", None, 405, "RY1109"),
    ("GET", JOBS + "/-trigger", None, 400, "RY1109"),
    # Names that name nothing.
    ("GET", f"/api/v1/workspaces/{UNKNOWN}", None, 404, "RY1200"),
    ("GET", f"/api/v1/organizations/{UNKNOWN}", None, 404, "RY1200"),
    ("GET", f"/api/v1/organizations/{UNKNOWN}/me", None, 404, "RY1200"),
    ("GET", JOBS + f"/{UNKNOWN}", None, 404, "RY1200"),
    ("GET", JOBS + f"/{UNKNOWN}/decisions", None, 404, "RY1200"),
    ("GET", RUNS + f"/{UNKNOWN}", None, 404, "RY1200"),
    ("POST", RUNS + f"/{UNKNOWN}/-cancel", None, 404, "RY1200"),
    ("GET", f"/logs/v1/workspaces/{{ws}}/job-runs/{UNKNOWN}/logs", None, 404, "RY1200"),
    ("GET", f"/logs/v1/workspaces/{{ws}}/job-runs/{UNKNOWN}/log-stream", None, 404, "RY1200"),
    ("GET", f"/api/v1/workspaces/{{ws}}/deployments/{UNKNOWN}", None, 404, "RY1200"),
    ("GET", f"/api/v1/workspaces/{{ws}}/configurations/{UNKNOWN}/files", None, 404, "RY1200"),
    # Parameters.
    ("GET", "/api/v1/workspaces/no-uuid", None, 400, "RY1109"),
    ("GET", JOBS + "?limit=0", None, 400, "RY1109"),
    ("GET", JOBS + "?limit=1001", None, 400, "RY1109"),
    ("GET", RUNS + "?offset=10001", None, 400, "RY1109"),
    ("GET", RUNS + f"?number={10**20}", None, 400, "RY1109"),
    ("GET", f"/api/v1/workspaces/{{ws}}/deployments?version={10**20}", None, 400, "RY1109"),
    ("GET", f"/api/v1/workspaces/{{ws}}/manifests/{2**31}", None, 400, "RY1109"),
    ("POST", f"/api/v1/workspaces/{{ws}}/manifests/{10**20}/-apply", {}, 400, "RY1109"),
    ("GET", RUNS + "?status=sleeping", None, 400, "RY1109"),
    ("GET", RUNS + "?timezone=Mars/Olympus", None, 400, "RY1109"),
    ("GET", RUNS + "?timezone=../x", None, 400, "RY1109"),
    ("GET", RUNS + f"?timezone={'a/' * 5_000}b", None, 400, "RY1109"),
    ("GET", RUNS + "?colour=red", None, 400, "RY1109"),
    ("GET", "/api/v1/workspaces/{ws}/events?after=yesterday", None, 400, "RY1109"),
    # Bodies.
    ("POST", "/api/v1/organizations/{org}/workspaces", {"name": ""}, 400, "RY1109"),
    ("POST", DEPLOY, {}, 400, "RY1109"),
    ("POST", DEPLOY, [], 400, "RY1109"),
    ("POST", DEPLOY, {**MANIFEST, "jobs": [1]}, 400, "RY1109"),
    ("POST", DEPLOY, {**MANIFEST, "jobs": [{}]}, 400, "RY1105"),
    ("POST", DEPLOY, {**MANIFEST, "job_definition_engine_version": 3}, 400, "RY1105"),
    ("POST", DEPLOY, {**MANIFEST, "extensions": {"jobs.a.b": {"split": "1d"}}}, 400, "RY1105"),
    ("POST", DEPLOY, {**MANIFEST, "jobs": [batch_job("load")]}, 409, "RY1300"),
    ("POST", JOBS + "/-trigger", {}, 400, "RY1109"),
    ("POST", JOBS + "/-trigger", {"selectors": ["nobody"]}, 400, "RY1200"),
    ("POST", JOBS + "/-trigger", {"selectors": ["nobody"], "profile": "dev"}, 400, "RY1109"),
    ("POST", RUNS + "/-cancel", {"job_run_ids": ["no-uuid"]}, 400, "RY1109"),
    ("POST", RUNS + "/-cancel", {"job_run_ids": [UNKNOWN] * 1001}, 400, "RY1109"),
]


def assert_shape(answer: Any, status: int, code: str) -> None:
    assert set(answer) == {"status_code", "detail", "code", "extra"}
    assert (answer["status_code"], answer["code"]) == (status, code), answer
    assert isinstance(answer["detail"], str)
    assert answer["detail"].endswith(".")
    assert answer["extra"] is None or all(isinstance(reason, str) for reason in answer["extra"]["reasons"])


# SPEC: API-04
def test_every_refusal_has_one_shape(local_api: Api) -> None:
    for method, path, body, status, code in REFUSALS:
        path = path.replace("{ws}", local_api.workspace_id).replace("{org}", local_api.organization_id)
        response = local_api.request(method, path, json=body)
        assert response.status_code == status, (method, path, response.text)
        assert response.headers["content-type"] == "application/json"
        assert_shape(response.json(), status, code)


# SPEC: API-04
@pytest.mark.parametrize("text", ["\ud800", "\0", "x" * 200_000])
def test_a_text_that_a_database_cannot_keep_is_refused(api: Api, text: str) -> None:
    job = batch_job("load")
    entry_point = job["entry_point"]
    bodies: list[tuple[str, Any]] = [
        (DEPLOY, {**MANIFEST, "job_definition_hash": text}),
        (DEPLOY, {**MANIFEST, "deployment_module": text}),
        (DEPLOY, {**MANIFEST, "description": text}),
        (DEPLOY, {**MANIFEST, "jobs": [{**job, "job_ref": text}]}),
        (DEPLOY, {**MANIFEST, "jobs": [{**job, "require": {"profile": text}}]}),
        (DEPLOY, {**MANIFEST, "jobs": [{**job, "triggers": [f"tag:{text}"]}]}),
        (DEPLOY, {**MANIFEST, "jobs": [{**job, "entry_point": {**entry_point, "pipeline_name": text}}]}),
        (DEPLOY, {**MANIFEST, "jobs": [{**job, "heard_of": [{text: 1}]}]}),
        (DEPLOY, {**MANIFEST, "jobs": [job], "extensions": {text: {}}}),
        (JOBS + "/-trigger", {"selectors": [text]}),
        (JOBS + "/-trigger", {"selectors": ["batch"], "profile": text}),
        (JOBS + "/-trigger", {"selectors": ["batch"], "config": {"limit": text}}),
        (JOBS + "/-trigger", {"selectors": ["batch"], "config": {text: 1}}),
        ("/api/v1/organizations/{org}/workspaces", {"name": text}),
        ("/api/v1/organizations/{org}/workspaces", {"name": "n", "description": text}),
    ]
    for path, body in bodies:
        path = path.replace("{ws}", api.workspace_id).replace("{org}", api.organization_id)
        headers = {"content-type": "application/json"}
        response = api.request("POST", path, content=json.dumps(body), headers=headers)
        assert response.status_code in (400, 413), (path, body.keys(), response.text)
    numbers = json.dumps({"selectors": ["batch"], "config": {"limit": float("nan")}})
    response = api.request("POST", f"{api.here}/jobs/-trigger", content=numbers, headers=headers)
    assert_shape(response.json(), 400, "RY1109")
    assert api.request("GET", f"{api.here}/jobs?ref=%00").status_code == 400


def test_a_body_that_is_no_json_is_refused_with_the_reason(local_api: Api) -> None:
    response = local_api.request(
        "POST",
        f"{local_api.here}/-deploy",
        content=b'{"jobs": ',
        headers={"content-type": "application/json"},
    )
    assert_shape(response.json(), 400, "RY1109")


def test_json_that_is_nested_without_end_is_refused(local_api: Api) -> None:
    content = b'{"jobs": ' + b"[" * 200_000
    response = local_api.request(
        "POST", f"{local_api.here}/-deploy", content=content, headers={"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert_shape(response.json(), 400, "RY1109")


def test_each_thing_that_is_wrong_is_a_reason_of_its_own(local_api: Api) -> None:
    response = local_api.request("POST", f"{local_api.here}/-deploy", json={"jobs": 1})
    reasons = response.json()["extra"]["reasons"]
    assert len(reasons) == 3
    assert any(reason.startswith("`jobs`") for reason in reasons)


# SPEC: CMP-12
def test_a_newer_manifest_is_refused_with_both_versions(local_api: Api) -> None:
    body = {**MANIFEST, "job_definition_engine_version": 7}
    response = local_api.request("POST", f"{local_api.here}/-deploy", json=body)
    detail = response.json()["detail"]
    assert response.status_code == 400
    assert "7" in detail
    assert "2" in detail


@pytest.mark.parametrize(
    "credential",
    ["", "Basic b3duZXI6b3duZXI=", "Bearer", "Bearer dlt_u_wrong", "Bearer dlt_sa_wrong", "Bearer a.b.c"],
)
def test_no_usable_credential_is_401(local_api: Api, credential: str) -> None:
    headers = {"authorization": credential} if credential else {}
    response = local_api.request("GET", "/api/v1/me", key=None, headers=headers)
    assert response.headers["www-authenticate"] == "Bearer"
    assert_shape(response.json(), 401, "RY1400")


def test_a_service_account_is_nobody(local_api: Api) -> None:
    key = local_api.add_user("developer", workspace_key=True)
    assert_shape(local_api.request("GET", "/api/v1/me", key=key).json(), 403, "RY1401")
    path = f"/api/v1/organizations/{local_api.organization_id}/workspaces"
    assert_shape(local_api.request("POST", path, key=key, json={"name": "mine"}).json(), 403, "RY1401")


def test_bad_uploads_are_refused_and_leave_nothing(local_api: Api, tmp_path: Path) -> None:
    def send(archive: bytes, *, with_requirements: bool = True) -> Any:
        issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
        return local_api.send(issued, archive, with_requirements=with_requirements).json()

    sound = package(tmp_path, {"etl.py": "1"})
    assert_shape(send(b"no archive"), 400, "RY1108")
    assert_shape(send(sound[:50]), 400, "RY1108")
    assert_shape(send(sound, with_requirements=False), 400, "RY1109")
    issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    files = {"file": sound, "requirements_file": b"{}"}
    response = local_api.request("POST", issued["upload_url"], key=issued["upload_token"], files=files)
    assert_shape(response.json(), 400, "RY1108")
    assert local_api.request("GET", f"{local_api.here}/deployments/latest").status_code == 404


# SPEC: LIM-06
def test_an_upload_over_the_limit_names_what_is_large(tmp_path: Path) -> None:
    with Api(tmp_path / "data", upload_file_limit_bytes=10) as api:
        refused = api.upload("deployments", tmp_path / "code", {"large.csv": "x" * 11}).json()
    assert_shape(refused, 413, "RY1500")
    assert "large.csv" in refused["detail"]


def test_a_body_that_is_too_large_ends_early(tmp_path: Path) -> None:
    with Api(tmp_path / "data", upload_limit_bytes=0, upload_file_count_limit=0) as api:
        issued = api.post(f"{api.here}/configurations/-issue-upload")
        endless = api.request(
            "POST",
            issued["upload_url"],
            key=issued["upload_token"],
            headers={"content-type": "multipart/form-data; boundary=x"},
            content=_chunks(40),
        )
        declared = api.request("POST", f"{api.here}/-deploy", headers={"content-length": "1" + "0" * 9})
    assert_shape(endless.json(), 413, "RY1500")
    assert_shape(declared.json(), 413, "RY1500")


async def _chunks(mebibytes: int) -> Any:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for _ in range(mebibytes):
        yield b"a" * 1024 * 1024


def test_a_run_that_has_ended_cannot_be_stopped(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    run = local_api.start_job(job["id"])
    path = f"{local_api.here}/job-runs/{run['id']}/-cancel"
    assert local_api.post(path)["status"] == "cancelled"
    assert_shape(local_api.request("POST", path).json(), 409, "RY1300")


def test_a_start_that_the_job_declines_is_a_conflict(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load", expose={"manual": False}))
    response = local_api.request("POST", f"{local_api.here}/jobs/-trigger", json={"job_ids": [job["id"]]})
    assert_shape(response.json(), 409, "RY1301")


def test_a_log_before_the_start_is_not_there(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    run = local_api.start_job(job["id"])
    path = f"/logs/v1/workspaces/{local_api.workspace_id}/job-runs/{run['id']}/logs"
    assert_shape(local_api.request("GET", path).json(), 404, "RY1200")


def test_what_nobody_foresaw_is_500_and_tells_nothing(local_api: Api) -> None:
    @local_api.app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError(OWNER_KEY)

    @local_api.app.get("/raced")
    def raced() -> None:
        raise IntegrityError("insert into runs", {}, Exception("unique"))

    response = local_api.request("GET", "/broken")
    assert_shape(response.json(), 500, "RY1000")
    assert OWNER_KEY not in response.text
    assert "Zero" not in response.text
    assert_shape(local_api.request("GET", "/raced").json(), 409, "RY1300")


def test_every_error_class_has_a_status() -> None:
    def walk(kind: type[errors.RunyardError]) -> list[type[errors.RunyardError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in walk(child))]

    assert {status_of(kind("cause")) for kind in walk(errors.RunyardError)} == set(STATUS.values())
