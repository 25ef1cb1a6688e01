"""What the API answers, as typed dicts. What is asked of it is in `requests`.

Answers are built as plain dicts in `views`, checked by mypy there, and written to JSON as they are: a list of
a hundred runs passes through no second model. The same types make the OpenAPI document. Names are the
contract's.
"""

from __future__ import annotations

from runyard_server.schemas.jobs import (
    Decision,
    Decisions,
    Job,
    JobVersion,
    ResumedJob,
    ScheduleOverride,
    Webhook,
)
from runyard_server.schemas.manifests import (
    DeployedJob,
    DeployedWorkspace,
    DeployReceipt,
    JobDifference,
    Manifest,
    ManifestDifferences,
    WholeManifest,
)
from runyard_server.schemas.people import (
    DataplaneToken,
    Me,
    Member,
    Organization,
    OrganizationMe,
    OrganizationMembership,
    Workspace,
    WorkspaceMe,
    WorkspaceMembership,
)
from runyard_server.schemas.plans import (
    ClockChange,
    Firing,
    ForeseenRun,
    NextFirings,
    Plan,
    PlannedJob,
)
from runyard_server.schemas.runs import (
    Attempt,
    DetailedJob,
    DetailedRun,
    DownstreamRun,
    ListedRun,
    LoadedTable,
    LoadPackage,
    Move,
    PipelineRun,
    PipelineRunSummary,
    Received,
    RecentRun,
    Run,
)
from runyard_server.schemas.server import (
    Health,
    Version,
)
from runyard_server.schemas.shared import (
    BulkFailure,
    ErrorBody,
    Instant,
    JsonObject,
    Page,
    Uuid,
)
from runyard_server.schemas.snapshots import (
    Configuration,
    Deployment,
    IssuedConfigurationUpload,
    IssuedDeploymentUpload,
    ManifestFile,
    ManifestFiles,
    Snapshot,
)
from runyard_server.schemas.starts import (
    CalledWebhook,
    CancelledRun,
    CancelledRuns,
    RefreshedJob,
    TriggeredJob,
    TriggeredJobs,
)
from runyard_server.schemas.streams import (
    Event,
    LogLine,
)

__all__ = [
    "Attempt",
    "BulkFailure",
    "CalledWebhook",
    "CancelledRun",
    "CancelledRuns",
    "ClockChange",
    "Configuration",
    "DataplaneToken",
    "Decision",
    "Decisions",
    "DeployReceipt",
    "DeployedJob",
    "DeployedWorkspace",
    "Deployment",
    "DetailedJob",
    "DetailedRun",
    "DownstreamRun",
    "ErrorBody",
    "Event",
    "Firing",
    "ForeseenRun",
    "Health",
    "Instant",
    "IssuedConfigurationUpload",
    "IssuedDeploymentUpload",
    "Job",
    "JobDifference",
    "JobVersion",
    "JsonObject",
    "ListedRun",
    "LoadPackage",
    "LoadedTable",
    "LogLine",
    "Manifest",
    "ManifestDifferences",
    "ManifestFile",
    "ManifestFiles",
    "Me",
    "Member",
    "Move",
    "NextFirings",
    "Organization",
    "OrganizationMe",
    "OrganizationMembership",
    "Page",
    "PipelineRun",
    "PipelineRunSummary",
    "Plan",
    "PlannedJob",
    "Received",
    "RecentRun",
    "RefreshedJob",
    "ResumedJob",
    "Run",
    "ScheduleOverride",
    "Snapshot",
    "TriggeredJob",
    "TriggeredJobs",
    "Uuid",
    "Version",
    "Webhook",
    "WholeManifest",
    "Workspace",
    "WorkspaceMe",
    "WorkspaceMembership",
]
