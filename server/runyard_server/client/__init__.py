"""The API from outside: what the command line, the notebooks, users and the tests speak to a server with.

`client` holds the calls by noun, `models` what they return, `wire` requests, errors and streams, `connection`
which server with which key, `deploying` the steps from a workspace directory to a deployed one. Needs nothing
of the server's own dependencies.
"""

from runyard_server.client.client import Client
from runyard_server.client.connection import DEFAULT_SERVER, SeveralWorkspaces, Target
from runyard_server.client.models import (
    CancelledRun,
    CancelReceipt,
    ChangedJob,
    Decision,
    DeployReceipt,
    Effect,
    Event,
    Job,
    JobDifference,
    LoadedTable,
    LogLine,
    LogPart,
    Manifest,
    Member,
    Move,
    PipelineRun,
    RefreshedJob,
    ResumedJob,
    Run,
    StartedJob,
    StartReceipt,
    Version,
    Workspace,
)
from runyard_server.client.plans import ClockChange, Firing, ForeseenRun, NextFirings, Plan, PlannedJob

__all__ = [
    "DEFAULT_SERVER",
    "CancelReceipt",
    "CancelledRun",
    "ChangedJob",
    "Client",
    "ClockChange",
    "Decision",
    "DeployReceipt",
    "Effect",
    "Event",
    "Firing",
    "ForeseenRun",
    "Job",
    "JobDifference",
    "LoadedTable",
    "LogLine",
    "LogPart",
    "Manifest",
    "Member",
    "Move",
    "NextFirings",
    "PipelineRun",
    "Plan",
    "PlannedJob",
    "RefreshedJob",
    "ResumedJob",
    "Run",
    "SeveralWorkspaces",
    "StartReceipt",
    "StartedJob",
    "Target",
    "Version",
    "Workspace",
]
