"""What is foreseen."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.shared import Instant, Uuid


class ForeseenRun(TypedDict):
    """A run that is open, or is going to be; what is not known yet is null. `id` is a run's only if it is open."""

    id: str
    job_id: Uuid
    trigger: str
    created_at: Instant
    starts_at: Instant | None
    ends_at: Instant | None
    interval_start: Instant | None
    interval_end: Instant | None
    refresh: bool


class ClockChange(TypedDict):
    """Clocks of a job's zone are put forward by `seconds`, or back; `skipped` are times of day that this leaves out."""

    at: Instant
    seconds: int
    skipped: list[str]


class Firing(TypedDict):
    """A decision that is going to be made, and the run that it creates or joins."""

    job_id: Uuid
    at: Instant
    tick_at: Instant | None
    trigger: str
    outcome: str
    because: str
    run: ForeseenRun | None
    clock_change: ClockChange | None


class NextFirings(TypedDict):
    """What will be decided about one job; with `is_cut`, only up to `until`."""

    now: Instant
    until: Instant
    is_cut: bool
    items: list[Firing]


class PlannedJob(TypedDict):
    """A job of a plan. `usual_seconds` is the median of its last completed runs, null while there are none."""

    id: Uuid
    job_ref: str
    name: str
    job_type: str
    timezone: str
    triggers: list[str]
    concurrency: int | None
    usual_seconds: float | None
    is_paused: bool
    is_range_complete: bool
    next_scheduled_run_at: Instant | None


class Plan(TypedDict):
    """What will be decided in a workspace, in order; with `is_cut`, only up to `until`."""

    now: Instant
    until: Instant
    is_cut: bool
    jobs: list[PlannedJob]
    open_runs: list[ForeseenRun]
    firings: list[Firing]
