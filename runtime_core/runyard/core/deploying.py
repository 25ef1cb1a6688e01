"""Makes a manifest the truth: validate, reconcile, write, all in one transaction or not at all (RCN-10).

A dry run is the real thing, rolled back, so that it can never promise anything else (RCN-07).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core import profiles, rescheduling
from runyard.core.clock import Clock
from runyard.core.enacting import enact_each
from runyard.core.errors import Conflict
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.intervals import MIN_EVERY_SECONDS
from runyard.core.job_times import check_times, elapsed
from runyard.core.jobs import JobDefinition
from runyard.core.labels import make_label
from runyard.core.manifest import definition_hash, validate_manifest
from runyard.core.planning import Event, plan_event
from runyard.core.reconcile import Change, DeployedJob, JobChange, owner_after, reconcile
from runyard.core.refresh import upstreams_of
from runyard.core.store import facts, feed, jobs, manifests, snapshots, workspaces
from runyard.core.store.engine import Database
from runyard.core.triggers import deployment

NOUNS = {"deployments": "code", "configurations": "settings"}
"""What people call the two kinds of snapshot."""

DESCRIBING_MODULE = "__deployment__"
"""The one module whose docstring describes the workspace (contract 7.2)."""

_DEPLOYMENT = str(deployment())
"""The trigger that fires after a deploy that changed code."""


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What a client sends: the manifest, and beside it what engine 2 has no word for.

    `deployment_id` and `configuration_id` are the code and the settings it was made for; None where nobody says.
    """

    engine_version: int
    manifest_hash: str
    jobs: Sequence[Mapping[str, Any]]
    extensions: Mapping[str, Mapping[str, Any]]
    deployment_module: str | None
    description: str | None
    dry_run: bool
    deployment_id: str | None = None
    configuration_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeployedChange:
    """What happened to one job: its row as it is now, what differs, and the version before an update.

    `dropped` is the row before, if this deploy takes away a schedule that was set beside the code (TRG-21).
    """

    job: RowMapping
    change: Change
    fields: tuple[str, ...] = ()
    previous: RowMapping | None = None
    dropped: RowMapping | None = None


@dataclass(frozen=True, slots=True)
class DeployResult:
    """One change per job of the manifest, then the archived ones; and what the author should hear."""

    changes: tuple[DeployedChange, ...]
    warnings: tuple[str, ...]


class _RolledBack(Exception):
    """No error: carries a dry run's result out of its transaction."""

    def __init__(self, result: DeployResult) -> None:
        self.result = result


