"""`runyard job why`: what was decided about a job, and why. The sentences are the planner's; here they get a form."""

from __future__ import annotations

import json
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from runyard.core import time_words, triggers
from runyard_server.cli import foreseen, output, times
from runyard_server.cli.options import Name
from runyard_server.cli.session import Session, session_of
from runyard_server.client import Decision, Job

DECISIONS_SHOWN = 10
"""Of the newest, unless told otherwise: a screen."""


def why(
    context: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = DECISIONS_SHOWN,
) -> None:
    """Show why a job did or did not run: what was decided for each tick and event, the newest first.

    With -v it shows the facts that each decision stood on.
    """
    session = session_of(context)
    job = session.client.job(name)
    decided = session.client.decisions(job.id, limit)
    zone = times.viewer_zone()
    rows = ([*_cells(session, job, decision, zone)] for decision in decided)
    shown = [output.table(f"YOUR TIME\n({zone.key})", "WHAT CAME OF IT", "WHY", rows=rows)] if decided else []
    document = {
        "job_ref": job.job_ref,
        "timezone": job.definition.timezone,
        "viewer_timezone": zone.key,
        "decisions": decided,
    }
    session.output.result(document, *shown)
    if not decided:
        session.output.note(f"Nothing was decided about {job.job_ref} yet: no tick or event of it has come.")


def _cells(session: Session, job: Job, decision: Decision, zone: ZoneInfo) -> tuple[Text | str, ...]:
    out = session.output
    came = Text(decision.outcome.replace("_", " "), foreseen.STYLES.get(decision.outcome, ""))
    if decision.run_number is not None:
        came.append(f"\nrun #{decision.run_number}", "default")
    because = Text(time_words.in_words(decision.because, zone, decision.last_at))
    for line in (_trigger(session, job, decision, zone), _repeats(session, decision, zone)):
        if line:
            because.append(f"\n{line}", "dim")
    if session.verbosity:
        for key, value in decision.facts.items():
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            because.append(f"\n  {key}: {time_words.in_words(told, zone, decision.last_at)}", "dim")
    return out.moment(decision.last_at, zone), came, because


def _trigger(session: Session, job: Job, decision: Decision, zone: ZoneInfo) -> str:
    """Return what started it, unless the sentence says so; of a tick also when that was where the job is (TZ-06)."""
    if not decision.trigger:
        return ""
    words = triggers.in_words(decision.trigger, job.definition.timezone)
    if decision.tick_at is None or times.same_zone(job.zone.key, zone.key):
        return "" if words.casefold() in decision.because.casefold() else words
    return f"{words}: {session.output.moment(decision.tick_at, job.zone)} in {job.zone.key}"


def _repeats(session: Session, decision: Decision, zone: ZoneInfo) -> str:
    if decision.count == 1:
        return ""
    return f"{decision.count} times since {session.output.moment(decision.at, zone)}"
