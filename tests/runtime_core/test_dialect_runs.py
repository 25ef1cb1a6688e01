"""Runs of jobs written with `dlt.hub.run`, under dlt's own launcher: what they are told arrives as it was meant."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.workspaces import make_workspace
from tests.support.worlds import World

from runyard.core.clock import SystemClock
from runyard.core.discovery import Discovery
from runyard.core.processes import SystemProcesses

SDK = Path(__file__).parents[2] / "runtime_core"

LOADS = """
import json
import os
from datetime import datetime, timezone

import dlt
from dlt.hub import run
from dlt.hub.run import TJobRunContext, trigger


@dlt.resource
def rows(at=dlt.sources.incremental("at", initial_value=datetime(2020, 1, 1, tzinfo=timezone.utc))):
    print("reads", at.initial_value, at.end_value)
    yield []


def tell(**what):
    print(json.dumps(what, default=str))


@run.job(
    trigger=trigger.schedule("0 0 * * *"),
    interval={"start": "2026-01-01T00:00:00", "end": "2026-01-03T00:00:00"},
    require={"timezone": "America/New_York"},
    incremental_mode="interval",
    auto_refresh_pipeline_mode="drop_resources",
)
def daily(run_context: TJobRunContext, limit: int = 5, label: str = dlt.config.value, word: str = dlt.secrets.value):
    list(rows())
    tell(
        start=run_context["interval_start"].isoformat(),
        end=run_context["interval_end"].isoformat(),
        run_id=run_context["run_id"] == os.environ["RUNTIME__RUN_ID"],
        trigger=run_context["trigger"],
        refresh=run_context["refresh"],
        pipeline_refresh=dlt.pipeline("p", destination="duckdb").refresh,
        profile=dlt.current.run_context().profile,
        limit=limit,
        label=label,
        word=word,
    )


@run.job()
async def plain(run_context: TJobRunContext):
    list(rows())
    empty = run_context["interval_start"] == run_context["interval_end"]
    tell(empty=empty, refresh=run_context["refresh"], zone=os.environ["DLT_INTERVAL_TIMEZONE"])
"""

SETTINGS = {
    "config.toml": '[jobs.loads]\nlabel = "of all"\nlimit = 6\n',
    "prod.config.toml": '[jobs.loads.daily]\nlabel = "of prod"\n',
    "secrets.toml": '[jobs.loads]\nword = "hush"\n',
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    files = {
        "loads.py": LOADS,
        "__deployment__.py": "from loads import daily, plain\n__all__ = ['daily', 'plain']\n",
    }
    root = make_workspace(tmp_path_factory.mktemp("workspace"), files)
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    found = Discovery(SystemProcesses(), SystemClock()).discover(
        root, python=Path(sys.executable), sdk=SDK, env=env
    )
    jobs: list[dict[str, Any]] = found.manifest["jobs"]
    return jobs


@pytest.fixture
def world(tmp_path: Path, definitions: list[dict[str, Any]]) -> Iterator[World]:
    world = World(tmp_path / "data")
    world.upload({"loads.py": LOADS}, SETTINGS)
    world.deploy(*definitions)
    world.runtime.start()
    yield world
    world.close()


def told(world: World, job: str, **given: Any) -> tuple[str, dict[str, Any]]:
    """Return what the resource of a run read, and what its function says it was told."""
    run = world.until_ended(world.start_one(job, **given)["id"])
    lines = world.lines(run["id"])
    assert run["status"] == "completed", "\n".join(lines)
    [reads] = [line for line in lines if line.startswith("reads ")]
    [said] = [line for line in lines if line.startswith("{")]
    return reads, json.loads(said)


# SPEC: CMP-07, CMP-08
@pytest.mark.slow
def test_a_run_is_told_its_window_its_zone_its_profile_and_its_configuration(world: World) -> None:
    reads, said = told(world, "daily", refresh=True, config={"limit": 7})
    assert reads == "reads 2026-01-01 00:00:00-05:00 2026-01-03 00:00:00-05:00"
    assert said == {
        "start": "2026-01-01T00:00:00-05:00",
        "end": "2026-01-03T00:00:00-05:00",
        "run_id": True,
        "trigger": "schedule:0 0 * * *",
        "refresh": True,
        "pipeline_refresh": "drop_resources",
        "profile": "prod",
        "limit": 7,
        "label": "of prod",
        "word": "hush",
    }


# SPEC: CMP-07, RFR-08
@pytest.mark.slow
def test_a_run_without_a_window_keeps_the_state_of_its_pipeline_and_only_the_first_is_a_refresh(
    world: World,
) -> None:
    for is_first in (True, False):
        reads, said = told(world, "plain")
        assert reads == "reads 2020-01-01 00:00:00+00:00 None"
        assert said == {"empty": True, "refresh": is_first, "zone": "UTC"}
