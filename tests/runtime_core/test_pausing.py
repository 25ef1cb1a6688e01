"""What resuming a job makes up for, if somebody asks for it, on the real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.worlds import OWNER, WORKSPACE, World, batch_job

from runyard.core import pausing
from runyard.core.runs import Reason, RunStatus
from runyard.core.settling import settle
from runyard.core.store import jobs, runs

LOAD = "jobs.etl.load"


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world whose loops stand still, with a job that follows another, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ""})
    world.deploy(batch_job("raw"), batch_job("load", "job.success:jobs.etl.raw", "job.fail:jobs.etl.raw"))
    yield world
    world.close()


def switch(world: World, *, paused: bool, catch_up: bool = False) -> None:
    """Pause the job that follows, or resume it."""
    now, ids = world.runtime.clock.now(), world.runtime.ids

    def work(connection: Connection) -> None:
        job = jobs.get(connection, WORKSPACE, world.job(LOAD)["id"])
        assert job is not None
        if paused:
            pausing.pause(connection, job, user_id=OWNER, now=now)
        else:
            pausing.resume(connection, job, ids=ids, now=now, catch_up=catch_up)

    world.runtime.database.write(work)


def complete_upstream(world: World) -> None:
    run_id, now, ids = world.start_one("raw")["id"], world.runtime.clock.now(), world.runtime.ids
    database = world.runtime.database
    database.write(world.runtime.executor._claim)
    how = RunStatus.COMPLETED, Reason.OK

    def end(connection: Connection) -> None:
        runs.move(connection, run_id, RunStatus.RUNNING, now=now)
        settle(connection, run_id, *how, ids=ids, now=now)

    database.write(end)


# SPEC: TRG-20, FUP-07
@pytest.mark.parametrize(("catch_up", "made"), [(False, 0), (True, 1)])
def test_ends_that_passed_while_a_job_was_paused_are_made_up_for_if_asked(
    world: World, catch_up: bool, made: int
) -> None:
    complete_upstream(world)
    assert len(world.runs(LOAD)) == 1
    switch(world, paused=True)
    for _ in range(2):
        complete_upstream(world)
    switch(world, paused=False, catch_up=catch_up)
    assert len(world.runs(LOAD)) == 1 + made
    outcomes = [(row["outcome"], row["count"]) for row in world.decisions(LOAD)]
    assert outcomes == [*[("limited", 1)] * made, ("paused", 2), ("fired", 1)]
