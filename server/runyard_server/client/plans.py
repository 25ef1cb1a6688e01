"""What the API foresees, as frozen dataclasses with the wire's names. What is and was is in `models`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from runyard.core import time_words
from runyard.core.outcomes import Outcome
from runyard_server.client.models import Model, Wire

BECOMES: Mapping[str, str] = {
    Outcome.FIRED: "runs",
    Outcome.LIMITED: "waits for a slot",
    Outcome.COALESCED: "joins the run that waits",
    Outcome.MERGED: "joins the run that waits",
    Outcome.WAITING: "waits for upstream",
    Outcome.NOT_FRESH: "nothing runs",
}
"""What becomes of a tick or event that is to come; other outcomes are their own words."""


WAITS_SECONDS = 1.0
"""A run that waits for less than this starts at once."""


@dataclass(frozen=True, slots=True)
class ClockChange(Model):
    """Clocks of a job's zone are put forward by `seconds`, or back; `skipped` are times of day that this leaves out."""

    at: datetime
    seconds: int
    skipped: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Return what it means for the first tick after it."""
        if not self.skipped:
            return f"first after clocks {self.moves}"
        return f"{self.leaves_out} that day: clocks {self.moves}; it runs right after"

    @property
    def moves(self) -> str:
        """Return what clocks do, as in `go forward 1 h`."""
        return f"go {'forward' if self.seconds > 0 else 'back'} {time_words.span(self.seconds)}"

    @property
    def leaves_out(self) -> str:
        """Return which times of day there are not, as a sentence that goes on."""
        return f"{' and '.join(self.skipped)} {'does' if len(self.skipped) == 1 else 'do'} not exist"


@dataclass(frozen=True, slots=True)
class ForeseenRun(Model):
    """A run that is open, or is going to be; what is not known yet is None."""

    id: str
    job_id: str
    trigger: str
    created_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    refresh: bool

    @property
    def waits(self) -> bool:
        """Return whether it waits for a slot so long that one should hear of it."""
        return self.waits_seconds >= WAITS_SECONDS

    @property
    def waits_seconds(self) -> float:
        """Return how long it waits for a slot, as far as that is known."""
        return 0.0 if self.starts_at is None else (self.starts_at - self.created_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Firing(Model):
    """A decision that is going to be made, and the run that it creates or joins."""

    job_id: str
    at: datetime
    tick_at: datetime | None
    trigger: str
    outcome: str
    because: str
    run: ForeseenRun | None = None
    clock_change: ClockChange | None = None

    @property
    def becomes(self) -> str:
        """Return what becomes of it, in a word or a few."""
        return BECOMES.get(self.outcome, self.outcome)

    @classmethod
    def from_wire(cls, wire: Wire, **given: object) -> Self:
        run, change = wire["run"], wire["clock_change"]
        given["run"] = None if run is None else ForeseenRun.from_wire(run)
        given["clock_change"] = None if change is None else ClockChange.from_wire(change)
        return super(Firing, cls).from_wire(wire, **given)


@dataclass(frozen=True, slots=True)
class NextFirings:
    """What will be decided about one job; with `is_cut`, only up to `until`."""

    now: datetime
    until: datetime
    is_cut: bool
    items: tuple[Firing, ...]

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        return cls(*_span(wire), tuple(map(Firing.from_wire, wire["items"])))


@dataclass(frozen=True, slots=True)
class PlannedJob(Model):
    """A job of a plan. `usual_seconds` is the median of its last completed runs, None while there are none."""

    id: str
    job_ref: str
    name: str
    job_type: str
    timezone: str
    triggers: tuple[str, ...]
    concurrency: int | None
    usual_seconds: float | None
    is_paused: bool
    is_range_complete: bool
    next_scheduled_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be decided in a workspace, in order; with `is_cut`, only up to `until`."""

    now: datetime
    until: datetime
    is_cut: bool
    jobs: tuple[PlannedJob, ...]
    open_runs: tuple[ForeseenRun, ...]
    firings: tuple[Firing, ...]

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        return cls(
            *_span(wire),
            tuple(map(PlannedJob.from_wire, wire["jobs"])),
            tuple(map(ForeseenRun.from_wire, wire["open_runs"])),
            tuple(map(Firing.from_wire, wire["firings"])),
        )


def _span(wire: Wire) -> tuple[datetime, datetime, bool]:
    return datetime.fromisoformat(wire["now"]), datetime.fromisoformat(wire["until"]), wire["is_cut"]
