"""When a failed run is tried again, on given facts: tables of attempts and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import at, job

from runyard import run
from runyard.core.clock import MICROSECONDS
from runyard.core.errors import InvalidJob
from runyard.core.jobs import RETRY_DELAY_MAX_SECONDS, RetryPolicy
from runyard.core.outcomes import Outcome
from runyard.core.retrying import Failed, plan_retry
from runyard.core.runs import Reason

NOW = at("2026-03-01T12:00")


def failed(attempt: int, reason: Reason = Reason.EXCEPTION) -> Failed:
    return Failed("run", "jobs.etl.load", "manual:jobs.etl.load", attempt, reason)


# SPEC: DEC-20
@pytest.mark.parametrize(
    ("policy", "attempt", "seconds"),
    [
        (RetryPolicy(), 1, None),
        (RetryPolicy(1), 1, 30),
        (RetryPolicy(1), 2, None),
        (RetryPolicy(3), 3, 120),
        (RetryPolicy(3, 10.0, 1.0), 3, 10),
        (RetryPolicy(3, 0.5, 3.0), 2, 1.5),
        (RetryPolicy(100, 30.0, 100.0), 100, RETRY_DELAY_MAX_SECONDS),
    ],
)
def test_each_wait_is_longer_than_the_one_before_until_the_attempts_are_used_up(
    policy: RetryPolicy, attempt: int, seconds: float | None
) -> None:
    retry = plan_retry(failed(attempt), policy, is_wanted=True, now=NOW)
    due_at = None if seconds is None else NOW + round(seconds * MICROSECONDS)
    assert (retry and retry.due_at) == due_at


# SPEC: DEC-20
def test_a_run_that_nobody_wants_any_more_stays_failed() -> None:
    assert plan_retry(failed(1), RetryPolicy(5), is_wanted=False, now=NOW) is None


# SPEC: DEC-20 SCH-08
def test_the_decision_says_which_attempt_failed_why_and_when_the_next_one_starts() -> None:
    retry = plan_retry(failed(2, Reason.TIMEOUT), RetryPolicy(3), is_wanted=True, now=NOW)
    assert retry is not None
    decision = retry.decision
    assert (decision.outcome, decision.joins, decision.run) == (Outcome.RETRIED, "run", None)
    assert decision.because == "Attempt 2 of 4 failed (timeout); the next starts in 60 s."
    assert decision.facts == {
        "attempt": 2,
        "attempts": 4,
        "reason": "timeout",
        "message": None,
        "delay_seconds": 60.0,
    }


# SPEC: DEC-20 DEC-23
def test_what_a_job_says_of_retries_travels_beside_the_published_form() -> None:
    @run.job(execute={"retries": 3, "retry_delay": "30s", "retry_backoff": 2})
    def load() -> None: ...

    @run.job(execute={"retry_delay": "30s"})
    def once() -> None: ...

    assert load.extensions() == {"retries": 3, "retry_delay": 30.0, "retry_backoff": 2}
    assert load.definition()["execute"] == {"concurrency": 1}
    assert once.extensions() == {}
    assert job(extensions=load.extensions()).definition.retry == RetryPolicy(3, 30.0, 2.0)
    assert job().definition.retry.retries == 0, "off unless asked for"


@pytest.mark.parametrize(
    "extensions",
    [
        {"retries": 101},
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"retries": "3"},
        {"retries": 1, "retry_delay": 86_401},
        {"retries": 1, "retry_delay": -1},
        {"retries": 1, "retry_backoff": 0.5},
        {"retries": 1, "retry_backoff": 101},
        {"retries": 1, "retry_backoff": float("nan")},
    ],
)
def test_retries_beyond_what_makes_sense_are_refused(extensions: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob, match=r"jobs\.etl\.load: `retr"):
        job(extensions=extensions)


def test_an_app_has_no_retries() -> None:
    entry = {"module": "etl", "function": "load", "job_type": "interactive", "launcher": "job"}
    with pytest.raises(InvalidJob, match="interactive"):
        job(wire={"entry_point": entry}, extensions={"retries": 1})
