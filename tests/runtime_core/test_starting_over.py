"""A refresh of a job that has several slots: what was under way before it counts for nothing after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.ends import move, settle
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core import claiming
from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.preview import preview
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts, forecast, jobs, queue, runs

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
    end(world, run_id, RunStatus.COMPLETED, Reason.OK)


def end(world: World, run_id: str, target: RunStatus, reason: Reason) -> None:
    now, ids = world.runtime.clock.now(), world.runtime.ids

    def work(connection: Connection) -> None:
        move(connection, run_id, RunStatus.RUNNING, now=now)
        settle(connection, run_id, target, reason, ids=ids, now=now)

    world.runtime.database.write(work)


def facts_of(world: World, run_id: str) -> JobFacts:
    [known] = world.runtime.database.read(lambda c: facts.load(c, [world.run(run_id)["job_id"]])).values()
    return known


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
    known = facts_of(world, refresh)
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
    monkeypatch.setattr(world.runtime.executor, "_limits", queue.Limits(workspace=2))
    monkeypatch.setattr(claiming, "RUNS_AT_ONCE", 2)
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
    assert facts_of(world, first).refresh_pending, "it began before that was asked"
    second = claimed(world)[0]
    complete(world, second)
    assert not facts_of(world, first).refresh_pending


# SPEC: RFR-05, DEC-20, TZ-07
def test_a_run_that_is_tried_again_fulfils_nothing_that_was_asked_since_it_began(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = {"split": "30d", "retries": 1, "retry_delay": 60}
    world.deploy(
        batch_job("load", DAILY, interval=YEAR, execute={"concurrency": 3}),
        extensions={"jobs.etl.load": again},
    )
    before, tried = world.start_one("load")["id"], world.start_one("load")["id"]
    assert claimed(world) == [before, tried]
    job_id, now = world.run(before)["job_id"], world.runtime.clock.now()
    world.runtime.database.write(lambda c: jobs.start_over(c, job_id, due_at=None, now=now))
    end(world, tried, RunStatus.FAILED, Reason.EXIT_CODE)
    monkeypatch.setattr(world.runtime.clock, "now", lambda: now + 3600 * MICROSECONDS)
    assert claimed(world) == [tried]
    later = world.start_one("load")["id"]
    assert claimed(world) == [], "or what was covered before would not be forgotten"
    by_then = now + 2 * 3600 * MICROSECONDS
    seen = world.runtime.database.read(lambda c: forecast.of_job(c, WORKSPACE, "jobs.etl.load", by_then))
    foreseen = next(run for run in preview(seen, by_then + 3600 * MICROSECONDS).runs if run.run_id == later)
    complete(world, before)
    complete(world, tried)
    assert facts_of(world, tried).refresh_pending
    assert claimed(world)[0] == later
    covers = [runs.window_of(world.run(run_id)) for run_id in (before, later)]
    assert covers[0] == covers[1]
    assert (foreseen.refresh, foreseen.window) == (world.run(later)["refresh"], covers[1])
    complete(world, later)
    assert not facts_of(world, later).refresh_pending


# SPEC: RFR-05
def test_a_refresh_waits_for_what_covers_time_also_once_the_job_has_no_schedule_any_more(
    world: World,
) -> None:
    part = world.start_one("load")["id"]
    assert claimed(world) == [part]
    world.deploy(batch_job("load", execute={"concurrency": 3}))
    refresh = world.start_one("load", refresh=True)["id"]
    assert claimed(world) == []
    complete(world, part)
    assert claimed(world) == [refresh]
    complete(world, refresh)
    world.deploy(batch_job("load", DAILY, interval=YEAR, execute={"concurrency": 3}))
    known = facts_of(world, part)
    assert (known.done_until, known.covered) == (None, ())
