"""Runs; jobs and their newest runs."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.jobs import Job, JobVersion
from runyard_server.schemas.shared import Instant, Uuid


class PipelineRunSummary(TypedDict):
    """A run of a pipeline in one line, as the published client knows it."""

    pipeline_run_id: Uuid
    transaction_id: str
    pipeline_name: str
    destination_name: str | None
    dataset_name: str | None
    status: str
    started_at: Instant
    finished_at: Instant | None
    duration_ms: int | None
    total_rows: int


class LoadedTable(TypedDict):
    """A table, and how many rows were made ready for it."""

    table_name: str
    rows: int


class LoadPackage(TypedDict):
    """What a pipeline loads at once, and how far it got."""

    load_id: str
    status: str


class PipelineRun(TypedDict):
    """A run of a pipeline, as it told of itself: `succeeded`, or `failed` in `error_step`.

    `tables` are the largest of `table_count`; `total_rows` are those of all. They are in the dataset once it has
    succeeded. It is unknown where it loads to if it failed before.
    """

    id: Uuid
    job_run_id: Uuid
    attempt: int
    transaction_id: str
    pipeline_name: str
    destination_name: str | None
    dataset_name: str | None
    status: str
    started_at: Instant
    finished_at: Instant | None
    duration_seconds: float | None
    error_step: str | None
    error_message: str | None
    tables: list[LoadedTable]
    table_count: int
    total_rows: int
    load_packages: list[LoadPackage]


class Received(TypedDict):
    """That a report was kept, by the pipeline's own id of what it did."""

    transaction_id: str


class Run(TypedDict):
    """A run. `status` is `cancelling` from the wish to stop until it has stopped.

    One that waits to be tried again is `pending`, and `retry_at` says how long at least.
    """

    id: Uuid
    workspace_id: Uuid
    job_version_id: Uuid
    deployment_id: Uuid
    configuration_id: Uuid
    number: int
    status: str
    trigger: str
    profile: str
    triggered_by: Uuid | None
    interval_start: Instant | None
    interval_end: Instant | None
    previous_job_run_id: Uuid | None
    started_at: Instant | None
    finished_at: Instant | None
    duration_seconds: float | None
    logs_url: str | None
    pipeline_run_summaries: list[PipelineRunSummary]
    reason: str | None
    exit_code: int | None
    signal: int | None
    message: str | None
    attempt: int
    retry_at: Instant | None
    refresh: bool
    created_at: Instant
    updated_at: Instant


class RecentRun(TypedDict):
    """A run in one line."""

    id: Uuid
    status: str
    duration_seconds: float | None
    rows_loaded: int | None
    started_at: Instant | None


class DetailedJob(Job):
    """A job with its version and its newest runs."""

    current_version: JobVersion
    latest_job_run: Run | None
    recent_job_runs: list[RecentRun] | None


class DownstreamRun(TypedDict):
    """A run that another one caused."""

    id: Uuid
    job_id: Uuid
    job_ref: str
    name: str
    number: int
    status: str
    trigger: str
    category: str | None
    duration_seconds: float | None
    started_at: Instant | None


class ListedRun(Run):
    """A run with its job."""

    job: Job
    job_version: JobVersion


class Move(TypedDict):
    """A step in the life of a run; `actor` is a user's id or `system`."""

    at: Instant
    from_status: str | None
    to_status: str
    reason: str | None
    actor: str


class Attempt(TypedDict):
    """A process of a run: when it was there, and why it ended; null where it did not get so far."""

    number: int
    started_at: Instant | None
    ended_at: Instant | None
    reason: str | None
    exit_code: int | None
    signal: int | None
    message: str | None


class DetailedRun(ListedRun):
    """A run with how it came about, how it went on and why it ended; it has `attempts_max` attempts at most."""

    attempts_max: int
    attempts: list[Attempt]
    causes: list[Uuid]
    history: list[Move]
    downstream_job_runs: list[DownstreamRun]
