"""Jobs that end their own run: what the launcher says, what the supervisor hears, what becomes of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.launches import launch
from tests.support.worlds import World, batch_job

from runyard import run
from runyard.core.node.shim import _VERDICT_BYTES
from runyard.core.verdicts import MESSAGE_BYTES, Abort, Skip, Verdict, verdict_in

ETL = """
    import os, subprocess, sys

    from runyard import run

    def abort():
        try:
            raise run.Abort("the source is\\n  being rebuilt")
        except Exception:
            print("went on as after an error")

    def skip(run_context):
        raise run.Skip

    def leave():
        sys.exit(1)

    def think_again():
        try:
            raise run.Skip("nothing new")
        except run.Skip:
            print("something after all")

    def fail_after_all():
        try:
            raise run.Abort("no")
        finally:
            raise ValueError("no such table")

    def child():
        code = "import runyard.run\\nfrom runyard.core.launchers.invocation import launch\\n"
        code += "def work(): raise runyard.run.Abort('of a child')\\nlaunch(work, {})"
        sys.exit(subprocess.run([sys.executable, "-c", code], close_fds=False).returncode)

    def told():
        print("told")
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a running world with the code above."""
    world = World(tmp_path / "data")
    world.upload({"etl.py": ETL})
    world.runtime.start()
    yield world
    world.close()


# SPEC: DEC-21
@pytest.mark.parametrize(
    ("name", "reason", "message", "line"),
    [
        ("abort", "aborted", "the source is being rebuilt", "Aborted: the source is being rebuilt"),
        ("skip", "self_skip", None, "Skipped"),
    ],
)
def test_a_job_may_cancel_its_own_run_and_say_why(
    world: World, name: str, reason: str, message: str | None, line: str
) -> None:
    world.deploy(batch_job(name), extensions={f"jobs.etl.{name}": {"retries": 3, "retry_delay": 0.01}})
    run = world.until_ended(world.start_one(name)["id"])
    assert (run["status"], run["reason"], run["message"]) == ("cancelled", reason, message)
    assert world.lines(run["id"]) == [line], "one line, and no traceback"
    assert run["attempt"] == 1, "it is not tried again"


# SPEC: DEC-21 FUP-02 IVL-05
def test_nothing_follows_a_run_that_its_job_cancelled_and_its_window_stays_open(world: World) -> None:
    world.deploy(
        batch_job("skip", "schedule:0 0 * * *", interval={"start": "2026-01-01"}),
        batch_job("told", "job.success:jobs.etl.skip", "job.fail:jobs.etl.skip"),
    )
    run = world.until_ended(world.start_one("skip")["id"])
    world.until_quiet()
    assert run["reason"] == "self_skip"
    assert world.runs("jobs.etl.told") == []
    assert world.job("jobs.etl.skip")["done_until"] is None


# SPEC: DEC-21
@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("leave", "failed", "exception"),
        ("think_again", "completed", "ok"),
        ("fail_after_all", "failed", "exception"),
        ("child", "failed", "exception"),
    ],
)
def test_who_ends_otherwise_is_not_mistaken_for_one_that_cancelled_its_run(
    world: World, name: str, status: str, reason: str
) -> None:
    world.deploy(batch_job(name))
    run = world.until_ended(world.start_one(name)["id"])
    assert (run["status"], run["reason"]) == (status, reason)


# SPEC: DEC-21
def test_a_task_among_others_may_cancel_the_run(tmp_path: Path) -> None:
    code = """
import asyncio
from runyard import run

async def skip():
    raise run.Skip("nothing new")

@run.job
async def load():
    async with asyncio.TaskGroup() as group:
        group.create_task(skip())
        group.create_task(asyncio.sleep(60))
"""
    result = launch(tmp_path, code)
    assert (result.returncode, result.stderr) == (1, "Skipped: nothing new\n")


# SPEC: DEC-21
def test_an_error_beside_it_is_an_error(tmp_path: Path) -> None:
    code = """
from runyard import run

@run.job
def load():
    raise BaseExceptionGroup("both", [run.Skip("nothing new"), ValueError("no such table")])
"""
    result = launch(tmp_path, code)
    assert result.returncode == 1
    assert "ValueError: no such table" in result.stderr


# SPEC: DEC-21
def test_what_a_job_starts_does_not_find_where_a_verdict_is_written(tmp_path: Path) -> None:
    code = "import os\ndef load(): print('RUNYARD_VERDICT_FD' in os.environ)"
    assert launch(tmp_path, code, env={"RUNYARD_VERDICT_FD": "2"}).stdout == "False\n"


def test_the_doors_name_is_the_class_that_is_caught() -> None:
    assert (run.Abort, run.Skip) == (Abort, Skip)
    assert not issubclass(Verdict, Exception)


def test_a_message_fits_where_it_is_kept() -> None:
    said = Abort("ä" * MESSAGE_BYTES).report
    assert len(said) <= len(b"dependency_install_failed\n") + MESSAGE_BYTES < _VERDICT_BYTES
    assert said.decode(errors="ignore").startswith("aborted\nää")
    assert Abort("\udcff").report == b"aborted\n?"


def test_a_group_of_verdicts_is_the_first_of_them() -> None:
    first, second = Skip("a"), Abort("b")
    nested = BaseExceptionGroup("all", [BaseExceptionGroup("one", [first]), second])
    assert verdict_in(nested) is first
    assert verdict_in(second) is second
    assert verdict_in(ValueError("no")) is None
    assert verdict_in(ExceptionGroup("none", [ValueError("no")])) is None
