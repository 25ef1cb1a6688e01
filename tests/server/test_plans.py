"""What is going to happen, over HTTP."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from tests.support.api import Api
from tests.support.worlds import batch_job

from runyard_server import schemas

LOAD = batch_job(
    "load",
    "schedule:30 2 * * *",
    interval={"start": "2026-01-01T00:00:00Z", "end": "2026-01-03T02:30:00Z"},
    require={"timezone": "Europe/Berlin"},
)
REPORT = batch_job("report", "job.success:jobs.etl.load")


# SPEC: CLI-38, TZ-07
def test_a_plan_tells_jobs_decisions_and_runs(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, LOAD, REPORT)
    told = api.get(f"{api.here}/plan?days=2")
    TypeAdapter(schemas.Plan).validate_python(told)
    assert [job["job_ref"] for job in told["jobs"]] == ["jobs.etl.load", "jobs.etl.report"]
    first, second, *rest = told["firings"]
    assert (first["job_id"], second["job_id"]) == (load["id"], report["id"])
    assert first["at"] == load["next_scheduled_run_at"]
    assert first["run"]["interval_start"] == "2025-12-31T01:30:00+00:00", "snapped to a tick"
    assert [firing["outcome"] for firing in rest] == ["skipped"], "the range is covered"
    assert api.get(f"{api.here}/plan")["is_cut"] is False
    api.ok("GET", f"{api.here}/plan?days=367", 400)


# SPEC: CLI-38
def test_what_is_open_is_told_with_what_comes(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, LOAD, REPORT)
    run = api.start_job(report["id"])
    told = api.get(f"{api.here}/plan?days=1")
    assert [open_run["id"] for open_run in told["open_runs"]] == [run["id"]]
    upcoming = api.get(f"{api.here}/jobs/{load['id']}/next?limit=1")
    TypeAdapter(schemas.NextFirings).validate_python(upcoming)
    assert [firing["tick_at"] for firing in upcoming["items"]] == [load["next_scheduled_run_at"]]
    api.ok("GET", f"{api.here}/jobs/{api.workspace_id}/next", 404)


def test_nothing_is_foreseen_for_a_job_that_is_no_longer_deployed(api: Api, tmp_path: Path) -> None:
    load, _ = api.prepare(tmp_path, LOAD, REPORT)
    api.deploy(batch_job("other"))
    assert api.get(f"{api.here}/jobs/{load['id']}/next")["items"] == []
    assert [job["job_ref"] for job in api.get(f"{api.here}/plan")["jobs"]] == ["jobs.etl.other"]
