"""What a wall clock that was set back does to times that were noted before: nothing that loses or doubles a tick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.clocks import StillClock
from tests.support.ends import move, settle
from tests.support.planning import at, job
from tests.support.worlds import World, batch_job

from runyard.core.planning import due_after, due_again, plan
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts


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
            move(connection, run["id"], status, now=clock.now())

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


ONCE = "once:2026-11-22T12:15:00Z"


def fired(world: World, clock: StillClock, name: str = "load") -> None:
    """Let the `once` of a job fire and its run complete."""
    clock.set(at("2026-11-22T12:15"))
    world.runtime.scheduler.plan_due()
    [run] = world.runs(f"jobs.etl.{name}")
    complete(world, run["id"])


def complete(world: World, run_id: str) -> None:
    now = world.runtime.clock.now()
    world.runtime.database.write(world.runtime.executor._claim)

    def end(connection: Connection) -> None:
        move(connection, run_id, RunStatus.RUNNING, now=now)
        settle(connection, run_id, RunStatus.COMPLETED, Reason.OK, ids=world.runtime.ids, now=now)

    world.runtime.database.write(end)


# SPEC: TRG-17 RFR-05
def test_a_once_that_fired_does_not_come_again_when_its_job_starts_over(
    world: World, clock: StillClock
) -> None:
    world.deploy(batch_job("load", ONCE))
    fired(world, clock)
    clock.set(at("2026-11-22T10:00"))
    world.start_one("load", refresh=True)
    world.runtime.database.write(world.runtime.executor._claim)
    assert world.job("jobs.etl.load")["next_due_at"] is None


# SPEC: TRG-17 RFR-02
def test_a_once_that_fired_does_not_come_again_when_an_upstream_is_refreshed(
    world: World, clock: StillClock
) -> None:
    world.deploy(batch_job("raw"), batch_job("load", ONCE, "job.fail:jobs.etl.raw"))
    fired(world, clock)
    clock.set(at("2026-11-22T10:00"))
    complete(world, world.start_one("raw", refresh=True)["id"])
    job_id = world.job("jobs.etl.load")["id"]
    load = world.runtime.database.read(lambda c: facts.load(c, [job_id]))[job_id]
    assert (load.refresh_pending, load.next_due_at) == (True, None)


# SPEC: TRG-17
@pytest.mark.parametrize(
    ("also", "due"), [("deployment:", None), ("schedule:*/5 * * * *", at("2026-11-22T10:05"))]
)
def test_a_once_that_fired_does_not_come_again_by_a_deploy(
    world: World, clock: StillClock, also: str, due: int | None
) -> None:
    world.deploy(batch_job("load", ONCE))
    fired(world, clock)
    clock.set(at("2026-11-22T10:00"))
    world.deploy(batch_job("load", ONCE, also))
    assert world.job("jobs.etl.load")["next_due_at"] == due
    clock.set(at("2026-11-22T12:16"))
    world.runtime.scheduler.plan_due()
    assert [each["tick_at"] for each in world.decisions("jobs.etl.load") if each["trigger"] == ONCE] == [
        at("2026-11-22T12:15")
    ]


# SPEC: TRG-17 TRG-18
def test_a_once_that_joined_a_run_which_waited_does_not_come_again(world: World, clock: StillClock) -> None:
    world.deploy(batch_job("load", ONCE))
    active = world.start_one("load")["id"]
    world.runtime.database.write(world.runtime.executor._claim)
    waiting = world.start_one("load")["id"]
    clock.set(at("2026-11-22T12:15"))
    world.runtime.scheduler.plan_due()
    [decision, *_] = world.decisions("jobs.etl.load")
    assert (decision["outcome"], decision["run_id"]) == ("coalesced", waiting)
    clock.set(at("2026-11-22T12:11"))
    world.deploy(batch_job("load", ONCE, "deployment:"))
    assert world.job("jobs.etl.load")["next_due_at"] is None
    clock.set(at("2026-11-22T12:16"))
    world.runtime.scheduler.plan_due()
    assert {run["id"] for run in world.runs("jobs.etl.load") if run["trigger"] == ONCE} == {active, waiting}


# SPEC: TRG-17
def test_a_once_that_fired_is_passed_over_also_where_planning_looks_before_it() -> None:
    both = job(
        ONCE,
        "schedule:0 * * * *",
        next_due_at=at("2026-11-22T12:00"),
        fired=frozenset({ONCE}),
        completed_at=1,
    )
    planned = plan([both], {}, at("2026-11-22T12:30"))
    assert [each.trigger for each in planned.decisions] == ["schedule:0 * * * *"]
    assert due_after(both, at("2026-11-22T12:10")) == at("2026-11-22T13:00")


# SPEC: TRG-17 IVL-08
def test_only_of_a_job_that_covered_its_range_do_ticks_come_again_when_it_starts_over() -> None:
    """Also a `once` that made no run, because an upstream was not fresh, was decided."""
    earlier = at("2026-11-22T10:00")
    assert due_again(job(ONCE), earlier) is None
    declared = {"interval": {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}}
    daily = job("schedule:0 0 * * *", wire=declared, done_until=at("2026-11-21T00:00"), completed_at=1)
    assert due_again(daily, earlier) == at("2026-11-23T00:00")
