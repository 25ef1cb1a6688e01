"""The loop that decides: many jobs in a few statements, and none that keeps the others from being planned."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from tests.support.clocks import StillClock
from tests.support.ends import move
from tests.support.planning import at
from tests.support.worlds import World, batch_job

from runyard.core.errors import StorageFull
from runyard.core.runs import RunStatus
from runyard.core.scheduler import LOOK_AGAIN_SECONDS
from runyard.core.store import jobs

HOURLY = "schedule:0 * * * *"
HOUR = 3600


def at_ten_past() -> StillClock:
    """Return a clock that stands still at ten past an hour."""
    return StillClock(at("2026-11-22T06:10"))


@pytest.fixture
def clock() -> StillClock:
    return at_ten_past()


@pytest.fixture
def world(tmp_path: Path, database_url: str, clock: StillClock) -> Iterator[World]:
    """Return a world whose loops stand still, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url, clock=clock)
    world.upload({"etl.py": ""})
    yield world
    world.close()


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """Return the statements that this thread sends to databases; one with many rows is one."""
    sent: list[str] = []
    here = threading.get_ident()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.get_ident() == here:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def outcomes(world: World, name: str) -> list[tuple[str, int]]:
    """Return what was decided about a job and how often, newest first."""
    return [(row["outcome"], row["count"]) for row in world.decisions(f"jobs.etl.{name}")]


def test_many_due_jobs_take_as_many_statements_as_one(tmp_path: Path, sent: list[str]) -> None:
    counts = []
    for many in (1, 40):
        clock = at_ten_past()
        world = World(tmp_path / str(many), clock=clock)
        world.upload({"etl.py": ""})
        gate = ["job.is_fresh:jobs.etl.job_0"]
        world.deploy(
            *(batch_job(f"job_{number}", HOURLY) for number in range(many)),
            *(batch_job(f"gated_{number}", HOURLY, freshness=gate) for number in range(many)),
        )
        clock.turn(HOUR)
        sent.clear()
        assert world.runtime.scheduler.plan_due() == 2 * many
        counts.append(len(sent))
        for number in range(many):
            assert outcomes(world, f"job_{number}") == [("fired", 1)]
            assert outcomes(world, f"gated_{number}") == [("not_fresh", 1)]
        world.close()
    assert counts[0] == counts[1]


# SPEC: TRG-18, SCH-11
def test_a_tick_that_is_looked_at_again_makes_no_second_run(world: World, clock: StillClock) -> None:
    world.deploy(batch_job("load", HOURLY), batch_job("other", HOURLY))
    due = {row["id"]: row["next_due_at"] for row in (world.job("jobs.etl.load"), world.job("jobs.etl.other"))}
    clock.turn(HOUR)
    world.runtime.scheduler.plan_due()
    [first] = world.runs("jobs.etl.load")
    # No longer waiting, so that nothing but the cause says that the tick has its run.
    begun: dict[str, Any] = {"now": clock.now(), "values": {"attempt": 1}}
    world.runtime.database.write(lambda c: move(c, first["id"], RunStatus.STARTING, **begun))
    world.runtime.database.write(lambda c: jobs.set_due(c, due))
    world.runtime.scheduler.plan_due()
    assert [run["number"] for run in world.runs("jobs.etl.load")] == [1]
    assert outcomes(world, "load") == [("fired", 1)]
    assert outcomes(world, "other") == [("coalesced", 1), ("fired", 1)]
    clock.turn(HOUR)
    world.runtime.scheduler.plan_due()
    assert [run["number"] for run in world.runs("jobs.etl.load")] == [1, 2]


# SPEC: FRS-03
def test_ticks_that_a_gate_holds_back_one_after_the_other_are_one_decision(
    world: World, clock: StillClock
) -> None:
    gated = (
        batch_job(name, HOURLY, freshness=["job.is_fresh:jobs.etl.load"]) for name in ("first", "second")
    )
    world.deploy(batch_job("load"), *gated)
    for _ in range(3):
        clock.turn(HOUR)
        world.runtime.scheduler.plan_due()
    assert (outcomes(world, "first"), outcomes(world, "second")) == ([("not_fresh", 3)], [("not_fresh", 3)])


