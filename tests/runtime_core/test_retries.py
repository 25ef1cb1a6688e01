"""Stories of runs that are tried again, with the real store and real processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.support.clocks import TurnedClock
from tests.support.ends import settle
from tests.support.worlds import OWNER, WORKSPACE, World, batch_job

from runyard.core.clock import MICROSECONDS
from runyard.core.engines import AttemptId, AttemptState, AttemptStatus
from runyard.core.errors import EnvironmentFailed
from runyard.core.executor import Ending
from runyard.core.intervals import Window
from runyard.core.jobs import JobDefinition
from runyard.core.logs import iter_lines
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import facts, queue, shown_runs
from runyard.core.store.tables import attempts

ETL = """
    import os, pathlib, shutil, sys, time

    DATA = pathlib.Path(os.environ["RUNYARD_DATA_DIR"])

    def flaky():
        tries = DATA / "tries"
        count = int(tries.read_text()) + 1 if tries.exists() else 1
        tries.write_text(str(count))
        print("try", count)
        if count < 3:
            raise ConnectionError("not there yet")

    def never():
        sys.exit(7)

    def vanish():
        mark = DATA / "vanished"
        if not mark.exists():
            mark.touch()
            shutil.rmtree(os.getcwd())
            raise ConnectionError("nothing is left")

    def told(run_context):
        print(run_context["trigger"])

    def pipeline():
        state = pathlib.Path.home() / ".dlt" / "pipelines" / "state.json"
        package = pathlib.Path(".dlt") / "state" / "package"
        settings = sorted(path.name for path in pathlib.Path(".dlt").glob("*.toml"))
        print(settings, state.exists(), package.exists())
        state.parent.mkdir(parents=True, exist_ok=True)
        package.parent.mkdir(parents=True, exist_ok=True)
        found = state.exists()
        state.write_text("{}")
        package.write_text("rows")
        if not found:
            raise ConnectionError("in the middle of a load")
