"""`runyard deploy`: the jobs, code and settings of the workspace, to the server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
import yaml
from rich.table import Table

from runyard.core import workspace
from runyard.core.discovery import Discovered
from runyard.core.errors import Conflict
from runyard.core.jobs import parse_job
from runyard.core.manifest import expand_triggers
from runyard.core.triggers import TriggerType
from runyard_server.cli import output, times
from runyard_server.cli.options import DryRun
from runyard_server.cli.session import Session, session_of
from runyard_server.client import DeployReceipt, Job
from runyard_server.client.deploying import Deployer, Synced

FILES_SHOWN = 20
"""Changed files listed with `-v`; a first deploy of a large workspace would fill the screen."""

OUTCOMES = {"created": "added"}
"""Words of the receipt that people read differently (RCN-03)."""


def deploy(
    context: typer.Context,
    file: Annotated[str | None, typer.Option("--file", help="Deployment module to use instead.")] = None,
    dry_run: DryRun = False,
    show_manifest: Annotated[bool, typer.Option("--show-manifest", help="Print the manifest only.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Make warnings errors.")] = False,
) -> None:
    """Deploy the jobs, the code and the settings of this workspace."""
    session = session_of(context)
    out, deployer = session.output, session.deployer
    if not show_manifest:
        head_for(session)
    found = None
    if file or deployer.has_deployment_module:
        found = deployer.discover(file)
        number = output.counted(len(found.manifest["jobs"]), "job")
        out.note(f"Imported {found.manifest['deployment_module']}: {number}.")
    if show_manifest:
        _show_manifest(session, deployer, found)
        return
    receipt = deployer.plan(found, strict=strict)
    code, settings = sync(session, deployer, dry_run=dry_run)
    if found and not dry_run:
        receipt = session.client.deploy(
            found.manifest, found.extensions, code=code.version, settings=settings.version
        )
    warnings = deployer.warnings(found, receipt)
    for warning in warnings:
        out.warn(warning)
    if receipt is None:
        out.note("There is no `__deployment__.py`: code and settings are synced, no job is deployed.")
    for note in _overrides(receipt):
        out.note(note)
    shown = [jobs_table(out, receipt)] if receipt else []
    out.result(_document(dry_run, code, settings, receipt, warnings), *shown)
    if dry_run:
        out.note("Nothing was changed.")


def head_for(session: Session, doing: str = "Deploying to") -> None:
    """Say to which workspace code is about to go. Raises: Conflict if it is another project's, as it seems.

    The only workspace one owns is taken without a word; with another name and with code it is somebody's
    work, which is replaced if that was said: by connecting to it, by naming it, or by `--yes` (WS-15).
    """
    workspace.require_pyproject(session.root)
    target, mine = session.client.target, session.client.workspace
    session.output.note(f"{doing} {mine.name} at {target.server}")
    if not (session.yes or session.is_own_workspace) and session.client.latest_deployment():
        raise Conflict(
            f"This project is `{target.project}`, and the workspace `{mine.name}` has a deployment already.",
            f"If it is the right one, `runyard workspace connect {mine.name}`, or go on with `--yes`.",
        )


def sync(session: Session, deployer: Deployer, *, dry_run: bool = False) -> tuple[Synced, Synced]:
    """Bring code and settings to the server and say what came of it."""
    code = deployer.sync_code(dry_run=dry_run)
    _say_synced(session, "Code", code, dry_run)
    settings = deployer.sync_settings(dry_run=dry_run)
    _say_synced(session, "Settings", settings, dry_run)
    return code, settings


def _say_synced(session: Session, what: str, synced: Synced, dry_run: bool) -> None:
    version = f"version {synced.version.version}" if synced.version else "no version yet"
    if not synced.is_new:
        session.output.note(f"{what} unchanged ({version}).")
        return
    changes = synced.changes
    kinds = {"added": changes.added, "updated": changes.updated, "deleted": changes.deleted}
    counts = ", ".join(f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths)
    done = "would be uploaded" if dry_run else f"uploaded as {version}"
    session.output.note(f"{what} {done}: {counts or 'no file'}.")
    if session.verbosity:
        listed = [f"  {kind} {path}" for kind, paths in kinds.items() for path in paths]
        for line in listed[:FILES_SHOWN]:
            session.output.note(line, "dim")
        if len(listed) > FILES_SHOWN:
            session.output.note(f"  and {len(listed) - FILES_SHOWN} more", "dim")


def expanded(found: Discovered) -> dict[str, Any]:
    """Return the manifest with everything that starts a job, and what stands beside it (RCN-08)."""
    jobs = [
        {**job, "triggers": list(expand_triggers(parse_job(job, found.extensions.get(job["job_ref"]))))}
        for job in found.manifest["jobs"]
    ]
    return {**found.manifest, "jobs": jobs, "extensions": found.extensions}


def show_yaml(session: Session, manifest: Mapping[str, Any]) -> None:
    """Write a manifest as YAML, or as JSON if that is wanted."""
    plain = json.loads(json.dumps(manifest))  # YAML would write shared lists as references
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    session.output.raw(text)
    if session.output.as_json:
        session.output.json(plain)


def _show_manifest(session: Session, deployer: Deployer, found: Discovered | None) -> None:
    if found is None:
        session.output.note("There is no `__deployment__.py`, so there is no manifest.")
        session.output.result(None)
        return
    if session.verbosity:
        session.output.note(f"Workspace {deployer.root}, imported with {deployer.python}.", "dim")
    for warning in found.warnings:
        session.output.warn(warning)
    show_yaml(session, expanded(found))


def jobs_table(out: output.Output, receipt: DeployReceipt) -> Table:
    """Return what became of each job, with the first run of each timed one under the new manifest (RCN-16)."""
    zone = times.viewer_zone()
    rows = (
        (
            row.job.job_ref,
            output.status(OUTCOMES.get(row.outcome, row.outcome)),
            _first_run(out, row.job, zone),
            ", ".join(row.fields),
        )
        for row in receipt.jobs
    )
    return output.table("JOB", "CHANGE", f"FIRST RUN ({zone.key})", "FIELDS", rows=rows)


def _first_run(out: output.Output, job: Job, zone: ZoneInfo) -> str:
    """Return when a timed job runs first, in the zone of who looks and in its own where that is another (TZ-06)."""
    if job.is_archived:
        return ""
    if job.schedule_ended is not None:
        return job.schedule_ended.replace("_", " ")
    if job.next_scheduled_run_at is None:
        return ""
    if job.is_paused:
        return "paused"
    shown = out.moment(job.next_scheduled_run_at, zone)
    theirs = job.zone
    by_clock = any(trigger.partition(":")[0] == TriggerType.SCHEDULE for trigger in job.triggers)
    if not by_clock or times.same_zone(zone.key, theirs.key):
        return shown
    return f"{shown}\n{out.moment(job.next_scheduled_run_at, theirs)} {theirs.key}"


def _overrides(receipt: DeployReceipt | None) -> Iterable[str]:
    """Yield what becomes of schedules that were set beside the code (TRG-21)."""
    for row in receipt.jobs if receipt else ():
        if (kept := row.job.schedule_override) is not None:
            yield f"{row.job.job_ref} keeps the schedule `{kept.trigger}` that was set beside its code."
        if (dropped := row.dropped_override) is not None:
            yield f"{row.job.job_ref} loses the schedule `{dropped.trigger}`, which does not fit the code any more."


def _document(
    dry_run: bool, code: Synced, settings: Synced, receipt: DeployReceipt | None, warnings: list[str]
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "code": code,
        "settings": settings,
        "jobs": jobs_document(receipt),
        "warnings": warnings,
    }


def jobs_document(receipt: DeployReceipt | None) -> list[dict[str, Any]]:
    """Return what became of each job for a program to read."""
    return [
        {
            "job_ref": row.job.job_ref,
            "outcome": row.outcome,
            "fields": row.fields,
            "schedule_override": row.job.schedule_override,
            "dropped_override": row.dropped_override,
            "first_run_at": row.job.next_scheduled_run_at,
            "timezone": row.job.definition.timezone,
            "is_paused": row.job.is_paused,
        }
        for row in (receipt.jobs if receipt else ())
    ]
