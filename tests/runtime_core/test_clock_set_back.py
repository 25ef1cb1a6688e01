"""What a wall clock that was set back does to times that were noted before: nothing that loses or doubles a tick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.clocks import StillClock
from tests.support.planning import at, job
from tests.support.worlds import World, batch_job

from runyard.core.planning import plan
from runyard.core.runs import RunStatus
from runyard.core.store import runs


@pytest.fixture
def clock() -> StillClock:
    return StillClock(at("2026-11-22T12:10"))


@pytest.fixture
def world(tmp_path: Path, sqlite_file_url: str, clock: StillClock) -> Iterator[World]:
    """Return a world whose loops stand still."""
    world = World(tmp_path / "data", database_url=sqlite_file_url, clock=clock)
    world.upload({"etl.py": ""})
    yield world
    world.close()


# SPEC: TRG-15 SCH-06
def test_a_schedule_does_not_count_from_a_run_that_starts_later_by_the_clock(
    world: World, clock: StillClock
) -> None:
    world.deploy(batch_job("load", "every:1h"))
    run = world.start_one("load")

    def start(connection: Connection) -> None:
        for status in (RunStatus.STARTING, RunStatus.RUNNING):
            runs.move(connection, run["id"], status, now=clock.now())

    world.runtime.database.write(start)
    clock.set(at("2026-11-22T10:02"))
    world.deploy(batch_job("load", "schedule:*/5 * * * *"))
    clock.set(at("2026-11-22T10:31"))
    world.runtime.scheduler.plan_due()
    newest = world.decisions("jobs.etl.load")[0]
    assert newest["tick_at"] == at("2026-11-22T10:30")
    assert newest["facts"]["first_tick"] == "2026-11-22T10:05:00Z"


# SPEC: SCH-06
def test_missed_ticks_are_one_also_before_the_time_at_which_their_job_was_deployed() -> None:
    load = job("schedule:*/5 * * * *", deployed_at="2026-11-22T12:10", next_due_at=at("2026-11-22T10:05"))
    [decision] = plan([load], {}, at("2026-11-22T10:31")).decisions
    assert decision.tick_at == at("2026-11-22T10:30")
