"""Runs that are tried again and runs that cancel themselves, as commands show them, on a real server."""

from __future__ import annotations

from tests.server.cli.conftest import Shell

FLAKY = """
from runyard import run


@run.job(execute={"retries": 2, "retry_delay": 0.01})
def never():
    raise ConnectionError("not there")


@run.job
def decline():
    raise run.Skip("nothing new today")
"""


# SPEC: DEC-20 DEC-23 RUN-06
def test_a_run_is_followed_through_all_its_attempts(shell: Shell) -> None:
    (shell.root / "flaky.py").write_text(FLAKY)
    followed = shell("run flaky.py --job-ref never -f")
    assert followed.code == 5
    assert followed.out.count("ConnectionError: not there") == 3
    assert "attempt 3" in followed.out
    assert "3 of 3" in shell("job runs info never 1").out
    document = shell("--json job runs info never 1").document
    assert [attempt["reason"] for attempt in document["attempts"]] == ["exception"] * 3
    outcomes = {decision.outcome for decision in shell.client.decisions(shell.client.job("never").id)}
    assert "retried" in outcomes


# SPEC: DEC-21
def test_why_a_run_cancelled_itself_is_said(shell: Shell) -> None:
    (shell.root / "flaky.py").write_text(FLAKY)
    followed = shell("run flaky.py --job-ref decline -f")
    assert followed.code == 5
    assert followed.out == "Skipped: nothing new today\n"
    assert "cancelled, nothing new today" in followed.err
    shown = shell("job runs info decline 1").out
    assert "cancelled" in shown
    assert "nothing new today" in shown
    assert "attempt" not in shown, "a job that is not tried again has no use for the word"
