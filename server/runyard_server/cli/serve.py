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
from runyard_server.client import Job, Run


def serve(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A deployed app, or a Python file.")],
    config: Config = None,
    profile: Profile = None,
    job_ref: Annotated[str | None, typer.Option("--job-ref", help="Which job of the file.")] = None,
    show_manifest: Annotated[bool, typer.Option("--show-manifest", help="Print the manifest only.")] = False,
) -> None:
    """Sync the code, start an app unless this code runs, wait until it answers, and print its address."""
    session = session_of(context)
    overrides = parse_config(config)
    found = in_file(session, target)
    if show_manifest and found:
        show_yaml(session, expanded(found))
        return
    job = sync_job(session, target, found, job_ref, JobType.INTERACTIVE, "Serving from")
    _stop_outdated(session, job)
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


def _stop_outdated(session: Session, job: Job) -> None:
    """Stop the app if it runs on other code or settings than are deployed now: these are what is to be served."""
    client = session.client
    for run in client.open_runs(job_id=job.id):
        code, settings = client.latest_deployment(), client.latest_configuration()
        if code and run.deployment_id and run.deployment_id != code.id:
            ran = client.deployment(run.deployment_id).version
            session.output.note(f"It ran version {ran}; restarting with version {code.version}.")
        elif settings and run.configuration_id and run.configuration_id != settings.id:
            session.output.note("It ran with older settings; restarting with these.")
        else:
            continue
        client.cancel([run.id])
        client.wait(run.id)


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