class Deploying:
    """Applies manifests.

    `min_every_seconds` is the shortest period an `every` trigger may have (TRG-16). `deployed` is told the workspace
    after each deploy; it must not block, because a deploy never waits for an environment.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        *,
        min_every_seconds: float = MIN_EVERY_SECONDS,
        deployed: Callable[[str], None] = lambda _workspace_id: None,
    ) -> None:
        self._database, self._clock, self._ids = database, clock, ids
        self._min_every_seconds, self._deployed = min_every_seconds, deployed

    def deploy(self, workspace_id: str, request: DeployRequest, user_id: str) -> DeployResult:
        """Make the manifest the truth and return what changed; with `dry_run` change nothing.

        Raises: InvalidManifest with every reason; then nothing was changed.
        """
        warnings: list[str] = []
        declared = validate_manifest(
            request.jobs,
            request.engine_version,
            request.extensions,
            check=lambda job: warnings.extend(check_times(job, self._min_every_seconds)),
        )

        def work(connection: Connection) -> DeployResult:
            result = self._apply(connection, workspace_id, request, declared, warnings, user_id)
            if request.dry_run:
                raise _RolledBack(result)
            return result

        try:
            result = self._database.write(work)
        except _RolledBack as rolled_back:
            return rolled_back.result
        self._deployed(workspace_id)
        return result

    def _apply(
        self,
        connection: Connection,
        workspace_id: str,
        request: DeployRequest,
        declared: Sequence[JobDefinition],
        warnings: Sequence[str],
        user_id: str,
    ) -> DeployResult:
        now = self._clock.now()
        if not request.dry_run:
            _require_code(connection, workspace_id)
            _require_own(connection, workspace_id, request)
        before = {row["job_ref"]: row for row in jobs.all_of(connection, workspace_id)}
        known = [_deployed(row) for row in before.values()]
        changes = reconcile(known, declared, request.deployment_module)
        for change in changes:
            self._write(connection, workspace_id, change, before.get(change.job_ref), request, user_id, now)
        if request.deployment_module == DESCRIBING_MODULE:
            workspaces.describe(connection, workspace_id, request.description, now)
        if any(change.change is not Change.UNCHANGED for change in changes):
            self._keep_manifest(connection, workspace_id, request, user_id, now)
        if not request.dry_run:
            self._tell_of_code(connection, workspace_id, declared, now)
        after = {row["job_ref"]: row for row in jobs.all_of(connection, workspace_id)}
        return DeployResult(
            tuple(
                DeployedChange(
                    after[change.job_ref],
                    change.change,
                    change.fields,
                    _previous(connection, before.get(change.job_ref), change),
                    _dropped(before.get(change.job_ref), after[change.job_ref]),
                )
                for change in changes
            ),
            (
                *warnings,
                *_elapsed(changes, before, now),
                *self._profile_warnings(connection, workspace_id),
            ),
        )

    def _write(
        self,
        connection: Connection,
        workspace_id: str,
        change: JobChange,
        row: RowMapping | None,
        request: DeployRequest,
        user_id: str,
        now: int,
    ) -> None:
        """Write one change and when the job is due next. An unchanged job keeps its next tick (RCN-09)."""
        if change.change is Change.UNCHANGED:
            return
        if change.declared is None:
            assert row is not None, "only a known job is archived"
            jobs.archive(connection, row["id"], now)
            return
        definition = change.declared
        view = JobFacts(job_id="", workspace_id=workspace_id, definition=definition, anchor_at=now)
        common: dict[str, Any] = {
            "version_id": self._ids.new_id(),
            "definition": definition,
            "definition_hash": definition_hash(definition.wire),
            "label": self._label(definition, row),
            "edges": upstreams_of(view),
            "user_id": user_id,
            "now": now,
        }
        if row is None:
            job_id = self._ids.new_id()
            loaded = None
            jobs.create(
                connection,
                job_id=job_id,
                workspace_id=workspace_id,
                deployment_module=request.deployment_module,
                **common,
            )
        else:
            job_id = row["id"]
            owner = owner_after(_deployed(row), request.deployment_module)
            # None of one that cannot be read: it is deployed like a new one, which mends it.
            loaded = facts.load_readable(connection, [job_id])[0].get(job_id)
            jobs.replace_version(connection, row, deployment_module=owner, **common)
            if rescheduling.is_outdated(row, definition, self._min_every_seconds):
                jobs.drop_override(connection, job_id)
        rescheduling.reschedule(connection, job_id, loaded, now)

    def _tell_of_code(
        self, connection: Connection, workspace_id: str, declared: Sequence[JobDefinition], now: int
    ) -> None:
        """Start the jobs that wait for a deploy, if it brought code that they have not seen (TRG-25)."""
        refs = [job.job_ref for job in declared if _DEPLOYMENT in job.triggers]
        code = snapshots.latest(connection, snapshots.deployments, workspace_id)
        if code is None or not refs:
            return
        waiting = facts.by_ref(connection, workspace_id, refs)
        told = jobs.tell_of_code(connection, [job.job_id for job in waiting.values()], code["content_hash"])
        because = f"Version {code['version']} of the code was deployed."
        # A run that waits already would run the code before this one.
        event = Event(f"{_DEPLOYMENT}@{code['id']}", because, merges=False)
        decisions = [
            plan_event(job, _DEPLOYMENT, event, facts={"deployment": code["version"]})
            for job in waiting.values()
            if job.job_id in told
        ]
        definitions = {job.job_id: job.definition for job in waiting.values()}
        enact_each(connection, decisions, definitions, ids=self._ids, now=now)

    def _label(self, definition: JobDefinition, before: RowMapping | None) -> str | None:
        """Return the host label of a job: made when it is interactive for the first time, then kept for ever."""
        if before is not None and before["label"] is not None:
            return str(before["label"])
        return None if definition.is_batch else make_label(definition.name, self._ids.new_id())

    def _keep_manifest(
        self, connection: Connection, workspace_id: str, request: DeployRequest, user_id: str, now: int
    ) -> None:
        manifests.put(
            connection,
            values={
                "id": self._ids.new_id(),
                "workspace_id": workspace_id,
                "deployment_module": request.deployment_module,
                "engine_version": request.engine_version,
                "manifest_hash": request.manifest_hash,
                "description": request.description,
                "jobs": [dict(job) for job in request.jobs],
                "extensions": {ref: dict(more) for ref, more in request.extensions.items()},
                "created_by": user_id,
                "created_at": now,
            },
        )
        feed.append(connection, workspace_id=workspace_id, kind="workspace.deployed", now=now)

    @staticmethod
    def _profile_warnings(connection: Connection, workspace_id: str) -> list[str]:
        configuration = snapshots.latest(connection, snapshots.configurations, workspace_id)
        return [] if configuration is None else profiles.missing_profiles(configuration["profiles"])


def _require_code(connection: Connection, workspace_id: str) -> None:
    """Return if the workspace has what runs are made of, so that every tick can become a run."""
    for table in (snapshots.deployments, snapshots.configurations):
        if snapshots.latest(connection, table, workspace_id) is None:
            raise Conflict(
                f"The workspace has no {table.name.removesuffix('s')} yet, so its jobs could not run.",
                "Upload code and settings first; `runyard deploy` does both.",
            )


def _require_own(connection: Connection, workspace_id: str, request: DeployRequest) -> None:
    """Return if the newest code and settings are those that the manifest was made for (RCN-12).

    Raises: Conflict if another deploy has uploaded others meanwhile, so that no mix of both comes into force.
    """
    wanted = (
        (snapshots.deployments, request.deployment_id),
        (snapshots.configurations, request.configuration_id),
    )
    for table, mine in wanted:
        newest = snapshots.latest(connection, table, workspace_id)
        if mine is not None and newest is not None and newest["id"] != mine:
            raise Conflict(
                f"Another deploy has uploaded version {newest['version']} of the "
                f"{NOUNS[table.name]} meanwhile, so the jobs were left as they are.",
                "See what the other one changed, then deploy again.",
            )


def _deployed(row: RowMapping) -> DeployedJob:
    return DeployedJob(
        job_ref=row["job_ref"],
        definition=row["definition"],
        extensions=row["extensions"],
        deployment_module=row["deployment_module"],
        archived=row["archived_at"] is not None,
    )


def _elapsed(changes: Sequence[JobChange], before: Mapping[str, RowMapping], now: int) -> Iterator[str]:
    """Yield what this deploy says for the first time and is too late (TRG-17)."""
    for change in changes:
        if change.declared is not None and change.change is not Change.UNCHANGED:
            yield from elapsed(change.declared, _triggers_before(before.get(change.job_ref)), now)


def _triggers_before(row: RowMapping | None) -> Sequence[Any]:
    """Return the triggers that a job had until now, none of one that was archived.

    As they are stored: a job that this version cannot read is deployed anew like any other.
    """
    if row is None or row["archived_at"] is not None:
        return ()
    stored = row["definition"]
    written = stored.get("triggers") if isinstance(stored, Mapping) else None
    return written if isinstance(written, list) else (written,)


def _dropped(before: RowMapping | None, after: RowMapping) -> RowMapping | None:
    return before if before is not None and before["override"] and not after["override"] else None


def _previous(connection: Connection, before: RowMapping | None, change: JobChange) -> RowMapping | None:
    if before is None or change.change is not Change.UPDATED:
        return None
    return jobs.get_version(connection, before["version_id"])
