"""Whether a run that failed is tried again, and when. Pure; written down in `settling`.

A run that waits to be tried again keeps its window and its slot, so nothing overtakes it. What follows from its end is
decided when its last attempt has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runyard.core.clock import MICROSECONDS
from runyard.core.jobs import RetryPolicy
from runyard.core.outcomes import Outcome
from runyard.core.planning import Decision
from runyard.core.runs import Reason


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt of a run that has just failed. `attempt` counts from 1."""

    run_id: str
    job_id: str
    trigger: str
    attempt: int
    reason: Reason
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """That a run is tried again, not before `due_at` (microseconds UTC)."""

    due_at: int
    decision: Decision


def plan_retry(failed: Failed, policy: RetryPolicy, *, is_wanted: bool, now: int) -> Retry | None:
    """Return the next attempt of a run whose attempt failed; None if it stays failed.

    `is_wanted` says that nobody asked for the run to stop and that its job is still deployed. Source: DEC-20.
    """
    attempts = policy.retries + 1
    if failed.attempt >= attempts or not is_wanted:
        return None
    delay = policy.delay_after(failed.attempt)
    facts: Mapping[str, Any] = {
        "attempt": failed.attempt,
        "attempts": attempts,
        "reason": failed.reason,
        "message": failed.message,
        "delay_seconds": delay,
    }
    words = (
        f"Attempt {failed.attempt} of {attempts} failed ({failed.reason}); the next starts in {delay:g} s."
    )
    decision = Decision(
        failed.job_id, failed.trigger, Outcome.RETRIED, words, facts=facts, joins=failed.run_id
    )
    return Retry(now + round(delay * MICROSECONDS), decision)
