"""The seam between deciding that a run starts and having a process somewhere.

An engine places one command, says whether it is still there, and asks it to stop. Everything specific to a job
(log, limits, exit status) is done by the node side in `runyard.core.node`, the same for every engine; so an
engine is small. `local` is the one here; others (Ray, Kubernetes) have the same four methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AttemptId:
    """One process of one run: the n-th attempt, counted from 1."""

    run_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.run_id}.{self.number}"


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. The environment is complete: nothing is inherited."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    timeout_seconds: float | None
    grace_seconds: float


class AttemptState(StrEnum):
    """What an engine can say of an attempt."""

    ABSENT = "absent"
    """Never started here."""
    RUNNING = "running"
    EXITED = "exited"
    """Ended, with an exit report."""
    LOST = "lost"
    """Was started, is not there, left no exit report."""


@dataclass(frozen=True, slots=True)
class ExitReport:
    """What the supervisor saw at the end of the process. Instants are microseconds UTC."""

    exit_code: int | None
    signal: int | None
    stop: str | None
    """What the supervisor was doing when the process ended: "cancelled", "timeout" or None."""
    started_at: int
    ended_at: int
    line_count: int
    log_bytes: int
    peak_memory_bytes: int
    cpu_seconds: float
    verdict: str | None = None
    """What the job itself said of its end, as a reason of `core.runs`; it counts only with a launcher's exit code."""
    message: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """The state of an attempt; `exit` is there exactly when it has exited."""

    state: AttemptState
    exit: ExitReport | None = None
    started_at: int | None = None


@dataclass(frozen=True, slots=True)
class EngineEvents:
    """What an engine tells without being asked. Both are called on the engine's own thread and must not block."""

    log_grew: Callable[[AttemptId], None] = field(default=lambda _attempt: None)
    ended: Callable[[AttemptId], None] = field(default=lambda _attempt: None)


class Engine(Protocol):
    """Places attempts and answers for them."""

    def submit(self, attempt: AttemptId, command: Command) -> None:
        """Start the attempt, at most once however often this is called.

        Raises: StartFailed if the process cannot be started, Conflict if the attempt was started before.
        """

    def watch(self, attempt: AttemptId) -> AttemptStatus:
        """Return the status now and report the attempt's end from now on; used for runs found after a restart."""

    def cancel(self, attempt: AttemptId, *, force: bool = False) -> None:
        """Ask the attempt to stop: politely, then firmly after its grace period; at once with `force`."""

    def status(self, attempt: AttemptId) -> AttemptStatus:
        """Return what is known of the attempt now."""

    def list(self) -> Sequence[AttemptId]:
        """Return the attempts that are running here."""

    def close(self) -> None:
        """Stop watching. Running attempts go on (SCH-04)."""
