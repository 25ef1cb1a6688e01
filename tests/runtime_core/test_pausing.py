"""What resuming a job makes up for, if somebody asks for it, on the real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.clocks import StillClock
from tests.support.ends import move, settle
from tests.support.planning import at
from tests.support.worlds import OWNER, WORKSPACE, World, batch_job

from runyard.core import pausing
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import jobs

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
        move(connection, run_id, RunStatus.RUNNING, now=now)
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


# Ticks ----------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> StillClock:
    return StillClock(at("2026-11-22T06:10"))


@pytest.fixture
def timed(tmp_path: Path, clock: StillClock) -> Iterator[World]:
    """Return a world whose loops stand still, by a clock that is turned by hand."""
    world = World(tmp_path / "data", clock=clock)
    world.upload({"etl.py": ""})
    yield world
    world.close()


def made_up_for(world: World) -> list[tuple[str, str]]:
    """Resume the job and let it make up for what it missed; return the ticks that fire with what is said of each."""
    switch(world, paused=False, catch_up=True)
    world.runtime.scheduler.plan_due()
    return [
        (row["facts"]["tick"], row["because"]) for row in world.decisions(LOAD) if row["outcome"] == "fired"
    ]


# SPEC: TRG-20, SCH-06
def test_a_tick_that_was_due_before_the_pause_and_seen_in_it_is_made_up_for(
    timed: World, clock: StillClock
) -> None:
    timed.deploy(batch_job("load", "schedule:0 0 * * *"))
    clock.set(at("2026-11-23T00:00") + 1000)
    switch(timed, paused=True)
    timed.runtime.scheduler.plan_due()
    clock.set(at("2026-11-23T09:00"))
    assert made_up_for(timed) == [("2026-11-23T00:00:00Z", "Due at 2026-11-23T00:00:00Z.")]


# SPEC: TRG-20, FRS-09
def test_a_tick_that_waited_for_its_upstream_before_the_pause_is_made_up_for(
    timed: World, clock: StillClock
) -> None:
    load = batch_job("load", "schedule:0 0 * * *", freshness=["job.is_fresh:jobs.etl.raw"])
    timed.deploy(batch_job("raw"), load, extensions={LOAD: {"freshness_wait": 36_000}})
    clock.set(at("2026-11-23T00:00"))
    timed.runtime.scheduler.plan_due()
    clock.set(at("2026-11-23T01:00"))
    switch(timed, paused=True)
    clock.set(at("2026-11-23T02:00"))
    complete_upstream(timed)
    timed.runtime.scheduler.plan_due()
    assert [row["outcome"] for row in timed.decisions(LOAD)] == ["paused", "waiting"]
    clock.set(at("2026-11-23T03:00"))
    assert made_up_for(timed) == [("2026-11-23T00:00:00Z", "Due at 2026-11-23T00:00:00Z.")]


# SPEC: TRG-20, TRG-17
def test_a_schedule_that_changed_in_the_pause_makes_up_for_ticks_since_the_change_alone(
    timed: World, clock: StillClock
) -> None:
    timed.deploy(batch_job("load", "schedule:0 0 1 * *"))
    switch(timed, paused=True)
    clock.set(at("2026-11-22T15:00"))
    timed.deploy(batch_job("load", "schedule:0 12 * * *"))
    clock.set(at("2026-11-22T16:00"))
    assert made_up_for(timed) == [], "it did not count yet at twelve"
    switch(timed, paused=True)
    for day in ("23", "24"):
        clock.set(at(f"2026-11-{day}T12:00"))
        timed.runtime.scheduler.plan_due()
    clock.set(at("2026-11-24T13:00"))
    [(tick, why)] = made_up_for(timed)
    assert tick == "2026-11-24T12:00:00Z"
    assert why == "Ticks since 2026-11-23T12:00:00Z were missed; one run covers them all."


# SPEC: TRG-20, TRG-17
def test_a_schedule_that_returns_in_the_pause_makes_up_for_no_tick_before_it_returned(
    timed: World, clock: StillClock
) -> None:
    timed.deploy(batch_job("load", "schedule:0 * * * *"))
    switch(timed, paused=True)
    for hour in ("07", "08"):
        clock.set(at(f"2026-11-22T{hour}:00"))
        timed.runtime.scheduler.plan_due()
    clock.set(at("2026-11-22T08:10"))
    timed.deploy(batch_job("load", "schedule:30 9 * * *"))
    timed.deploy(batch_job("load", "schedule:0 * * * *"))
    clock.set(at("2026-11-22T08:50"))
    assert made_up_for(timed) == []
