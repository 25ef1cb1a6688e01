"""A refresh of a job that has several slots: what was under way before it counts for nothing after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.worlds import World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.runs import Reason, RunStatus
from runyard.core.settling import settle
from runyard.core.store import facts, jobs, runs

DAILY = "schedule:0 0 * * *"
YEAR = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world whose loops stand still, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ""})
    slots = {"concurrency": 3}
    world.deploy(
        batch_job("load", DAILY, interval=YEAR, execute=slots), extensions={"jobs.etl.load": {"split": "30d"}}
    )
    yield world
    world.close()


def claimed(world: World) -> list[str]:
    """Let what can start do so; return the runs."""
    return [each.attempt.run_id for each in world.runtime.database.write(world.runtime.executor._claim)]


def complete(world: World, run_id: str) -> None:
    now, ids = world.runtime.clock.now(), world.runtime.ids

    def work(connection: Connection) -> None:
        runs.move(connection, run_id, RunStatus.RUNNING, now=now)
        settle(connection, run_id, RunStatus.COMPLETED, Reason.OK, ids=ids, now=now)

    world.runtime.database.write(work)


# SPEC: RFR-05, RFR-06, IVL-06
def test_what_a_run_covers_that_began_before_a_refresh_is_loaded_again(world: World) -> None:
    first = world.start_one("load")["id"]
    assert claimed(world) == [first]
    complete(world, first)
    [part] = claimed(world)
    refresh, later = world.start_one("load", refresh=True)["id"], world.start_one("load")["id"]
    assert claimed(world) == [], "neither the refresh nor what would go on without it"
    complete(world, part)
    assert claimed(world)[:2] == [refresh, later]
    covers = [runs.window_of(world.run(run_id)) for run_id in (first, part, refresh, later)]
    starts = [each.start for each in covers if each is not None]
    assert starts == [covers[0].start, covers[0].end, covers[0].start, covers[0].end]  # type: ignore[union-attr]
    complete(world, refresh)
    [known] = world.runtime.database.read(lambda c: facts.load(c, [world.run(refresh)["job_id"]])).values()
    assert (known.done_until, known.refresh_pending) == (covers[0].end, False)  # type: ignore[union-attr]


# SPEC: EXE-07, RFR-05
def test_runs_that_wait_for_one_to_start_over_take_no_room_from_other_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = batch_job("load", DAILY, interval=YEAR, execute={"concurrency": None})
    world.deploy(load, batch_job("other"), extensions={"jobs.etl.load": {"split": "30d"}})
    first = world.start_one("load")["id"]
    assert claimed(world) == [first]
    for _ in range(3):
        world.start_one("load", refresh=True)
    other = world.start_one("other")["id"]
    monkeypatch.setattr(world.runtime.executor, "_limits", runs.Limits(workspace=2))
    monkeypatch.setattr(runs.claimable, "__kwdefaults__", {"beyond": 0, "at_most": 2})
    assert claimed(world) == [other], "also if more wait than one look takes in"


# SPEC: RFR-05, SCH-06
def test_by_a_clock_that_was_set_back_a_refresh_fulfils_what_was_asked_before_it_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.start_one("load")["id"]
    job_id, database = world.run(first)["job_id"], world.runtime.database
    assert claimed(world) == [first]
    earlier = world.runtime.clock.now() - 2 * 3600 * MICROSECONDS
    monkeypatch.setattr(world.runtime.clock, "now", lambda: earlier)
    database.write(lambda c: jobs.start_over(c, job_id, due_at=None, now=earlier))
    complete(world, first)
    [known] = database.read(lambda c: facts.load(c, [job_id])).values()
    assert known.refresh_pending, "it began before that was asked"
    second = claimed(world)[0]
    complete(world, second)
    [known] = database.read(lambda c: facts.load(c, [job_id])).values()
    assert not known.refresh_pending
