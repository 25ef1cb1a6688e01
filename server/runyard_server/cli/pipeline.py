"""`runyard pipeline`: the job that runs a pipeline, found by the pipeline's name."""

from __future__ import annotations

from typing import Annotated

import typer

from runyard.core import job_refs
from runyard.core.errors import AmbiguousName, NotFound
from runyard.core.jobs import JobType
from runyard_server.cli.options import Follow, Force, Refresh
from runyard_server.cli.run import start
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.target import sync_job
from runyard_server.cli.usage import Group
from runyard_server.client import Job

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Run pipelines by their names.",
    epilog="Example: runyard pipeline run flights --follow",
)


@app.callback()
def pipeline() -> None:
    """Run pipelines by their names."""


@app.command(epilog="Example: runyard pipeline run flights --follow")
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PIPELINE", help="The name of a pipeline.")],
    follow: Follow = False,
    refresh: Refresh = False,
    force: Force = False,
    job_ref: Annotated[str | None, typer.Option("--job-ref", help="Which job of the pipeline.")] = None,
) -> None:
    """Sync the code, then start the job that runs a pipeline."""
    session = session_of(context)
    job = sync_job(session, _bound_to(session, name, job_ref).job_ref, None, None, JobType.BATCH)
    start(session, job, follow=follow, refresh=refresh, force=force)


def _bound_to(session: Session, name: str, job_ref: str | None) -> Job:
    """Return the job that runs a pipeline. Raises: NotFound, AmbiguousName listing those that do (TAG-13)."""
    jobs = {job.job_ref: job for job in session.client.jobs()}
    bound = {ref: job for ref, job in jobs.items() if job.definition.pipeline_name == name}
    if not bound:
        known = sorted(
            {job.definition.pipeline_name for job in jobs.values() if job.definition.pipeline_name}
        )
        raise NotFound(
            f"No job is bound to the pipeline `{name}`.",
            f"Bound are: {', '.join(known)}."
            if known
            else "Jobs of `@run.job` are bound to none: use `runyard run`.",
        )
    if job_ref is not None:
        return bound[job_refs.resolve(job_ref, bound)]
    if len(bound) > 1:
        raise AmbiguousName(
            f"{len(bound)} jobs are bound to the pipeline `{name}`.",
            "Say which one with `--job-ref`.",
            reasons=sorted(bound),
        )
    return next(iter(bound.values()))
