"""Rows as the wire shows them. What the wire looks like is in `schemas`; rows come from `core.store`."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import RowMapping
from typing_extensions import TypedDict

from runyard.core import profiles
from runyard.core.clock import MICROSECONDS, to_datetime
from runyard.core.facts import JobFacts
from runyard.core.job_times import range_if_planned, schedule_ended
from runyard.core.jobs import ENGINE_VERSION, JobDefinition, JobType, outline_of
from runyard.core.logs import LogLine
from runyard.core.manifest import expand_triggers
from runyard.core.runs import TERMINAL
from runyard.core.snapshots import PACKAGE_ENGINE
from runyard.core.store.facts import definition_of, job_of
from runyard.core.webhooks import paths
from runyard_server import schemas
from runyard_server.app_hosts import app_origin
from runyard_server.auth import Role
from runyard_server.installation import Installation
from runyard_server.links import HOOK_PATH, LINK_PATH, Links

log = logging.getLogger(__name__)

PREDEFINED_PROFILES = {"DATA_WRITE": profiles.PROD, "DATA_READ": profiles.ACCESS}

DATA_PLANE = "local"
"""There is one data plane, and it is here."""

PROVIDER = "local"

CANCELLING = "cancelling"
"""What the wire calls an open run that somebody wants to stop."""

VERSIONS_KEPT = 10_000
"""Job versions whose view is kept: all current ones of the largest workspace we plan for."""


class _Fixed(TypedDict):
    """What follows from a job's definition alone, and so never changes for a version."""

    job_ref: str
    name: str
    description: str | None
    job_type: str
    job_definition: schemas.JsonObject
    job_definition_engine_version: int
    triggers: list[str]
    default_trigger: str | None
    freshness: list[str] | None
    interval_start: str | None
    interval_end: str | None
    pipeline_name: str | None
    unreadable: str | None


@lru_cache(maxsize=4096)  # the lines of one write share their time, and lists repeat theirs
def instant(at: int) -> str:
    """Return a stored instant as ISO 8601 with its timezone."""
    return to_datetime(at).isoformat()


def instant_or_none(at: int | None) -> str | None:
    return None if at is None else instant(at)


def duration_seconds(run: RowMapping) -> float | None:
    """Return how long an ended run took, None if it never started."""
    if run["started_at"] is None or run["finished_at"] is None:
        return None
    return float(run["finished_at"] - run["started_at"]) / MICROSECONDS


def status_of(run: RowMapping) -> str:
    """Return the status that the wire shows."""
    is_stopping = run["stop_requested_at"] is not None and run["status"] not in TERMINAL
    return CANCELLING if is_stopping else str(run["status"])


def current_version(job: RowMapping) -> Mapping[str, Any]:
    """Return the version that a row of `store.jobs` carries along, as a row of `job_versions`."""
    return {
        "id": job["version_id"],
        "job_id": job["id"],
        "version": job["version"],
        "definition": job["definition"],
        "definition_hash": job["definition_hash"],
        "extensions": job["extensions"],
        "created_by": job["version_created_by"],
        "created_at": job["version_created_at"],
    }


