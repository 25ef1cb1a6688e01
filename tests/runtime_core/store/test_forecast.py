"""What a preview starts from."""

from __future__ import annotations

from pathlib import Path

from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core.store import forecast


def test_archived_jobs_that_gate_each_other_are_looked_at_once(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    try:
        world.upload({"etl.py": "def a(): pass\ndef b(): pass\ndef c(): pass\n"})
        hourly = "schedule:0 * * * *"
        a = batch_job("a", hourly, freshness=["job.is_fresh:jobs.etl.b"])
        b = batch_job("b", hourly, freshness=["job.is_fresh:jobs.etl.a"])
        world.deploy(a, b, batch_job("c", hourly))
        world.deploy(batch_job("c", hourly))
        seen = world.runtime.database.read(lambda c: forecast.of_job(c, WORKSPACE, "jobs.etl.a", 0))
    finally:
        world.close()
    assert not seen.jobs
