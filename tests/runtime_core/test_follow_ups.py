"""Stories of jobs that follow others: along a chain, out to many, in from two, and together when there is no room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.worlds import WORKSPACE, World, batch_job

ETL = """
    import os

    def a(): pass
    def b(): pass
    def c(): pass
    def d(): pass
    def wait(): open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()
"""


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a running world with the code above, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL})
    world.runtime.start()
    yield world
    world.close()


# SPEC: FUP-04, FUP-05
def test_events_go_along_a_chain_out_to_several_and_in_from_two_each_with_its_cause(world: World) -> None:
    world.deploy(
        batch_job("a"),
        batch_job("b", "job.success:jobs.etl.a"),
        batch_job("c", "job.success:jobs.etl.a"),
        batch_job("d", "job.success:jobs.etl.b", "job.success:jobs.etl.c"),
    )
    first = world.start_one("a")
    world.until(lambda: Counter(run["status"] for run in world.runs()) == {"completed": 5})
    [b], [c] = world.runs("jobs.etl.b"), world.runs("jobs.etl.c")
    assert world.causes(b["id"]) == world.causes(c["id"]) == [first["id"]]
    fan_in = {run["trigger"]: world.causes(run["id"]) for run in world.runs("jobs.etl.d")}
    assert fan_in == {"job.success:jobs.etl.b": [b["id"]], "job.success:jobs.etl.c": [c["id"]]}


# SPEC: FUP-04, SCH-08
def test_events_that_find_no_slot_free_become_one_run_that_lists_all_its_causes(world: World) -> None:
    gate = world.gate()
    world.deploy(batch_job("a", execute={"concurrency": None}), batch_job("wait", "job.success:jobs.etl.a"))
    started = [world.start_one("a")["id"]]
    world.until(lambda: [run["status"] for run in world.runs("jobs.etl.wait")] == ["running"])
    started += [world.start_one("a")["id"] for _ in range(3)]
    world.until(lambda: all(world.run(run_id)["status"] == "completed" for run_id in started))
    busy, waiting = world.runs("jobs.etl.wait")
    assert sorted([*world.causes(busy["id"]), *world.causes(waiting["id"])]) == sorted(started)
    outcomes = Counter(row["outcome"] for row in world.decisions("jobs.etl.wait"))
    assert (outcomes["fired"], outcomes["limited"]) == (1, 1)
    for run in (busy, waiting):
        gate.open()
        assert world.until_ended(run["id"])["status"] == "completed"
    assert len(world.runs("jobs.etl.wait")) == 2


# SPEC: EXE-05
def test_a_job_without_a_limit_runs_as_often_at_once_as_it_is_started(world: World) -> None:
    world.gate()
    world.deploy(batch_job("wait", execute={"concurrency": None}))
    started = [world.start_one("wait")["id"] for _ in range(3)]
    world.until(lambda: all(world.run(run_id)["status"] == "running" for run_id in started))
    world.runtime.run_control.cancel(WORKSPACE, started, dry_run=False, user_id=None)
    world.until_quiet()
