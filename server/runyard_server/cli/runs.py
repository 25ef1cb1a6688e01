"""`runyard job runs`: single runs: list, look at, read, stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runyard.core import job_refs, selectors, time_words
from runyard.core.runs import OPEN, RunStatus
from runyard_server.cli import output, times
from runyard_server.cli.exits import Exit
from runyard_server.cli.options import Follow, Limit, MaybeSelectors, NameOrRun, Number
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.usage import Group
from runyard_server.client import PipelineRun, Run
from runyard_server.client.diagnosis import Diagnosis, diagnose

RUNS_LISTED = 20
"""Runs in a list unless told otherwise: a screen."""

TABLES_SHOWN = 20
"""Tables of a run of a pipeline: a screen. With --json there are more."""

CANCELS_AT_ONCE = 1000
"""Runs named in one request: the server's bound."""

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at single runs, read their logs, stop them.",
    epilog="Example: runyard job runs list",
)


@app.command("list", epilog="Example: runyard job runs list load_flights --status failed --limit 5")
def list_runs(
    context: typer.Context,
    which: MaybeSelectors = None,
    running: Annotated[bool, typer.Option("--running", help="Only runs that have not ended.")] = False,
    status: Annotated[
        list[RunStatus] | None, typer.Option("--status", help="Only runs of this status; may be repeated.")
    ] = None,
    limit: Limit = RUNS_LISTED,
) -> None:
    """List runs, the newest first."""
    session = session_of(context)
    session.say_where()
    statuses = OPEN if running else frozenset(status or ())
    found = list(islice(_runs(session, which or (), statuses), limit))
    session.output.result(found, *shown_below(session, found))
    if not found:
        session.output.note("No run matches." if which or statuses else "Nothing has run here yet.")


@app.command(epilog="Example: runyard job runs info load_flights 3")
def info(context: typer.Context, name: NameOrRun, number: Number = None) -> None:
    """Show how a run went: its status and why, its window, its versions and times."""
    session = session_of(context)
    out = session.output
    client = session.client
    run = client.find_run(name, number)
    code = client.deployment(run.deployment_id).version if run.deployment_id else None
    settings = client.configuration(run.configuration_id).version if run.configuration_id else None
    found = diagnose(client, run)
    told = list(client.pipeline_runs(run.id))
    shown = output.facts(
        [
            ("job", run.job_ref),
            ("run", f"#{run.number}  {run.id}"),
            ("status", output.status(run.status, run.reason)),
            ("because", run.message if run.message != found.error else None),
            ("exit code", None if run.exit_code is None else str(run.exit_code)),
            ("attempt", _attempt(session, run)),
            ("trigger", run.because),
            ("profile", run.profile),
            ("window", _window(run)),
            ("code", f"version {code}" if code else None),
            ("settings", f"version {settings}" if settings else None),
            ("queued", out.time(run.created_at)),
            ("started", out.time(run.started_at)),
            ("ended", out.time(run.finished_at)),
            ("took", out.duration(run.duration_seconds)),
            ("page", client.run_url(run.id)),
        ]
    )
    document = {
        **asdict(run),
        "deployment_version": code,
        "configuration_version": settings,
        "url": client.run_url(run.id),
        "error": found.error or None,
        "causes": [asdict(cause) for cause in found.causes],
        "pipeline_runs": [asdict(each) for each in told],
    }
    out.result(document, shown, *_pipeline_runs(session, told), *_diagnosis(found))
    out.note(f"Its log: runyard job logs {job_refs.short_name(run.job_ref or name)} {run.number}", "dim")


@app.command(epilog="Example: runyard job runs logs load_flights 3")
def logs(context: typer.Context, name: NameOrRun, number: Number = None, follow: Follow = False) -> None:
    """Print the log of a run."""
    show_logs(session_of(context), name, number, follow=follow)


@app.command(epilog="Example: runyard job runs cancel load_flights")
def cancel(context: typer.Context, name: NameOrRun, number: Number = None) -> None:
    """Stop a run: the one named, else the latest that has not ended."""
    session = session_of(context)
    client = session.client
    run = client.find_run(name, number)
    if number is None and run.is_over and name != run.id:
        run = next(client.open_runs(job_id=client.job(name).id), run)
    cancel_all(session, [run], dry_run=False)


def show_logs(session: Session, name: str, number: int | None, *, follow: bool) -> None:
    """Print a log: all of it, and with `follow` what comes until the run has ended and how it did.

    Exits with 5 if a run that was followed did not complete. Source: RUN-06, RUN-07, CLI-44.
    """
    run = session.client.find_run(name, number)
    following = follow and not run.is_over
    session.output.log(session.client.follow(run.id) if following else session.client.logs(run.id))
    if follow and not ended(session, run.id).is_completed:
        raise typer.Exit(Exit.RUN_NOT_COMPLETED)


def ended(session: Session, run_id: str) -> Run:
    """Return a run that has ended, after saying how it did."""
    out, run = session.output, session.client.run(run_id)
    why = f", {run.message or run.reason}" if not run.is_completed and run.reason else ""
    took = out.duration(run.duration_seconds)
    style = output.STYLES.get(run.status, "")
    out.note(f"{run.job_ref} #{run.number} {run.status}{why}, {took}.", style)
    return run


