"""Which code, which settings and which jobs a run is made of, with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping
from tests.support.attempts import Gate
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core.store import snapshots

SETTINGS = {"config.toml": "[jobs.etl]\nword = 'first'\n", "night.config.toml": ""}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    yield world
    world.close()


def configuration_of(world: World, run: RowMapping) -> Any:
    """Return the configuration that a run used."""
    rows = world.runtime.database.read(
        lambda c: snapshots.page(c, snapshots.configurations, WORKSPACE, version=None, limit=10, offset=0)
    )[0]
    [used] = [row for row in rows if row["id"] == run["configuration_id"]]
    return used


# SPEC: PRF-20, RCN-11
def test_a_run_keeps_the_code_and_the_settings_it_started_with(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    code = f"""
        def load(word):
            print("waiting", flush=True)
            {gate.wait}
            import later
            print(later.said, word)
    """
    world.upload({"etl.py": code, "later.py": "said = 'old'"}, SETTINGS)
    world.deploy(batch_job("load"))
    world.runtime.start()
    before = world.start_one("load", profile="night")
    world.until(lambda: world.run(before["id"])["status"] == "running")

    world.upload(
        {"etl.py": code, "later.py": "said = 'new'"},
        {**SETTINGS, "config.toml": "[jobs.etl]\nword = 'second'\n"},
    )
    world.deploy(batch_job("load", description="Again."))
    after = world.start_one("load")
    told = []
    for run in (before, after):
        gate.open()
        told.append(world.until_ended(run["id"]))
    assert [world.lines(run["id"])[-1] for run in told] == ["old first", "new second"]
    assert [run["profile"] for run in told] == ["night", "prod"]
    assert [configuration_of(world, run)["version"] for run in told] == [1, 2]


# SPEC: TAG-05
def test_every_job_with_a_cron_trigger_is_started_by_the_type_of_its_trigger(world: World) -> None:
    world.upload({"etl.py": ""})
    world.deploy(
        batch_job("nightly", "schedule:0 0 * * *"),
        batch_job("hourly", "tag:x", "schedule:0 * * * *"),
        batch_job("often", "every:5m"),
        batch_job("after", "job.success:jobs.etl.often"),
    )
    started = world.start("schedule:*")
    assert {run["trigger"] for run in started if run} == {"schedule:0 0 * * *", "schedule:0 * * * *"}
