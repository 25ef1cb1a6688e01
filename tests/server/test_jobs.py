"""Deploying, listing and starting jobs over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import Api
from tests.support.worlds import batch_job

from runyard_server import schemas

LOAD = batch_job(
    "load",
    "schedule:0 6 * * *",
    default_trigger="schedule:0 6 * * *",
    expose={"manual": True, "tags": ["ingest"], "display_name": "Load it", "category": "pipeline"},
    deliver={"pipeline_name": "flights"},
    interval={"start": "2026-01-01T00:00:00Z"},
    execute={"timeout": {"timeout": 60.5}, "concurrency": None},
    require={"timezone": "Europe/Berlin"},
    description="Loads.",
    inputs={"type": "object", "x-unknown": [1, 2.5, None]},
)
REPORT = batch_job("report", "job.success:jobs.etl.load")
NOTEBOOK = {
    **batch_job("notebook", "http:"),
    "entry_point": {"module": "nb", "function": None, "job_type": "interactive", "launcher": "l.marimo"},
}


# SPEC: CMP-12
def test_a_deployed_job_is_echoed_intact_with_everything_that_starts_it(api: Api, tmp_path: Path) -> None:
    load, _ = api.prepare(tmp_path, LOAD, REPORT)
    found = api.get(f"{api.here}/jobs/{load['id']}")
    assert found["job_definition"] == LOAD
    assert found["triggers"] == [
        "schedule:0 6 * * *",
        "tag:ingest",
        "manual:jobs.etl.load",
        "pipeline_name:flights",
    ]
    assert (found["name"], found["description"], found["pipeline_name"]) == ("Load it", "Loads.", "flights")
    assert found["default_trigger"] == "schedule:0 6 * * *"
    assert found["interval_start"] == "2025-12-31T05:00:00+00:00", "the tick at or before the start, in UTC"
    assert found["next_scheduled_run_at"] is not None
    assert found["current_version"]["max_run_time_seconds"] == 60
    assert found["latest_job_run"] is None
    TypeAdapter(schemas.DetailedJob).validate_python(found)


# SPEC: API-03
def test_lists_page_and_narrow(api: Api, tmp_path: Path) -> None:
    api.prepare(tmp_path, LOAD, REPORT, batch_job("old"))
    api.deploy(LOAD, REPORT)
    assert api.get(f"{api.here}/jobs")["total"] == 3, "archived ones too"
    page = api.get(f"{api.here}/jobs?is_archived=false&limit=1&offset=1&timezone=UTC")
    assert (page["total"], page["limit"], page["offset"], len(page["items"])) == (2, 1, 1, 1)
    assert page["next_cursor"] is None
    by_ref = api.get(f"{api.here}/jobs?ref=jobs.etl.report&limit=1")["items"]
    assert [job["job_ref"] for job in by_ref] == ["jobs.etl.report"]


def test_the_job_that_ran_last_comes_first(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, batch_job("load"), batch_job("report"))
    api.start_job(report["id"])
    run = api.start_job(load["id"])
    page = api.get(f"{api.here}/jobs?recent_job_runs_limit=5")["items"]
    assert [job["job_ref"] for job in page] == ["jobs.etl.load", "jobs.etl.report"]
    assert page[0]["latest_job_run"]["id"] == run["id"]
    assert [recent["id"] for recent in page[0]["recent_job_runs"]] == [run["id"]]


# SPEC: RCN-07
def test_a_dry_run_answers_like_a_deploy_and_changes_nothing(api: Api, tmp_path: Path) -> None:
    promised = api.deploy(LOAD, dry_run=True)["job_receipt"]
    assert [(row["job"]["job_ref"], row["outcome"]) for row in promised["succeeded"]] == [
        ("jobs.etl.load", "created")
    ]
    TypeAdapter(schemas.DeployReceipt).validate_python(promised)
    assert api.get(f"{api.here}/jobs")["total"] == 0
    api.prepare(tmp_path, LOAD)


def test_a_receipt_says_what_a_deploy_did_to_each_job(api: Api, tmp_path: Path) -> None:
    api.prepare(tmp_path, LOAD, REPORT)
    changed = {**LOAD, "description": "Loads better."}
    answer = api.deploy(changed, batch_job("new"))
    outcomes = {row["job"]["job_ref"]: row for row in answer["job_receipt"]["succeeded"]}
    assert {ref: row["outcome"] for ref, row in outcomes.items()} == {
        "jobs.etl.load": "updated",
        "jobs.etl.new": "created",
        "jobs.etl.report": "archived",
    }
    load = outcomes["jobs.etl.load"]
    assert load["fields"] == ["description"]
    assert (load["previous_version"]["version"], load["job"]["version"]) == (1, 2)
    assert load["previous_version"]["job_definition"] == LOAD
    again = api.deploy(changed, batch_job("new"))["job_receipt"]
    assert (again["succeeded"], {row["outcome"] for row in again["skipped"]}) == ([], {"unchanged"})
    assert answer["deployment_module"] == "__deployment__"


def test_fields_that_a_newer_client_sends_are_ignored(local_api: Api, tmp_path: Path) -> None:
    local_api.prepare(tmp_path, LOAD)
    local_api.deploy(LOAD, invention={"a": 1})


# SPEC: DEC-23
def test_what_engine_2_has_no_word_for_travels_beside_it(local_api: Api, tmp_path: Path) -> None:
    local_api.prepare(tmp_path, LOAD)
    receipt = local_api.deploy(LOAD, extensions={"jobs.etl.load": {"split": "@monthly"}})["job_receipt"]
    job = receipt["succeeded"][0]["job"]
    assert job["extensions"] == {"split": "@monthly"}
    assert job["job_definition"] == LOAD


def test_interactive_jobs_run_under_access_once_it_has_settings(local_api: Api, tmp_path: Path) -> None:
    load, notebook = local_api.prepare(tmp_path, batch_job("load"), NOTEBOOK)
    assert (load["profile"], notebook["profile"]) == ("prod", "prod")
    local_api.upload("configurations", tmp_path / "again", {"access.config.toml": ""})
    assert local_api.get(f"{local_api.here}/jobs/{notebook['id']}")["profile"] == "access"


def test_a_receipt_of_a_start_has_the_run(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, LOAD, REPORT)
    unknown = "22222222-2222-4222-8222-222222222222"
    receipt = api.post(f"{api.here}/jobs/-trigger", {"job_ids": [load["id"], unknown], "refresh": True})
    (started,) = receipt["succeeded"]
    assert (started["job_ref"], started["status"]) == ("jobs.etl.load", "triggered")
    assert started["trigger"] == "schedule:0 6 * * *"
    assert started["job_run"]["number"] == 1
    assert started["job_run_id"] == started["job_run"]["id"]
    assert receipt["failed"][0]["ref"] == unknown
    TypeAdapter(schemas.TriggeredJobs).validate_python(receipt)
    by_tag = api.post(f"{api.here}/jobs/-trigger", {"selectors": ["tag:ingest"], "dry_run": True})
    assert by_tag["succeeded"][0]["matched_triggers"] == ["tag:ingest"]
    assert by_tag["succeeded"][0]["job_run"] is None
    assert report["id"] not in str(by_tag)


# SPEC: CMP-10
def test_a_start_that_has_to_wait_for_upstream_is_a_skip_and_no_run(api: Api, tmp_path: Path) -> None:
    gated = batch_job("gated", freshness=["job.is_fresh:jobs.etl.load"])
    _, job = api.prepare(tmp_path, LOAD, gated)
    receipt = api.post(f"{api.here}/jobs/-trigger", {"job_ids": [job["id"]]})
    (skipped,) = receipt["skipped"]
    assert (skipped["status"], skipped["job_run_id"]) == ("skipped_upstream_pending", None)
    assert "jobs.etl.load" in skipped["reasons"][0]
    assert api.get(f"{api.here}/job-runs")["total"] == 0
    (decision,) = api.get(f"{api.here}/jobs/{job['id']}/decisions")["items"]
    assert (decision["outcome"], decision["run_id"]) == ("not_fresh", None)
    TypeAdapter(schemas.Decision).validate_python(decision)


def test_decisions_are_told_newest_first(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    runs = [local_api.start_job(job["id"]) for _ in range(3)]
    told = local_api.get(f"{local_api.here}/jobs/{job['id']}/decisions?limit=2")["items"]
    assert len(told) == 2
    assert told[0]["run_id"] == runs[-1]["id"]
    assert all(decision["because"] for decision in told)


@pytest.mark.parametrize("value", [None, {}])
def test_optional_objects_that_are_absent_stay_absent(local_api: Api, tmp_path: Path, value: object) -> None:
    wire = {**batch_job("load"), "execute": {}}
    if value is not None:
        wire["require"] = value
    echoed = local_api.prepare(tmp_path, wire)[0]["job_definition"]
    assert echoed == wire
    assert None not in echoed.values()
