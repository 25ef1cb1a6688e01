"""Stories of runs whose environment the server builds: with what is declared, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core import logs
from runyard.core.clock import SystemClock
from runyard.core.environments import EnvironmentBuilder, spec_for
from runyard.core.processes import SystemProcesses
from runyard.core.requirements import Requirements
from runyard.core.sdk import install_sdk
from runyard.core.store import shown_runs

pytestmark = pytest.mark.slow  # each builds an environment from the package index

ETL = """
    import importlib.util

    def say():
        import iniconfig
        print(iniconfig.__name__, importlib.util.find_spec("sqlalchemy"))
"""

SHOWS = """
import importlib, pkgutil
import runyard_notebooks, runyard_server.client.feeds, runyard_widgets

for package in (runyard_notebooks, runyard_widgets):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
from runyard.widgets import LogTail
from runyard_notebooks import control_panel
print(type(control_panel.app).__name__)
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data", workspace_python=None)
    world.runtime.start()
    yield world
    world.close()


# SPEC: WS-06 DGR-05 DGR-07
def test_a_run_sees_what_is_declared_and_waits_for_its_environment_only_once(world: World) -> None:
    world.upload({"etl.py": ETL}, needs=["iniconfig==2.1.0"])
    world.deploy(batch_job("say"))
    first = world.until_ended(world.start_one("say")["id"])
    assert (first["status"], first["reason"]) == ("completed", "ok")
    assert world.lines(first["id"])[-1] == "iniconfig None", "the server's own packages are out of reach"
    second = world.until_ended(world.start_one("say")["id"])
    assert world.lines(second["id"]) == ["iniconfig None"]


# SPEC: DGR-06
def test_a_failed_install_fails_the_run_with_the_installers_words_in_its_log(world: World) -> None:
    world.upload({"etl.py": ETL}, needs=["iniconfig==0.0.0.dev999"])
    world.deploy(batch_job("say"))
    run = world.until_ended(world.start_one("say")["id"])
    assert (run["status"], run["reason"]) == ("failed", "dependency_install_failed")
    directory = world.runtime.run_directory(run["id"])
    assert "iniconfig" in "\n".join(world.lines(run["id"]))
    assert {line.attempt for line in logs.iter_lines(directory)} == {0}


# SPEC: APP-11
def test_a_notebook_finds_what_our_widgets_and_the_panel_import(tmp_path: Path) -> None:
    requirements = Requirements(f"{sys.version_info.major}.{sys.version_info.minor}", {"main": ()})
    uv = Path(sys.executable).with_name("uv")
    builder = EnvironmentBuilder(tmp_path / "envs", SystemProcesses(), SystemClock(), uv, os.environ)
    environment = builder.ensure(spec_for(requirements, (), "runyard.core.launchers.marimo"))
    said = subprocess.run(
        [environment.python, "-c", SHOWS],
        env={"PYTHONPATH": str(install_sdk(tmp_path)), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.split() == ["App"], said.stderr


def test_a_run_that_is_cancelled_while_its_environment_is_built_never_starts(world: World) -> None:
    world.upload({"etl.py": ETL}, needs=["iniconfig==2.1.0", "dlt==1.31.0"])
    world.deploy(batch_job("say"))
    run = world.start_one("say")
    world.until(lambda: world.run(run["id"])["status"] == "starting")
    world.runtime.run_control.cancel(WORKSPACE, [run["id"]], dry_run=False, user_id=None)
    ended = world.until_ended(run["id"])
    assert (ended["status"], ended["started_at"]) == ("cancelled", None)
    moves = world.runtime.database.read(lambda c: shown_runs.history(c, run["id"]))
    assert [move["to_status"] for move in moves] == ["pending", "starting", "cancelled"]
