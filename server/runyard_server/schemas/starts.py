"""What becomes of starting and stopping, by hand or by a call from outside."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.runs import Run
from runyard_server.schemas.shared import BulkFailure, Instant, Uuid


class RefreshedJob(TypedDict):
    """A job that a refresh makes start over, and where its windows begin; null if the job itself decides."""

    job_ref: str
    interval_start: Instant | None


class TriggeredJob(TypedDict):
    """What became of one job that was to be started; without a run, `reasons` say why.

    `refreshes` is told in a dry run of a refresh: what starts over, the job itself first.
    """

    job_id: Uuid
    job_ref: str
    matched_triggers: list[str]
    trigger: str
    status: str
    job_run_id: Uuid | None
    job_run: Run | None
    reasons: list[str] | None
    refreshes: list[RefreshedJob] | None


class TriggeredJobs(TypedDict):
    """What became of the jobs that were to be started."""

    succeeded: list[TriggeredJob]
    skipped: list[TriggeredJob]
    failed: list[BulkFailure]


class CalledWebhook(TypedDict):
    """What became of a call of a webhook: a run, or the reason why there is none."""

    outcome: str
    because: str
    job_run_id: Uuid | None
    job_run_number: int | None


class CancelledRun(TypedDict):
    """A run that was asked to stop, or had ended before."""

    job_ref: str
    job_run_id: Uuid
    job_run_number: int
    previous_status: str


class CancelledRuns(TypedDict):
    """What became of the runs that were to be stopped."""

    succeeded: list[CancelledRun]
    skipped: list[CancelledRun]
    failed: list[BulkFailure]
