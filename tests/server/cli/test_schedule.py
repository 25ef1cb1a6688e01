"""What is said on the command line about when jobs run: schedules beside the code, named windows, refreshes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.server.cli.conftest import Shell
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import server_here

from runyard_server.client import Client

DAYS = """
from runyard import run, trigger

@run.job(trigger="0 0 * * *", interval={"start": "2026-02-01", "end": "2026-03-01"},
         require={"timezone": "Europe/Berlin"})
def days(run_context): print(run_context["interval_start"].isoformat())

@run.job(freshness=days.is_fresh)
def report(): pass

@run.job(trigger=trigger.once("2020-01-01"))
def once(): pass

@run.job(trigger=trigger.webhook("orders"))
def orders(run_context, table="none"): print(table, run_context["trigger_type"], run_context["body"])
"""

DEPLOYMENT = """
from days import days, once, orders, report

__all__ = ["days", "once", "orders", "report"]
"""


@pytest.fixture
def client(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a server of its own, which commands speak to, with the jobs above deployed."""
    for name, text in (("days", DAYS), ("__deployment__", DEPLOYMENT), ("daily", "print('hello')\n")):
        (shell.root / f"{name}.py").write_text(text)
    with server_here(tmp_path_factory.mktemp("data")) as client:
        monkeypatch.setenv("RUNYARD_SERVER", client.target.server)
        deployed = shell("deploy")
        assert deployed.code == 0, deployed.err
        yield client


# SPEC: TRG-27, CLI-24
def test_a_single_file_is_given_a_schedule_and_keeps_it_until_it_is_cancelled(
    shell: Shell, client: Client
) -> None:
    given = shell('--json schedule daily.py "30 5 * * *"')
    assert given.code == 0, given.err
    assert given.document["schedule_override"]["trigger"] == "schedule:30 5 * * *"
    assert given.document["next_scheduled_run_at"] is not None
    assert "jobs.daily runs daily at 05:30 UTC" in given.err
    assert not list(client.runs()), "it runs when it is time"
    assert shell("run daily.py -f").code == 0
    assert client.job("daily").default_trigger == "schedule:30 5 * * *", "another run changes nothing of it"
    assert "schedule:30 5 * * *" in shell("job info daily").out
    assert "daily at 05:30" in shell("job list daily").out
    cancelled = shell("schedule daily cancel")
    assert (cancelled.code, client.job("daily").schedule_override) == (0, None)
    assert "has no schedule" in shell("schedule daily.py cancel").err


# SPEC: TRG-27, TRG-08
@pytest.mark.usefixtures("client")
def test_the_schedule_of_a_deployed_job_is_in_its_code(shell: Shell) -> None:
    for words in ('days "0 6 * * *"', 'jobs.days.days "@daily"', "days cancel"):
        refused = shell(f"schedule {words}")
        assert refused.code == 7
        assert "its schedule is in its code" in refused.err
        assert "decorator of `days`" in refused.err


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("when", "says"), [("61 * * * *", "minute"), ("once:2030-01-01", "is no schedule"), ("@dayly", "@daily")]
)
def test_what_is_no_schedule_is_refused_before_code_travels(shell: Shell, when: str, says: str) -> None:
    refused = shell(f'schedule daily.py "{when}"')
    assert refused.code == 7
    assert says in refused.err
    assert "Code" not in refused.err


# SPEC: TRG-21
def test_a_deploy_says_which_schedules_were_set_beside_the_code(shell: Shell, client: Client) -> None:
    client.set_schedule(client.job("days").id, "0 6 * * *")
    dry = shell("--json deploy --dry-run")
    assert "jobs.days.days keeps the schedule `schedule:0 6 * * *`" in dry.err
    (days,) = (row for row in dry.document["jobs"] if row["job_ref"] == "jobs.days.days")
    assert days["schedule_override"]["replaces"] == "schedule:0 0 * * *"
    assert "instead of `schedule:0 0 * * *`" in shell("job info days").out
    source = shell.root / "days.py"
    source.write_text(source.read_text().replace("0 0 * * *", "0 1 * * *"))
    assert "jobs.days.days loses the schedule `schedule:0 6 * * *`" in shell("deploy --dry-run").err
    assert client.job("days").schedule_override is not None
    assert shell("deploy").code == 0
    assert client.job("days").schedule_override is None


