"""A job that this server cannot read, of a later version or in a zone that is gone, is shown with what can be told."""

from __future__ import annotations

import logging
import zoneinfo
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import RowMapping, update
from tests.support.api import Api
from tests.support.bad_versions import set_version, store_badly
from tests.support.worlds import batch_job

from runyard.core.store import jobs, runs, tables
from runyard_server import schemas
from runyard_server.client.feeds.rows import job_row
from runyard_server.client.models import Job, Run

BAD = batch_job("bad", "job.success:jobs.etl.good", "every:1h", description="Loads.")
GOOD = batch_job("good", "schedule:0 * * * *")
NO_ZONE = {"triggers": ["schedule:0 * * * *"], "require": {"timezone": "Atlantis/City"}}

Wire = dict[str, Any] | list[Any]
WAYS: list[tuple[Wire, dict[str, Any], str]] = [
    ({}, {"of_a_later_version": 1}, "of_a_later_version"),
    (NO_ZONE, {}, "Atlantis/City"),
    ({"triggers": ["at_dawn:Berlin"]}, {}, "at_dawn"),
    ({"description": 5}, {}, "description"),
    ({"require": ["x"]}, {}, "require"),
    ([], {}, "no job definition"),
]


def row_of(api: Api, job: dict[str, Any]) -> RowMapping:
    row = api.runtime.database.read(lambda c: jobs.get(c, api.workspace_id, job["id"]))
    assert row is not None
    return row


@pytest.mark.parametrize(("wire", "extensions", "named"), WAYS)
def test_the_list_has_all_jobs_and_says_why_one_tells_little(
    api: Api,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    wire: Wire,
    extensions: dict[str, Any],
    named: str,
) -> None:
    bad, _ = api.prepare(tmp_path, BAD, GOOD)
    store_badly(api.runtime, row_of(api, bad), wire, extensions)
    with caplog.at_level(logging.ERROR):
        shown = {
            item["job_ref"]: item for item in api.get(f"{api.here}/jobs?recent_job_runs_limit=1")["items"]
        }
        assert api.get(f"{api.here}/jobs/{bad['id']}") == {**shown["jobs.etl.bad"], "recent_job_runs": None}
    assert len(caplog.records) == 1, "once, however often it is shown"
    assert (shown["jobs.etl.good"]["unreadable"], shown["jobs.etl.good"]["name"]) == (None, "good")
    found = shown["jobs.etl.bad"]
    assert named in found["unreadable"]
    assert found["current_version"]["unreadable"] == found["unreadable"]
    assert (found["id"], found["name"], found["job_type"]) == (bad["id"], "bad", "batch")
    stored = {**BAD, **wire} if isinstance(wire, dict) else {}
    assert found["description"] == ("Loads." if stored.get("description") == "Loads." else None)
    assert found["job_definition"] == stored
    assert (found["triggers"], found["interval_start"], found["schedule_ended"]) == ([], None, None)
    TypeAdapter(schemas.DetailedJob).validate_python(found)
    seen = Job.from_wire(found)
    assert (seen.definition.name, seen.definition.timezone, seen.unreadable) == (
        "bad",
        "UTC",
        found["unreadable"],
    )
    assert job_row(seen, str)["description"] == found["unreadable"]


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in which this process looks for zones too."""
    folder, before = tmp_path / "zones", zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(folder), *before])
    yield folder
    zoneinfo.reset_tzpath(before)


def test_a_job_whose_zone_has_come_is_shown_without_a_restart(api: Api, tmp_path: Path, zones: Path) -> None:
    bad, _ = api.prepare(tmp_path, BAD, GOOD)
    zone = f"Atlantis/{bad['id']}"  # another for each database: what ticks are found is kept by their zone's name
    store_badly(api.runtime, row_of(api, bad), {**NO_ZONE, "require": {"timezone": zone}})
    shown = f"{api.here}/jobs/{bad['id']}"
    assert zone in api.get(shown)["unreadable"]
    (zones / "Atlantis").mkdir(parents=True)
    (zones / zone).write_bytes(resources.files("tzdata").joinpath("zoneinfo/UTC").read_bytes())
    assert api.get(shown)["unreadable"] is None


@pytest.mark.parametrize(("wire", "extensions", "named"), WAYS)
def test_runs_of_it_are_shown(
    api: Api, tmp_path: Path, wire: Wire, extensions: dict[str, Any], named: str
) -> None:
    bad, good = api.prepare(tmp_path, BAD, GOOD)
    cause, caused = (api.start_job(job["id"])["id"] for job in (good, bad))
    api.runtime.database.write(lambda c: runs.add_causes(c, [(caused, cause)]))
    store_badly(api.runtime, row_of(api, bad), wire, extensions)
    listed = api.get(f"{api.here}/job-runs")["items"]
    assert [run["job"]["job_ref"] for run in listed] == ["jobs.etl.bad", "jobs.etl.good"]
    assert named in listed[0]["job"]["unreadable"]
    assert listed[0]["job_version"]["unreadable"] is None, "it was made of a version that can be read"
    [effect] = api.get(f"{api.here}/job-runs/{cause}")["downstream_job_runs"]
    assert (effect["job_ref"], effect["name"], effect["category"]) == ("jobs.etl.bad", "bad", None)
    assert Run.from_wire(listed[0]).because
    assert api.get(f"{api.here}/job-runs/{caused}")["job"]["unreadable"] is not None


def test_a_run_of_a_version_that_cannot_be_read_is_shown_with_the_job_as_it_is_now(
    api: Api, tmp_path: Path
) -> None:
    job, _ = api.prepare(tmp_path, BAD, GOOD)
    run, before = api.start_job(job["id"]), row_of(api, job)
    store_badly(api.runtime, before, {}, {"of_a_later_version": 1})
    made_of = {"job_version_id": row_of(api, job)["version_id"]}
    api.runtime.database.write(lambda c: c.execute(update(tables.runs).values(made_of)))
    set_version(api.runtime, before, before["version_id"])
    shown = api.get(f"{api.here}/job-runs/{run['id']}")
    assert shown["job"]["unreadable"] is None
    assert "of_a_later_version" in shown["job_version"]["unreadable"]
    assert (shown["job_version"]["version"], shown["attempts_max"]) == (before["version"] + 1000, 1)