class Views:
    """Turns rows into wire objects for one caller.

    `origin` is where the caller reaches us, `apps_host` the name below which apps are; `profiles` are the ones that
    have settings, which decide what a job runs under. `links` is None for who may not open apps: what a public link
    opens is then not told either.
    """

    def __init__(
        self,
        installation: Installation,
        links: Links | None,
        origin: str,
        apps_host: str,
        profiles: Collection[str] = (),
    ) -> None:
        self._installation, self._links, self._profiles = installation, links, profiles
        self._origin, self._apps_host = origin, apps_host

    # People and places ------------------------------------------------------------------------------

    def organization(self) -> schemas.Organization:
        at = instant(self._installation.created_at)
        return {
            "id": self._installation.id,
            "name": self._installation.name,
            "description": None,
            "dataplane_id": DATA_PLANE,
            "created_at": at,
            "updated_at": at,
        }

    def organization_membership(self, user_id: str) -> schemas.OrganizationMembership:
        # Every user belongs to the one organization, so the user's id names the membership.
        return {"id": user_id, "is_active": True, "organization": self.organization(), "role": Role.OWNER}

    def workspace(self, row: RowMapping) -> schemas.Workspace:
        return {
            "id": row["id"],
            "name": row["name"],
            "description": row["description"],
            "organization_id": self._installation.id,
            "dataplane_id": DATA_PLANE,
            "dataplane_url": self._origin,
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["updated_at"]),
            "archived_at": instant_or_none(row["archived_at"]),
            "is_playground": False,
            "predefined_profiles": dict(PREDEFINED_PROFILES),
        }

    def member(self, row: RowMapping) -> schemas.Member:
        return {
            "id": row["id"],
            "user_id": row["user_id"],
            "email": row["email"],
            "name": row["name"],
            "role": row["role"],
            "organization_membership_id": row["user_id"],
        }

    # Versions of code and settings ------------------------------------------------------------------

    def deployment(self, row: RowMapping) -> schemas.Deployment:
        return {**self._snapshot(row), "requirements_size_bytes": row["requirements_size_bytes"]}

    def configuration(self, row: RowMapping) -> schemas.Configuration:
        return {**self._snapshot(row), "profiles": row["profiles"]}

    def _snapshot(self, row: RowMapping) -> schemas.Snapshot:
        return {
            "id": row["id"],
            "workspace_id": row["workspace_id"],
            "version": row["version"],
            "content_hash": row["content_hash"],
            "file_count": row["file_count"],
            "size_bytes": row["size_bytes"],
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["created_at"]),
            "created_by": row["created_by"],
        }

    def files(self, rows: Collection[RowMapping]) -> schemas.ManifestFiles:
        return {"engine_version": PACKAGE_ENGINE, "files": [_file(row) for row in rows]}

    # Jobs -------------------------------------------------------------------------------------------

    def job(self, row: RowMapping) -> schemas.Job:
        """Show a row of `store.jobs`."""
        fixed, definition = _fixed(current_version(row), row, row["override"])
        return {
            **fixed,
            "id": row["id"],
            "workspace_id": row["workspace_id"],
            "job_definition_hash": row["definition_hash"],
            "extensions": row["extensions"],
            "deployment_module": row["deployment_module"],
            "profile": self._profile_of(definition),
            "version": row["version"],
            "is_archived": row["archived_at"] is not None,
            "is_paused": row["paused_at"] is not None,
            "paused_at": instant_or_none(row["paused_at"]),
            "paused_by": row["paused_by"],
            "schedule_override": schedule_override(row),
            "next_scheduled_run_at": instant_or_none(row["next_due_at"]),
            "schedule_ended": _schedule_ended(row, definition),
            "job_url": None if definition.is_batch else self._app_url(row),
            "public_url": self._public_url(row),
            "public_secret": row["link_id"],
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["updated_at"]),
            "created_by": row["created_by"],
        }

    def job_version(self, row: Mapping[str, Any] | RowMapping, job: RowMapping) -> schemas.JobVersion:
        """Show a row of `job_versions`, which may be an older one of the job."""
        fixed, definition = _fixed(row, job)
        return {
            **fixed,
            "id": row["id"],
            "job_id": row["job_id"],
            "job_definition_hash": row["definition_hash"],
            "deployment_module": job["deployment_module"],
            "profile": self._profile_of(definition),
            "version": row["version"],
            "max_run_time_seconds": int(definition.timeout_seconds),
            "provider": PROVIDER,
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["created_at"]),
            "created_by": row["created_by"],
        }

    def detailed_job(
        self,
        row: RowMapping,
        latest: RowMapping | None,
        recent: Collection[RowMapping] | None,
    ) -> schemas.DetailedJob:
        return {
            **self.job(row),
            "current_version": self.job_version(current_version(row), row),
            "latest_job_run": None if latest is None else self.run(latest),
            "recent_job_runs": None if recent is None else [self.recent_run(run) for run in recent],
        }

    def _app_url(self, job: RowMapping, path: str = "/") -> str:
        """Return where an interactive job is opened, whether it runs now or not."""
        return app_origin(self._origin, job["label"], self._apps_host) + path

    def webhook(self, job: RowMapping, link_id: str, links: Links, *, is_signed: bool) -> schemas.Webhook:
        """Show where a job is started from outside: one address for each of its webhooks."""
        address = self._origin + HOOK_PATH + links.hook_token(link_id)
        return {
            "urls": [f"{address}/{quote(path)}".rstrip("/") for path in paths(job_of(job))],
            "signing_key": links.signing_key(link_id) if is_signed else None,
        }

    def _public_url(self, job: RowMapping) -> str | None:
        """Return where anybody opens an interactive job, None if it is not public."""
        if self._links is None or job["link_id"] is None:
            return None
        return self._app_url(job, LINK_PATH + self._links.token(job["link_id"]))

    def _profile_of(self, definition: JobDefinition) -> str:
        kind = JobType.BATCH if definition.is_batch else JobType.INTERACTIVE
        return profiles.choose(kind, self._profiles, required=definition.profile).profile

    # Runs -------------------------------------------------------------------------------------------

    def run(self, row: RowMapping, pipeline_runs: Collection[RowMapping] = ()) -> schemas.Run:
        workspace_id, run_id = row["workspace_id"], row["id"]
        return {
            "id": run_id,
            "workspace_id": workspace_id,
            "job_version_id": row["job_version_id"],
            "deployment_id": row["deployment_id"],
            "configuration_id": row["configuration_id"],
            "number": row["number"],
            "status": status_of(row),
            "trigger": row["trigger"],
            "profile": row["profile"],
            "triggered_by": row["triggered_by"],
            "interval_start": instant_or_none(row["interval_start"]),
            "interval_end": instant_or_none(row["interval_end"]),
            "previous_job_run_id": row["previous_run_id"],
            "started_at": instant_or_none(row["started_at"]),
            "finished_at": instant_or_none(row["finished_at"]),
            "duration_seconds": duration_seconds(row),
            "logs_url": f"{self._origin}/logs/v1/workspaces/{workspace_id}/job-runs/{run_id}/logs",
            "pipeline_run_summaries": [_pipeline_run_summary(each) for each in pipeline_runs],
            "reason": row["reason"],
            "exit_code": row["exit_code"],
            "signal": row["signal"],
            "message": row["message"],
            "attempt": row["attempt"],
            "retry_at": instant_or_none(row["due_at"]) if row["attempt"] else None,
            "refresh": row["refresh"],
            "created_at": instant(row["created_at"]),
            "updated_at": instant(row["updated_at"]),
        }

    def recent_run(self, row: RowMapping) -> schemas.RecentRun:
        return {
            "id": row["id"],
            "status": status_of(row),
            "duration_seconds": duration_seconds(row),
            "rows_loaded": None,
            "started_at": instant_or_none(row["started_at"]),
        }

    def listed_runs(
        self,
        rows: Collection[RowMapping],
        jobs: Mapping[str, RowMapping],
        older_versions: Mapping[str, RowMapping],
        pipeline_runs: Mapping[str, Collection[RowMapping]],
    ) -> list[schemas.ListedRun]:
        """Show runs with their jobs, those versions that are no longer the current ones, and their runs of pipelines.

        All given by id, the last by that of the run.
        """
        shown_jobs = {job_id: self.job(row) for job_id, row in jobs.items()}
        versions = {row["version_id"]: current_version(row) for row in jobs.values()} | dict(older_versions)
        shown_versions = {key: self.job_version(row, jobs[row["job_id"]]) for key, row in versions.items()}
        return [
            {
                **self.run(row, pipeline_runs.get(row["id"], ())),
                "job": shown_jobs[row["job_id"]],
                "job_version": shown_versions[row["job_version_id"]],
            }
            for row in rows
        ]

    def downstream_run(self, row: RowMapping, job: RowMapping) -> schemas.DownstreamRun:
        fixed, definition = _fixed(current_version(job), job)
        return {
            "id": row["id"],
            "job_id": row["job_id"],
            "job_ref": fixed["job_ref"],
            "name": fixed["name"],
            "number": row["number"],
            "status": status_of(row),
            "trigger": row["trigger"],
            "category": definition.category,
            "duration_seconds": duration_seconds(row),
            "started_at": instant_or_none(row["started_at"]),
        }

    def attempt(self, row: RowMapping) -> schemas.Attempt:
        return {
            "number": row["number"],
            "started_at": instant_or_none(row["started_at"]),
            "ended_at": instant_or_none(row["ended_at"]),
            "reason": row["reason"],
            "exit_code": row["exit_code"],
            "signal": row["signal"],
            "message": row["message"],
        }

    def move(self, row: RowMapping) -> schemas.Move:
        return {
            "at": instant(row["at"]),
            "from_status": row["from_status"],
            "to_status": row["to_status"],
            "reason": row["reason"],
            "actor": row["actor"],
        }

    def manifest(self, row: RowMapping) -> schemas.Manifest:
        return {
            "version": row["version"],
            "deployment_module": row["deployment_module"],
            "job_definition_engine_version": row["engine_version"],
            "job_definition_hash": row["manifest_hash"],
            "description": row["description"],
            "job_count": row["job_count"],
            "created_at": instant(row["created_at"]),
            "created_by": row["created_by"],
        }

    def whole_manifest(self, row: RowMapping) -> schemas.WholeManifest:
        return {**self.manifest(row), "jobs": row["jobs"], "extensions": row["extensions"]}

    def decision(self, row: RowMapping) -> schemas.Decision:
        return {
            "id": row["id"],
            "at": instant(row["at"]),
            "last_at": instant(row["last_at"]),
            "count": row["count"],
            "trigger": row["trigger"],
            "tick_at": instant_or_none(row["tick_at"]),
            "outcome": row["outcome"],
            "because": row["because"],
            "facts": row["facts"],
            "run_id": row["run_id"],
            "run_number": row["run_number"],
        }


