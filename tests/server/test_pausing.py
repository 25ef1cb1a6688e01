"""Pausing and resuming jobs over HTTP, and what their ticks become meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard_server import schemas

HOURLY = batch_job("load", "schedule:0 * * * *", interval={"start": "2026-01-01T00:00:00Z"})
HOUR_SECONDS = 3600


@pytest.fixture
def load(api: Api, tmp_path: Path) -> JSON:
    """Return an hourly job."""
    (load,) = api.prepare(tmp_path, HOURLY)
    return load


def decisions(api: Api, job: JSON) -> list[JSON]:
    """Return what was decided about a job, oldest first, once all that is due was planned."""
    api.runtime.scheduler.plan_due()
    items: list[JSON] = api.get(f"{api.here}/jobs/{job['id']}/decisions")["items"]
    return items[::-1]


# SPEC: TRG-20, SCH-08
def test_ticks_of_a_paused_job_are_written_down_and_the_next_run_covers_them(api: Api, load: JSON) -> None:
    job = f"{api.here}/jobs/{load['id']}"
    paused = api.post(f"{job}/-pause")
    TypeAdapter(schemas.Job).validate_python(paused)
    assert (paused["is_paused"], paused["paused_by"]) == (True, api.server.installation.owner_id)
    for _ in range(2):
        api.clock.turn(HOUR_SECONDS)
        last = decisions(api, load)[-1]
    assert (last["outcome"], last["count"], last["run_id"]) == ("paused", 2, None)
    advanced = api.get(job)["next_scheduled_run_at"]
    assert advanced > paused["next_scheduled_run_at"], "time goes on while nothing runs"
    resumed = api.post(f"{job}/-resume")
    TypeAdapter(schemas.ResumedJob).validate_python(resumed)
    assert (resumed["is_paused"], resumed["paused_at"], resumed["makes_up"]) == (False, None, False)
    assert [row["outcome"] for row in decisions(api, load)] == ["paused"], "resuming fires nothing"
    api.clock.turn(HOUR_SECONDS)
    assert [row["outcome"] for row in decisions(api, load)] == ["paused", "fired"]


# SPEC: TRG-20, SCH-06, IVL-04
def test_who_asks_for_it_has_ticks_that_went_by_made_up_for_by_one_run(api: Api, load: JSON) -> None:
    job = f"{api.here}/jobs/{load['id']}"
    api.post(f"{job}/-pause")
    for _ in range(3):
        api.clock.turn(HOUR_SECONDS)
        decisions(api, load)
    resumed = api.post(f"{job}/-resume?catch_up=true")
    assert (resumed["is_paused"], resumed["makes_up"]) == (False, True)
    paused, fired = decisions(api, load)
    assert (paused["outcome"], fired["outcome"], fired["count"]) == ("paused", "fired", 1)
    assert fired["because"].startswith("Ticks since ")
    assert fired["facts"]["first_tick"] < fired["facts"]["tick"]
    assert api.post(f"{job}/-resume?catch_up=true")["makes_up"] is False
    assert len(decisions(api, load)) == 2, "a job that is not paused has nothing to make up for"


# SPEC: TRG-20
def test_a_pause_in_which_no_tick_went_by_leaves_nothing_to_make_up_for(api: Api, load: JSON) -> None:
    job = f"{api.here}/jobs/{load['id']}"
    api.post(f"{job}/-pause")
    api.clock.turn(1)
    assert api.post(f"{job}/-resume?catch_up=true")["makes_up"] is False
    assert decisions(api, load) == []


# SPEC: TRG-20, TRG-25
def test_a_deploy_that_a_paused_job_missed_is_not_said_to_be_made_up_for(
    local_api: Api, tmp_path: Path
) -> None:
    wire = batch_job("load", "deployment:")
    (load,) = local_api.prepare(tmp_path / "before", wire)
    job = f"{local_api.here}/jobs/{load['id']}"
    local_api.post(f"{job}/-pause")
    local_api.prepare(tmp_path / "after", wire, texts={"etl.py": "BETTER = True"})
    assert local_api.post(f"{job}/-resume?catch_up=true")["makes_up"] is False
    assert [row["outcome"] for row in decisions(local_api, load)] == ["fired", "paused"]


def test_pausing_and_resuming_twice_changes_nothing_more(api: Api, load: JSON) -> None:
    job = f"{api.here}/jobs/{load['id']}"
    assert api.post(f"{job}/-resume")["is_paused"] is False
    first = api.post(f"{job}/-pause")
    api.clock.turn(1)
    assert api.post(f"{job}/-pause", key=api.add_user("developer")) == first
    api.post(f"{job}/-resume")
    api.post(f"{job}/-resume")
    kinds = [
        json.loads(frame.rpartition("data: ")[2])["kind"]
        for frame in api.read_events(f"{api.here}/events", 6, headers={"last-event-id": "0"})[3:]
    ]
    assert kinds == ["workspace.deployed", "job.paused", "job.resumed"]


# SPEC: TRG-20, TAG-11
def test_a_paused_job_is_started_by_hand_and_stays_paused_through_deploys(api: Api, load: JSON) -> None:
    job = f"{api.here}/jobs/{load['id']}"
    api.post(f"{job}/-pause")
    assert api.start_job(load["id"])["number"] == 1
    api.deploy({**HOURLY, "description": "Loads better."})
    assert api.get(job)["is_paused"]
    api.deploy(batch_job("load"))
    assert not api.get(job)["is_paused"], "it has no schedule any more"


def test_what_nothing_starts_by_itself_cannot_be_paused(api: Api, tmp_path: Path) -> None:
    (load,) = api.prepare(tmp_path, batch_job("load", "tag:demo"))
    refused = api.post(f"{api.here}/jobs/{load['id']}/-pause", status=400)
    assert "jobs.etl.load is not scheduled" in refused["detail"]
    assert api.post(f"{api.here}/jobs/{load['id']}/-resume")["is_paused"] is False


# SPEC: TRG-20, FUP-07
@pytest.mark.parametrize("trigger", ["job.success:jobs.etl.raw", "deployment:", "webhook:"])
def test_what_waits_for_an_event_can_be_paused_and_stays_so_through_deploys(
    local_api: Api, tmp_path: Path, trigger: str
) -> None:
    load, _ = local_api.prepare(tmp_path, batch_job("load", trigger), batch_job("raw"))
    assert local_api.post(f"{local_api.here}/jobs/{load['id']}/-pause")["is_paused"]
    local_api.deploy(batch_job("load", trigger, description="Loads better."), batch_job("raw"))
    assert local_api.get(f"{local_api.here}/jobs/{load['id']}")["is_paused"]
