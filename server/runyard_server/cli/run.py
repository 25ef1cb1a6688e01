"""`runyard run`: start a deployed job, or one file, on the code as it is here now. Apps are started by `serve`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from runyard.core.jobs import JobType
from runyard.core.runs import RunStatus
from runyard_server.cli import runs
from runyard_server.cli.deploy import expanded, show_yaml
from runyard_server.cli.exits import Exit
from runyard_server.cli.options import Config, Follow, Force, Profile, Refresh, parse_config
from runyard_server.cli.serve import serve
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.target import in_file, refusal, sync_job
from runyard_server.client import Job, Run


def run(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A deployed job, or a Python file.")],
    follow: Follow = False,
    refresh: Refresh = False,
    force: Force = False,
    config: Config = None,
    profile: Profile = None,
    job_ref: Annotated[str | None, typer.Option("--job-ref", help="Which job of the file.")] = None,
    show_manifest: Annotated[bool, typer.Option("--show-manifest", help="Print the manifest only.")] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Serve an app, as `runyard serve` does.")
    ] = False,
) -> None:
    """Sync the code, then start a job of this workspace or a single file."""
    if interactive:
        if follow or refresh or force:
            raise typer.BadParameter(
                "An app is neither followed, refreshed nor forced.", param_hint="--interactive"
            )
        serve(context, target, config, profile, job_ref, show_manifest)
        return
    session = session_of(context)
    overrides = parse_config(config)
    found = in_file(session, target)
    if show_manifest and found:
        show_yaml(session, expanded(found))
        return
    job = sync_job(session, target, found, job_ref, JobType.BATCH)
    start(session, job, follow=follow, refresh=refresh, force=force, profile=profile, config=overrides)


def start(
    session: Session,
    job: Job,
    *,
    follow: bool,
    refresh: bool,
    force: bool,
    profile: str | None = None,
    config: Mapping[str, str] | None = None,
) -> None:
    """Start a job, and show its run as `_finish` does. Raises: Conflict with the reasons if it declines."""
    receipt = session.client.trigger(
        job_ids=[job.id], profile=profile, refresh=refresh, force=force, config=config
    )
    for declined in receipt.skipped:
        raise refusal(declined)
    (started,) = receipt.started
    assert started.run is not None, "a started job has a run"
    _finish(session, session.client.run(started.run.id), follow=follow)


def _finish(session: Session, run: Run, *, follow: bool) -> None:
    """Say what was started and, when following, stay until it has ended. Exits with 5 if it did not complete.

    Source: ADH-02, ADH-10.
    """
    out, client = session.output, session.client
    title = f"Started {run.job_ref} #{run.number}"
    url = client.run_url(run.id)
    if not follow:
        out.result({**asdict(run), "url": url}, f"{title}\n  run  {run.id}\n  page {url}")
        return
    out.note(f"{title}, run {run.id}, {url}")
    ended = stream(session, run)
    out.result({**asdict(ended), "url": url})
    if not ended.is_completed:
        raise typer.Exit(Exit.RUN_NOT_COMPLETED)


def stream(session: Session, run: Run) -> Run:
    """Show statuses and log of a run until it has ended; return it as it ended."""
    out, client = session.output, session.client
    try:
        with closing(client.watch(run.id)) as states:
            for state in states:
                out.note(f"Status: {state.status}", "dim")
                if state.status != RunStatus.PENDING:
                    break
        for line in client.follow(run.id):
            out.log_beside(line)
    except KeyboardInterrupt:
        out.note(f"The run goes on. Stop it with `runyard job runs cancel {run.id}`.")
        raise
    return runs.ended(session, run.id)
