"""The loops one step at a time, by hand: what a single step does, and that the next server goes on from the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.patience import PATIENCE_SECONDS
from tests.support.planning import far_from
from tests.support.worlds import World, batch_job

from runyard.core.store import jobs
from runyard.core.ticks import previous_tick

ETL = """
    import os

    def wait(): open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()
"""


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world whose loops stand still, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL})
    yield world
    world.close()


def miss_a_tick(world: World) -> int:
    """Let a tick of `wait` be due, and return it."""
    now = world.runtime.clock.now()
    world.deploy(batch_job("wait", f"schedule:{far_from(now)}"))
    tick = previous_tick(far_from(now), "UTC", now)
    job_id = world.job("jobs.etl.wait")["id"]
    world.runtime.database.write(lambda c: jobs.set_due(c, {job_id: tick}))
    return tick


# SPEC: SCH-07, EXE-08, RUN-12
def test_a_step_starts_what_finds_a_slot_free_also_one_that_it_frees_itself(world: World) -> None:
    """A step is all that stands between a tick and its process; `benchmarks.lateness` says how long it takes."""
    gate = world.gate()
    tick, executor = miss_a_tick(world), world.runtime.executor
    world.runtime.scheduler.plan_due()
    executor.step()
    [first] = world.runs()
    assert (first["tick_at"], first["status"]) == (tick, "running")
    second = world.start_one("wait")
    executor.step()
    assert world.run(second["id"])["status"] == "pending"
    gate.open()
    given_up_at = time.monotonic() + PATIENCE_SECONDS
    while world.run(first["id"])["status"] == "running":
        assert time.monotonic() < given_up_at
        executor.step()
    assert world.run(second["id"])["status"] == "running", "started in the step that saw the end of the first"
    gate.open()


def test_who_wakes_up_for_nothing_takes_no_turn_among_those_who_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(batch_job("wait"))
    executor, scheduler = world.runtime.executor, world.runtime.scheduler
    monkeypatch.setattr(world.runtime.database, "write", lambda _: pytest.fail("there was nothing to write"))
    executor.step()
    assert (scheduler.plan_due(), executor.seconds_to_next()) == (0, None)


# SPEC: SCH-01
def test_a_scheduler_that_is_made_anew_goes_on_where_the_one_before_stood(
    tmp_path: Path, database_url: str
) -> None:
    first = World(tmp_path / "data", database_url=database_url)
    first.upload({"etl.py": ETL})
    tick = miss_a_tick(first)
    first.close()
    second = World(tmp_path / "data", database_url=database_url)
    second.runtime.scheduler.plan_due()
    second.close()
    third = World(tmp_path / "data", database_url=database_url)
    assert third.runtime.scheduler.plan_due() == 0
    assert [(run["tick_at"], run["status"]) for run in third.runs()] == [(tick, "pending")]
    assert [row["outcome"] for row in third.decisions("jobs.etl.wait")] == ["fired"]
    third.close()


# SPEC: SCH-01
def test_all_state_is_in_one_database_which_is_sqlite_with_a_write_ahead_log_unless_told(
    tmp_path: Path,
) -> None:
    world = World(tmp_path / "data")
    try:
        mode = world.runtime.database.read(lambda c: c.execute(text("PRAGMA journal_mode")).scalar_one())
        files = {path.name for path in world.runtime.data_dir.glob("*.db")}
    finally:
        world.close()
    assert (mode, files) == ("wal", {"runyard.db"})
