"""A refresh of a job that has several slots: what was under way before it counts for nothing after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.support.planning import at, job, window
from tests.support.worlds import World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.planning import plan_claim
from runyard.core.preview import ForeseenRun, Situation, preview
from runyard.core.runs import Reason, RunStatus
from runyard.core.settling import settle
from runyard.core.store import facts, jobs, runs

DAILY = "schedule:0 0 * * *"
YEAR = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
HAND = "manual:jobs.etl.load"
NOON = at("2026-03-01T12:00")


def several(**state: Any) -> JobFacts:
    """Return a job with slots for three runs, whose year is covered up to February."""
    known: dict[str, Any] = {"done_until": at("2025-02-01T00:00"), "completed_at": 1, **state}
    return job(DAILY, wire={"interval": YEAR, "execute": {"concurrency": 3}}, **known)


# SPEC: RFR-05, RFR-06
@pytest.mark.parametrize(
    ("state", "asked", "waits"),
    [
        ({}, True, True),
        ({}, False, False),
        # Signalled from upstream: whatever starts next is the refresh.
        ({"refresh_pending": True}, False, True),
        # Another refresh is under way: beside it one works on, unless somebody wants it all anew.
        ({"refresh_pending": True, "refreshing": True}, False, False),
        ({"refresh_pending": True, "refreshing": True}, True, True),
    ],
)
def test_a_refresh_waits_for_what_began_before_it(state: dict[str, Any], asked: bool, waits: bool) -> None:
    busy = several(working_on=(window("2025-02-01T00:00", "2025-03-01T00:00"),), active_count=1, **state)
    idle = several(**state)
    given: dict[str, Any] = {"asked_refresh": asked, "fired_at": NOON, "now": NOON}
    assert (plan_claim(busy, HAND, **given) is None) is waits
    assert plan_claim(idle, HAND, **given) is not None


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


# SPEC: TZ-07
def test_a_preview_lets_a_refresh_wait_too() -> None:
    part = window("2025-02-01T00:00", "2025-03-01T00:00")
    busy = several(working_on=(part,), active_count=1, waiting_count=2, waiting={HAND: "r2"})
    open_runs = (
        ForeseenRun("r1", busy.job_id, DAILY, NOON - 9, NOON - 9, claimed_at=NOON - 9, window=part),
        ForeseenRun("r2", busy.job_id, HAND, NOON - 8, NOON - 8, refresh=True),
        ForeseenRun("r3", busy.job_id, HAND, NOON - 7, NOON - 7),
    )
    seen = preview(Situation(NOON, {"jobs.etl.load": busy}, open_runs), NOON + 90_000_000)
    before, refresh, later = seen.runs[:3]
    assert refresh.claimed_at == before.ends_at
    assert refresh.window == Window(at("2025-01-01T00:00"), at("2026-01-01T00:00"))
    assert later.claimed_at == refresh.claimed_at
