"""Webhooks: the secret address, what may be posted to it, and what becomes of a call."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard.core import webhooks
from runyard_server import schemas

HOOKED = batch_job("load", "webhook:", config_keys=["table", "rows"])


@pytest.fixture
def load(api: Api, tmp_path: Path) -> JSON:
    (load,) = api.prepare(tmp_path, HOOKED)
    return load


def issue(api: Api, job: JSON, **wishes: object) -> JSON:
    return api.post(f"{api.here}/jobs/{job['id']}/-webhook", wishes)


def call(api: Api, url: str, body: object = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return api.request("POST", urlsplit(url).path, key=None, content=content, headers=headers)


# SPEC: TRG-24, DEC-14
def test_a_call_starts_a_run_with_the_body_as_its_input(api: Api, load: JSON) -> None:
    answer = issue(api, load)
    TypeAdapter(schemas.Webhook).validate_python(answer)
    (url,) = answer["urls"]
    called = call(api, url, {"table": "orders", "rows": [1, 2], "more": "is ignored"})
    assert called.status_code == 202
    TypeAdapter(schemas.CalledWebhook).validate_python(called.json())
    assert (called.json()["outcome"], called.json()["because"]) == ("fired", "Its webhook was called.")
    run = api.get(f"{api.here}/job-runs/{called.json()['job_run_id']}")
    assert (run["trigger"], run["triggered_by"], run["number"]) == ("webhook:", None, 1)
    [decision] = api.get(f"{api.here}/jobs/{load['id']}/decisions")["items"]
    assert (decision["outcome"], decision["run_id"]) == ("fired", run["id"])


# SPEC: JCF-09, TRG-24
def test_a_call_with_a_value_that_does_not_fit_is_refused_and_what_is_no_parameter_is_ignored(
    api: Api, load: JSON
) -> None:
    inputs = {"properties": {"rows": {"type": "integer"}}, "additionalProperties": False}
    api.deploy({**HOOKED, "inputs": inputs})
    (url,) = issue(api, load)["urls"]
    refused = call(api, url, {"rows": "many"})
    assert (refused.status_code, "`rows` does not fit jobs.etl.load" in refused.text) == (400, True)
    assert call(api, url, {"rows": 3, "more": "is ignored"}).status_code == 202


# SPEC: TRG-24
def test_the_function_gets_parameters_by_name_and_the_body_as_it_came(tmp_path: Path) -> None:
    with Api(tmp_path / "data") as api:
        source = "def load(run_context, table='none', rows=0): print(table, rows, run_context['body'])"
        (job,) = api.prepare(tmp_path, HOOKED, texts={"etl.py": source})
        (url,) = issue(api, job)["urls"]
        api.start_loops()
        body = b'{"table": "orders", "rows": 3}\r\n' + b" " * 500_000
        run_id = call(api, url, body).json()["job_run_id"]
        follow = f"/logs/v1/workspaces/{api.workspace_id}/job-runs/{run_id}/log-stream"
        assert 'orders 3 {\\"table\\": \\"orders\\", \\"rows\\": 3}' in api.request("GET", follow).text


# SPEC: TRG-24
def test_the_address_stays_until_a_new_one_is_wanted_and_the_old_one_ends_then(api: Api, load: JSON) -> None:
    first = issue(api, load)["urls"]
    assert issue(api, load)["urls"] == first
    second = issue(api, load, renew=True)["urls"]
    assert second != first
    assert call(api, first[0]).status_code == 404
    assert call(api, second[0]).status_code == 202
    api.deploy()
    assert call(api, second[0]).status_code == 404, "the job is not deployed any more"


# SPEC: TRG-24, SEC-02
def test_who_guesses_learns_nothing(local_api: Api, tmp_path: Path) -> None:
    named, _ = local_api.prepare(tmp_path, batch_job("load", "webhook:orders"), batch_job("other"))
    (url,) = issue(local_api, named)["urls"]
    assert url.endswith("/orders")
    token = urlsplit(url).path.split("/")[2]
    answers = [
        call(local_api, f"/hooks/{path}")
        for path in ("nothing", f"{token}x", token, f"{token}/other", "nothing/orders")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    assert call(local_api, url).status_code == 202


# SPEC: TRG-24, TRG-20
def test_a_paused_job_starts_nothing_and_says_so(api: Api, load: JSON) -> None:
    (url,) = issue(api, load)["urls"]
    api.post(f"{api.here}/jobs/{load['id']}/-pause")
    called = call(api, url, {"table": "orders"})
    assert (called.status_code, called.json()["outcome"], called.json()["job_run_id"]) == (
        202,
        "paused",
        None,
    )
    [decision] = api.get(f"{api.here}/jobs/{load['id']}/decisions")["items"]
    assert decision["outcome"] == "paused"


# SPEC: TRG-24, FUP-04
def test_calls_wait_each_with_its_own_body_and_without_one_as_one(local_api: Api, tmp_path: Path) -> None:
    (load,) = local_api.prepare(tmp_path, HOOKED)
    (url,) = issue(local_api, load)["urls"]
    bodies: list[JSON | None] = [{"rows": 1}, {"rows": 2}, None, None]
    outcomes = [call(local_api, url, body).json()["outcome"] for body in bodies]
    assert outcomes == ["fired", "limited", "merged", "merged"]


def test_a_sender_that_is_too_fast_is_turned_away(
    local_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "WAITING_MAX", 2)
    (load,) = local_api.prepare(tmp_path, HOOKED)
    (url,) = issue(local_api, load)["urls"]
    assert [call(local_api, url, {"rows": n}).status_code for n in range(3)] == [202, 202, 503]


# SPEC: TRG-24
def test_calls_may_have_to_be_signed(local_api: Api, tmp_path: Path) -> None:
    (load,) = local_api.prepare(tmp_path, HOOKED)
    unsigned = issue(local_api, load)
    assert unsigned["signing_key"] is None
    signed = issue(local_api, load, signed=True)
    assert issue(local_api, load) == signed, "it can be shown again"
    (url,), body = signed["urls"], b'{"rows": 1}'
    assert call(local_api, unsigned["urls"][0], body).status_code == 404
    right = hmac.new(signed["signing_key"].encode(), body, hashlib.sha256).hexdigest()
    wrong = hmac.new(b"another key", body, hashlib.sha256).hexdigest()
    header = "x-hub-signature-256"
    for signature, status in (("", 403), (f"sha256={wrong}", 403), (right, 403), (f"sha256={right}", 202)):
        assert call(local_api, url, body, **{header: signature}).status_code == status
    assert issue(local_api, load, signed=False)["signing_key"] is None


# SPEC: TRG-24
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 202),
        (b"plain words", 202),
        (b"[1, 2]", 202),
        (b"[" * 100_000, 202),
        (b"\xff\xfe", 400),
        (b"a\0b", 400),
        (b'{"table": NaN}', 400),
        (b"x" * (1024 * 1024), 202),
        (b"x" * (1024 * 1024 + 1), 413),
        (json.dumps({"table": "x" * 100_001}).encode(), 413),
        (json.dumps({"table": ["\u00e9" * 20_000]}).encode(), 413),
    ],
)
def test_what_is_posted_is_text_of_a_megabyte_at_most(
    local_api: Api, tmp_path: Path, body: bytes, status: int
) -> None:
    (load,) = local_api.prepare(tmp_path, HOOKED)
    (url,) = issue(local_api, load)["urls"]
    assert call(local_api, url, body).status_code == status


# SPEC: TRG-24, SEC-02
def test_only_who_may_develop_sees_the_address_and_only_a_job_that_waits_has_one(
    local_api: Api, tmp_path: Path
) -> None:
    load, other = local_api.prepare(tmp_path, HOOKED, batch_job("other"))
    path = f"{local_api.here}/jobs/{load['id']}/-webhook"
    local_api.post(path, {}, status=403, key=local_api.add_user("viewer"))
    assert local_api.post(path, {}, key=local_api.add_user("developer"))["urls"]
    refused = local_api.post(f"{local_api.here}/jobs/{other['id']}/-webhook", {}, status=400)
    assert "waits for no webhook" in refused["detail"]
