"""The beacon: the address a run is given to tell of its pipelines, what is received there, and what becomes of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, ROUTES, Api
from tests.support.traces import body, failed, trace
from tests.support.worlds import batch_job

from runyard.core.preparing import BEACON_PATH
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import runs
from runyard_server import schemas
from runyard_server.credentials import REPORT_SECONDS
from runyard_server.middleware import BEACON_BYTES_MAX

LOAD = batch_job("load", deliver={"pipeline_name": "flights"})


@pytest.fixture
def run(local_api: Api, tmp_path: Path) -> JSON:
    """Return a run that is under way."""
    (job,) = local_api.prepare(tmp_path, LOAD)
    run = local_api.start_job(job["id"])
    local_api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)
    return run


def key_of(api: Api, run: JSON) -> str:
    row = api.runtime.database.read(lambda connection: runs.launch_facts(connection, run["id"]))
    return api.server.tokens.beacon_key(row)


def tell(api: Api, key: str, sent: bytes, kind: str = "trace") -> httpx.Response:
    """Send as dlt does: no key, no content type."""
    return api.request("PUT", f"{BEACON_PATH}{key}/{kind}", key=None, content=sent)


def told(api: Api, run: JSON) -> JSON:
    return api.get(f"{api.here}/job-runs/{run['id']}/pipeline-runs")


# SPEC: DEC-19
def test_what_a_pipeline_tells_is_shown_with_its_run(local_api: Api, run: JSON) -> None:
    api, key = local_api, key_of(local_api, run)
    answers = [tell(api, key, body(sent)) for sent in (trace(), failed(), trace())]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"transaction_id": "t1"}),
        (200, {"transaction_id": "t2"}),
        (200, {"transaction_id": "t1"}),
    ]
    shown = told(api, run)
    TypeAdapter(schemas.Page[schemas.PipelineRun]).validate_python(shown)
    one, two = sorted(shown["items"], key=lambda item: str(item["transaction_id"]))
    assert (shown["total"], one["status"], two["status"]) == (2, "succeeded", "failed")
    assert (one["job_run_id"], one["attempt"], one["pipeline_name"]) == (run["id"], 1, "flights")
    assert one["tables"] == [
        {"table_name": "flights", "rows": 27004},
        {"table_name": "airlines", "rows": 16},
    ]
    assert (one["duration_seconds"], one["total_rows"]) == (2.192145, 27020)
    assert (two["error_step"], two["error_message"]) == ("extract", "ValueError: no such thing second line")

    listed = api.get(f"{api.here}/job-runs")["items"][0]
    for found in (api.get(f"{api.here}/job-runs/{run['id']}"), listed):
        TypeAdapter(schemas.Run).validate_python(found)
        summaries = {each["transaction_id"]: each for each in found["pipeline_run_summaries"]}
        assert summaries["t1"]["total_rows"] == 27020
        assert summaries["t1"]["duration_ms"] == 2192
        assert summaries["t2"]["status"] == "failed"


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"{}", b"\xff\xfe", body(trace(steps=3))])
def test_what_is_no_trace_is_refused_and_nothing_is_kept(local_api: Api, run: JSON, sent: bytes) -> None:
    answer = tell(local_api, key_of(local_api, run), sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "RY1111")
    assert answer.json()["detail"].endswith("Send the trace of a pipeline as dlt writes it.")
    assert told(local_api, run)["items"] == []


def test_a_pickle_is_no_trace(local_api: Api, run: JSON) -> None:
    assert tell(local_api, key_of(local_api, run), b"\x80\x04cos\nsystem\n").status_code == 422


def test_a_body_larger_than_any_trace_is_refused(local_api: Api, run: JSON) -> None:
    answer = tell(local_api, key_of(local_api, run), b" " * (BEACON_BYTES_MAX + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "RY1500")


@pytest.mark.parametrize("kind", ["state", "job_result", "anything"])
def test_other_reports_are_not_received(local_api: Api, run: JSON, kind: str) -> None:
    answer = tell(local_api, key_of(local_api, run), b"{}", kind)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Nothing but `trace` is received here.")


# SPEC: SEC-02
def test_only_the_address_that_the_run_was_given_is_good(local_api: Api, run: JSON) -> None:
    key = key_of(local_api, run)
    other = local_api.runtime.ids.new_id()
    run_id, attempt, signature = key.split(".")
    for wrong in (
        "",
        "x",
        "..",
        f"{other}.{attempt}.{signature}",
        f"{run_id}.2.{signature}",
        key[:-1],
        f"{key}é",
    ):
        assert tell(local_api, wrong, body(trace())).status_code in (401, 404), wrong
    app_token = local_api.server.tokens.run_key(
        local_api.runtime.database.read(lambda connection: runs.launch_facts(connection, run["id"]))
    )
    assert tell(local_api, app_token, body(trace())).status_code == 401
    assert told(local_api, run)["items"] == []


# SPEC: SEC-02
def test_the_address_opens_nothing_else(local_api: Api, run: JSON) -> None:
    key = key_of(local_api, run)
    for name, route in ROUTES.items():
        if name.startswith(("open_sign", "sign_", "show_", "get_health", "get_version", "call_webhook")):
            continue
        path = route.path.format(
            **dict.fromkeys(route.param_convertors, run["id"]) | {"workspace_id": local_api.workspace_id}
        )
        for method in sorted(route.methods or ()):
            answer = local_api.request(method, path, key=None, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code in (200, 401, 404), (name, answer.text)
            assert answer.status_code != 200 or "{" not in route.path, name
    assert local_api.request("GET", local_api.here, key=key).status_code == 401


def test_a_run_tells_a_little_longer_than_it_lasts(local_api: Api, run: JSON) -> None:
    key = key_of(local_api, run)
    local_api.move(run["id"], RunStatus.COMPLETED, reason=Reason.OK)
    local_api.clock.turn(REPORT_SECONDS - 1)
    assert tell(local_api, key, body(trace())).status_code == 200
    local_api.clock.turn(2)
    late = tell(local_api, key, body(trace("t2")))
    assert (late.status_code, late.json()["code"]) == (401, "RY1400")
    assert told(local_api, run)["total"] == 1


# SPEC: SEC-02
def test_the_address_is_said_nowhere(
    local_api: Api, run: JSON, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(local_api, run)
    caplog.set_level(logging.DEBUG)
    answers = [
        tell(local_api, key, body(trace())),
        tell(local_api, key, b"{"),
        tell(local_api, key, b"{}", "state"),
        tell(local_api, key[:-1], b"{}"),
        local_api.request("POST", f"{BEACON_PATH}{key}/trace", key=None),
        tell(local_api, key, b" " * (BEACON_BYTES_MAX + 1)),
    ]

    def broken(*_given: Any, **_more: Any) -> None:
        raise RuntimeError("our mistake")

    monkeypatch.setattr("runyard.core.store.pipeline_runs.keep", broken)
    answers.append(tell(local_api, key, body(trace())))
    assert [answer.status_code for answer in answers] == [200, 422, 404, 401, 405, 413, 500]
    secret = key.rpartition(".")[2][:-1]
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    for text in [*(answer.text for answer in answers), *ours, str(told(local_api, run))]:
        assert secret not in text


def test_another_workspace_does_not_see_what_was_told(local_api: Api, run: JSON) -> None:
    tell(local_api, key_of(local_api, run), body(trace()))
    made = local_api.ok(
        "POST",
        f"/api/v1/organizations/{local_api.organization_id}/workspaces",
        201,
        json={"name": "other", "description": None},
    )
    path = f"/api/v1/workspaces/{made['id']}/job-runs/{run['id']}/pipeline-runs"
    assert local_api.request("GET", path).status_code == 404
