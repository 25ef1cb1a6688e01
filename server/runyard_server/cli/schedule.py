"""`runyard schedule`: when the job of a single file runs. The schedule of a deployed job is in its code."""

from __future__ import annotations

from typing import Annotated

import typer

from runyard.core import job_refs, triggers
from runyard.core.errors import Declined, NotFound
from runyard.core.jobs import JobType
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.target import in_file, sync_job
from runyard_server.client import Job

CANCEL = "cancel"
"""The word in place of a schedule that takes it away."""


def schedule(
    context: typer.Context,
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="A Python file, or the name of its job.")],
    when: Annotated[
        str,
        typer.Argument(metavar='"CRON"', help="Five cron fields or an alias such as @daily; or `cancel`."),
    ],
) -> None:
    """Let a single file run on a schedule, or no longer."""
    session = session_of(context)
    if when == CANCEL:
        job = _own(session.client.job(script), when)
        if job.schedule_override is None:
            session.output.note(f"{job.job_ref} has no schedule.")
        else:
            job = session.client.drop_schedule(job.id)
            session.output.note(f"{job.job_ref} runs on no schedule any more.")
    else:
        triggers.read_schedule(when)  # said before any code travels
        _refuse_deployed(session, script, when)
        job = sync_job(session, script, in_file(session, script), None, JobType.BATCH, "Scheduling in")
        job = session.client.set_schedule(_own(job, when).id, when)
        words = triggers.in_words(job.default_trigger or "", job.definition.timezone)
        session.output.note(
            f"{job.job_ref} runs {words}, next {session.output.time(job.next_scheduled_run_at)}."
        )
    session.output.result(
        {
            "job_ref": job.job_ref,
            "id": job.id,
            "schedule_override": job.schedule_override,
            "next_scheduled_run_at": job.next_scheduled_run_at,
        }
    )


def _refuse_deployed(session: Session, script: str, when: str) -> None:
    """Return unless a deployment module declares the job that is meant. Raises: Declined."""
    try:
        _own(session.client.job(script), when)
    except NotFound:
        return  # a file that never ran here is registered now


def _own(job: Job, when: str) -> Job:
    """Return a job of a single file. Raises: Declined for one whose schedule is in its code (TRG-27)."""
    if job.deployment_module is not None:
        written = "leave `trigger` out" if when == CANCEL else f'write `trigger=trigger.schedule("{when}")`'
        raise Declined(
            f"{job.job_ref} is deployed by `{job.deployment_module}`, and its schedule is in its code.",
            f"In the decorator of `{job_refs.short_name(job.job_ref)}` {written}, and run `runyard deploy`.",
        )
    return job
