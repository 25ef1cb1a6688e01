"""`runyard workspace manifest`: what was deployed before, in what two of them differ, and going back (RCN-18)."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer

from runyard.core.runs import NUMBER_MAX
from runyard_server.cli import deploy, output
from runyard_server.cli.options import DryRun, Limit
from runyard_server.cli.session import session_of
from runyard_server.cli.usage import Group
from runyard_server.client import JobDifference

LISTED = 20
"""Manifests in a list unless told otherwise: a screen."""

VALUE_COLUMNS = 60
"""Of a value in a comparison; the whole one is in `--json`."""

Version = Annotated[int, typer.Argument(metavar="N", min=1, max=NUMBER_MAX, help="Number of a manifest.")]
Other = Annotated[
    int | None,
    typer.Argument(
        metavar="[M]", min=1, max=NUMBER_MAX, help="Number of the other one; the newest if left out."
    ),
]

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at what was deployed before, and go back to it.",
    epilog="Example: runyard workspace manifest list",
)


@app.command("list", epilog="Example: runyard workspace manifest list")
def list_manifests(
    context: typer.Context,
    limit: Limit = LISTED,
) -> None:
    """List the manifests that were deployed, the newest first."""
    session = session_of(context)
    found = list(islice(session.client.manifests(), limit))
    rows = (
        (
            f"{each.version}",
            f"{each.job_count}",
            each.deployment_module or "-",
            session.output.time(each.created_at),
        )
        for each in found
    )
    shown = [output.table("NUMBER", "JOBS", "FROM", "DEPLOYED", rows=rows)] if found else []
    documents = [
        {
            "version": each.version,
            "job_count": each.job_count,
            "deployment_module": each.deployment_module,
            "created_at": each.created_at,
        }
        for each in found
    ]
    session.output.result(documents, *shown)
    if not found:
        session.output.note("No manifest was deployed here yet. Deploy one with `runyard deploy`.")


@app.command(epilog="Example: runyard workspace manifest diff 3 5")
def diff(context: typer.Context, version: Version, other: Other = None) -> None:
    """Show in what one manifest differs from another, job by job."""
    session = session_of(context)
    # Where none was deployed, the server says that it has no such number.
    newest = other or next((each.version for each in session.client.manifests(page_items=1)), version)
    found = session.client.compare_manifests(version, newest)
    rows = (
        (
            each.job_ref if index == 0 else "",
            output.status(deploy.OUTCOMES.get(each.outcome, each.outcome)) if index == 0 else "",
            name,
            before,
            after,
        )
        for each in found
        for index, (name, before, after) in enumerate(_differences(each))
    )
    shown = (
        [output.table("JOB", "CHANGE", "FIELD", f"IN {version}", f"IN {newest}", rows=rows)] if found else []
    )
    session.output.result({"version": version, "other": newest, "jobs": found}, *shown)
    if not found:
        session.output.note(f"The manifests {version} and {newest} declare the same jobs.")


@app.command(epilog="Example: runyard workspace manifest apply 3 --dry-run")
def apply(context: typer.Context, version: Version, dry_run: DryRun = False) -> None:
    """Make an older manifest the truth again, on the code and settings that are deployed now."""
    session = session_of(context)
    receipt = session.client.apply_manifest(version, dry_run=dry_run)
    for warning in receipt.warnings:
        session.output.warn(warning)
    session.output.result(
        {"dry_run": dry_run, "version": version, "jobs": deploy.jobs_document(receipt)},
        deploy.jobs_table(session.output, receipt),
    )
    session.output.note("Code and settings are no part of a manifest: those that are deployed now stay.")
    if dry_run:
        session.output.note("Nothing was changed.")


def _differences(job: JobDifference) -> list[tuple[str, str, str]]:
    """Return the fields that changed with both values; of a job that only one manifest has, none in particular."""
    if job.outcome != "updated":
        return [("", "", "")]
    return [(name, _short(before), _short(after)) for name, (before, after) in job.fields.items()]


def _short(value: object) -> str:
    text = (
        "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
    return output.cut(text, VALUE_COLUMNS)
