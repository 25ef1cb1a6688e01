"""`plan`, `job next`, `job why` and the first runs of a deploy: against a real server, in a zone that is not UTC."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from tests.server.cli.conftest import Shell
from tests.support.servers import server_here

from runyard_server.client import Client, ClockChange

JOBS = """
from runyard import run, trigger


@run.job(trigger="schedule:30 2 * * *", require={"timezone": "America/New_York"})
def load():
    pass


@run.job(trigger=load.success)
def publish():
    pass


@run.job()
def never():
    pass


@run.job(trigger=trigger.schedule("0 * * * *"), freshness=[never.is_fresh])
def check():
    pass


@run.job(require={"timezone": "America/New_York"})
def by_hand():
    pass
"""


MANIFEST = "workspace manifest apply 1 --dry-run"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server_here(tmp_path_factory.mktemp("foreseen")) as client:
        yield client.target.server


@pytest.fixture
def timed(shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands against a server with jobs that have a schedule."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("RUNYARD_SERVER", server)
    (shell.root / "etl.py").write_text(JOBS)
    (shell.root / "__deployment__.py").write_text(
        "from etl import by_hand, check, load, never, publish\n\n"
        "__all__ = ['by_hand', 'check', 'load', 'never', 'publish']\n"
    )
    assert shell("deploy").code == 0
    return shell


# SPEC: RCN-16, TZ-06
def test_a_deploy_prints_the_first_run_of_each_timed_job_in_both_zones(timed: Shell) -> None:
    shown = timed("deploy --dry-run")
    assert shown.code == 0
    assert "FIRST RUN (Europe/Berlin)" in shown.out
    assert "02:30 America/New_York" in shown.out
    jobs = {row["job_ref"]: row for row in timed("deploy --dry-run --json").document["jobs"]}
    assert jobs["jobs.etl.load"]["first_run_at"] is not None
    assert jobs["jobs.etl.load"]["timezone"] == "America/New_York"
    assert jobs["jobs.etl.publish"]["first_run_at"] is None


# SPEC: CLI-38, TZ-06, TZ-07
def test_the_next_runs_are_told_in_the_zone_of_who_looks_and_in_that_of_the_job(timed: Shell) -> None:
    shown = timed("job next load -n 2")
    assert shown.code == 0
    for word in ("YOUR TIME", "(Europe/Berlin)", "JOB'S TIME", "(America/New_York)"):
        assert word in shown.out
    assert "02:30" in shown.out
    document = timed("job next load -n 2 --json").document
    assert (document["viewer_timezone"], document["timezone"]) == ("Europe/Berlin", "America/New_York")
    assert len(document["items"]) == 2
    first = document["items"][0]["at"]
    assert first == timed("job info load --json").document["next_scheduled_run_at"]


# SPEC: CLI-38
def test_what_a_job_follows_decides_when_it_runs_next(timed: Shell) -> None:
    document = timed("--json job next publish").document
    assert {item["trigger"] for item in document["items"]} == {"job.success:jobs.etl.load"}
    nothing = timed("job next by_hand")
    assert (nothing.code, nothing.out) == (0, "")
    assert "Nothing is foreseen for jobs.etl.by_hand" in nothing.err


# SPEC: CLI-38
def test_a_preview_of_a_job_that_waits_says_what_it_guesses(timed: Shell) -> None:
    shown = timed("job next check -n 1")
    assert "is taken to need its usual time, 1 min where no run has completed yet." in shown.err


# SPEC: CLI-38
def test_a_plan_that_is_cut_says_until_when_it_reaches(timed: Shell) -> None:
    often = JOBS.replace("@run.job()", '@run.job(trigger="every:1m")')
    (timed.root / "etl.py").write_text(often)
    assert timed("deploy").code == 0
    shown = timed("plan --days 30")
    assert shown.out.startswith("Until ")
    assert "More falls into 30 days than fits into one plan." in shown.out


# SPEC: CLI-38
def test_a_plan_is_a_picture_of_the_whole_workspace(timed: Shell) -> None:
    shown = timed("plan --days 2")
    assert shown.code == 0
    assert "your time (Europe/Berlin)" in shown.out
    for word in (
        "load",
        "publish",
        "check",
        "×",  # noqa: RUF001
        "48 of 48 ticks start nothing. The first: ",
        "has never completed",
        "Nothing starts by_hand and never",
    ):
        assert word in shown.out
    assert all(len(line) <= 100 for line in shown.out.splitlines() if line.startswith(("load", "check")))
    document = timed("plan --days 2 --json").document
    jobs = {row["job_ref"]: row for row in document["jobs"]}
    assert jobs["jobs.etl.load"]["runs"] == 2
    assert jobs["jobs.etl.check"]["outcomes"]["not_fresh"] > 0
    assert not document["is_cut"]
    listed = timed("-v plan --days 1")
    assert "WHAT HAPPENS" in listed.out
    only = timed("--json plan load --days 1").document
    assert [row["job_ref"] for row in only["jobs"]] == ["jobs.etl.load"]


# SPEC: CLI-33, SCH-08
def test_the_decisions_about_a_job_say_why_and_what_came_of_it(timed: Shell) -> None:
    timed("run by_hand -f")
    shown = timed("job why by_hand")
    assert shown.code == 0
    for word in ("fired", "run #", "Started by hand."):
        assert word in shown.out
    assert shown.out.count("by hand") == shown.out.count("Started by hand."), "it is said once"
    assert "active_runs: 0" in timed("job why by_hand -v").out
    newest = timed("job why by_hand --json --limit 1").document["decisions"][0]
    assert newest["run_number"] >= 1
    assert newest["facts"]["concurrency"] == 1


# SPEC: TZ-06
def test_a_machine_that_lacks_the_zone_of_a_job_shows_its_times_in_utc(timed: Shell, tmp_path: Path) -> None:
    timed("run by_hand")
    timed("job pause by_hand")
    zones = tmp_path / "zones"
    zones.mkdir()
    (zones / "UTC").write_bytes(files("tzdata.zoneinfo").joinpath("UTC").read_bytes())

    def there(command: str) -> subprocess.CompletedProcess[str]:
        without = "import sys; sys.modules['tzdata'] = None; from runyard_server.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", without, *command.split()],
            env={**os.environ, "TZ": "UTC", "PYTHONTZPATH": str(zones)},
            capture_output=True,
            text=True,
        )

    for command in ("job why by_hand", "job info by_hand", "job info load", "job next load", MANIFEST):
        shown = there(command)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout
    refused = there("job trigger load --from 2026-02-03 --to 2026-02-04")
    assert refused.returncode == 2
    said = " ".join(refused.stderr.replace("│", " ").split())
    assert "This machine does not know the time zone America/New_York: write offsets." in said
    timed("job resume by_hand")


# SPEC: TRG-13
def test_what_started_a_run_is_said_in_words_and_written_as_it_is_for_programs(shell: Shell) -> None:
    started = shell("--json run load -f")
    assert started.code == 0
    run = shell.client.wait(shell.client.find_run("publish").id)
    for shown in (shell("job runs info publish"), shell("job runs list publish"), shell("job info publish")):
        assert "after load succeeded" in shown.out
    assert "by hand" in shell("job runs info load").out
    assert (
        shell("--json job runs info publish").document["trigger"]
        == run.trigger
        == "job.success:jobs.etl.load"
    )


# SPEC: CLI-33, CLI-44
def test_of_a_job_without_decisions_it_says_so(timed: Shell) -> None:
    shown = timed("job why publish")
    assert (shown.code, shown.out) == (0, "")
    assert "Nothing was decided about jobs.etl.publish yet" in shown.err
    assert timed("job why nobody").code == 4
    assert timed("plan --days 400").code == 2


def test_a_start_that_was_refused_is_explained(timed: Shell) -> None:
    timed("job trigger check")
    shown = timed("job why check")
    assert "not fresh" in shown.out
    assert "jobs.etl.never has never completed" in shown.out


# SPEC: TZ-03
@pytest.mark.parametrize(
    ("seconds", "skipped", "words"),
    [
        (3600, ("02:30",), "02:30 does not exist that day: clocks go forward 1 h; it runs right after"),
        (
            3600,
            ("02:15", "02:45"),
            "02:15 and 02:45 do not exist that day: clocks go forward 1 h; it runs right after",
        ),
        (-3600, (), "first after clocks go back 1 h"),
    ],
)
def test_what_a_change_of_clocks_means_is_said_in_words(
    seconds: int, skipped: tuple[str, ...], words: str
) -> None:
    assert ClockChange(datetime(2026, 3, 29, 1, tzinfo=UTC), seconds, skipped).in_words == words


# SPEC: TZ-06, TRG-20, TRG-21
def test_a_job_says_when_by_both_clocks_and_who_paused_it_or_set_its_schedule(timed: Shell) -> None:
    shown = " ".join(timed("job info load").out.split())
    assert re.search(
        r"next run \w{3} \d+ \w{3} 0[78]:30 your time \(Europe/Berlin\), "
        r"\w{3} \d+ \w{3} 02:30 in America/New_York, in ",
        shown,
    )
    with Client() as client:
        job_id = client.job("load").id
        client.set_schedule(job_id, "0 4 * * *")
        client.pause(job_id)
        shown = " ".join(timed("job info load").out.split())
        client.resume(job_id)
        client.drop_schedule(job_id)
    by_both = r"\(Europe/Berlin\), \w{3} \d+ \w{3} [\d:]+ in America/New_York"
    assert re.search(rf"paused by Owner, .* your time {by_both}, until it is resumed", shown)
    assert re.search(
        rf"`schedule:0 4 \* \* \*` \(instead of `schedule:30 2 \* \* \*`\) by Owner, .* {by_both}, until it is taken",
        shown,
    )