"""

SOON = {"retries": 2, "retry_delay": 0.01, "retry_backoff": 1}
LATER = {"retries": 2, "retry_delay": 3600}


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a running world with the code above, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL}, {"config.toml": "a = 1", "prod.secrets.toml": "b = 'secret'"})
    world.runtime.start()
    yield world
    world.close()


def reasons(world: World, run_id: str) -> list[tuple[str, int | None]]:
    """Return how each attempt of a run ended: its reason and exit code."""
    query = select(attempts.c.reason, attempts.c.exit_code).where(attempts.c.run_id == run_id)
    return [
        tuple(row) for row in world.runtime.database.read(lambda c: c.execute(query.order_by("number")).all())
    ]


def until_waiting(world: World, run_id: str) -> None:
    """Wait until a run waits to be tried again."""
    world.until(lambda: (row := world.run(run_id))["status"] == "pending" and row["attempt"] > 0)


# SPEC: DEC-20
def test_a_failed_run_is_tried_again_as_the_same_run_until_it_completes(world: World) -> None:
    world.deploy(
        batch_job("flaky"),
        batch_job("told", "job.success:jobs.etl.flaky", "job.fail:jobs.etl.flaky"),
        extensions={"jobs.etl.flaky": SOON},
    )
    run = world.until_ended(world.start_one("flaky")["id"])
    world.until_quiet()
    assert (run["status"], run["number"], run["attempt"], run["message"]) == ("completed", 1, 3, None)
    assert reasons(world, run["id"]) == [("exception", 1), ("exception", 1), ("ok", 0)]
    history = world.runtime.database.read(lambda c: shown_runs.history(c, run["id"]))
    again = ["starting", "running"]
    moves = [row["to_status"] for row in history]
    assert moves == ["pending", *again, "pending", *again, "pending", *again, "completed"]
    assert [row["outcome"] for row in world.decisions("jobs.etl.flaky")] == ["retried", "retried", "fired"]
    [follower] = world.runs("jobs.etl.told")
    assert follower["trigger"] == "job.success:jobs.etl.flaky", "only the end of the last attempt counts"


# SPEC: DEC-20
def test_the_log_of_a_run_shows_one_attempt_after_the_other(world: World) -> None:
    world.deploy(batch_job("flaky"), extensions={"jobs.etl.flaky": SOON})
    run = world.until_ended(world.start_one("flaky")["id"])
    lines = list(iter_lines(world.runtime.run_directory(run["id"])))
    assert [line.number for line in lines] == list(range(len(lines)))
    said = [line.text for line in lines if line.text.startswith(("try", "attempt"))]
    assert said == ["try 1", "attempt 2", "try 2", "attempt 3", "try 3"]
    assert {line.stream for line in lines if line.text.startswith("attempt")} == {"other"}


# SPEC: DEC-20 FUP-02
def test_a_run_that_keeps_failing_ends_with_its_last_attempt(world: World) -> None:
    world.deploy(
        batch_job("never"),
        batch_job("told", "job.fail:jobs.etl.never"),
        extensions={"jobs.etl.never": SOON},
    )
    run = world.until_ended(world.start_one("never")["id"])
    world.until_quiet()
    assert (run["status"], run["reason"], run["exit_code"], run["attempt"]) == ("failed", "exit_code", 7, 3)
    assert run["started_at"] < run["finished_at"]
    assert len(world.runs("jobs.etl.told")) == 1


# SPEC: DEC-20
def test_retries_are_off_unless_a_job_asks_for_them(world: World) -> None:
    world.deploy(batch_job("never"))
    run = world.until_ended(world.start_one("never")["id"])
    assert (run["status"], run["attempt"]) == ("failed", 1)


# SPEC: DEC-20 RUN-12
def test_a_run_that_waits_to_be_tried_again_ends_at_once_when_it_is_cancelled(world: World) -> None:
    world.deploy(batch_job("never"), extensions={"jobs.etl.never": LATER})
    run_id = world.start_one("never")["id"]
    until_waiting(world, run_id)
    world.runtime.run_control.cancel(WORKSPACE, [run_id], dry_run=False, user_id=OWNER)
    run = world.until_ended(run_id)
    assert (run["status"], run["reason"], run["attempt"]) == ("cancelled", "user_cancel", 1)
    history = world.runtime.database.read(lambda c: shown_runs.history(c, run_id))
    assert history[-1]["actor"] == OWNER
    assert reasons(world, run_id) == [("exit_code", 7)], "the attempt had ended before"


# SPEC: DEC-20
def test_a_server_that_starts_anew_tries_a_run_again_when_its_time_has_come(tmp_path: Path) -> None:
    first = World(tmp_path / "data")
    first.upload({"etl.py": ETL})
    once = batch_job("pipeline", deliver={"pipeline_name": "orders"})
    first.deploy(once, extensions={"jobs.etl.pipeline": LATER})
    first.runtime.start()
    run_id = first.start_one("pipeline")["id"]
    until_waiting(first, run_id)
    first.close()

    second = World(tmp_path / "data", clock=TurnedClock(LATER["retry_delay"]))
    second.runtime.start()
    run = second.until_ended(run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    second.close()


# SPEC: DEC-20
def test_a_pipeline_keeps_its_local_state_between_attempts_and_no_longer(world: World) -> None:
    world.deploy(
        batch_job("pipeline", deliver={"pipeline_name": "orders"}), extensions={"jobs.etl.pipeline": SOON}
    )
    run = world.until_ended(world.start_one("pipeline")["id"])
    assert (run["status"], run["attempt"]) == ("completed", 2)
    settings = "['config.toml', 'prod.secrets.toml']"
    lines = [line for line in world.lines(run["id"]) if line.startswith("[")]
    assert lines == [f"{settings} False False", f"{settings} True True"]
    directory = world.runtime.run_directory(run["id"])
    world.until_loops_ended()  # what attempts shared is removed when their end is written
    assert sorted(path.name for path in directory.iterdir()) == ["1", "2"]


# SPEC: DEC-20
def test_a_pipeline_that_removed_what_it_worked_in_finds_its_code_again(world: World) -> None:
    world.deploy(
        batch_job("vanish", deliver={"pipeline_name": "orders"}), extensions={"jobs.etl.vanish": SOON}
    )
    run = world.until_ended(world.start_one("vanish")["id"])
    assert (run["status"], run["attempt"]) == ("completed", 2)


# SPEC: DEC-20
def test_settings_do_not_lie_about_while_a_pipeline_waits_to_be_tried_again(world: World) -> None:
    world.deploy(
        batch_job("pipeline", deliver={"pipeline_name": "orders"}), extensions={"jobs.etl.pipeline": LATER}
    )
    run_id = world.start_one("pipeline")["id"]
    until_waiting(world, run_id)
    directory = world.runtime.run_directory(run_id)
    assert (directory / "home" / ".dlt" / "pipelines" / "state.json").exists()
    assert list(directory.rglob("*.toml")) == []
    world.runtime.run_control.cancel(WORKSPACE, [run_id], dry_run=False, user_id=OWNER)
    world.until_ended(run_id)
    world.until_loops_ended()
    assert sorted(path.name for path in directory.iterdir()) == ["1"]


# SPEC: DEC-20
def test_other_jobs_begin_each_attempt_in_a_fresh_directory(world: World) -> None:
    world.deploy(batch_job("pipeline"), extensions={"jobs.etl.pipeline": SOON})
    run = world.until_ended(world.start_one("pipeline")["id"])
    assert (run["status"], run["attempt"]) == ("failed", 3)
    assert {line[-11:] for line in world.lines(run["id"]) if line.startswith("[")} == {"False False"}


# SPEC: DEC-20
def test_an_environment_that_could_not_be_built_is_built_again_and_all_of_it_is_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def ready(_requirements: Mapping[str, Any], _job: JobDefinition) -> Path | None:
        return Path(sys.executable) if len(built) == 3 else None

    def build(_requirements: Mapping[str, Any], job: JobDefinition, say: Callable[[str], None]) -> Path:
        built.append(job.job_ref)
        say(f"build {len(built)}")
        if len(built) < 3:
            raise EnvironmentFailed("The index does not answer.")
        return Path(sys.executable)

    executor = world.runtime.executor
    monkeypatch.setattr(executor, "build_ahead", lambda _workspace_id: None)
    monkeypatch.setattr(executor._interpreters, "ready", ready)
    monkeypatch.setattr(executor._interpreters, "build", build)
    world.deploy(batch_job("told"), extensions={"jobs.etl.told": SOON})
    run = world.until_ended(world.start_one("told")["id"])
    assert (run["status"], run["attempt"]) == ("completed", 3)
    assert [reason for reason, _ in reasons(world, run["id"])] == [*["dependency_install_failed"] * 2, "ok"]
    lines = list(iter_lines(world.runtime.run_directory(run["id"])))
    assert [line.number for line in lines] == list(range(len(lines)))
    assert [line.text for line in lines if line.text.startswith(("build", "attempt", "manual"))] == [
        *("build 1", "build 2", "build 3", "attempt 3"),
        "manual:jobs.etl.told",
    ]


@pytest.fixture
def still(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a world whose loops stand still, with a job by the hour that is tried again after an hour."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL})
    interval = {"start": "2026-01-01", "end": "2026-01-03"}
    world.deploy(
        batch_job("told", "schedule:0 * * * *", interval=interval),
        extensions={"jobs.etl.told": LATER | {"split": "1d"}},
    )
    yield world
    world.close()


def fail_first_attempt(world: World) -> tuple[str, Window]:
    """Let the first attempt of a run fail; return the run and its window."""
    run_id = world.start_one("told")["id"]
    now = world.runtime.clock.now()
    world.runtime.database.write(world.runtime.executor._claim)
    row = world.run(run_id)

    def fail(connection: Connection) -> None:
        ids = world.runtime.ids
        status = settle(connection, run_id, RunStatus.FAILED, Reason.LOST, ids=ids, now=now)
        assert status is RunStatus.PENDING

    world.runtime.database.write(fail)
    return run_id, Window(row["interval_start"], row["interval_end"])


# SPEC: DEC-20 IVL-04 EXE-05
def test_a_run_that_waits_to_be_tried_again_keeps_its_window_and_its_slot(still: World) -> None:
    run_id, window = fail_first_attempt(still)
    row, database = still.run(run_id), still.runtime.database
    [job] = database.read(lambda c: facts.load(c, [row["job_id"]])).values()
    assert (job.active_count, job.waiting_count, job.has_free_slot) == (1, 0, False)
    assert (job.working_on, dict(job.waiting)) == ((window,), {}), (
        "a tick does not join it: its window is fixed"
    )
    other = still.start_one("told")["id"]
    assert database.write(still.runtime.executor._claim) == [], (
        "neither its time nor that of another has come"
    )

    def claimable(now: int) -> list[str]:
        return [found["id"] for found in database.read(lambda c: queue.claimable(c, now, at_most=9))]

    assert claimable(row["due_at"] - 1) == []
    assert claimable(row["due_at"]) == [run_id], "its slot is its own"
    assert row["due_at"] - row["updated_at"] == 3600 * MICROSECONDS
    assert other not in claimable(row["due_at"])


# SPEC: DEC-20 RFR-05
def test_a_next_attempt_covers_what_the_first_one_was_to_cover(
    still: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, window = fail_first_attempt(still)
    assert still.run(run_id)["refresh"], "the first run of a job loads from scratch"
    due_at = still.run(run_id)["due_at"]
    monkeypatch.setattr(still.runtime.clock, "now", lambda: due_at)
    [attempt] = (each.attempt for each in still.runtime.database.write(still.runtime.executor._claim))
    row = still.run(run_id)
    assert (attempt.number, row["status"], row["refresh"], row["due_at"]) == (2, "starting", True, None)
    assert Window(row["interval_start"], row["interval_end"]) == window


# SPEC: DEC-20 SCH-06
@pytest.mark.parametrize("set_back", [2 * 3600, 1800, 0])
def test_a_clock_that_is_set_back_makes_no_run_wait_longer_than_its_delay(
    still: World, monkeypatch: pytest.MonkeyPatch, set_back: int
) -> None:
    run_id, _ = fail_first_attempt(still)
    failed_at = still.run(run_id)["updated_at"]
    now = failed_at + (1800 - set_back) * MICROSECONDS
    monkeypatch.setattr(still.runtime.clock, "now", lambda: now)
    assert still.runtime.database.write(still.runtime.executor._claim) == []
    wait = still.run(run_id)["due_at"] - now
    assert wait == (1800 if set_back == 0 else 3600) * MICROSECONDS
    later = now + wait
    monkeypatch.setattr(still.runtime.clock, "now", lambda: later)
    [again] = still.runtime.database.write(still.runtime.executor._claim)
    assert again.attempt.run_id == run_id


# SPEC: DEC-20
def test_what_is_heard_of_an_attempt_counts_no_more_once_another_has_taken_over(
    still: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = fail_first_attempt(still)
    due_at, executor = still.run(run_id)["due_at"], still.runtime.executor
    monkeypatch.setattr(still.runtime.clock, "now", lambda: due_at)
    still.runtime.database.write(executor._claim)
    first = AttemptId(run_id, 1)
    executor._note_running([(first, AttemptStatus(AttemptState.RUNNING, started_at=1))])
    executor._finish([Ending(first, RunStatus.FAILED, Reason.LOST)])
    row = still.run(run_id)
    assert (row["status"], row["attempt"], row["started_at"]) == ("starting", 2, None)


# SPEC: DEC-20
@pytest.mark.parametrize("has_begun_again", [False, True])
def test_an_end_that_is_told_twice_takes_nothing_from_the_next_attempt(
    still: World, monkeypatch: pytest.MonkeyPatch, has_begun_again: bool
) -> None:
    executor, database = still.runtime.executor, still.runtime.database
    run_id = still.start_one("told")["id"]
    [first] = (each.attempt for each in database.write(executor._claim))
    end = Ending(first, RunStatus.FAILED, Reason.LOST)
    settings, home = (still.runtime.run_directory(run_id) / name for name in ("workspace/.dlt", "home"))
    for directory in (settings, home):
        directory.mkdir(parents=True)
    executor._finish([end, end])
    assert (still.run(run_id)["status"], home.exists()) == ("pending", True)
    if has_begun_again:
        due_at = still.run(run_id)["due_at"]
        monkeypatch.setattr(still.runtime.clock, "now", lambda: due_at)
        database.write(executor._claim)
    (settings / "config.toml").touch()
    executor._finish([end])
    assert ((settings / "config.toml").exists(), home.exists()) == (True, True)


# SPEC: DEC-20 SCH-06
@pytest.mark.parametrize("set_back", [0, 7200])
def test_the_loop_wakes_when_a_run_is_to_be_tried_again_and_else_only_when_it_is_told(
    still: World, monkeypatch: pytest.MonkeyPatch, set_back: int
) -> None:
    executor = still.runtime.executor
    executor.step()
    assert executor.seconds_to_next() is None
    now = still.runtime.clock.now() - set_back * MICROSECONDS
    monkeypatch.setattr(still.runtime.clock, "now", lambda: now)
    run_id, _ = fail_first_attempt(still)
    executor.step()
    assert executor.seconds_to_next() == 60
    soon = still.run(run_id)["due_at"] - 5 * MICROSECONDS
    monkeypatch.setattr(still.runtime.clock, "now", lambda: soon)
    executor.step()
    assert executor.seconds_to_next() == 5
    still.runtime.run_control.cancel(WORKSPACE, [run_id], dry_run=False, user_id=OWNER)
    executor.step()
    assert still.run(run_id)["status"] == "cancelled"
    executor.step()
    assert executor.seconds_to_next() is None


# SPEC: RUN-12
def test_runs_that_wait_to_be_tried_again_are_cancelled_together(still: World) -> None:
    still.deploy(
        *(batch_job(name) for name in ("never", "flaky")),
        extensions={f"jobs.etl.{name}": LATER for name in ("never", "flaky")},
    )
    run_ids = [still.start_one(name)["id"] for name in ("never", "flaky")]
    database, ids, now = still.runtime.database, still.runtime.ids, still.runtime.clock.now()
    database.write(still.runtime.executor._claim)
    for run_id in run_ids:
        database.write(lambda c, of=run_id: settle(c, of, RunStatus.FAILED, Reason.LOST, ids=ids, now=now))  # type: ignore[misc]
    still.runtime.run_control.cancel(WORKSPACE, run_ids, dry_run=False, user_id=OWNER)
    changes: list[int] = []
    database.on_change(lambda: changes.append(1))
    still.runtime.executor.stop_requested()
    assert [still.run(run_id)["status"] for run_id in run_ids] == ["cancelled", "cancelled"]
    assert changes == [1]


# SPEC: DEC-20
@pytest.mark.parametrize("unwanted", ["stopped", "archived"])
def test_a_run_is_not_tried_again_once_it_was_to_stop_or_its_job_is_gone(still: World, unwanted: str) -> None:
    run_id = still.start_one("told")["id"]
    database, ids, now = still.runtime.database, still.runtime.ids, still.runtime.clock.now()
    database.write(still.runtime.executor._claim)
    if unwanted == "stopped":
        still.runtime.run_control.cancel(WORKSPACE, [run_id], dry_run=False, user_id=OWNER)
    else:
        still.deploy(batch_job("never"))
    how = RunStatus.FAILED, Reason.EXCEPTION
    assert database.write(lambda c: settle(c, run_id, *how, ids=ids, now=now)) is RunStatus.FAILED
