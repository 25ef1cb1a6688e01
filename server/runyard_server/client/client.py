"""The calls of the API by noun: workspaces, versions, jobs, runs, logs, events.

One synchronous client. Lists are read page by page while one iterates; streams go on after a lost connection.
"""

from __future__ import annotations

import json
import math
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx

from runyard.core import job_refs
from runyard.core.errors import NotFound, RunyardError, Unavailable
from runyard.core.jobs import ENGINE_VERSION
from runyard.core.manifest import manifest_hash
from runyard.core.runs import OPEN
from runyard_server.client.connection import Target, resolve, workspace_meant
from runyard_server.client.models import (
    CancelReceipt,
    Decision,
    DeployReceipt,
    Event,
    Job,
    JobDifference,
    LogLine,
    LogPart,
    Manifest,
    Member,
    PipelineRun,
    ResumedJob,
    Run,
    StartReceipt,
    Version,
    Webhook,
    Workspace,
)
from runyard_server.client.plans import NextFirings, Plan
from runyard_server.client.wire import OPENED, Json, LogPartReader, StreamEvent, Wire

LEFT = "somebody who left"
"""Whoever did something and is no member any more."""

PAGE_ITEMS = 100
"""Items asked for at once: the server's default, an answer of some 100 kB."""

PAGE_ITEMS_MAX = 1_000
"""The most the server gives at once. Jobs are read to their end nearly always, and 5,000 of them in 5 requests."""

RECONNECT_SECONDS = 30.0
"""How long a stream tries to come back: a restarted server answers again in two seconds."""

RECONNECT_PAUSE_SECONDS = 0.5
"""Between two tries; a server that just went away needs at least this long."""


