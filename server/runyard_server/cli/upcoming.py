"""`runyard job next`: when a job runs next, and what each run will cover. What decides it is the planner itself."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from runyard.core import time_words, triggers
from runyard.core.outcomes import UPCOMING, USUAL_SECONDS, Outcome
from runyard_server.cli import foreseen, output, times
from runyard_server.cli.options import Name
from runyard_server.cli.session import Session, session_of
from runyard_server.client import Firing, Job


def upcoming(
    context: typer.Context,
    name: Name,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="How many.")] = UPCOMING,
) -> None:
    """Show when a job runs next: what its schedule and the jobs before it will start, and what each run covers."""
    session = session_of(context)
    out = session.output
    job = session.client.job(name)
    foreseen_next = session.client.next_firings(job.id, count)
    zone = times.viewer_zone()
    document = {
        "job_ref": job.job_ref,
        "timezone": job.definition.timezone,
        "viewer_timezone": zone.key,
        "now": foreseen_next.now,
        "until": foreseen_next.until,
        "is_cut": foreseen_next.is_cut,
        "items": foreseen_next.items,
    }
    shown = [_table(session, job, foreseen_next.items, zone)] if foreseen_next.items else []
    out.result(document, *shown)
    if job.is_paused:
        out.note("The job is paused: its schedule and events start nothing until it is resumed.")
    if not foreseen_next.items:
        out.note(_why_nothing(job))
    if any(firing.outcome == Outcome.NOT_FRESH for firing in foreseen_next.items):
        usual = output.short_duration(USUAL_SECONDS)
        out.note(
            f"What it waits for is taken to need its usual time, {usual} where no run has completed yet."
        )


def _table(session: Session, job: Job, items: tuple[Firing, ...], zone: ZoneInfo) -> Any:
    theirs = job.zone
    out = session.output
    is_other = not times.same_zone(zone.key, theirs.key)
    headings = [f"YOUR TIME\n({zone.key})", *([f"JOB'S TIME\n({theirs.key})"] if is_other else [])]
    several = len({firing.trigger for firing in items}) > 1
    headings += [f"COVERS\n({theirs.key})", *(["BECAUSE"] if several else []), "WHAT HAPPENS"]

    def row(firing: Firing) -> list[Text | str]:
        run = firing.run
        covers = "-"
        if run is not None and run.interval_start is not None and run.interval_end is not None:
            covers = time_words.window(run.interval_start, run.interval_end, theirs)
        return [
            out.moment(firing.at, zone),
            *([out.moment(firing.at, theirs)] if is_other else []),
            covers,
            *([triggers.in_words(firing.trigger, job.definition.timezone)] if several else []),
            foreseen.what(firing, zone),
        ]

    return output.table(*headings, rows=map(row, items))


def _why_nothing(job: Job) -> str:
    if job.is_archived:
        return f"{job.job_ref} is no longer deployed, so nothing starts it."
    starts = [triggers.in_words(trigger, job.definition.timezone) for trigger in job.triggers]
    return f"Nothing is foreseen for {job.job_ref}. It starts: {', '.join(starts) or 'by nothing'}."
