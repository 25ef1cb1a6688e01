"""Stories of runs whose environment the server builds: with what is declared, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core import logs
from runyard.core.store import runs

pytestmark = pytest.mark.slow  # each builds an environment from the package index

ETL = """
    import importlib.util

    def say():
        import iniconfig
        print(iniconfig.__name__, importlib.util.find_spec("sqlalchemy"))
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


def test_a_run_that_is_cancelled_while_its_environment_is_built_never_starts(world: World) -> None:
    world.upload({"etl.py": ETL}, needs=["iniconfig==2.1.0", "dlt==1.31.0"])
    world.deploy(batch_job("say"))
    run = world.start_one("say")
    world.until(lambda: world.run(run["id"])["status"] == "starting")
    world.runtime.run_control.cancel(WORKSPACE, [run["id"]], dry_run=False, user_id=None)
    ended = world.until_ended(run["id"])
    assert (ended["status"], ended["started_at"]) == ("cancelled", None)
    moves = world.runtime.database.read(lambda c: runs.history(c, run["id"]))
    assert [move["to_status"] for move in moves] == ["pending", "starting", "cancelled"]