class Client:
    """Speaks to one server about one workspace.

    Without arguments it takes the server and the key from RUNYARD_SERVER and RUNYARD_API_KEY, else from the
    settings of the workspace it is used in, else the server that `runyard dev` starts. Without a workspace it
    takes the only one the caller owns, else the only one they are a member of; of several the one called like the
    project it is used in. Usable as a context manager.
    """

    def __init__(
        self,
        server: str | None = None,
        api_key: str | None = None,
        workspace: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises: InvalidRequest if the address is none."""
        self.target: Target = resolve(server, api_key, workspace, start=Path.cwd(), env=os.environ)
        self._wire = Wire(self.target, transport)
        self._workspace: Workspace | None = None
        self._called: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._wire.close()

    # Workspaces ------------------------------------------------------------

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces the caller is a member of, each with their `role`, oldest first."""
        found = []
        for organization in self._pages("/api/v1/organizations"):
            mine = self._wire.get(f"/api/v1/organizations/{organization['id']}/me")
            found += [
                Workspace.from_wire(membership["workspace"], role=membership["role"])
                for membership in mine.get("workspace_memberships") or []
            ]
        return found

    def create_workspace(self, name: str, description: str | None = None) -> Workspace:
        """Create a workspace that the caller owns, in the first of their organizations."""
        organization = next(self._pages("/api/v1/organizations"))
        body = {"name": name, "description": description}
        path = f"/api/v1/organizations/{organization['id']}/workspaces"
        return Workspace.from_wire(self._wire.post(path, body))

    @property
    def workspace(self) -> Workspace:
        """Return the workspace all other calls are about.

        Raises: NotFound listing what exists, SeveralWorkspaces if none is named and there are several.
        """
        if self._workspace is None:
            wanted = self.target.workspace
            if wanted and _is_id(wanted):
                self._workspace = Workspace.from_wire(self._wire.get(f"/api/v1/workspaces/{wanted}"))
            else:
                self._workspace = workspace_meant(self.target, self.workspaces())
        return self._workspace

    def members(self) -> list[Member]:
        """Return who belongs to the workspace, oldest first."""
        return [Member.from_wire(member) for member in self._pages(self._path("members"))]

    def who(self, user_id: str) -> str:
        """Return what a user is called who did something here; of one who belongs here no more, that they left.

        A member is asked for once; who left each time, as they may come back.
        """
        if user_id not in self._called:
            self._called |= {member.user_id: member.name or member.email for member in self.members()}
        return self._called.get(user_id, LEFT)

    # Versions and deploys ------------------------------------------------------------

    def deployment(self, deployment_id: str) -> Version:
        """Return a version of the code."""
        return Version.from_wire(self._wire.get(self._path(f"deployments/{deployment_id}")))

    def configuration(self, configuration_id: str) -> Version:
        """Return a version of the settings."""
        return Version.from_wire(self._wire.get(self._path(f"configurations/{configuration_id}")))

    def latest_deployment(self) -> Version | None:
        """Return the newest version of the code, None before the first."""
        return self._latest("deployments")

    def latest_configuration(self) -> Version | None:
        """Return the newest version of the settings, None before the first."""
        return self._latest("configurations")

    def deployment_files(self, deployment_id: str) -> list[Json]:
        """Return path, hash and size of each file of a version of the code."""
        files: list[Json] = self._wire.get(self._path(f"deployments/{deployment_id}/files"))["files"]
        return files

    def upload_deployment(self, package: BinaryIO, requirements: Mapping[str, Any]) -> Version:
        """Send a package of code and what it requires; return its version."""
        document = json.dumps(requirements).encode()
        return self._upload(
            "deployments",
            {
                "file": ("workspace.tar.gz", package, "application/x-tar"),
                "requirements_file": ("requirements.json", document, "application/json"),
            },
        )

    def upload_configuration(self, package: BinaryIO) -> Version:
        """Send a package of settings files; return its version."""
        return self._upload(
            "configurations", {"file": ("configurations.tar.gz", package, "application/x-tar")}
        )

    def deploy(
        self,
        manifest: Mapping[str, Any],
        extensions: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        dry_run: bool = False,
        code: Version | None = None,
        settings: Version | None = None,
    ) -> DeployReceipt:
        """Make the jobs of a manifest the jobs of the workspace; `dry_run` only says what would change.

        `code` and `settings` are the versions it was made for.
        Raises: InvalidManifest with one reason for each thing that is wrong; nothing is changed then. Conflict if
            somebody has uploaded newer versions meanwhile.
        """
        body = {
            "job_definition_engine_version": manifest.get("engine_version", ENGINE_VERSION),
            "job_definition_hash": manifest_hash(manifest),
            "jobs": manifest["jobs"],
            "extensions": extensions or {},
            "deployment_module": manifest.get("deployment_module"),
            "description": manifest.get("description"),
            "dry_run": dry_run,
            "deployment_id": code.id if code else None,
            "configuration_id": settings.id if settings else None,
        }
        return DeployReceipt.from_wire(self._wire.post(self._path("-deploy"), body))

    def manifests(self, *, page_items: int = PAGE_ITEMS) -> Iterator[Manifest]:
        """Yield the manifests that were deployed, the newest first."""
        return map(Manifest.from_wire, self._pages(self._path("manifests"), page_items=page_items))

    def manifest(self, version: int) -> Manifest:
        """Return a manifest with its jobs, by its number."""
        return Manifest.from_wire(self._wire.get(self._path(f"manifests/{version}")))

    def compare_manifests(self, version: int, other: int) -> list[JobDifference]:
        """Return in what the manifest `other` differs from `version`, job by job."""
        found = self._wire.get(self._path(f"manifests/{version}/-compare/{other}"))
        return [JobDifference.from_wire(row) for row in found["jobs"]]

    def apply_manifest(self, version: int, *, dry_run: bool = False) -> DeployReceipt:
        """Make an older manifest the truth again, on the code and settings that are deployed now."""
        path = self._path(f"manifests/{version}/-apply")
        return DeployReceipt.from_wire(self._wire.post(path, {"dry_run": dry_run}))

    def _latest(self, kind: str) -> Version | None:
        try:
            return Version.from_wire(self._wire.get(self._path(f"{kind}/latest")))
        except NotFound:
            return None

    def _upload(self, kind: str, parts: Mapping[str, Any]) -> Version:
        issued = self._wire.post(self._path(f"{kind}/-issue-upload"))
        headers = {"authorization": f"Bearer {issued['upload_token']}"}
        return Version.from_wire(
            self._wire.request("POST", issued["upload_url"], files=parts, headers=headers)
        )

    # Jobs ------------------------------------------------------------

    def jobs(
        self, *, archived: bool = False, page_items: int = PAGE_ITEMS_MAX, **filters: Any
    ) -> Iterator[Job]:
        """Yield the jobs, the one that ran last first; `archived` adds those no longer deployed."""
        hidden = None if archived else "false"
        found = self._pages(self._path("jobs"), page_items=page_items, is_archived=hidden, **filters)
        return map(Job.from_wire, found)

    def job(self, name: str) -> Job:
        """Return the job with this name, `section.name`, ref, script path or id, an archived one last.

        Raises: NotFound with the nearest names, AmbiguousName listing every job of that name.
        """
        if _is_id(name):
            return Job.from_wire(self._wire.get(self._path(f"jobs/{name}")))
        if job_refs.is_ref(name):
            for job in self.jobs(archived=True, ref=name):
                return job
        live = {job.job_ref: job for job in self.jobs()}
        try:
            return live[job_refs.resolve(name, live)]
        except NotFound as missing:
            archived = {job.job_ref: job for job in self.jobs(archived=True) if job.is_archived}
            with suppress(NotFound):
                return archived[job_refs.resolve(name, archived)]
            raise missing

    def trigger(
        self,
        selectors: Sequence[str] = (),
        *,
        job_ids: Sequence[str] = (),
        profile: str | None = None,
        refresh: bool = False,
        config: Mapping[str, Any] | None = None,
        values_of: str | None = None,
        window: tuple[datetime, datetime] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> StartReceipt:
        """Start every live job that a selector or id names, once each, on the deployed code.

        `refresh` tells them to load from scratch, `config` overrides keys of their settings, and so does what
        the run `values_of` of the only job was given, where `config` says nothing. With `window` they cover exactly
        that part of time, in several runs where their range is split. With `force` they start though an upstream is
        not fresh.
        Raises: NotFound listing the tags and types there are, AmbiguousName, InvalidInterval naming windows that are.
        """
        body: Json = {"profile": profile, "refresh": refresh, "force": force, "dry_run": dry_run}
        body |= {"selectors": list(selectors)} if selectors else {}
        body |= {"job_ids": list(job_ids)} if job_ids else {}
        body |= {"config": dict(config)} if config else {}
        body |= {"values_of": values_of} if values_of else {}
        if window is not None:
            body |= {"interval_start": window[0].isoformat(), "interval_end": window[1].isoformat()}
        return StartReceipt.from_wire(self._wire.post(self._path("jobs/-trigger"), body))

    def pause(self, job_id: str) -> Job:
        """Let a job's triggers rest until it is resumed; it can still be started by hand.

        Raises: InvalidRequest for a job without a schedule.
        """
        return Job.from_wire(self._act_on_job(job_id, "pause"))

    def resume(self, job_id: str, *, catch_up: bool = False) -> ResumedJob:
        """Let a job's triggers work again; its next run covers the time since the last one.

        With `catch_up` what they missed since the pause is made up for now, by one run of each.
        """
        return ResumedJob.from_wire(self._act_on_job(job_id, "resume", catch_up=catch_up))

    def set_schedule(self, job_id: str, trigger: str) -> Job:
        """Set another schedule beside the code of a job: five cron fields, or a trigger such as `every:6h`.

        It counts until it is taken away or a deploy changes the one in the code.
        Raises: InvalidTrigger, InvalidRequest for an app.
        """
        return Job.from_wire(
            self._wire.request("PUT", self._schedule_path(job_id), json={"trigger": trigger})
        )

    def drop_schedule(self, job_id: str) -> Job:
        """Let the schedule in the code of a job count again."""
        return Job.from_wire(self._wire.request("DELETE", self._schedule_path(job_id)))

    def _schedule_path(self, job_id: str) -> str:
        return self._path(f"jobs/{_segment(job_id)}/schedule")

    def publish(self, job_id: str) -> Job:
        """Give an app a new public link, in place of the one it may have: `public_url` of the answer.

        Raises: InvalidRequest for a batch job, Conflict while there are no settings for the profile `access`.
        """
        return Job.from_wire(self._act_on_job(job_id, "publish"))

    def unpublish(self, job_id: str) -> Job:
        """Take the public link of an app away; whoever has it open is cut off."""
        return Job.from_wire(self._act_on_job(job_id, "unpublish"))

    def webhook(self, job_id: str, *, renew: bool = False, signed: bool | None = None) -> Webhook:
        """Return the secret addresses that start a job, made at the first time of asking.

        With `renew`, or another wish about signatures, they are new ones, and those before never work again.
        Raises: InvalidRequest for a job that waits for no webhook.
        """
        path = self._path(f"jobs/{_segment(job_id)}/-webhook")
        return Webhook.from_wire(self._wire.post(path, {"renew": renew, "signed": signed}))

    def decisions(self, job_id: str, limit: int = PAGE_ITEMS) -> list[Decision]:
        """Return what was last decided about a job and why, newest first."""
        found = self._wire.get(self._path(f"jobs/{_segment(job_id)}/decisions"), limit=limit)
        return [Decision.from_wire(item) for item in found["items"]]

    def next_firings(self, job_id: str, limit: int | None = None) -> NextFirings:
        """Return what will be decided about a job next, with the windows that its runs will cover."""
        return NextFirings.from_wire(self._wire.get(self._path(f"jobs/{_segment(job_id)}/next"), limit=limit))

    def plan(self, days: int) -> Plan:
        """Return what will be decided in the workspace in the next days, if each run takes its usual time."""
        return Plan.from_wire(self._wire.get(self._path("plan"), days=days))

    def _act_on_job(self, job_id: str, action: str, **params: bool) -> Json:
        path = self._path(f"jobs/{_segment(job_id)}/-{action}")
        return self._wire.request("POST", path, params=params)

    # Runs ------------------------------------------------------------

    def runs(self, *, job_id: str | None = None, status: Iterable[str] = (), **filters: Any) -> Iterator[Run]:
        """Yield the runs of the workspace or of one job, newest first; `status` keeps any of those named."""
        found = self._pages(self._path("job-runs"), job_id=job_id, status=sorted(status) or None, **filters)
        return map(Run.from_wire, found)

    def open_runs(self, *, job_id: str | None = None) -> Iterator[Run]:
        """Yield the runs that have not ended, newest first, those of system jobs included."""
        return self.runs(job_id=job_id, status=OPEN, include_system_job_runs="true")

    def run(self, run_id: str) -> Run:
        """Return one run with everything that is known about it."""
        return Run.from_wire(self._wire.get(self._path(f"job-runs/{_segment(run_id)}")))

    def pipeline_runs(self, run_id: str) -> Iterator[PipelineRun]:
        """Yield what the pipelines of a run told of themselves, in the order in which they began."""
        return map(
            PipelineRun.from_wire, self._pages(self._path(f"job-runs/{_segment(run_id)}/pipeline-runs"))
        )

    def find_run(self, name: str, number: int | None = None) -> Run:
        """Return a run by its own id, or by its job's name and its number, the latest without one.

        Raises: NotFound, AmbiguousName.
        """
        if _is_id(name) and number is None:
            return self.run(name)
        job = self.job(name)
        for run in islice(self.runs(job_id=job.id, number=number, page_items=1), 1):
            return self.run(run.id)
        which = f"no run {number}" if number is not None else "no run yet"
        raise NotFound(
            f"`{job.job_ref}` has {which}.",
            f"Start one with `runyard job trigger {job_refs.short_name(job.job_ref)}`.",
        )

    def cancel(self, run_ids: Sequence[str], *, dry_run: bool = False) -> CancelReceipt:
        """Ask runs to stop; those that have ended are left as they are."""
        body = {"job_run_ids": list(run_ids), "dry_run": dry_run}
        return CancelReceipt.from_wire(self._wire.post(self._path("job-runs/-cancel"), body))

    def run_url(self, run_id: str) -> str:
        """Return the address of the page of a run."""
        return f"{self.target.server}/w/{self.workspace.id}/runs/{run_id}"

    # Logs and changes ------------------------------------------------------------

    def logs(self, run_id: str) -> Iterator[LogLine]:
        """Yield the log of a run that has ended, oldest line first; nothing if it printed nothing."""
        try:
            with self._wire.lines(self._log_path(run_id, "logs")) as lines:
                for line in lines:
                    if line:
                        yield LogLine.from_wire(json.loads(line))
        except NotFound:
            self.run(run_id)  # without a run it is an error, without a log it is not

    def log_part(self, run_id: str, first: int, limit: int) -> LogPart:
        """Return lines of a run from a number on, from the end if it is negative; fewer if they are very long."""
        path = self._log_path(run_id, "lines")
        (part,) = LogPartReader().read(self._wire.content(path, first=first, limit=limit))
        return part

    def follow(self, run_id: str) -> Iterator[LogLine]:
        """Yield the log of a run from its start, each line as it is printed, until the run has ended.

        A stream that breaks is opened again and goes on after the last line.
        Raises: Unavailable if the server stays away for longer than RECONNECT_SECONDS.
        """
        path, following = self._log_path(run_id, "log-stream"), 0
        for event in self._stream(path, is_done=lambda: self.run(run_id).is_over):
            if event.name == "error":
                raise RunyardError(f"The log cannot be read: {event.data.get('error')}")
            if event.name == "log" and event.data["line_num"] >= following:
                line = LogLine.from_wire(event.data)
                following = line.number + 1
                yield line

    def events(self, after: int | None = None) -> Iterator[Event]:
        """Yield the changes of the workspace after an event, without one from now on; never ends by itself.

        A stream that breaks is opened again and goes on after the last event.
        Raises: Unavailable if the server stays away for longer than RECONNECT_SECONDS.
        """
        for event in self._stream(self._path("events"), None if after is None else str(after)):
            if event is not OPENED:
                data = event.data
                yield Event(int(event.id), event.name, data.get("job_id"), data.get("run_id"), data)

    def watch(self, run_id: str) -> Generator[Run]:
        """Yield the run as it is, and again after each change, until it has ended."""
        for event in self._stream(self._path("events")):
            # Subscribed first and read second: a change in between is seen twice, never not at all.
            if event is OPENED or event.data.get("run_id") == run_id:
                run = self.run(run_id)
                yield run
                if run.is_over:
                    return

    def wait(self, run_id: str) -> Run:
        """Return the run once it has ended."""
        *_, run = self.watch(run_id)
        return run

    def _stream(
        self, path: str, last_id: str | None = None, *, is_done: Callable[[], bool] = lambda: False
    ) -> Iterator[StreamEvent]:
        """Yield OPENED each time the stream is open, then its events; when it ends or breaks, open it again.

        `is_done` is asked after an end in order. What never opened is not tried a second time.
        """
        lost_at: float | None = -math.inf
        while True:
            try:
                with self._wire.events(path, last_id) as events:
                    lost_at = None
                    yield OPENED
                    for event in events:
                        last_id = event.id or last_id
                        yield event
                if is_done():
                    return
            except Unavailable:
                lost_at = time.monotonic() if lost_at is None else lost_at
                if time.monotonic() - lost_at > RECONNECT_SECONDS:
                    raise
            time.sleep(RECONNECT_PAUSE_SECONDS)

    # ------------------------------------------------------------

    def _path(self, rest: str) -> str:
        return f"/api/v1/workspaces/{self.workspace.id}/{rest}"

    def _log_path(self, run_id: str, which: str) -> str:
        return f"/logs/v1/workspaces/{self.workspace.id}/job-runs/{_segment(run_id)}/{which}"

    def _pages(self, path: str, *, page_items: int = PAGE_ITEMS, **params: Any) -> Iterator[Json]:
        offset = 0
        while True:
            page = self._wire.get(path, limit=page_items, offset=offset, **params)
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _segment(text: str) -> str:
    return quote(text, safe="")
