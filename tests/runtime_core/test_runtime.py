"""Stories of runs, with real processes: from a deployed job to an ended run, through crashes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worlds import WORKSPACE, World, batch_job

from runyard.core import executor
from runyard.core.build_log import BuildLog
from runyard.core.engines import AttemptId
from runyard.core.errors import Conflict, Declined, InvalidManifest, InvalidRequest, NotFound, Unavailable
from runyard.core.jobs import JobDefinition
from runyard.core.logs import LogReader
from runyard.core.node.attempt_log import INDEX_LINES
from runyard.core.preparing import Launch
from runyard.core.reconcile import Change
from runyard.core.store import jobs, shown_runs

ETL = """
    import os, pathlib, sys, time

    def say():
        print("hello")

    def after(run_context):
        print(run_context["trigger"])

    def fail():
        raise ValueError("no such table")

    def leave():
        sys.exit(7)

    def wait():
        print("waiting", flush=True)
        open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()

    def given(word="nothing", limit: int = 0):
        command = pathlib.Path("/proc/self/cmdline").read_text()
        print(word, limit, "in the process list" if word in command else "out of sight")

    def month(run_context):
        print(run_context["interval_start"].date(), run_context["interval_end"].date())
"""


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """Return a running world with the code above, on each kind of database."""
    world = World(tmp_path / "data", database_url=database_url)
    world.upload({"etl.py": ETL})
    world.runtime.start()
    yield world
    world.close()


# SPEC: RUN-04 TRG-13
def test_a_started_job_runs_to_its_end_and_is_recorded(world: World) -> None:
    world.deploy(batch_job("say"))
    run = world.until_ended(world.start_one("say")["id"])
    assert (run["status"], run["reason"], run["exit_code"], run["number"]) == ("completed", "ok", 0, 1)
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    assert world.lines(run["id"]) == ["hello"]
    history = world.runtime.database.read(lambda c: shown_runs.history(c, run["id"]))
    assert [row["to_status"] for row in history] == ["pending", "starting", "running", "completed"]


# SPEC: DEC-12
def test_an_exception_fails_the_run_and_its_traceback_ends_the_log(world: World) -> None:
    world.deploy(batch_job("fail"))
    run = world.until_ended(world.start_one("fail")["id"])
    assert (run["status"], run["reason"]) == ("failed", "exception")
    assert world.lines(run["id"])[-1] == "ValueError: no such table"


def test_an_exit_code_of_the_program_is_kept(world: World) -> None:
    world.deploy(batch_job("leave"))
    run = world.until_ended(world.start_one("leave")["id"])
    assert (run["status"], run["reason"], run["exit_code"]) == ("failed", "exit_code", 7)


# SPEC: FUP-01 FUP-02 FUP-05
def test_a_follow_up_fires_once_and_knows_its_cause(world: World) -> None:
    world.deploy(
        batch_job("say"),
        batch_job("fail"),
        batch_job("after", "job.success:jobs.etl.say", "job.fail:jobs.etl.fail"),
    )
    first = world.start_one("say")
    second = world.start_one("fail")
    world.until_quiet()
    followers = world.runs("jobs.etl.after")
    assert sorted(run["trigger"] for run in followers) == [
        "job.fail:jobs.etl.fail",
        "job.success:jobs.etl.say",
    ]
    assert {run["trigger"]: world.causes(run["id"]) for run in followers} == {
        "job.success:jobs.etl.say": [first["id"]],
        "job.fail:jobs.etl.fail": [second["id"]],
    }
    assert world.lines(followers[0]["id"]) == [followers[0]["trigger"]]


# SPEC: IVL-02 IVL-03 IVL-13 DEC-15
def test_a_year_is_worked_off_month_by_month_after_one_start(world: World) -> None:
    world.deploy(
        batch_job(
            "month",
            "schedule:0 0 * * *",
            interval={"start": "2013-01-01", "end": "2013-05-01"},
            require={"timezone": "America/New_York"},
        ),
        extensions={"jobs.etl.month": {"split": "@monthly"}},
    )
    world.start("month")
    world.until_quiet()
    printed = [world.lines(run["id"]) for run in world.runs("jobs.etl.month")]
    assert printed == [
        ["2013-01-01 2013-02-01"],
        ["2013-02-01 2013-03-01"],
        ["2013-03-01 2013-04-01"],
        ["2013-04-01 2013-05-01"],
    ]
    # The end is a tick of local midnight: 4 hours before UTC in summer, 5 in winter (TZ-02).
    assert world.runs("jobs.etl.month")[-1]["interval_end"] % 86_400_000_000 == 4 * 3_600_000_000


# SPEC: RFR-05 RFR-06
def test_a_refresh_by_hand_makes_what_is_downstream_start_over(world: World) -> None:
    range_of = {"start": "2013-01-01", "end": "2013-01-03"}
    world.deploy(
        batch_job("say"),
        batch_job("month", "schedule:@daily", interval=range_of, freshness=["job.is_fresh:jobs.etl.say"]),
        batch_job("after", freshness=["job.is_fresh:jobs.etl.month"]),
    )
    before = [world.until_ended(world.start_one(name)["id"]) for name in ("say", "month", "after")]
    asked = world.start_one("say", refresh=True)
    assert asked["refresh"]
    world.until_ended(asked["id"])
    assert world.job("jobs.etl.month")["done_until"] is None
    assert world.start("after") == [None], "what it waits for has to be reloaded first"
    again = world.until_ended(world.start_one("month")["id"])
    assert again["refresh"]
    assert (again["interval_start"], again["interval_end"]) == (
        before[1]["interval_start"],
        before[1]["interval_end"],
    )
    assert not world.start_one("month")["refresh"]
    assert world.start_one("after")["status"] == "pending"


@pytest.mark.parametrize("refreshed", ["month", "say"])
def test_a_range_that_was_complete_has_ticks_again_once_it_has_to_be_reloaded(
    world: World, refreshed: str
) -> None:
    range_of = {"start": "2013-01-01", "end": "2013-01-03"}
    gate = ["job.is_fresh:jobs.etl.say"]
    world.deploy(batch_job("say"), batch_job("month", "schedule:@daily", interval=range_of, freshness=gate))
    world.until_ended(world.start_one("say")["id"])
    world.until_ended(world.start_one("month")["id"])
    # What the scheduler writes at the first tick after the range.
    job_id = world.job("jobs.etl.month")["id"]
    world.runtime.database.write(lambda c: jobs.set_due(c, {job_id: None}))
    world.until_ended(world.start_one(refreshed, refresh=True)["id"])
    assert world.job("jobs.etl.month")["next_due_at"] is not None


# SPEC: JCF-08
def test_what_is_given_for_one_run_reaches_the_function_and_not_the_process_list(world: World) -> None:
    world.upload({"etl.py": ETL}, {"config.toml": "[jobs.etl.given]\nword = 'configured'\nlimit = 1\n"})
    world.deploy(batch_job("given"))
    run = world.until_ended(world.start_one("given", config={"word": "canary-7", "limit": 5})["id"])
    assert world.lines(run["id"]) == ["canary-7 5 out of sight"]
    run = world.until_ended(world.start_one("given")["id"])
    assert world.lines(run["id"]) == ["configured 1 out of sight"]


def test_nothing_of_the_settings_stays_behind_when_a_run_has_ended(world: World) -> None:
    world.upload({"etl.py": ETL}, {"config.toml": "", "secrets.toml": "password = 'canary-8'\n"})
    world.deploy(batch_job("say"))
    run = world.until_ended(world.start_one("say")["id"])
    files = [path for path in world.runtime.data_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files if str(run["id"]) in str(path)} == {"exit.json", "lock", "log"}
    assert [path for path in files if b"canary-8" in path.read_bytes()] == []


# SPEC: EXE-05 EXE-08
def test_a_run_at_the_limit_waits_for_the_one_before(world: World) -> None:
    gate = world.gate()
    world.deploy(batch_job("wait"))
    first, second = world.start_one("wait"), world.start_one("wait")
    world.until(lambda: world.run(first["id"])["status"] == "running")
    assert world.run(second["id"])["status"] == "pending"
    for run in (first, second):
        gate.open()
        assert world.until_ended(run["id"])["status"] == "completed"
    assert world.run(second["id"])["started_at"] >= world.run(first["id"])["finished_at"]


# SPEC: RUN-11
def test_a_cancelled_run_stops_and_says_who_asked(world: World) -> None:
    world.gate()
    world.deploy(batch_job("wait"))
    run = world.start_one("wait")
    world.until(lambda: world.run(run["id"])["status"] == "running")
    world.runtime.run_control.cancel(WORKSPACE, [run["id"]], dry_run=False, user_id=None)
    ended = world.until_ended(run["id"])
    assert (ended["status"], ended["reason"]) == ("cancelled", "user_cancel")


# SPEC: RUN-12 RUN-13
def test_a_waiting_run_that_is_cancelled_never_starts(world: World) -> None:
    gate = world.gate()
    world.deploy(batch_job("wait"))
    first, second = world.start_one("wait"), world.start_one("wait")
    [answer] = world.runtime.run_control.cancel(WORKSPACE, [second["id"]], dry_run=False, user_id=None)
    assert answer.outcome == "cancelled"
    ended = world.run(second["id"])
    assert (ended["status"], ended["started_at"]) == ("cancelled", None)
    [again] = world.runtime.run_control.cancel(WORKSPACE, [second["id"]], dry_run=False, user_id=None)
    assert again.outcome == "terminal"
    world.until(lambda: world.run(first["id"])["status"] == "running")
    gate.open()
    world.until_ended(first["id"])


# SPEC: EXE-03 EXE-04
def test_a_run_that_takes_too_long_fails_as_timed_out(world: World) -> None:
    world.gate()
    world.deploy(
        batch_job("wait", execute={"concurrency": 1, "timeout": {"timeout": 0.3, "grace_period": 5}}),
        batch_job("after", "job.fail:jobs.etl.wait"),
    )
    run = world.until_ended(world.start_one("wait")["id"])
    assert (run["status"], run["reason"]) == ("failed", "timeout")
    world.until_quiet()
    assert len(world.runs("jobs.etl.after")) == 1


def test_a_job_whose_module_is_missing_fails_and_says_so(world: World) -> None:
    world.deploy(batch_job("load", section="nowhere"))
    run = world.until_ended(world.start_one("load")["id"])
    assert run["status"] == "failed"
    assert "No module named 'nowhere'" in world.lines(run["id"])[-1]


# SPEC: RFR-05
def test_a_refresh_asked_for_while_another_one_runs_is_not_forgotten(world: World) -> None:
    gate = world.gate()
    world.deploy(batch_job("wait"))
    first = world.start_one("wait", refresh=True)
    world.until(lambda: world.run(first["id"])["status"] == "running")
    again = world.start_one("wait", refresh=True)
    plain = world.start_one("wait")
    for run in (first, again, plain):
        gate.open()
        world.until_ended(run["id"])
    assert [run["refresh"] for run in world.runs("jobs.etl.wait")] == [True, True, False]


# SPEC: RFR-08
def test_of_two_first_starts_only_the_first_loads_from_scratch(world: World) -> None:
    world.deploy(batch_job("say"))
    world.start_one("say")
    world.start_one("say")
    world.until_quiet()
    assert [run["refresh"] for run in world.runs("jobs.etl.say")] == [True, False]


# Deploying ------------------------------------------------------------------------------------------------


# SPEC: RCN-03 RCN-04 RCN-05 RCN-06 RCN-09
def test_a_deploy_says_what_it_created_updated_left_and_archived(world: World) -> None:
    def changes(*definitions: dict[str, object]) -> dict[str, tuple[str, tuple[str, ...]]]:
        result = world.deploy(*definitions)
        return {change.job["job_ref"]: (change.change, change.fields) for change in result.changes}

    say, after = batch_job("say"), batch_job("after", "every:5m")
    assert changes(say, after) == {
        "jobs.etl.say": (Change.CREATED, ()),
        "jobs.etl.after": (Change.CREATED, ()),
    }
    due = world.job("jobs.etl.after")["next_due_at"]
    assert {change for change, _ in changes(say, after).values()} == {Change.UNCHANGED}
    assert world.job("jobs.etl.after")["next_due_at"] == due
    later = batch_job("after", "every:10m")
    assert changes(later) == {
        "jobs.etl.after": (Change.UPDATED, ("triggers",)),
        "jobs.etl.say": (Change.ARCHIVED, ()),
    }
    assert changes(say, later)["jobs.etl.say"] == (Change.UPDATED, ("archived",))


# SPEC: RCN-07
def test_a_dry_run_answers_like_a_deploy_and_changes_nothing(world: World) -> None:
    result = world.deploy(batch_job("say"), dry_run=True)
    assert [change.change for change in result.changes] == [Change.CREATED]
    with pytest.raises(NotFound):
        world.start("say")


# SPEC: RCN-10 TRG-09 TRG-16
def test_one_wrong_trigger_refuses_the_whole_manifest_and_keeps_the_jobs_before(world: World) -> None:
    world.deploy(batch_job("say"))
    with pytest.raises(InvalidManifest) as refused:
        world.deploy(batch_job("say", "schedule:61 * * * *"), batch_job("after", "every:5s"))
    assert [reason.split(":")[0] for reason in refused.value.reasons] == ["jobs.etl.say", "jobs.etl.after"]
    assert world.job("jobs.etl.say")["version"] == 1


# SPEC: ADH-05
def test_a_quick_run_neither_archives_nor_takes_over_jobs(world: World) -> None:
    world.deploy(batch_job("say"), batch_job("after"))
    world.deploy(batch_job("say", "every:5m"), module=None)
    assert world.job("jobs.etl.say")["deployment_module"] == "__deployment__"
    assert world.job("jobs.etl.after")["archived_at"] is None


# SPEC: TRG-12
@pytest.mark.parametrize("others", [[], ["schedule:0 3 * * *"], ["webhook:"], ["tag:nightly"]])
def test_a_job_that_is_not_to_be_started_by_hand_is_not(world: World, others: list[str]) -> None:
    """Also where another trigger would be recorded; by that one, as a tag, it may be started."""
    world.deploy(batch_job("say", *others, expose={"manual": False}))
    with pytest.raises(Declined, match="by hand"):
        world.start("say")
    job_ids = [world.job("jobs.etl.say")["id"]]
    with pytest.raises(Declined, match="by hand"):
        world.runtime.run_control.start(WORKSPACE, job_ids=job_ids, selectors=None, user_id=None)


# SPEC: CMP-10
def test_of_several_jobs_one_that_declines_is_an_answer_and_the_others_start(world: World) -> None:
    world.deploy(
        batch_job("say", expose={"manual": False, "tags": ["x"]}),
        batch_job("after", expose={"manual": False}),
    )
    answers = world.runtime.run_control.start(
        WORKSPACE, job_ids=None, selectors=["tag:x", "jobs.etl.after"], user_id=None
    )
    assert {answer.job["job_ref"]: answer.status for answer in answers if answer.job} == {
        "jobs.etl.say": "triggered",
        "jobs.etl.after": "skipped_not_by_hand",
    }


def test_a_profile_that_nobody_configured_is_refused(world: World) -> None:
    world.upload({"etl.py": ETL}, {"config.toml": "", "night.config.toml": ""})
    world.deploy(batch_job("say"))
    with pytest.raises(InvalidRequest, match="no profile `bogus`"):
        world.start("say", profile="bogus")
    assert world.start_one("say", profile="night")["profile"] == "night"


def test_nothing_is_deployed_before_code_and_settings_are_there(tmp_path: Path) -> None:
    world = World(tmp_path / "empty")
    with pytest.raises(Conflict, match="no deployment yet"):
        world.deploy(batch_job("say"))
    assert world.deploy(batch_job("say"), dry_run=True).changes[0].change is Change.CREATED
    world.close()


# Ticks ----------------------------------------------------------------------------------------------------


# SPEC: TRG-15 SCH-08
def test_a_tick_becomes_a_run_by_itself_and_its_decision_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path / "data", min_every_seconds=0.1)
    world.upload({"etl.py": ETL})
    world.runtime.start()
    world.deploy(batch_job("say", "every:0.2s"))
    world.until(lambda: len(world.runs()) >= 2)
    world.deploy(batch_job("after"))  # archives `say`, so that no more ticks come
    world.until_quiet()
    run = world.runs("jobs.etl.say")[0]
    assert run["tick_at"] is not None
    assert run["created_at"] >= run["tick_at"], "never early"
    assert world.decisions("jobs.etl.say")[-1]["outcome"] == "fired"
    world.close()


# Crashes --------------------------------------------------------------------------------------------------


# SPEC: SCH-03 SCH-05
def test_a_run_claimed_but_not_started_before_the_crash_starts_once_after_it(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    world.upload({"etl.py": ETL})
    world.deploy(batch_job("say"))
    run = world.start_one("say")
    [attempt] = (each.attempt for each in world.runtime.database.write(world.runtime.executor._claim))
    assert attempt.run_id == run["id"]
    (world.runtime.attempt_directory(attempt) / "workspace").mkdir(parents=True)
    world.close()  # as after a crash: the claim is written, the directory begun, the process is not there

    world = World(tmp_path / "data")
    world.runtime.start()
    ended = world.until_ended(run["id"])
    assert (ended["status"], ended["attempt"]) == ("completed", 1)
    assert world.lines(run["id"]) == ["hello"]
    world.close()


def test_a_claimed_run_starts_also_when_the_database_is_away_just_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = world.runtime.executor._preparer.load
    answers = iter([Unavailable("The database does not answer.")])

    def away_at_first(run_id: str) -> Launch:
        for error in answers:
            raise error
        return load(run_id)

    monkeypatch.setattr(executor, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(world.runtime.executor._preparer, "load", away_at_first)
    world.deploy(batch_job("say"))
    assert world.until_ended(world.start_one("say")["id"])["status"] == "completed"


def test_what_keeps_one_run_from_starting_keeps_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = world.runtime.executor._interpreters.ready

    def broken_for_say(requirements: Mapping[str, Any], job: JobDefinition) -> Path | None:
        if job.job_ref == "jobs.etl.say":
            raise PermissionError("not yours")
        return ready(requirements, job)

    monkeypatch.setattr(world.runtime.executor._interpreters, "ready", broken_for_say)
    world.deploy(batch_job("say"), batch_job("after"))
    [first, second] = world.start("say", "after")
    assert first is not None
    assert second is not None
    ended = [world.until_ended(run["id"]) for run in (first, second)]
    by_ref = {"jobs.etl.say": ("failed", "start_failed"), "jobs.etl.after": ("completed", "ok")}
    found = {world.runs(ref)[0]["id"]: how for ref, how in by_ref.items()}
    assert {run["id"]: (run["status"], run["reason"]) for run in ended} == found


def test_what_cannot_be_built_ahead_is_tried_once_for_all_jobs_that_need_it(tmp_path: Path) -> None:
    said: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = QueueHandler(said)
    executor.log.addHandler(handler)
    world = World(tmp_path / "data", workspace_python=tmp_path / "no-python-here")
    world.upload({"etl.py": ETL})
    try:
        world.deploy(
            batch_job("after"), batch_job("say"), batch_job("wait", require={"dependency_groups": ["more"]})
        )
        tried = [said.get(timeout=PATIENCE_SECONDS).getMessage() for _ in range(2)]
        assert ["jobs.etl.wait" in text for text in tried] == [False, True]
    finally:
        executor.log.removeHandler(handler)
        world.close()


# SPEC: DGR-06
def test_the_log_of_a_build_that_a_crash_cut_short_begins_anew(tmp_path: Path) -> None:
    def directory(attempt: AttemptId) -> Path:
        return tmp_path / str(attempt.number)

    for lines, word in ((3 * INDEX_LINES, "the line before"), (2 * INDEX_LINES, "line")):
        with BuildLog(directory, lambda _: None, AttemptId("run", 1)) as say:
            for number in range(lines):
                say(f"{word} {number}")
    [line] = LogReader(tmp_path, 2 * INDEX_LINES - 1).read()
    assert line.text == f"line {2 * INDEX_LINES - 1}"


# SPEC: SCH-09
def test_a_data_directory_belongs_to_one_server(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    with pytest.raises(Conflict, match="Another runyard server"):
        World(tmp_path / "data")
    world.close()


@pytest.mark.slow  # the second server waits some seconds for the first
def test_a_database_belongs_to_one_server_until_that_has_ended(tmp_path: Path, postgres_url: str) -> None:
    world = World(tmp_path / "one", database_url=postgres_url)
    with pytest.raises(Conflict, match="Another runyard server"):
        World(tmp_path / "two", database_url=postgres_url)
    world.close()
    World(tmp_path / "three", database_url=postgres_url).close()
