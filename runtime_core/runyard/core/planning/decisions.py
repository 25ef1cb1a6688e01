"""What a decision is, and how one that creates a run is made. Who decides is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runyard.core.clock import to_datetime
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to create. `cause` is unique per job: the same cause never makes two runs."""

    trigger: str
    cause: str
    tick_at: int | None
    refresh: bool = False
    """Whether somebody asked for a refresh; `is_refresh` says what it becomes."""
    caused_by: tuple[str, ...] = ()
    previous_run_id: str | None = None
    window: Window | None = None
    """The part of time it covers, if somebody named it; else that is decided when it leaves the queue."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one tick or event of one job, and why."""

    job_id: str
    trigger: str
    outcome: Outcome
    because: str
    tick_at: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    run: NewRun | None = None
    joins: str | None = None
    """The waiting run that takes this tick or event in."""
    caused_by: tuple[str, ...] = ()


def created(decided: Any, job: JobFacts, run: NewRun, why: str) -> Decision:
    """Return the decision that creates `run`, noting when it has to wait for a slot (TRG-19).

    Only the job's own slots are known here; whether the server and the workspace have room shows when it is claimed.
    """
    if job.has_free_slot:
        fired: Decision = decided(Outcome.FIRED, why, run=run)
        return fired
    ahead = f"behind {job.waiting_count} other {'run' if job.waiting_count == 1 else 'runs'}"
    waits = f"it waits {ahead}." if job.waiting_count else "the run waits."
    taken = f"{job.active_count} of {job.definition.concurrency} slots are taken; {waits}"
    busy = taken if job.active_count else f"{waits[0].upper()}{waits[1:]}"
    limited: Decision = decided(Outcome.LIMITED, f"{why} {busy}", run=run)
    return replace(limited, facts={**limited.facts, "limited_by": "job"})


def iso(instant: int | None) -> str | None:
    """Return an instant as the facts and sentences of decisions name it."""
    return None if instant is None else to_datetime(instant).isoformat().replace("+00:00", "Z")
