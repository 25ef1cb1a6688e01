"""A run's life: its statuses, its moves, and why it ended. The only place that says which move is legal.

A status needs no cousins because a reason says the rest: a run that took too long is `failed` with reason
`timeout`, one whose process vanished is `failed` with reason `lost`. A wish to stop is a field of the run
(`stop_requested_at`), not a status.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

NUMBER_MAX = 2**31 - 1
"""The largest number of a run, a version or a manifest: what such a column keeps in either database."""


class RunStatus(StrEnum):
    """Where a run is."""

    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a run ended."""

    OK = "ok"
    EXCEPTION = "exception"
    EXIT_CODE = "exit_code"
    TIMEOUT = "timeout"
    KILLED = "killed"
    LOST = "lost"
    OOM = "oom"
    USER_CANCEL = "user_cancel"
    START_FAILED = "start_failed"
    DEPENDENCY_INSTALL_FAILED = "dependency_install_failed"
    ABORTED = "aborted"
    SELF_SKIP = "self_skip"


_S = RunStatus

TRANSITIONS = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.STARTING, _S.CANCELLED}),
        _S.STARTING: frozenset({_S.RUNNING, _S.PENDING, _S.FAILED, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.COMPLETED, _S.PENDING, _S.FAILED, _S.CANCELLED}),
        _S.COMPLETED: frozenset[RunStatus](),
        _S.FAILED: frozenset[RunStatus](),
        _S.CANCELLED: frozenset[RunStatus](),
    }
)
"""From each status, the statuses a run may move to. Code, SQL and documentation share this table."""

TERMINAL = frozenset(status for status, targets in TRANSITIONS.items() if not targets)
"""Statuses that never change again."""

ACTIVE = frozenset({_S.STARTING, _S.RUNNING})
"""Statuses in which a run has a process or is about to. It holds one of its job's slots from its first attempt to its
end, also while it waits for the next one."""

OPEN = frozenset(TRANSITIONS) - TERMINAL
"""Statuses of a run that has not ended: waiting or active."""


def is_legal(source: RunStatus, target: RunStatus) -> bool:
    """Return whether a run may move from `source` to `target`."""
    return target in TRANSITIONS[source]


_LAUNCHER_FAILED = 1
"""The exit code of a launcher after an exception, whatever it was; any other is the program's own."""

_VERDICTS = MappingProxyType({str(reason): reason for reason in (Reason.ABORTED, Reason.SELF_SKIP)})
"""What a job may say of its own end."""


def ending(
    *, exit_code: int | None, signal: int | None, stop: str | None, verdict: str | None = None
) -> tuple[RunStatus, Reason]:
    """Return the status and reason of a run from what its supervisor saw.

    `stop` is what the supervisor was doing when the process ended: "cancelled", "timeout", or None if it left
    by itself. A process that was asked to stop counts as stopped even if it then exits with 0 (EXE-06).
    `verdict` is what the job's launcher said of the end; who went on after it and ended otherwise, has taken it back.
    Source: EXE-04, EXE-06, RUN-11, DEC-21.
    """
    if stop == "timeout":
        return RunStatus.FAILED, Reason.TIMEOUT
    if stop == "cancelled":
        return RunStatus.CANCELLED, Reason.USER_CANCEL
    if signal is not None:
        return RunStatus.FAILED, Reason.KILLED
    if exit_code == 0:
        return RunStatus.COMPLETED, Reason.OK
    if exit_code != _LAUNCHER_FAILED:
        return RunStatus.FAILED, Reason.EXIT_CODE
    said = _VERDICTS.get(verdict or "")
    return (RunStatus.FAILED, Reason.EXCEPTION) if said is None else (RunStatus.CANCELLED, said)
