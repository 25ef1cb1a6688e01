"""Schedules set beside the code, over HTTP: what counts, who sees it, and when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard.core.runs import RunStatus
from runyard_server import schemas

DAILY, HOURLY = "schedule:0 6 * * *", "schedule:0 * * * *"
LOAD = batch_job("load", DAILY, default_trigger=DAILY)


@pytest.fixture
def load(api: Api, tmp_path: Path) -> JSON:
    """Return a job of every morning."""
    (load,) = api.prepare(tmp_path, LOAD)
    return load


def override(api: Api, job: JSON, trigger: str, status: int = 200) -> JSON:
    return api.ok("PUT", f"{api.here}/jobs/{job['id']}/schedule", status, json={"trigger": trigger})


# SPEC: TRG-21
def test_a_schedule_set_beside_the_code_is_what_counts_everywhere(api: Api, load: JSON) -> None:
    changed = override(api, load, "0 * * * *")
    TypeAdapter(schemas.Job).validate_python(changed)
    assert changed["schedule_override"] == {
        "trigger": HOURLY,
        "replaces": DAILY,
        "set_by": api.server.installation.owner_id,
        "set_at": changed["schedule_override"]["set_at"],
    }
    assert (changed["default_trigger"], changed["triggers"][0]) == (HOURLY, HOURLY)
    assert changed["job_definition"] == LOAD, "the code says what it said"
    assert changed["version"] == load["version"]
    assert changed["next_scheduled_run_at"] <= load["next_scheduled_run_at"]
    api.clock.turn(3600)
    api.runtime.scheduler.plan_due()
    [decision] = api.get(f"{api.here}/jobs/{load['id']}/decisions")["items"]
    assert (decision["trigger"], decision["outcome"]) == (HOURLY, "fired")
    started = api.post(f"{api.here}/jobs/-trigger", {"job_ids": [load["id"]]})["succeeded"][0]
    assert started["trigger"] == HOURLY
    matched = api.post(f"{api.here}/jobs/-trigger", {"selectors": [HOURLY], "dry_run": True})
    assert [row["job_ref"] for row in matched["succeeded"]] == ["jobs.etl.load"]


# SPEC: TRG-21
def test_it_is_taken_away_by_hand_and_time_counts_from_then(api: Api, load: JSON) -> None:
    override(api, load, "every:2h")
    back = api.ok("DELETE", f"{api.here}/jobs/{load['id']}/schedule")
    assert (back["schedule_override"], back["default_trigger"]) == (None, DAILY)
    assert back["next_scheduled_run_at"] == load["next_scheduled_run_at"]
    assert api.ok("DELETE", f"{api.here}/jobs/{load['id']}/schedule")["schedule_override"] is None


# SPEC: TRG-21
def test_deploys_list_it_and_the_one_that_changes_the_schedule_drops_it(api: Api, load: JSON) -> None:
    set_now = override(api, load, "every:2h")["schedule_override"]
    described = {**LOAD, "description": "Loads better."}
    (kept,) = api.deploy(described)["job_receipt"]["succeeded"]
    assert (kept["job"]["schedule_override"], kept["dropped_override"]) == (set_now, None)
    (still,) = api.deploy(described, dry_run=True)["job_receipt"]["skipped"]
    assert still["job"]["schedule_override"] == set_now
    later = {**LOAD, "triggers": ["schedule:0 7 * * *"], "default_trigger": "schedule:0 7 * * *"}
    (dry,) = api.deploy(later, dry_run=True)["job_receipt"]["succeeded"]
    assert (dry["job"]["schedule_override"], dry["dropped_override"]) == (None, set_now)
    TypeAdapter(schemas.DeployedJob).validate_python(dry)
    assert api.get(f"{api.here}/jobs/{load['id']}")["schedule_override"] == set_now, "that was a dry run"
    api.deploy(later)
    job = api.get(f"{api.here}/jobs/{load['id']}")
    assert (job["schedule_override"], job["default_trigger"]) == (None, "schedule:0 7 * * *")


# SPEC: TRG-21, IVL-07
@pytest.mark.parametrize(
    "changed",
    [
        {"interval": {"start": "2025-03-01T01:00:00Z", "end": "2025-03-01T09:00:00Z"}},
        {"entry_point": {**LOAD["entry_point"], "job_type": "interactive"}},
    ],
)
def test_it_is_dropped_by_code_that_it_could_not_be_set_for(api: Api, load: JSON, changed: JSON) -> None:
    set_now = override(api, load, "schedule:@monthly")["schedule_override"]
    (row,) = api.deploy({**LOAD, **changed})["job_receipt"]["succeeded"]
    assert (row["job"]["schedule_override"], row["dropped_override"]) == (None, set_now)


# SPEC: TRG-08
def test_a_deploy_sets_exactly_the_triggers_of_the_code(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load", DAILY, "tag:x"))
    for triggers in ([HOURLY], [], ["every:1h", "tag:y"]):
        local_api.deploy(batch_job("load", *triggers))
        found = local_api.get(f"{local_api.here}/jobs/{job['id']}")
        assert found["triggers"] == [*triggers, "manual:jobs.etl.load"]


# SPEC: TRG-21, AUT-11
def test_a_job_without_a_schedule_may_be_given_one_by_who_may_develop(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    path = f"{local_api.here}/jobs/{job['id']}/schedule"
    local_api.ok("PUT", path, 403, json={"trigger": "@daily"}, key=local_api.add_user("viewer"))
    given = local_api.ok("PUT", path, json={"trigger": "@daily"}, key=local_api.add_user("developer"))
    assert (given["schedule_override"]["replaces"], given["default_trigger"]) == (None, "schedule:@daily")
    assert given["next_scheduled_run_at"] is not None


@pytest.mark.parametrize(
    ("trigger", "says"),
    [
        ("0 25 * * *", "hour"),
        ("every:1s", "shorter than"),
        ("0 0 31 2 *", "no time that ever comes"),
        ("tag:demo", "is no schedule"),
        ("once:2030-01-01T00:00:00Z", "is no schedule"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(
    local_api: Api, tmp_path: Path, trigger: str, says: str
) -> None:
    (job,) = local_api.prepare(tmp_path, LOAD)
    assert says in override(local_api, job, trigger, 400)["detail"]
    assert local_api.get(f"{local_api.here}/jobs/{job['id']}")["schedule_override"] is None


def test_an_app_and_a_job_that_is_gone_have_no_schedule(local_api: Api, tmp_path: Path) -> None:
    app = batch_job("app", "http:")
    app["entry_point"]["job_type"] = "interactive"
    load, app = local_api.prepare(tmp_path, LOAD, app)
    assert "is an app" in override(local_api, app, "@daily", 400)["detail"]
    local_api.deploy()
    assert "not deployed any more" in override(local_api, load, "@daily", 409)["detail"]


# SPEC: TRG-15
def test_a_changed_period_counts_from_the_start_of_the_last_run(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load", "every:6h"))
    run = local_api.start_job(job["id"])
    local_api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)
    started_at = datetime.fromisoformat(local_api.get(f"{local_api.here}/job-runs/{run['id']}")["started_at"])
    local_api.clock.turn(3600)
    local_api.deploy(batch_job("load", "every:4h"))
    due = local_api.get(f"{local_api.here}/jobs/{job['id']}")["next_scheduled_run_at"]
    assert datetime.fromisoformat(due) == started_at + timedelta(hours=4)


# Triggers that wait for a deploy --------------------------------------------------------------------------


# SPEC: TRG-25
def test_a_deploy_that_changed_code_fires_once_and_the_same_code_never_again(
    api: Api, tmp_path: Path
) -> None:
    check = batch_job("check", "deployment:")
    (job,) = api.prepare(tmp_path, check)

    def fired() -> list[tuple[str, str]]:
        told = api.get(f"{api.here}/jobs/{job['id']}/decisions")["items"]
        return [(row["outcome"], row["because"]) for row in told]

    assert [outcome for outcome, _ in fired()] == ["fired"]
    [run] = api.get(f"{api.here}/job-runs")["items"]
    assert (run["trigger"], run["triggered_by"]) == ("deployment:", None)
    api.deploy(check)
    api.deploy({**check, "description": "Checks better."})
    assert len(fired()) == 1, "the code is the same"
    api.upload("deployments", tmp_path / "second", {"etl.py": "# changed"})
    assert len(fired()) == 1, "code that is only uploaded is not deployed"
    api.deploy(check, dry_run=True)
    assert len(fired()) == 1
    api.post(f"{api.here}/jobs/{job['id']}/-pause")
    api.deploy(check)
    assert fired()[0] == ("paused", "The job is paused.")
    api.post(f"{api.here}/jobs/{job['id']}/-resume")
    api.deploy(check)
    assert len(fired()) == 2, "a deploy that was missed is not made up for"
    api.upload("deployments", tmp_path / "first", {"etl.py": ""})
    api.deploy(check)
    outcome, because = fired()[0]
    assert outcome == "limited", "the run that waits was made of the first version"
    assert because.startswith("Version 3 of the code was deployed.")
