"""`runyard serve`: start a notebook, an MCP server or a web app, or find it running, and say where it is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from runyard.core import job_refs
from runyard.core.errors import Conflict
from runyard.core.jobs import JobType
from runyard.core.runs import RunStatus
from runyard_server.cli.deploy import expanded, show_yaml
from runyard_server.cli.exits import Exit
from runyard_server.cli.options import Config, Profile, parse_config
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.target import in_file, refusal, sync_job
from runyard_server.client import Run


def serve(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A deployed app, or a Python file.")],
    config: Config = None,
    profile: Profile = None,
    job_ref: Annotated[str | None, typer.Option("--job-ref", help="Which job of the file.")] = None,
    show_manifest: Annotated[bool, typer.Option("--show-manifest", help="Print the manifest only.")] = False,
) -> None:
    """Sync the code, start an app unless it runs, wait until it answers, and print its address."""
    session = session_of(context)
    overrides = parse_config(config)
    found = in_file(session, target)
    if show_manifest and found:
        show_yaml(session, expanded(found))
        return
    job = sync_job(session, target, found, job_ref, JobType.INTERACTIVE)
    receipt = session.client.trigger(job_ids=[job.id], profile=profile, config=overrides)
    (answer,) = (*receipt.started, *receipt.skipped)
    if answer.run is None:
        raise refusal(answer)
    for reason in answer.reasons:
        session.output.note(reason)
    run = _until_it_serves(session, answer.run.id)
    session.output.result(
        {**asdict(run), "url": job.job_url}, f"Serving {run.job_ref} #{run.number}\n  {job.job_url}"
    )


def _until_it_serves(session: Session, run_id: str) -> Run:
    """Return the run once its app answers. Exits with 5 if it ends before (ADH-03)."""
    with closing(session.client.watch(run_id)) as states:
        for run in states:
            session.output.note(f"Status: {run.status}", "dim")
            if run.status == RunStatus.RUNNING:
                break
    if run.is_over:
        short = job_refs.short_name(run.job_ref or run_id)
        error = Conflict(
            f"{run.job_ref} #{run.number} {run.status}: {run.message or run.reason}",
            f"`runyard job logs {short} {run.number}` shows what it said.",
        )
        session.output.error(error)
        raise typer.Exit(Exit.RUN_NOT_COMPLETED)
    return run