# SPEC: IVL-14, TZ-06
def test_windows_are_named_in_the_time_of_the_job_or_with_an_offset(shell: Shell, client: Client) -> None:
    for start, end in (("2026-02-03", "2026-02-04"), ("2026-02-05T23:00Z", "2026-02-06T23:00Z")):
        started = shell(f"--json job trigger days --from {start} --to {end}")
        assert started.code == 0, started.err
        (row,) = started.document["started"]
        client.wait(row["run"]["id"])
    assert [run.interval_start and run.interval_start.isoformat() for run in client.runs()] == [
        "2026-02-05T23:00:00+00:00",
        "2026-02-02T23:00:00+00:00",
    ]
    listed = shell("job runs list days").out
    assert "2026-02-03 to 2026-02-04 Europe/Berlin" in listed
    assert "2026-02-06 to 2026-02-07 Europe/Berlin" in listed
    refused = shell("job trigger days --from 2026-02-03T05:00 --to 2026-02-04")
    assert refused.code == 7
    assert "The nearest are 2026-02-03T00:00:00+01:00 and 2026-02-04T00:00:00+01:00" in refused.err
    assert shell("job trigger days --from 2026-02-03").code == 2
    assert shell("job trigger days --from soon --to 2026-02-03").code == 2


# SPEC: TRG-24
def test_the_secret_address_of_a_job_is_printed_and_starts_it(shell: Shell, client: Client) -> None:
    url = shell("job webhook orders").out.strip()
    assert url.startswith(f"{client.target.server}/hooks/")
    called = httpx.post(url, json={"table": "flights"}, timeout=PATIENCE_SECONDS)
    run = client.wait(called.json()["job_run_id"])
    assert run.is_completed
    assert shell("job logs orders").out == 'flights webhook {"table":"flights"}\n'
    signed = shell("--json job webhook orders --signed")
    assert "have to be signed" in signed.err
    assert signed.document["signing_key"] in shell("job webhook orders").out
    assert httpx.post(url, json={}, timeout=PATIENCE_SECONDS).status_code == 404, "the address before ended"
    renewed = shell("job webhook orders --new --unsigned").out.strip()
    assert httpx.post(renewed, timeout=PATIENCE_SECONDS).status_code == 202
    refused = shell("job webhook days")
    assert refused.code == 7
    assert "waits for no webhook" in refused.err


# SPEC: RFR-11
@pytest.mark.usefixtures("client")
def test_a_dry_run_of_a_refresh_shows_what_starts_over(shell: Shell) -> None:
    shown = shell("job trigger days --refresh --dry-run")
    assert shown.code == 0
    table = [line.split(maxsplit=1) for line in shown.out[shown.out.index("STARTS OVER") :].splitlines()[2:]]
    assert table == [
        ["jobs.days.days", "2026-01-31T23:00:00+00:00"],
        ["jobs.days.report", "as its code says"],
    ]
    assert "STARTS OVER" not in shell("job trigger days --dry-run").out


# SPEC: FRS-10
@pytest.mark.usefixtures("client")
def test_a_start_by_hand_passes_a_gate_only_if_it_is_forced(shell: Shell) -> None:
    for command in ("run report", "job trigger report"):
        refused = shell(command)
        assert refused.code == 7
        assert "jobs.days.days has never completed" in refused.err
        assert "--force" in refused.err
        assert shell(f"{command} --force").code == 0
    assert shell("run report -i --force").code == 2


# SPEC: IVL-06, IVL-08, RFR-06, TRG-17
@pytest.mark.usefixtures("client")
def test_a_schedule_that_has_come_to_its_end_is_shown_as_that_and_a_refresh_begins_it_again(
    shell: Shell,
) -> None:
    assert shell("run days -f").code == 0
    listed = {line.split()[0]: line for line in shell("job list").out.splitlines() if "jobs.days" in line}
    assert "range complete" in listed["jobs.days.days"]
    assert "elapsed" in listed["jobs.days.once"]
    assert "range complete" in shell("job info days").out
    first = {row.split()[0]: row for row in shell("deploy --dry-run").out.splitlines() if "jobs.days" in row}
    assert "range complete" in first["jobs.days.days"]
    assert "elapsed" in first["jobs.days.once"]
    again = shell("--json run days -f --refresh").document
    assert (again["refresh"], again["interval_start"]) == (True, "2026-01-31T23:00:00+00:00")
    assert shell("--json job trigger days --refresh").document["started"][0]["run"]["refresh"]
