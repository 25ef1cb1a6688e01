"""Which job `runyard run` and `runyard serve` mean: one that is deployed, or one of a single file."""

from __future__ import annotations

from pathlib import Path

from runyard.core import job_refs
from runyard.core.discovery import Discovered
from runyard.core.errors import Conflict, InvalidInput, InvalidRequest, NotFound
from runyard.core.jobs import JobDefinition, JobType, parse_job
from runyard_server.cli.deploy import head_for, sync
from runyard_server.cli.session import Session
from runyard_server.client import Job, StartedJob

UPSTREAM_PENDING = "skipped_upstream_pending"
"""What the receipt says of a job that an upstream holds back (contract 8.3)."""


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
    session: Session,
    target: str,
    found: Discovered | None,
    job_ref: str | None,
    wanted: JobType,
    doing: str = "Running in",
) -> Job:
    """Bring the code to the server and return the job that is meant, registered if it is one of a file.

    `doing` says before the name of the workspace what for.
    Raises: Conflict if it would go to another project's workspace, InvalidRequest for a job of the other type
    (ADH-12, ADH-14), NotFound if it is not deployed.
    """
    head_for(session, doing)
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
        way_out(declined),
        reasons=declined.reasons,
    )


def way_out(declined: StartedJob) -> str:
    """Return what one may do about a job that was not started."""
    if declined.status == UPSTREAM_PENDING:
        return "Start what it waits for, or pass `--force`."
    return f"`runyard job info {job_refs.short_name(declined.job_ref)}` says more."


def _require(job: JobDefinition, wanted: JobType, target: str) -> None:
    kind = job.entry_point.job_type
    if kind is wanted:
        return
    command = f"`runyard {'run' if kind is JobType.BATCH else 'serve'} {target}`"
    if kind is JobType.BATCH and job.entry_point.function is None:
        raise InvalidRequest(
            f"`{target}` has nothing to serve.",
            "Give it a marimo, FastMCP or Streamlit app, or an ASGI application named `app`; "
            f"as a script it is started by {command}.",
        )
    raise InvalidRequest(f"`{job.job_ref}` is {kind}.", f"Use {command}.")


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
    extensions = {ref: found.extensions[ref]} if ref in found.extensions else {}
    receipt = session.client.deploy({**found.manifest, "jobs": only}, extensions)
    return receipt.jobs[0].job