def pipeline_run(row: RowMapping) -> schemas.PipelineRun:
    """Show a run of a pipeline."""
    return {
        "id": row["id"],
        "job_run_id": row["run_id"],
        "attempt": row["attempt"],
        "transaction_id": row["transaction_id"],
        "pipeline_name": row["pipeline_name"],
        "destination_name": row["destination_name"],
        "dataset_name": row["dataset_name"],
        "status": _pipeline_status(row),
        "started_at": instant(row["started_at"]),
        "finished_at": instant_or_none(row["finished_at"]),
        "duration_seconds": duration_seconds(row),
        "error_step": row["error_step"],
        "error_message": row["error_message"],
        "tables": row["tables"],
        "table_count": row["table_count"],
        "total_rows": row["total_rows"],
        "load_packages": row["load_packages"],
    }


def _pipeline_run_summary(row: RowMapping) -> schemas.PipelineRunSummary:
    took = duration_seconds(row)
    return {
        "pipeline_run_id": row["id"],
        "transaction_id": row["transaction_id"],
        "pipeline_name": row["pipeline_name"],
        "destination_name": row["destination_name"],
        "dataset_name": row["dataset_name"],
        "status": _pipeline_status(row),
        "started_at": instant(row["started_at"]),
        "finished_at": instant_or_none(row["finished_at"]),
        "duration_ms": None if took is None else round(took * 1000),
        "total_rows": row["total_rows"],
    }


