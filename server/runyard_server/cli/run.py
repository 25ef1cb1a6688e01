"""`runyard run`: start a deployed job, or one file, on the code as it is here now. Apps are started by `serve`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from runyard.core import job_refs
from runyard.core.discovery import Discovered
from runyard.core.errors import Conflict, InvalidInput, InvalidRequest, NotFound
from runyard.core.jobs import JobDefinition, JobType, parse_job
from runyard.core.runs import RunStatus
from runyard_server.cli import runs
from runyard_server.cli.deploy import expanded, head_for, show_yaml, sync
from runyard_server.cli.exits import Exit
from runyard_server.cli.options import Config, Follow, Profile, Refresh, parse_config
from runyard_server.cli.session import Session, session_of
from runyard_server.client import Job, Run, StartedJob


def run(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A deployed job, or a Python file.")],
    follow: Follow = False,
    refresh: Refresh = False,
    config: Config = None,
    profile: Profile = None,
    job_ref: Annotated[str | None, typer.Option("--job-ref", help="Which job of the file.")] = None,
    show_manifest: Annotated[bool, typer.Option("--show-manifest", help="Print the manifest only.")] = False,
) -> None:
    """Sync the code, then start a job of this workspace or a single file."""
    session = session_of(context)
    overrides = parse_config(config)
    found = in_file(session, target)
    if show_manifest and found:
        show_yaml(session, expanded(found))
        return
    job = sync_job(session, target, found, job_ref, JobType.BATCH)
    receipt = session.client.trigger(job_ids=[job.id], profile=profile, refresh=refresh, config=overrides)
    for declined in receipt.skipped:
        raise refusal(declined)
    (started,) = receipt.started
    assert started.run is not None, "a started job has a run"
    finish(session, session.client.run(started.run.id), follow=follow)


def in_file(session: Session, target: str) -> Discovered | None:
    """Return what a file declares if `target` is a path to one, None if it is a name.

    Raises: NotFound if there is no such file.
    """
    path = Path.cwd() / target
    if path.suffix != ".py":
        return None
    if not path.is_file():
        raise NotFound(f"There is no file `{path}`.", "Check the path, or give the name of a deployed job.")
    return session.deployer.discover(str(path), ad_hoc=True)


def sync_job(
    session: Session, target: str, found: Discovered | None, job_ref: str | None, wanted: JobType
) -> Job:
    """Bring the code to the server and return the job that is meant, registered if it is one of a file.

    Raises: Conflict if it would go to another project's workspace, InvalidRequest for a job of the other type
    (ADH-12), NotFound if it is not deployed.
    """
    head_for(session)
    if found is None:
        job = session.client.job(target)
        if job.is_archived:
            raise NotFound(f"`{job.job_ref}` is no longer deployed.", "Declare it and run `runyard deploy`.")
        _require(job.definition, wanted, target)
        sync(session, session.deployer)
        return job
    ref = _choose(found, job_ref)
    _require(next(parse_job(job) for job in found.manifest["jobs"] if job["job_ref"] == ref), wanted, target)
    sync(session, session.deployer)
    return _register(session, found, ref)


def refusal(declined: StartedJob) -> Conflict:
    """Return the error that a job was not started, with the server's reasons."""
    return Conflict(
        f"`{declined.job_ref}` was not started ({declined.status.replace('_', ' ')}).",
        f"`runyard job info {job_refs.short_name(declined.job_ref)}` says more.",
        reasons=declined.reasons,
    )


def finish(session: Session, run: Run, *, follow: bool) -> None:
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


def _require(job: JobDefinition, wanted: JobType, target: str) -> None:
    kind = job.entry_point.job_type
    if kind is not wanted:
        command = "run" if kind is JobType.BATCH else "serve"
        raise InvalidRequest(f"`{job.job_ref}` is {kind}.", f"Use `runyard {command} {target}`.")


def _choose(found: Discovered, wanted: str | None) -> str:
    """Return the ref of the one job of a file that is meant. Raises: InvalidInput, NotFound, AmbiguousName."""
    refs = [job["job_ref"] for job in found.manifest["jobs"]]
    if wanted is None and len(refs) > 1:
        raise InvalidInput(
            f"The file declares {len(refs)} jobs.", "Say which one with `--job-ref`.", reasons=refs
        )
    return job_refs.resolve(wanted, refs) if wanted else refs[0]


def _register(session: Session, found: Discovered, ref: str) -> Job:
    """Return a job of a file, registered unless a deployment module owns it already (ADH-01, ADH-05)."""
    for job in session.client.jobs(ref=ref):
        if job.deployment_module is not None:
            return job
    for warning in found.warnings:
        session.output.warn(warning)
    only = [job for job in found.manifest["jobs"] if job["job_ref"] == ref]
    receipt = session.client.deploy({**found.manifest, "jobs": only})
    return receipt.jobs[0].job