def cancel_all(session: Session, runs: Sequence[Run], *, dry_run: bool) -> None:
    """Ask runs to stop and say which were. Source: RUN-09, RUN-10, RUN-12."""
    ids = [run.id for run in runs]
    receipts = [
        session.client.cancel(ids[start : start + CANCELS_AT_ONCE], dry_run=dry_run)
        for start in range(0, len(ids), CANCELS_AT_ONCE)
    ]
    cancelled = [row for receipt in receipts for row in receipt.cancelled]
    before = [row for receipt in receipts for row in receipt.ended_before]
    rows = ((row.job_ref, f"#{row.job_run_number}", output.status(row.previous_status)) for row in cancelled)
    shown = [output.table("JOB", "RUN", "WAS", rows=rows)] if cancelled else []
    session.output.result({"dry_run": dry_run, "cancelled": cancelled, "ended_before": before}, *shown)
    verb = "would be asked" if dry_run else "asked"
    session.output.note(f"{output.counted(len(cancelled), 'run')} {verb} to stop.")
    for row in before:
        session.output.note(f"{row.job_ref} #{row.job_run_number} had ended before ({row.previous_status}).")


def _attempt(session: Session, run: Run) -> str | None:
    """Return which attempt it is, of a run that may have several, and when the next one is due."""
    if run.attempts_max == 1 or not run.attempts:
        return None
    which = f"{run.attempt} of {run.attempts_max}"
    if run.retry_at is None:
        return which
    return f"{which} failed ({run.attempts[-1].reason}), the next one {session.output.time(run.retry_at)}"


def shown_below(session: Session, runs: Iterable[Run]) -> list[Table]:
    """Return a table of runs, nothing if there are none."""
    out = session.output
    rows = [
        (
            run.job_ref or "-",
            f"#{run.number}",
            output.status(run.status, run.reason if run.status == RunStatus.FAILED else None),
            run.because,
            run.profile,
            _window(run),
            out.time(run.started_at or run.created_at),
            out.duration(run.duration_seconds),
        )
        for run in runs
    ]
    headings = ("JOB", "RUN", "STATUS", "TRIGGER", "PROFILE", "WINDOW", "STARTED", "TOOK")
    return [output.table(*headings, rows=rows)] if rows else []


def _pipeline_runs(session: Session, told: Sequence[PipelineRun]) -> Iterator[RenderableType]:
    """Yield what each pipeline of a run did: where it loaded to, and its tables with their rows, the largest first."""
    for each in told:
        yield Padding(_pipeline_run(session, each), (1, 0, 0, 0))
        if each.error_step:
            yield Text(f"failed at {each.error_step}: {each.error_message}", "red")
        if not each.tables:
            continue
        rows: list[tuple[str, Text]] = [
            (table.table_name, Text(f"{table.rows:,}", justify="right"))
            for table in each.tables[:TABLES_SHOWN]
        ]
        if more := each.table_count - len(rows):
            rest = each.total_rows - sum(table.rows for table in each.tables[:TABLES_SHOWN])
            rows.append((f"{more} more", Text(f"{rest:,}", justify="right")))
        yield output.table("TABLE", "ROWS", rows=rows)
    if told:
        yield ""


def _pipeline_run(session: Session, told: PipelineRun) -> Text:
    """Return which pipeline it was, where it loaded to and how long it took, in a line."""
    where = ".".join(filter(None, (told.destination_name, told.dataset_name)))
    took = None if told.duration_seconds is None else session.output.duration(told.duration_seconds)
    parts = [f"to {where}" if where else None, output.counted(told.total_rows, "row"), took]
    return Text.assemble(
        "pipeline ",
        (told.pipeline_name, "bold"),
        "  ",
        (", ".join(str(part) for part in parts if part), "dim"),
    )


def _diagnosis(found: Diagnosis) -> Iterator[RenderableType]:
    """Yield what a run died of, below its facts: the last error, then each likely cause with its remedy (TRB-04)."""
    if found.error:
        yield Padding(Text(found.error, "red"), (1, 0, 0, 0))
    for cause in found.causes:
        yield Padding(Text.assemble(f"{cause.cause} ", (cause.code, "dim")), (1, 0, 0, 0))
        yield Text.assemble(("→ ", "green"), cause.remedy)
    if found.error or found.causes:
        yield ""


def _runs(session: Session, which: Sequence[str], statuses: frozenset[RunStatus]) -> Iterable[Run]:
    """Return the runs of the jobs that selectors pick, of all without any; of one job the server filters."""
    client = session.client
    if not which:
        return client.runs(status=statuses)
    jobs = {job.job_ref: job for job in client.jobs(archived=True)}
    picked = selectors.select((job.definition for job in jobs.values()), which)
    if len(picked) == 1:
        return client.runs(job_id=jobs[picked[0].job.job_ref].id, status=statuses)
    refs = {found.job.job_ref for found in picked}
    return (run for run in client.runs(status=statuses) if run.job_ref in refs)


def _window(run: Run) -> str:
    """Return the window of a run in its job's zone."""
    if run.interval_start is None or run.interval_end is None or run.interval_start == run.interval_end:
        return "-"
    zone = time_words.zone_called(run.timezone)
    return f"{times.dates(run.interval_start, run.interval_end, zone)} {zone.key}"
