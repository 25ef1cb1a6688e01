"""Deploys and the manifests that they leave."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.jobs import Job, JobVersion, ScheduleOverride
from runyard_server.schemas.shared import BulkFailure, Instant, JsonObject, Uuid


class DeployedJob(TypedDict):
    """What a deploy did to a job; `fields` names what differs when it was updated.

    `dropped_override` is a schedule set beside the code that ends, because the code says something else now.
    """

    job: Job
    outcome: str
    fields: list[str]
    previous_version: JobVersion | None
    dropped_override: ScheduleOverride | None


class DeployReceipt(TypedDict):
    """What a deploy did, job by job."""

    succeeded: list[DeployedJob]
    skipped: list[DeployedJob]
    failed: list[BulkFailure]


class DeployedWorkspace(TypedDict):
    """What a deploy did, and what its author should hear."""

    job_receipt: DeployReceipt
    warnings: list[str]
    deployment_module: str | None


class Manifest(TypedDict):
    """A manifest that was deployed, by its number."""

    version: int
    deployment_module: str | None
    job_definition_engine_version: int
    job_definition_hash: str
    description: str | None
    job_count: int
    created_at: Instant
    created_by: Uuid


class WholeManifest(Manifest):
    """A manifest with its jobs, as they were sent."""

    jobs: list[JsonObject]
    extensions: JsonObject


class JobDifference(TypedDict):
    """A job that two manifests declare otherwise: by field, what the one says and what the other says."""

    job_ref: str
    outcome: str
    fields: JsonObject


class ManifestDifferences(TypedDict):
    """In what the manifest `other` differs from `version`."""

    version: int
    other: int
    jobs: list[JobDifference]
