"""What the API answers, as typed dicts. What is asked of it is in `requests`.

Answers are built as plain dicts in `views`, checked by mypy there, and written to JSON as they are: a list of
a hundred runs passes through no second model. The same types make the OpenAPI document. Names are the
contract's.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

Uuid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
JsonObject = dict[str, Any]

T = TypeVar("T")

# Errors and pages ---------------------------------------------------------------------------------


class ErrorBody(TypedDict):
    """What every refusal looks like."""

    status_code: int
    detail: str
    code: str
    extra: JsonObject | None


class Page(TypedDict, Generic[T]):
    """Part of a list. `total` counts no further than 10,001."""

    items: list[T]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


# Server and people --------------------------------------------------------------------------------


class Version(TypedDict):
    """Which server this is."""

    name: str
    version: str
    engine_version: int


class Health(TypedDict):
    """That the server answers."""

    status: Literal["ok"]


class Organization(TypedDict):
    """This server, which clients see as an organization."""

    id: Uuid
    name: str
    description: str | None
    dataplane_id: str | None
    created_at: Instant
    updated_at: Instant


class Workspace(TypedDict):
    """A workspace."""

    id: Uuid
    name: str
    description: str | None
    organization_id: Uuid
    dataplane_id: str
    dataplane_url: str
    created_at: Instant
    updated_at: Instant
    archived_at: Instant | None
    is_playground: bool
    predefined_profiles: JsonObject


class OrganizationMembership(TypedDict):
    """A user in an organization."""

    id: Uuid
    is_active: bool
    organization: Organization
    role: str


class Me(TypedDict):
    """The caller, a person."""

    user_id: Uuid
    email: str
    name: str | None
    organization_membership_id: Uuid
    primary_organization: Organization
    latest_organization: Organization
    latest_workspace: Workspace | None
    organization_memberships: list[OrganizationMembership]


class WorkspaceMembership(TypedDict):
    """A workspace of the caller."""

    role: str
    workspace: Workspace


class OrganizationMe(TypedDict):
    """The caller in an organization, with every workspace the credential reaches."""

    user_id: Uuid
    email: str
    organization_membership_id: Uuid
    organization: Organization
    role: str
    workspace_memberships: list[WorkspaceMembership]


class Member(TypedDict):
    """A user in a workspace."""

    id: Uuid
    user_id: Uuid
    email: str
    name: str | None
    role: str
    organization_membership_id: Uuid


class WorkspaceMe(TypedDict):
    """The caller in a workspace."""

    user_id: Uuid
    email: str
    organization_membership_id: Uuid
    organization: Organization
    organization_role: str
    workspace: Workspace
    workspace_role: str


class DataplaneToken(TypedDict):
    """A token for the data plane; `expires_at` in seconds since 1970."""

    token: str
    expires_at: int


# Versions of code and settings --------------------------------------------------------------------


class Snapshot(TypedDict):
    """A version, of whatever is in it."""

    id: Uuid
    workspace_id: Uuid
    version: int
    content_hash: str
    file_count: int
    size_bytes: int
    created_at: Instant
    updated_at: Instant
    created_by: Uuid


class Deployment(Snapshot):
    """A version of the code."""

    requirements_size_bytes: int


class Configuration(Snapshot):
    """A version of the settings."""

    profiles: list[str]


class IssuedDeploymentUpload(TypedDict):
    """Where to send the code, and the token to send it with."""

    deployment_id: Uuid
    upload_url: str
    upload_token: str


class IssuedConfigurationUpload(TypedDict):
    """Where to send the settings, and the token to send them with."""

    configuration_id: Uuid
    upload_url: str
    upload_token: str


class ManifestFile(TypedDict):
    """A file of a snapshot."""

    relative_path: str
    sha3_256: str
    size_bytes: int
    linkname: NotRequired[str | None]


class ManifestFiles(TypedDict):
    """The files of a snapshot."""

    engine_version: int
    files: list[ManifestFile]


# Jobs ---------------------------------------------------------------------------------------------


class ScheduleOverride(TypedDict):
    """A schedule set beside the code: what counts instead of what the code declares, who set it, and when."""

    trigger: str
    replaces: str | None
    set_by: Uuid
    set_at: Instant


class _JobBase(TypedDict):
    """What a job and a version of it have in common."""

    job_ref: str
    name: str
    description: str | None
    job_type: str
    job_definition: JsonObject
    job_definition_engine_version: int
    job_definition_hash: str
    deployment_module: str | None
    profile: str
    version: int
    triggers: list[str]
    default_trigger: str | None
    freshness: list[str] | None
    interval_start: Instant | None
    interval_end: Instant | None
    pipeline_name: str | None
    created_at: Instant
    created_by: Uuid


class Job(_JobBase):
    """A job. `job_definition` is the manifest entry as it was deployed; `extensions` what stood beside it.

    `triggers` and `default_trigger` are those that count, a `schedule_override` included. `schedule_ended` says why
    the clock starts it no more: `range_complete` or `elapsed`.
    """

    id: Uuid
    workspace_id: Uuid
    extensions: JsonObject
    is_archived: bool
    is_paused: bool
    paused_at: Instant | None
    paused_by: Uuid | None
    schedule_override: ScheduleOverride | None
    next_scheduled_run_at: Instant | None
    schedule_ended: str | None
    job_url: str | None
    public_url: str | None
    public_secret: Uuid | None
    updated_at: Instant


class JobVersion(_JobBase):
    """A version of a job: what a run was made of."""

    id: Uuid
    job_id: Uuid
    max_run_time_seconds: int
    provider: str
    updated_at: Instant


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
    pipeline_run_summaries: list[JsonObject]
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


class Decision(TypedDict):
    """What was decided for a tick or event of a job, with the facts it stood on."""

    id: int
    at: Instant
    last_at: Instant
    count: int
    trigger: str
    tick_at: Instant | None
    outcome: str
    because: str
    facts: JsonObject
    run_id: Uuid | None
    run_number: int | None


class Decisions(TypedDict):
    """The last decisions about a job, newest first."""

    items: list[Decision]


# What is foreseen ---------------------------------------------------------------------------------


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


# Deploying, starting, stopping --------------------------------------------------------------------


class BulkFailure(TypedDict):
    """An item of a bulk request that names nothing."""

    ref: str
    detail: str


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


class RefreshedJob(TypedDict):
    """A job that a refresh makes start over, and where its windows begin; null if the job itself decides."""

    job_ref: str
    interval_start: Instant | None


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


class Webhook(TypedDict):
    """The secret addresses that start a job, and the key that calls have to be signed with, if they have to be."""

    urls: list[str]
    signing_key: str | None


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


# Streams ------------------------------------------------------------------------------------------


class LogLine(TypedDict):
    """A line of a log; `line_num` counts from 0."""

    content: str
    line_num: int
    reported_at: Instant
    source: Literal["user", "setup", "runner"]
    stage: Literal["build", "run"]
    io_stream: Literal["stdout", "stderr", "other"]


class Event(TypedDict):
    """A change of a workspace; `id` is where to resume."""

    id: int
    at: Instant
    kind: str
    job_id: Uuid | None
    run_id: Uuid | None
    data: JsonObject
