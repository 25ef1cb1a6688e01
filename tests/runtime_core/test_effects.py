"""Stories of what an end causes, with the real store and real processes: follow-ups and refreshes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.support.clocks import UnhurriedClock
from tests.support.ends import move, settle
from tests.support.planning import far_from
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.intervals import Window
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts, jobs
from runyard.core.ticks import previous_tick

ETL = """
    import os, pathlib

    def say():
        print("hello")

    def told(run_context):
        print(run_context["trigger_type"], run_context["trigger"])

    def days(run_context):
        print(run_context["interval_start"].date(), run_context["interval_end"].date())

    def keep(run_context):
        kept = pathlib.Path(os.environ["RUNYARD_DATA_DIR"], "rows")
        print(kept.read_text() if kept.exists() else "nothing yet")
        kept.write_text("rows of the first load")
"""


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world with the code above, whose loops stand still, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL})
    yield world
    world.close()


# SPEC: FUP-03, DEC-14
def test_a_job_with_a_schedule_and_a_follow_up_runs_for_each_and_is_told_which(world: World) -> None:
    now = world.runtime.clock.now()
    daily = far_from(now)
    world.deploy(batch_job("say"), batch_job("told", f"schedule:{daily}", "job.success:jobs.etl.say"))
    missed = previous_tick(daily, "UTC", now)
    job_id = world.job("jobs.etl.told")["id"]
    world.runtime.database.write(lambda c: jobs.set_due(c, {job_id: missed}))
    world.runtime.start()
    world.start_one("say")
    world.until(lambda: len(world.runs("jobs.etl.told")) == 2)
    world.until_quiet()
    printed = sorted(line for run in world.runs("jobs.etl.told") for line in world.lines(run["id"]))
    assert printed == ["followup job.success:jobs.etl.say", f"schedule schedule:{daily}"]


# SPEC: FUP-06
def test_a_follow_up_starts_at_once_when_the_run_before_it_ends(tmp_path: Path, database_url: str) -> None:
    """The end itself wakes who starts it; how fast the machine then is, is not for a test to say."""
    world = World(tmp_path / "data", database_url=database_url, clock=UnhurriedClock())
    world.upload({"etl.py": ETL})
    world.deploy(batch_job("say"), batch_job("told", "job.success:jobs.etl.say"))
    world.runtime.start()
    world.start_one("say")
    world.until(lambda: [run["status"] for run in world.runs("jobs.etl.told")] == ["completed"])
    world.close()


# SPEC: FRS-09
def test_a_tick_that_waits_outlives_the_server_and_starts_once_its_upstream_has_completed(
    tmp_path: Path, database_url: str
) -> None:
    first = World(tmp_path / "data", database_url=database_url)
    now = first.runtime.clock.now()
    daily = far_from(now)
    gated = batch_job("told", f"schedule:{daily}", freshness=["job.is_fresh:jobs.etl.say"])
    first.upload({"etl.py": ETL})
    first.deploy(batch_job("say"), gated, extensions={"jobs.etl.told": {"freshness_wait": 2 * 86400}})
    missed = previous_tick(daily, "UTC", now)
    job_id = first.job("jobs.etl.told")["id"]
    # The job counts from before the tick, as one does that was deployed earlier.
    first.runtime.database.write(
        lambda c: jobs.start_counting(c, job_id, next_due_at=missed, anchor_at=missed - 1)
    )
    first.runtime.scheduler.plan_due()
    assert [row["outcome"] for row in first.decisions("jobs.etl.told")] == ["waiting"]
    first.close()

    second = World(tmp_path / "data", database_url=database_url)
    second.runtime.start()
    second.start_one("say")
    second.until(lambda: len(second.runs("jobs.etl.told")) == 1)
    second.until_quiet()
    [run] = second.runs("jobs.etl.told")
    assert (run["tick_at"], run["status"]) == (missed, "completed")
    assert second.decisions("jobs.etl.told")[0]["outcome"] == "fired"
    second.close()


# SPEC: IVL-14
def test_windows_that_were_covered_run_again_and_nothing_else_moves(world: World) -> None:
    days = batch_job("days", "schedule:0 0 * * *", interval={"start": "2013-01-01", "end": "2013-01-05"})
    world.deploy(days, batch_job("told", "job.success:jobs.etl.days"))
    world.runtime.start()
    world.until_ended(world.start_one("days")["id"])
    world.until_quiet()
    pointer = world.job("jobs.etl.days")["done_until"]
    day = 86_400 * MICROSECONDS
    for start, end in ((pointer - 4 * day, pointer - 3 * day), (pointer - 2 * day, pointer)):
        [run] = world.start("days", window=Window(start, end))
        assert run is not None
        assert (run["interval_start"], run["interval_end"]) == (start, end), "known from the start"
        ended = world.until_ended(run["id"])
        assert (ended["interval_start"], ended["interval_end"], ended["refresh"]) == (start, end, False)
    world.until_quiet()
    assert world.lines(world.runs("jobs.etl.days")[1]["id"]) == ["2013-01-01 2013-01-02"]
    assert world.job("jobs.etl.days")["done_until"] == pointer
    assert len(world.runs("jobs.etl.days")) == 3, "it starts no backlog"
    assert len(world.runs("jobs.etl.told")) == 3, "what follows the job follows it here too"


# SPEC: RFR-09
def test_the_signal_to_start_over_drops_neither_data_nor_history(world: World) -> None:
    world.deploy(batch_job("say"), batch_job("keep", freshness=["job.is_fresh:jobs.etl.say"]))
    world.runtime.start()
    world.until_ended(world.start_one("say")["id"])
    first = world.until_ended(world.start_one("keep")["id"])
    kept = world.folder / "rows"
    world.until_ended(world.start_one("say", refresh=True)["id"])
    assert kept.read_text() == "rows of the first load"
    assert world.lines(first["id"]) == ["nothing yet"]
    again = world.until_ended(world.start_one("keep")["id"])
    assert (again["refresh"], world.lines(again["id"])) == (True, ["rows of the first load"])


# SPEC: RFR-10, FUP-01
def test_an_end_and_all_that_it_causes_are_written_together_or_not_at_all(world: World) -> None:
    world.deploy(
        batch_job("say", refresh_propagation="always"),
        batch_job("told", "job.success:jobs.etl.say"),
        batch_job("keep", "schedule:0 0 * * *", freshness=["job.is_fresh:jobs.etl.told"]),
    )
    run_id = world.start_one("say")["id"]
    database, ids, now = world.runtime.database, world.runtime.ids, world.runtime.clock.now()

    def end(connection: Connection) -> None:
        move(connection, run_id, RunStatus.STARTING, now=now)
        move(connection, run_id, RunStatus.RUNNING, now=now)
        assert settle(connection, run_id, RunStatus.COMPLETED, Reason.OK, ids=ids, now=now)

    def end_and_crash(connection: Connection) -> None:
        end(connection)
        raise ConnectionError("the power went")

    def seen() -> tuple[str, int, list[bool]]:
        loaded = database.read(lambda c: facts.by_ref(c, WORKSPACE, ["jobs.etl.told", "jobs.etl.keep"]))
        pending = [job.refresh_pending for job in loaded.values()]
        return world.run(run_id)["status"], len(world.runs("jobs.etl.told")), pending

    with pytest.raises(ConnectionError):
        database.write(end_and_crash)
    assert seen() == ("pending", 0, [False, False])
    database.write(end)
    assert seen() == ("completed", 1, [True, True])
