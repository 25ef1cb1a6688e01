"""A job that this server cannot read, of a later version or in a zone that is gone, stops nobody else's runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update
from tests.support.clocks import StillClock
from tests.support.ends import move, settle
from tests.support.planning import at
from tests.support.worlds import OWNER, WORKSPACE, World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.errors import InvalidInput
from runyard.core.preview import preview
from runyard.core.runs import Reason, RunStatus
from runyard.core.settling import attempts_max
from runyard.core.store import forecast, runs, tables

LATER: dict[str, Any] = {"of_a_later_version": 1}
HOURLY = "schedule:0 * * * *"
NO_ZONE = {"require": {"timezone": "Atlantis/City"}}
NO_JOB: list[Any] = []

Wire = dict[str, Any] | list[Any]
WAYS: list[tuple[Wire, dict[str, Any]]] = [({}, LATER), (NO_ZONE, {}), (NO_JOB, {})]


@pytest.fixture
def clock() -> StillClock:
    return StillClock(at("2026-03-01T11:30"))


@pytest.fixture
def world(tmp_path: Path, database_url: str, clock: StillClock) -> Iterator[World]:
    """Return a world whose loops stand still, on each kind of database, by a clock that is turned by hand."""
    world = World(tmp_path / "data", database_url=database_url, clock=clock)
    world.upload({"etl.py": "def good(): pass\ndef bad(): pass\n"})
    yield world
    world.close()


def end(world: World, run_id: str) -> RunStatus | None:
    """Let a run complete that covered the last hour, as far as the store knows."""
    now = world.runtime.clock.now()
    begun = {"attempt": 1, "interval_start": now - 3600 * MICROSECONDS, "interval_end": now}

    def work(connection: Connection) -> RunStatus | None:
        for target in (RunStatus.STARTING, RunStatus.RUNNING):
            move(connection, run_id, target, now=now, values=begun)
        return settle(connection, run_id, RunStatus.COMPLETED, Reason.OK, ids=world.runtime.ids, now=now)

    return world.runtime.database.write(work)


@pytest.mark.parametrize(("wire", "extensions"), WAYS)
def test_a_waiting_run_of_it_fails_with_the_reason_and_the_others_start(
    world: World, wire: Wire, extensions: dict[str, Any]
) -> None:
    world.deploy(batch_job("bad", HOURLY), batch_job("good"))
    bad, good = world.start_one("bad"), world.start_one("good")
    world.store_badly("jobs.etl.bad", wire, extensions)
    world.runtime.start()
    assert world.until_ended(good["id"])["status"] == "completed"
    refused = world.until_ended(bad["id"])
    assert (refused["status"], refused["reason"]) == ("failed", "start_failed")
    named = ("of_a_later_version", "Atlantis/City", "no job definition")
    assert any(what in refused["message"] for what in named)


# SPEC: DEC-20, IVL-02
def test_a_run_of_it_that_is_tried_again_covers_what_it_would_have_covered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    retries = {"retries": 1, "retry_delay": 60}
    world.deploy(batch_job("bad", HOURLY), extensions={"jobs.etl.bad": retries})
    readable, run_id = world.job("jobs.etl.bad")["version_id"], world.start_one("bad")["id"]
    database, ids, executor = world.runtime.database, world.runtime.ids, world.runtime.executor
    world.store_badly("jobs.etl.bad", NO_ZONE, retries)
    [refused] = database.write(executor._claim)
    assert "Atlantis/City" in str(refused.error)
    assert runs.window_of(world.run(run_id)) is None
    now = world.runtime.clock.now()
    how = RunStatus.FAILED, Reason.START_FAILED
    assert database.write(lambda c: settle(c, run_id, *how, ids=ids, now=now)) is RunStatus.PENDING
    world.set_version("jobs.etl.bad", readable)
    due_at = world.run(run_id)["due_at"]
    monkeypatch.setattr(world.runtime.clock, "now", lambda: due_at)
    [again] = database.write(executor._claim)
    covers = runs.window_of(world.run(run_id))
    assert (again.attempt.number, again.error) == (2, None)
    assert covers is not None
    assert covers.end - covers.start == 3600 * MICROSECONDS


# SPEC: SCH-05
def test_a_run_of_it_does_not_start_without_its_window_when_the_server_that_refused_it_is_gone(
    tmp_path: Path,
) -> None:
    first = World(tmp_path / "data")
    first.upload({"etl.py": "def bad(): pass\n"})
    first.deploy(batch_job("bad", HOURLY))
    run_id = first.start_one("bad")["id"]
    first.store_badly("jobs.etl.bad", NO_ZONE)
    assert [each.attempt.run_id for each in first.runtime.database.write(first.runtime.executor._claim)] == [
        run_id
    ]
    first.close()
    second = World(tmp_path / "data")
    second.runtime.start()
    row = second.until_ended(run_id)
    assert (row["status"], row["reason"]) == ("failed", "start_failed")
    second.close()


@pytest.mark.parametrize(("wire", "extensions"), WAYS)
def test_a_run_of_it_ends_though_nobody_can_tell_what_it_causes(
    world: World, caplog: pytest.LogCaptureFixture, wire: Wire, extensions: dict[str, Any]
) -> None:
    interval = {"start": "2026-01-01T00:00:00Z"}
    world.deploy(batch_job("bad", HOURLY, interval=interval), batch_job("good", "job.success:jobs.etl.bad"))
    bad = world.start_one("bad")
    world.store_badly("jobs.etl.bad", wire, extensions)
    with caplog.at_level(logging.ERROR):
        assert end(world, bad["id"]) is RunStatus.COMPLETED
    assert (world.run(bad["id"])["status"], world.runs("jobs.etl.good")) == ("completed", [])
    assert bad["id"] in caplog.text


def test_it_is_left_out_of_what_an_end_causes_and_the_others_are_not(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    after = "job.success:jobs.etl.first"
    world.deploy(batch_job("first"), batch_job("good", after), batch_job("bad", after))
    first = world.start_one("first")
    world.store_badly("jobs.etl.bad", {}, LATER)
    with caplog.at_level(logging.ERROR):
        end(world, first["id"])
    assert (len(world.runs("jobs.etl.good")), world.runs("jobs.etl.bad")) == (1, [])
    assert world.job("jobs.etl.bad")["id"] in caplog.text


# SPEC: FUP-01
def test_an_end_causes_the_runs_of_the_others_where_one_cannot_be_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    after = "job.success:jobs.etl.first"
    names = ["a", "bad", "c", "d"]
    world.deploy(batch_job("first"), *(batch_job(name, after) for name in names))
    world.store_badly("jobs.etl.bad", {"require": {"profile": "\ud800"}})
    with caplog.at_level(logging.ERROR):
        assert end(world, world.start_one("first")["id"]) is RunStatus.COMPLETED
    assert [len(world.runs(f"jobs.etl.{name}")) for name in names] == [1, 0, 1, 1]
    [decision] = world.decisions("jobs.etl.bad")
    assert (decision["outcome"], decision["trigger"], decision["run_id"]) == ("skipped", after, None)
    assert "surrogates not allowed" in decision["because"]
    assert world.job("jobs.etl.bad")["id"] in caplog.text


@pytest.mark.parametrize(("wire", "extensions"), WAYS)
def test_what_is_foreseen_leaves_it_out(world: World, wire: Wire, extensions: dict[str, Any]) -> None:
    gate = ["job.is_fresh:jobs.etl.bad"]
    world.deploy(
        batch_job("bad", HOURLY), batch_job("gated", HOURLY, freshness=gate), batch_job("good", HOURLY)
    )
    world.store_badly("jobs.etl.bad", wire, extensions)
    now = world.runtime.clock.now()
    seen = world.runtime.database.read(lambda c: forecast.of_workspace(c, WORKSPACE, now))
    assert list(seen.jobs) == ["jobs.etl.gated", "jobs.etl.good"]
    firings = preview(seen, now + 3600 * MICROSECONDS).firings
    assert {firing.decision.job_id for firing in firings} >= {world.job("jobs.etl.good")["id"]}
    alone = world.runtime.database.read(lambda c: forecast.of_job(c, WORKSPACE, "jobs.etl.gated", now))
    assert list(alone.jobs) == ["jobs.etl.gated"]


def test_environments_of_the_others_are_built_ahead(world: World) -> None:
    world.deploy(batch_job("bad"), batch_job("good"))
    world.store_badly("jobs.etl.bad", {}, LATER)
    [(_, job)] = world.runtime.executor._preparer.deployed(WORKSPACE)
    assert job.job_ref == "jobs.etl.good"


def start(world: World, *selectors: str, names: tuple[str, ...] = ()) -> dict[str, tuple[str, bool]]:
    """Start jobs by selectors and ids; return what became of each by name, and whether it has a run."""
    answers = world.runtime.run_control.start(
        WORKSPACE,
        job_ids=[world.job(f"jobs.etl.{name}")["id"] for name in names],
        selectors=selectors,
        user_id=OWNER,
    )
    return {
        each.job["job_ref"].removeprefix("jobs.etl."): (each.status, each.run is not None)
        for each in answers
        if each.job is not None
    }


# SPEC: TAG-07
@pytest.mark.parametrize(
    ("wire", "extensions", "why"), [({}, LATER, "of_a_later_version"), (NO_JOB, {}, "no job definition")]
)
def test_the_others_are_started_and_who_names_it_is_told_why_not(
    world: World, wire: Wire, extensions: dict[str, Any], why: str
) -> None:
    world.deploy(batch_job("bad", HOURLY), batch_job("good", HOURLY))
    world.store_badly("jobs.etl.bad", wire, extensions)
    good, bad = {"good": ("triggered", True)}, {"bad": ("skipped_unreadable", False)}
    assert start(world, "schedule:*") == good
    assert start(world, "good") == good
    assert start(world, names=("good",)) == good
    assert start(world, "good", "bad") == {**good, **bad}
    assert start(world, names=("good", "bad")) == {**good, **bad}
    for named in ({"names": ("bad",)}, {}):
        with pytest.raises(InvalidInput, match=why):
            start(world, *(() if named else ("bad",)), **named)


# SPEC: DEC-20
@pytest.mark.parametrize(("wire", "extensions"), [({}, LATER), (NO_JOB, {})])
def test_a_run_of_it_has_as_many_attempts_as_it_had(
    world: World, wire: Wire, extensions: dict[str, Any]
) -> None:
    world.deploy(batch_job("bad"), extensions={"jobs.etl.bad": {"retries": 2}})
    database = world.runtime.database
    readable = world.start_one("bad")["id"]
    assert database.read(lambda c: attempts_max(c, readable)) == 3
    world.store_badly("jobs.etl.bad", wire, extensions)
    made_of: dict[str, Any] = {"job_version_id": world.job("jobs.etl.bad")["version_id"]}
    database.write(lambda c: c.execute(update(tables.runs).values(made_of)))
    assert database.read(lambda c: attempts_max(c, readable)) == 1
    ids, now = world.runtime.ids, world.runtime.clock.now()
    database.write(world.runtime.executor._claim)
    how = RunStatus.FAILED, Reason.LOST
    assert database.write(lambda c: settle(c, readable, *how, ids=ids, now=now)) is RunStatus.FAILED


# SPEC: FRS-01
def test_who_waits_for_it_is_not_fresh_and_can_be_planned(world: World) -> None:
    gate = ["job.is_fresh:jobs.etl.bad"]
    world.deploy(batch_job("bad", HOURLY), batch_job("gated", HOURLY, freshness=gate))
    end(world, world.start_one("bad")["id"])
    world.store_badly("jobs.etl.bad", NO_ZONE)
    [refused] = world.runtime.run_control.start(WORKSPACE, job_ids=None, selectors=["gated"], user_id=OWNER)
    assert refused.reasons == ("Upstream is not fresh: jobs.etl.bad is nothing that this server can read.",)


# SPEC: RFR-04, RFR-11
def test_a_refresh_reaches_it_and_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    after = ["job.success:jobs.etl.first"]
    interval = {"start": "2026-01-01T00:00:00Z"}
    world.deploy(
        batch_job("first"),
        batch_job("bad", HOURLY, *after, interval=interval),
        batch_job("good", HOURLY, *after, interval=interval),
    )
    world.store_badly("jobs.etl.bad", NO_ZONE)
    [answer] = world.runtime.run_control.start(
        WORKSPACE, job_ids=None, selectors=["first"], refresh=True, dry_run=True, user_id=OWNER
    )
    assert caplog.records == [], "nothing has happened that it could be left out of"
    assert answer.refreshes is not None
    assert {each.job_ref: each.since is None for each in answer.refreshes} == {
        "jobs.etl.first": True,
        "jobs.etl.bad": True,
        "jobs.etl.good": False,
    }
    run_id = world.start_one("first", refresh=True)["id"]
    world.runtime.database.write(world.runtime.executor._claim)
    with caplog.at_level(logging.ERROR):
        end(world, run_id)
    assert world.job("jobs.etl.bad")["id"] in caplog.text
    assert len(world.runs("jobs.etl.good")) == 1


# SPEC: FRS-09, SCH-06
@pytest.mark.parametrize("has_waited", [False, True])
def test_a_tick_that_may_wait_for_its_upstream_is_decided_once_it_can_be_read(
    world: World, clock: StillClock, has_waited: bool
) -> None:
    bad = batch_job("bad", HOURLY, freshness=["job.is_fresh:jobs.etl.good"])
    world.deploy(bad, batch_job("good"), extensions={"jobs.etl.bad": {"freshness_wait": 3600}})
    version_id, scheduler = world.job("jobs.etl.bad")["version_id"], world.runtime.scheduler
    clock.set(at("2026-03-01T12:00"))
    if has_waited:
        scheduler.plan_due()
    world.store_badly("jobs.etl.bad", {}, LATER)
    for hour in (13, 14):
        clock.set(at(f"2026-03-01T{hour}:00"))
        assert scheduler.plan_due() == 1
    world.set_version("jobs.etl.bad", version_id)
    clock.set(at("2026-03-01T14:05"))
    scheduler.plan_due()
    newest = world.decisions("jobs.etl.bad")[0]
    assert newest["outcome"] == "waiting"
    assert [newest["facts"][name] for name in ("first_tick", "tick")] == [
        "2026-03-01T12:00:00Z",
        "2026-03-01T14:00:00Z",
    ]
    clock.set(at("2026-03-01T14:10"))
    end(world, world.start_one("good")["id"])
    scheduler.plan_due()
    [run] = world.runs("jobs.etl.bad")
    assert run["tick_at"] == at("2026-03-01T14:00")


# SPEC: RCN-01
def test_a_deploy_mends_it(world: World) -> None:
    world.deploy(batch_job("bad", HOURLY), batch_job("good"))
    for wire, extensions in WAYS:
        world.store_badly("jobs.etl.bad", wire, extensions)
        world.deploy(batch_job("bad", "every:2h"), batch_job("good"))
        assert world.start_one("bad")["status"] == "pending"
        world.deploy(batch_job("bad", HOURLY), batch_job("good"))