def _pipeline_status(row: RowMapping) -> str:
    return "succeeded" if row["error_step"] is None else "failed"


def schedule_override(job: RowMapping) -> schemas.ScheduleOverride | None:
    """Show the schedule that is set beside the code of a row of `store.jobs`."""
    if job["override"] is None:
        return None
    return {
        "trigger": job["override"],
        "replaces": job["override_replaced"],
        "set_by": job["override_by"],
        "set_at": instant(job["override_at"]),
    }


def event(row: RowMapping) -> schemas.Event:
    """Show a change of the feed."""
    return {
        "id": row["id"],
        "at": instant(row["at"]),
        "kind": row["kind"],
        "job_id": row["job_id"],
        "run_id": row["run_id"],
        "data": row["data"],
    }


def log_line(line: LogLine) -> schemas.LogLine:
    """Show a line of a log. Our own words are `runner`, the environment's build is `setup`."""
    is_build = line.attempt == 0
    return {
        "content": line.text,
        "line_num": line.number,
        "reported_at": instant(line.at),
        "source": "setup" if is_build else "runner" if line.stream == "other" else "user",
        "stage": "build" if is_build else "run",
        "io_stream": line.stream,
    }


def _file(row: RowMapping) -> schemas.ManifestFile:
    shown: schemas.ManifestFile = {
        "relative_path": row["relative_path"],
        "sha3_256": row["sha3_256"],
        "size_bytes": row["size_bytes"],
    }
    if row["linkname"] is not None:
        shown["linkname"] = row["linkname"]
    return shown