# SPEC: FRS-03, FRS-09
def test_ticks_that_wait_in_vain_one_after_the_other_are_two_decisions(
    world: World, clock: StillClock
) -> None:
    gated = batch_job("gated", HOURLY, freshness=["job.is_fresh:jobs.etl.load"])
    world.deploy(batch_job("load"), gated, extensions={"jobs.etl.gated": {"freshness_wait": 600}})
    for _ in range(3):
        clock.turn(HOUR - 600)
        world.runtime.scheduler.plan_due()
        clock.turn(600)
        world.runtime.scheduler.plan_due()
    assert sorted(outcomes(world, "gated")) == [("not_fresh", 3), ("waiting", 3)]


@pytest.mark.parametrize(
    ("wire", "extensions", "why"),
    [
        ({"require": {"timezone": "Atlantis/City"}}, {}, "no known time zone"),
        ({"triggers": ["schedule:99 * * * *"]}, {}, "no minute"),
        ({}, {"of_a_later_version": 1}, "of_a_later_version"),
        # It can be planned, but what is decided cannot be written.
        ({"require": {"profile": "\ud800"}}, {}, "surrogates not allowed"),
        ({"require": {"timezone": "a\0b\ud800"}}, {}, "no known time zone"),
    ],
)
def test_a_job_that_cannot_be_planned_keeps_no_other_from_running_and_loses_no_tick(
    world: World,
    clock: StillClock,
    caplog: pytest.LogCaptureFixture,
    wire: dict[str, Any],
    extensions: dict[str, Any],
    why: str,
) -> None:
    gate = ["job.is_fresh:jobs.etl.bad"]
    world.deploy(
        batch_job("bad", HOURLY), batch_job("good", HOURLY), batch_job("gated", HOURLY, freshness=gate)
    )
    bad = world.job("jobs.etl.bad")
    world.store_badly("jobs.etl.bad", wire, extensions)
    clock.turn(HOUR)
    scheduler = world.runtime.scheduler
    with caplog.at_level(logging.ERROR):
        assert scheduler.plan_due() == 3
        assert (scheduler.plan_due(), len(caplog.records)) == (0, 1)
    assert outcomes(world, "good") == [("fired", 1)]
    [refused] = world.decisions("jobs.etl.bad")
    assert (refused["outcome"], why in refused["because"]) == ("skipped", True)
    assert bad["id"] in caplog.text
    clock.turn(LOOK_AGAIN_SECONDS)
    assert scheduler.plan_due() >= 1
    assert outcomes(world, "bad") == [("skipped", 2)]

    world.set_version("jobs.etl.bad", bad["version_id"])
    clock.turn(LOOK_AGAIN_SECONDS)
    scheduler.plan_due()
    [run] = world.runs("jobs.etl.bad")
    assert world.decisions("jobs.etl.bad")[0]["because"].startswith("Due at ")
    assert run["tick_at"] == bad["next_due_at"]


def test_what_only_one_database_refuses_is_a_matter_of_that_job_alone(
    world: World, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"job_{number}" for number in range(5)]
    world.deploy(*(batch_job(name, HOURLY) for name in names))
    for name in ("job_1", "job_2"):
        world.store_badly(f"jobs.etl.{name}", {"require": {"profile": "a\0b"}})
    clock.turn(HOUR)
    with caplog.at_level(logging.ERROR):
        assert (world.runtime.scheduler.plan_due(), world.runtime.scheduler.plan_due()) == (5, 0)
    keeps_zeros = world.runtime.database.dialect == "sqlite"
    bad = "fired" if keeps_zeros else "skipped"
    assert [outcomes(world, name) for name in names] == [
        [(outcome, 1)] for outcome in ("fired", bad, bad, "fired", "fired")
    ]
    assert len(caplog.records) == (0 if keeps_zeros else 2)
    [decision] = world.decisions("jobs.etl.job_1")
    assert "INSERT" not in decision["because"]


def plan_for_ever(world: World, clock: StillClock) -> None:
    while world.runtime.scheduler.plan_due():
        clock.turn(HOUR)


def test_a_full_disk_is_no_fault_of_a_job(tmp_path: Path) -> None:
    clock = at_ten_past()
    world = World(tmp_path / "data", clock=clock)
    world.upload({"etl.py": ""})
    world.deploy(batch_job("load", HOURLY))
    clock.turn(HOUR)
    world.runtime.database.write(lambda c: c.exec_driver_sql("pragma max_page_count = 1"))
    with pytest.raises(StorageFull):
        plan_for_ever(world, clock)
    world.runtime.database.write(lambda c: c.exec_driver_sql("pragma max_page_count = 1000000"))
    assert world.runtime.scheduler.plan_due() == 1
    assert "skipped" not in dict(outcomes(world, "load"))
    world.close()
