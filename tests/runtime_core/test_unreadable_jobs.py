"""A job that this server cannot read, of a later version or in a zone that is gone, stops nobody else's runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.runs import Reason, RunStatus
from runyard.core.settling import settle
from runyard.core.store import forecast, runs

LATER: dict[str, Any] = {"of_a_later_version": 1}
HOURLY = "schedule:0 * * * *"
NO_ZONE = {"require": {"timezone": "Atlantis/City"}}


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world whose loops stand still, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": "def good(): pass\ndef bad(): pass\n"})
    yield world
    world.close()


def end(world: World, run_id: str) -> RunStatus | None:
    """Let a run complete that covered the last hour, as far as the store knows."""
    now = world.runtime.clock.now()
    begun = {"attempt": 1, "interval_start": now - 3600 * MICROSECONDS, "interval_end": now}

    def move(target: RunStatus) -> None:
        world.runtime.database.write(lambda c: runs.move(c, run_id, target, now=now, values=begun))

    move(RunStatus.STARTING)
    move(RunStatus.RUNNING)
    return world.runtime.database.write(
        lambda c: settle(c, run_id, RunStatus.COMPLETED, Reason.OK, ids=world.runtime.ids, now=now)
    )


@pytest.mark.parametrize(("wire", "extensions"), [({}, LATER), (NO_ZONE, {})])
def test_a_waiting_run_of_it_fails_with_the_reason_and_the_others_start(
    world: World, wire: dict[str, Any], extensions: dict[str, Any]
) -> None:
    world.deploy(batch_job("bad", HOURLY), batch_job("good"))
    bad, good = world.start_one("bad"), world.start_one("good")
    world.store_badly("jobs.etl.bad", wire, extensions)
    world.runtime.start()
    assert world.until_ended(good["id"])["status"] == "completed"
    refused = world.until_ended(bad["id"])
    assert (refused["status"], refused["reason"]) == ("failed", "start_failed")
    assert "of_a_later_version" in refused["message"] or "Atlantis/City" in refused["message"]


@pytest.mark.parametrize(("wire", "extensions"), [({}, LATER), (NO_ZONE, {})])
def test_a_run_of_it_ends_though_nobody_can_tell_what_it_causes(
    world: World, caplog: pytest.LogCaptureFixture, wire: dict[str, Any], extensions: dict[str, Any]
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


def test_what_is_foreseen_leaves_it_out(world: World) -> None:
    world.deploy(batch_job("bad", HOURLY), batch_job("good", HOURLY))
    world.store_badly("jobs.etl.bad", {}, LATER)
    now = world.runtime.clock.now()
    seen = world.runtime.database.read(lambda c: forecast.of_workspace(c, WORKSPACE, now))
    assert list(seen.jobs) == ["jobs.etl.good"]
