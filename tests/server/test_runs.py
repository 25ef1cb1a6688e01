"""Listing, looking at and stopping runs over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import Connection
from tests.support.api import Api
from tests.support.ends import settle
from tests.support.worlds import batch_job

from runyard.core.planning import NewRun
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import new_runs
from runyard_server import schemas

UNKNOWN = "22222222-2222-4222-8222-222222222222"
DASHBOARD = {
    **batch_job("dashboard", section="workspace"),
    "triggers": ["http:"],
    "entry_point": {"module": "d", "function": None, "job_type": "interactive", "launcher": "l.dashboard"},
}


def create_run(api: Api, job_id: str) -> None:
    """Create a run as the planner would; interactive jobs are not started by hand yet."""

    def work(connection: Connection) -> None:
        versions = new_runs.versions_now(connection, [job_id])[job_id]
        new = NewRun(trigger="http:", cause="test", tick_at=None, refresh=False)
        wanted = new_runs.Wanted(api.runtime.ids.new_id(), job_id, new, versions, "prod")
        new_runs.create(connection, [wanted], config={}, user_id=None, now=api.clock.now())

    api.runtime.database.write(work)


def test_a_new_run_is_listed_first_with_its_job_and_version(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, batch_job("load"), batch_job("report"))
    first, second = api.start_job(load["id"]), api.start_job(report["id"])
    listed = api.get(f"{api.here}/job-runs?limit=100&offset=0&timezone=UTC&include_system_job_runs=false")
    assert [run["id"] for run in listed["items"]] == [second["id"], first["id"]]
    run = listed["items"][0]
    assert (run["job"]["job_ref"], run["job_version"]["version"]) == ("jobs.etl.report", 1)
    assert run["status"] == "pending"
    for item in listed["items"]:
        TypeAdapter(schemas.ListedRun).validate_python(item)


def test_runs_are_narrowed_by_job_number_and_status(api: Api, tmp_path: Path) -> None:
    load, report = api.prepare(tmp_path, batch_job("load"), batch_job("report"))
    first, second, other = (api.start_job(job["id"]) for job in (load, load, report))
    api.move(other["id"], RunStatus.STARTING, RunStatus.RUNNING)

    def found(query: str) -> set[str]:
        return {run["id"] for run in api.get(f"{api.here}/job-runs?{query}")["items"]}

    assert found(f"job_id={load['id']}") == {first["id"], second["id"]}
    assert found(f"job_id={load['id']}&number=2") == {second["id"]}
    assert found("status=starting&status=running") == {other["id"]}
    assert found("status=failed") == set()


def test_a_run_that_was_asked_to_stop_shows_as_cancelling(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run = api.start_job(job["id"])
    api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)
    stopped = api.post(f"{api.here}/job-runs/{run['id']}/-cancel")
    assert stopped["status"] == "cancelling"
    assert [row["id"] for row in api.get(f"{api.here}/job-runs?status=cancelling")["items"]] == [run["id"]]
    api.move(run["id"], RunStatus.CANCELLED, reason=Reason.USER_CANCEL)
    assert api.get(f"{api.here}/job-runs/{run['id']}")["status"] == "cancelled"


# SPEC: RUN-11
# SPEC: RUN-13
def test_a_waiting_run_that_is_cancelled_never_starts_and_says_who_did_it(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run = api.start_job(job["id"])
    ended = api.post(f"{api.here}/job-runs/{run['id']}/-cancel")
    assert (ended["status"], ended["reason"], ended["started_at"]) == ("cancelled", "user_cancel", None)
    me = api.get("/api/v1/me")["user_id"]
    assert [(move["to_status"], move["actor"]) for move in ended["history"]] == [
        ("pending", me),
        ("cancelled", me),
    ]
    TypeAdapter(schemas.DetailedRun).validate_python(ended)


# SPEC: RUN-12
def test_a_bulk_cancel_tells_of_each_run(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load", execute={"concurrency": 3}))
    waiting, ended = (api.start_job(job["id"]) for _ in range(2))
    api.post(f"{api.here}/job-runs/{ended['id']}/-cancel")
    body = {"job_run_ids": [waiting["id"], ended["id"], UNKNOWN]}
    promised = api.post(f"{api.here}/job-runs/-cancel", {**body, "dry_run": True})
    assert api.get(f"{api.here}/job-runs/{waiting['id']}")["status"] == "pending"
    done = api.post(f"{api.here}/job-runs/-cancel", body)
    assert done == promised
    assert [(row["job_run_id"], row["previous_status"]) for row in done["succeeded"]] == [
        (waiting["id"], "pending")
    ]
    assert [(row["job_run_id"], row["previous_status"]) for row in done["skipped"]] == [
        (ended["id"], "cancelled")
    ]
    assert [row["ref"] for row in done["failed"]] == [UNKNOWN]


def test_runs_of_the_dashboard_are_hidden_unless_asked_for(local_api: Api, tmp_path: Path) -> None:
    load, board = local_api.prepare(tmp_path, batch_job("load"), DASHBOARD)
    run = local_api.start_job(load["id"])
    create_run(local_api, board["id"])

    def total(query: str) -> int:
        return int(local_api.get(f"{local_api.here}/job-runs?{query}")["total"])

    assert [row["id"] for row in local_api.get(f"{local_api.here}/job-runs")["items"]] == [run["id"]]
    assert total("include_system_job_runs=true") == 2
    assert total(f"job_id={board['id']}") == 1
    assert total(f"previous_job_run_id={run['id']}") == 0


def test_a_run_tells_how_long_it_took_and_why_it_ended(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run = api.start_job(job["id"])
    api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)
    api.clock.turn(90)
    api.move(run["id"], RunStatus.FAILED, reason=Reason.TIMEOUT)
    ended = api.get(f"{api.here}/job-runs/{run['id']}")
    assert (ended["status"], ended["reason"]) == ("failed", "timeout")
    assert 90 <= ended["duration_seconds"] < 100
    assert [move["to_status"] for move in ended["history"]] == ["pending", "starting", "running", "failed"]
    assert ended["finished_at"].endswith("+00:00")


# SPEC: DEC-20
def test_a_run_tells_of_its_attempts_and_when_the_next_one_is_due(api: Api, tmp_path: Path) -> None:
    extensions = {"jobs.etl.load": {"retries": 2, "retry_delay": 3600}}
    api.prepare(tmp_path, batch_job("load"))
    load = api.deploy(batch_job("load"), extensions=extensions)["job_receipt"]["succeeded"][0]["job"]
    run_id = api.start_job(load["id"])["id"]

    def fail(connection: Connection) -> None:
        api.runtime.executor._claim(connection)
        how = RunStatus.FAILED, Reason.LOST
        now = api.clock.now()
        settle(connection, run_id, *how, ids=api.runtime.ids, now=now)

    api.runtime.database.write(fail)
    run = api.get(f"{api.here}/job-runs/{run_id}")
    TypeAdapter(schemas.DetailedRun).validate_python(run)
    assert (run["status"], run["attempt"], run["attempts_max"], run["reason"]) == ("pending", 1, 3, None)
    assert datetime.fromisoformat(run["retry_at"]) - datetime.fromisoformat(run["updated_at"]) == timedelta(
        hours=1
    )
    assert [attempt["number"] for attempt in run["attempts"]] == [1]
    assert [move["reason"] for move in run["history"]] == [None, None, "lost"]
    cancelled = api.post(f"{api.here}/job-runs/{run_id}/-cancel")
    assert cancelled["status"] == "cancelling", "the executor ends it in a moment"
