"""The panel's job: made once per code, started once, and run by the server's own interpreter."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worlds import OWNER, World, batch_job

from runyard.core.store import snapshots
from runyard.core.system_job import PANEL_REF, SYSTEM_WORKSPACE, SystemJob


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a runtime of which no loop runs, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    yield world
    world.close()


def panel_of(world: World, code: str) -> SystemJob:
    runtime = world.runtime
    return SystemJob(
        runtime.database, runtime.clock, runtime.ids, runtime.deploying, runtime.run_control, code
    )


def versions(world: World) -> int:
    _, total = world.runtime.database.read(
        lambda c: snapshots.page(c, snapshots.deployments, SYSTEM_WORKSPACE, version=None, limit=1, offset=0)
    )
    return total


def test_every_start_finds_the_same_job(world: World) -> None:
    for _ in range(2):
        panel_of(world, "one").install(OWNER)
    job = world.runtime.panel.job
    assert (job["job_ref"], job["workspace_id"], job["version"]) == (PANEL_REF, SYSTEM_WORKSPACE, 1)
    assert versions(world) == 1


def test_it_is_started_once_and_a_run_of_other_code_is_stopped(world: World) -> None:
    panel = panel_of(world, "one")
    panel.install(OWNER)
    assert not panel.is_open
    for _ in range(2):
        panel.start(None)
    first = panel.newest_run()
    assert first is not None
    assert first["number"] == 1
    panel_of(world, "one").install(OWNER)
    assert panel.is_open, "the same code goes on"
    panel_of(world, "two").install(OWNER)
    assert versions(world) == 2
    assert not panel.is_open
    panel.start(None)
    second = panel.newest_run()
    assert second is not None
    assert second["deployment_id"] != first["deployment_id"]


def test_an_environment_of_the_workspaces_is_not_the_panels(tmp_path: Path) -> None:
    world = World(tmp_path / "data", workspace_python=tmp_path / "no-python-here")
    world.upload({"etl.py": ""})
    world.deploy(batch_job("say"))
    panel = world.runtime.panel
    panel.install(OWNER)
    world.runtime.start()
    try:
        panel.start(OWNER)
        failed = world.until_ended(world.start_one("say")["id"])
        assert failed["reason"] == "dependency_install_failed"
        run = panel.newest_run()
        assert run is not None
        world.until(lambda: world.run(run["id"])["status"] not in ("pending", "starting"))
        serving = world.run(run["id"])
        assert serving["status"] == "running", serving["message"]
        with urllib.request.urlopen(f"http://127.0.0.1:{serving['port']}/", timeout=PATIENCE_SECONDS) as page:
            assert "<marimo-filename" in page.read().decode()
    finally:
        panel.stop()
        world.until(lambda: not panel.is_open)
        world.close()
