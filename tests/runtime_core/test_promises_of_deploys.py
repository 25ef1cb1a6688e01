"""What a deploy promises of history and of times, with the real store and real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.worlds import World, batch_job

from runyard.core import job_times
from runyard.core.store import facts, jobs
from runyard.core.ticks import previous_tick

ETL = """
    def say():
        print("hello")
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    world.upload({"etl.py": ETL})
    yield world
    world.close()


def ended(world: World, ref: str) -> str | None:
    job_id = world.job(ref)["id"]
    return job_times.schedule_ended(world.runtime.database.read(lambda c: facts.load(c, [job_id])[job_id]))


# SPEC: RCN-05, RCN-06
def test_a_job_that_was_archived_starts_by_nothing_and_returns_with_its_history_and_its_numbers(
    world: World,
) -> None:
    world.runtime.start()
    say, other = batch_job("say", "schedule:0 0 * * *"), batch_job("other")
    world.deploy(say, other)
    first = world.until_ended(world.start_one("say")["id"])
    job_id = world.job("jobs.etl.say")["id"]

    world.deploy(other)
    assert world.job("jobs.etl.say")["next_due_at"] is None
    assert [run["id"] for run in world.runs("jobs.etl.say")] == [first["id"]]
    assert world.lines(first["id"]) == ["hello"]

    world.deploy(say, other)
    assert world.job("jobs.etl.say")["id"] == job_id
    assert world.job("jobs.etl.say")["next_due_at"] is not None
    again = world.start_one("say")
    assert (first["number"], again["number"]) == (1, 2)
    assert not again["refresh"], "it completed before"
    assert world.until_ended(again["id"])["status"] == "completed"


# SPEC: TRG-17, RCN-15
def test_an_instant_that_has_passed_is_told_once_and_shown_as_elapsed(world: World) -> None:
    gone = batch_job("say", "once:2020-01-01T00:00:00Z")
    said = "jobs.etl.say: `once:2020-01-01T00:00:00Z` has passed, so it never fires."
    assert said in world.deploy(gone, dry_run=True).warnings
    assert said in world.deploy(gone).warnings
    assert said not in world.deploy(gone).warnings, "nothing changed"
    assert said not in world.deploy({**gone, "description": "Says it better."}).warnings, "it was told"
    assert (world.job("jobs.etl.say")["next_due_at"], ended(world, "jobs.etl.say")) == (None, "elapsed")
    world.runtime.scheduler.plan_due()
    assert world.runs() == []


def told_as_passed(world: World, *definitions: dict[str, Any]) -> list[str]:
    """Deploy jobs; return the instants that are told to have passed."""
    warnings = world.deploy(*definitions).warnings
    return [said.split("`")[1] for said in warnings if said.endswith("has passed, so it never fires.")]


# SPEC: TRG-17, RCN-05
def test_an_instant_that_has_passed_is_told_again_when_an_archived_job_returns(world: World) -> None:
    gone, other = batch_job("say", "once:2020-01-01T00:00:00Z"), batch_job("other")
    assert told_as_passed(world, gone, other) == ["once:2020-01-01T00:00:00Z"]
    assert told_as_passed(world, other) == []
    assert told_as_passed(world, gone, other) == ["once:2020-01-01T00:00:00Z"]


# SPEC: RCN-10, TRG-17
@pytest.mark.parametrize("written", [{}, {"triggers": None}, {"triggers": "once:2020-01-01T00:00:00Z"}])
def test_a_job_is_deployed_again_however_its_triggers_were_written(
    world: World, written: dict[str, Any]
) -> None:
    say = {name: value for name, value in batch_job("say").items() if name != "triggers"} | written
    world.deploy(say)
    assert told_as_passed(world, {**say, "description": "Says it better."}) == []
    later = {**say, "triggers": ["once:2020-01-02T00:00:00Z"]}
    assert told_as_passed(world, later) == ["once:2020-01-02T00:00:00Z"]


# SPEC: IVL-08
def test_a_job_that_has_covered_its_range_says_so_before_the_next_tick_and_until_it_starts_over(
    world: World,
) -> None:
    world.runtime.start()
    days = batch_job("say", "schedule:0 0 * * *", interval={"start": "2013-01-01", "end": "2013-01-05"})
    world.deploy(days, batch_job("other"))
    assert ended(world, "jobs.etl.say") is None
    world.until_ended(world.start_one("say")["id"])
    assert ended(world, "jobs.etl.say") == "range_complete"
    job_id, now = world.job("jobs.etl.say")["id"], world.runtime.clock.now()
    tick = previous_tick("0 0 * * *", "UTC", now)
    world.runtime.database.write(lambda c: jobs.set_due(c, {job_id: tick}))
    world.runtime.scheduler.plan_due()
    assert world.decisions("jobs.etl.say")[0]["outcome"] == "skipped"
    assert ended(world, "jobs.etl.say") == "range_complete"
    assert len(world.runs("jobs.etl.say")) == 1
    asked = world.until_ended(world.start_one("say", refresh=True)["id"])
    assert asked["interval_start"] < asked["interval_end"], "all of it again"
    assert ended(world, "jobs.etl.other") is None, "it never had a schedule"
