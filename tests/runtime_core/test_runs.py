"""The table of a run's moves, and what a supervisor's observation makes of a run."""

from __future__ import annotations

from itertools import product

import pytest

from runyard.core.runs import ACTIVE, OPEN, TERMINAL, Reason, RunStatus, ending, is_legal

MOVES = {
    ("pending", "starting"),
    ("pending", "cancelled"),
    ("starting", "running"),
    ("starting", "pending"),
    ("starting", "failed"),
    ("starting", "cancelled"),
    ("running", "completed"),
    ("running", "pending"),
    ("running", "failed"),
    ("running", "cancelled"),
}
"""Every legal move, as the specification lists them."""


# SPEC: QLT-04
@pytest.mark.parametrize(("source", "target"), list(product(RunStatus, RunStatus)))
def test_a_run_moves_as_the_table_says_and_in_no_other_way(source: RunStatus, target: RunStatus) -> None:
    assert is_legal(source, target) == ((source, target) in MOVES)


# SPEC: DEC-21
@pytest.mark.parametrize(
    ("exit_code", "stop", "verdict", "status", "reason"),
    [
        (1, None, "aborted", RunStatus.CANCELLED, Reason.ABORTED),
        (1, None, "self_skip", RunStatus.CANCELLED, Reason.SELF_SKIP),
        (1, None, "ok", RunStatus.FAILED, Reason.EXCEPTION),
        (1, None, "", RunStatus.FAILED, Reason.EXCEPTION),
        (0, None, "aborted", RunStatus.COMPLETED, Reason.OK),
        (3, None, "aborted", RunStatus.FAILED, Reason.EXIT_CODE),
        (1, "timeout", "aborted", RunStatus.FAILED, Reason.TIMEOUT),
        (1, "cancelled", "self_skip", RunStatus.CANCELLED, Reason.USER_CANCEL),
    ],
)
def test_what_a_job_says_of_its_end_counts_if_it_then_ends_so(
    exit_code: int, stop: str | None, verdict: str, status: RunStatus, reason: Reason
) -> None:
    assert ending(exit_code=exit_code, signal=None, stop=stop, verdict=verdict) == (status, reason)


# SPEC: QLT-04
def test_a_status_is_waiting_active_or_never_changes() -> None:
    assert {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED} == TERMINAL
    assert {RunStatus.STARTING, RunStatus.RUNNING} == ACTIVE
    assert {RunStatus.PENDING, *ACTIVE} == OPEN
    assert set(RunStatus) == OPEN | TERMINAL


# SPEC: EXE-04, EXE-06, RUN-11
@pytest.mark.parametrize(
    ("exit_code", "signal", "stop", "status", "reason"),
    [
        (0, None, None, RunStatus.COMPLETED, Reason.OK),
        (1, None, None, RunStatus.FAILED, Reason.EXCEPTION),
        (3, None, None, RunStatus.FAILED, Reason.EXIT_CODE),
        (None, 9, None, RunStatus.FAILED, Reason.KILLED),
        (None, 9, "timeout", RunStatus.FAILED, Reason.TIMEOUT),
        (0, None, "timeout", RunStatus.FAILED, Reason.TIMEOUT),
        (None, 15, "cancelled", RunStatus.CANCELLED, Reason.USER_CANCEL),
        (0, None, "cancelled", RunStatus.CANCELLED, Reason.USER_CANCEL),
    ],
)
def test_how_a_run_ended_is_one_status_and_one_reason(
    exit_code: int | None, signal: int | None, stop: str | None, status: RunStatus, reason: Reason
) -> None:
    assert ending(exit_code=exit_code, signal=signal, stop=stop) == (status, reason)