def _schedule_ended(row: RowMapping, definition: JobDefinition) -> str | None:
    job = JobFacts(
        job_id=row["id"],
        workspace_id=row["workspace_id"],
        definition=definition,
        anchor_at=0,
        next_due_at=row["next_due_at"],
        done_until=row["done_until"],
        archived=row["archived_at"] is not None,
    )
    return schedule_ended(job)


def _fixed(
    version: Mapping[str, Any] | RowMapping, job: RowMapping, schedule: str | None = None
) -> tuple[_Fixed, JobDefinition]:
    """Return what the definition of a job's version says, with another schedule if one is set beside the code.

    Made once: resolving an interval walks a calendar. What cannot be read is tried anew each time: its zone may come.
    """
    kept = _kept(version["id"], schedule)
    if kept:
        return kept[0]
    found = _read(version, job, schedule)
    if found[0]["unreadable"] is None:
        kept.append(found)
    return found


@lru_cache(maxsize=VERSIONS_KEPT)
def _kept(_version_id: str, _schedule: str | None) -> list[tuple[_Fixed, JobDefinition]]:
    """Return the place where the view of one version is kept: empty until it is made."""
    return []


def _read(
    version: Mapping[str, Any] | RowMapping, job: RowMapping, schedule: str | None
) -> tuple[_Fixed, JobDefinition]:
    """Return what a definition says; of one that cannot be read, or planned, who it is and why."""
    wire, unreadable = version["definition"], None
    try:
        definition = definition_of(version["id"], wire, version["extensions"], schedule)
        covered = range_if_planned(JobFacts("", "", definition, anchor_at=0))
    except Exception as error:
        # Of any kind: what is wrong with one job must not keep the others from being shown.
        definition, covered, unreadable = outline_of(job["job_ref"], job["job_type"], wire), None, str(error)
        _log_once(version["version"], job["id"], unreadable)
    fixed: _Fixed = {
        "job_ref": definition.job_ref,
        "name": definition.name,
        "description": definition.description,
        "job_type": definition.entry_point.job_type,
        "job_definition": dict(wire),
        "job_definition_engine_version": ENGINE_VERSION,
        "triggers": list(expand_triggers(definition)),
        "default_trigger": definition.default_trigger,
        "freshness": list(definition.freshness) or None,
        "interval_start": None if covered is None else instant(covered.start),
        "interval_end": None if covered is None else instant_or_none(covered.end),
        "pipeline_name": definition.pipeline_name,
        "unreadable": unreadable,
    }
    return fixed, definition


@lru_cache(maxsize=VERSIONS_KEPT)
def _log_once(version: int, job_id: str, _why: str) -> None:
    """Log the error at hand: a list would log it anew each time that it is shown."""
    log.error("version %s of job %s cannot be read", version, job_id, exc_info=True)
