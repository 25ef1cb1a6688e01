"""`runyard job`: what is deployed, starting, stopping, pausing and publishing it, logs. Single runs are in `runs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from runyard.core import input_schemas, selectors, triggers
from runyard.core.errors import Conflict, InvalidRequest
from runyard.core.manifest import is_timezone
from runyard_server.cli import output, runs
from runyard_server.cli.options import (
    Config,
    DryRun,
    Follow,
    Force,
    MaybeSelectors,
    Name,
    NameOrRun,
    Number,
    Profile,
    Refresh,
    Selectors,
    parse_config,
)
from runyard_server.cli.session import Session, session_of
from runyard_server.cli.target import way_out
from runyard_server.cli.usage import Group
from runyard_server.client import Client, Job, StartedJob

RUNS_SHOWN = 5
"""Latest runs in the description of a job: what fits above the fold."""

PAUSED = "Paused: its schedule and events start nothing until it is resumed; the next run covers the gap."
RESUMED = "Resumed: its schedule and events start it again; the next run covers the gap."
CAUGHT_UP = "Resumed: its schedule and events start it again, and make up now for what they missed."
NOTHING_TO_MAKE_UP = "Resumed: its schedule and events start it again; there is nothing to make up for."

STARTS_COLUMNS = 60
"""Of what starts a job, in a list of jobs; `job info` has all of it."""

AS_ITS_CODE_SAYS = "as its code says"
"""How far back a job loads again that declares no range."""

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at jobs, start and stop them.",
    epilog="Example: runyard job list",
)
app.add_typer(runs.app, name="runs")


@app.command("list", epilog="Example: runyard job list tag:demo")
def list_jobs(
    context: typer.Context,
    which: MaybeSelectors = None,
    archived: Annotated[bool, typer.Option("--archived", help="Also those no longer deployed.")] = False,
) -> None:
    """List the deployed jobs, the one that ran last at the bottom."""
    session = session_of(context)
    session.say_where()
    out = session.output
    jobs = pick(list(session.client.jobs(archived=archived)), which or ())
    rows = (
        (
            job.job_ref,
            job.definition.name,
            _kind(job),
            output.cut(triggers.starts_in_words(job.triggers, job.definition.timezone), STARTS_COLUMNS),
            "paused" if job.is_paused else _next_run(out, job),
            _last_run(session, job),
            job.job_url or "-",
        )
        for job in reversed(jobs)
    )
    shown = output.table("JOB", "NAME", "KIND", "TRIGGER", "NEXT RUN", "LAST RUN", "URL", rows=rows)
    out.result([_document(job) for job in jobs], *([shown] if jobs else []))
    if not jobs:
        out.note("No job is deployed here. Deploy some with `runyard deploy`.")


@app.command(epilog="Example: runyard job info load_flights")
def info(context: typer.Context, name: Name) -> None:
    """Show everything about a job, with its latest runs."""
    session = session_of(context)
    out = session.output
    job = session.client.job(name)
    latest = list(islice(session.client.runs(job_id=job.id), RUNS_SHOWN))
    definition = job.definition
    shown = output.facts(
        [
            ("job", job.job_ref),
            ("name", definition.name),
            ("description", job.description),
            ("url", job.job_url),
            ("kind", job.job_type),
            ("public link", job.public_url),
            ("state", "archived" if job.is_archived else None),
            ("unreadable", job.unreadable),
            ("paused", _paused(session, job)),
            ("profile", job.profile),
            ("triggers", "\n".join(job.triggers)),
            ("schedule set", _override(session, job)),
            ("inputs", "\n".join(input_schemas.in_words(definition.inputs or {}))),
            ("waits for", "\n".join(job.freshness)),
            ("timezone", definition.timezone),
            ("interval", _interval(job)),
            ("split", definition.interval.split if definition.interval else None),
            ("refresh", definition.refresh.value),
            ("timeout", output.short_duration(definition.timeout_seconds)),
            ("concurrency", "unlimited" if definition.concurrency is None else str(definition.concurrency)),
            ("groups", ", ".join(definition.dependency_groups)),
            (
                "entry point",
                f"{definition.entry_point.module}:{definition.entry_point.function or '__main__'}",
            ),
            ("version", str(job.version)),
            ("deployed from", job.deployment_module),
            ("next run", None if job.is_paused else _next_run(out, job, by_both=True)),
        ]
    )
    out.result({**_document(job), "latest_runs": latest}, shown, *runs.shown_below(session, latest))


@app.command(epilog="Example: runyard job trigger tag:demo --refresh")
def trigger(
    context: typer.Context,
    which: Selectors,
    dry_run: DryRun = False,
    refresh: Refresh = False,
    force: Force = False,
    config: Config = None,
    profile: Profile = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="ISO", help="Cover exactly the time from here, missing or not."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Where that time ends.")] = None,
) -> None:
    """Start every job that a name or pattern picks, once each, on the deployed code."""
    session = session_of(context)
    out = session.output
    receipt = session.client.trigger(
        which,
        profile=profile,
        refresh=refresh,
        config=parse_config(config),
        window=_window(session, which, start, end),
        force=force,
        dry_run=dry_run,
    )
    answers = [*receipt.started, *receipt.skipped]
    reached = {each.job_ref: each for row in answers for each in row.refreshes}
    shown = [output.table("JOB", "TRIGGER", "ANSWER", "RUN", rows=(_answer(session, row) for row in answers))]
    if reached:
        rows = (
            (each.job_ref, each.interval_start.isoformat() if each.interval_start else AS_ITS_CODE_SAYS)
            for each in reached.values()
        )
        shown.append(output.table("STARTS OVER", "FROM", rows=rows))
    out.result({"dry_run": dry_run, "started": receipt.started, "skipped": receipt.skipped}, *shown)
    if answers and not receipt.started:
        raise Conflict(
            "No job was started.",
            way_out(answers[0]),
            reasons=[f"{row.job_ref}: {reason}" for row in receipt.skipped for reason in row.reasons],
        )


@app.command(epilog="Example: runyard job logs load_flights 3 --follow")
def logs(context: typer.Context, name: NameOrRun, number: Number = None, follow: Follow = False) -> None:
    """Print the log of the latest run of a job, or of another one."""
    runs.show_logs(session_of(context), name, number, follow=follow)


@app.command(epilog="Example: runyard job cancel tag:demo --dry-run")
def cancel(context: typer.Context, which: Selectors, dry_run: DryRun = False) -> None:
    """Stop all runs of all jobs that a name or pattern picks."""
    session = session_of(context)
    session.say_where()
    picked = {job.id: job for job in pick(list(session.client.jobs()), which)}
    refs = {job.job_ref for job in picked.values()}
    active = [run for run in session.client.open_runs() if run.job_ref in refs]
    runs.cancel_all(session, active, dry_run=dry_run)


@app.command(epilog="Example: runyard job pause load_flights")
def pause(context: typer.Context, which: Selectors) -> None:
    """Let every job rest that a name or pattern picks: only by hand can it still be started."""
    _set_paused(session_of(context), which, paused=True)


@app.command(epilog="Example: runyard job resume load_flights --catch-up")
def resume(
    context: typer.Context,
    which: Selectors,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Make up now for what was missed since the pause.")
    ] = False,
) -> None:
    """Let schedules and events start jobs again; the next run of each covers the gap."""
    _set_paused(session_of(context), which, paused=False, catch_up=catch_up)


@app.command(epilog="Example: runyard job publish flights_report")
def publish(context: typer.Context, name: Name) -> None:
    """Give an app a public link that opens it without an account, and print it."""
    session = session_of(context)
    job = session.client.job(name)
    if job.public_url is not None:
        session.output.note(f"{job.job_ref} is published already.")
    else:
        job = session.client.publish(job.id)
    session.output.result(_document(job), job.public_url or "-")


@app.command(epilog="Example: runyard job unpublish flights_report")
def unpublish(context: typer.Context, name: Name) -> None:
    """Take the public link of an app away: it never works again, and whoever has it open is cut off."""
    session = session_of(context)
    job = session.client.job(name)
    if job.public_url is None:
        session.output.note(f"{job.job_ref} has no public link.")
    else:
        job = session.client.unpublish(job.id)
        session.output.note(f"The public link of {job.job_ref} does not work any more.")
    session.output.result(_document(job))


@app.command(epilog="Example: runyard job webhook load_orders")
def webhook(
    context: typer.Context,
    name: Name,
    new: Annotated[bool, typer.Option("--new", help="Make a new address; the old one ends.")] = False,
    signed: Annotated[
        bool | None, typer.Option("--signed/--unsigned", help="Whether calls have to be signed.")
    ] = None,
) -> None:
    """Print the secret address that starts a job when somebody posts to it."""
    session = session_of(context)
    job = session.client.job(name)
    found = session.client.webhook(job.id, renew=new, signed=signed)
    lines = list(found.urls)
    if found.signing_key is not None:
        session.output.note("Calls have to be signed: X-Hub-Signature-256, HMAC-SHA256 with the key below.")
        lines.append(f"key {found.signing_key}")
    session.output.result({"job_ref": job.job_ref, **asdict(found)}, *lines)


def _window(
    session: Session, which: Sequence[str], start: str | None, end: str | None
) -> tuple[datetime, datetime] | None:
    """Return the time that `--from` and `--to` name; without an offset they are of the jobs' time zone."""
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise typer.BadParameter("A window has a start and an end.", param_hint="--from and --to")
    moments = (_moment(start, "--from"), _moment(end, "--to"))
    if all(moment.tzinfo for moment in moments):
        return moments
    zones = {job.definition.timezone for job in pick(list(session.client.jobs()), which)}
    if len(zones) > 1:
        raise typer.BadParameter("These jobs are of several time zones: write offsets.", param_hint="--from")
    (zone,) = zones
    if not is_timezone(zone):  # a window that is taken to be of another zone would load other data
        raise typer.BadParameter(
            f"This machine does not know the time zone {zone}: write offsets.", param_hint="--from"
        )
    begins, ends = (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)) for moment in moments)
    return begins, ends


def _moment(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"`{text}` is no ISO 8601 time.", param_hint=option) from None


def _set_paused(session: Session, which: Sequence[str], *, paused: bool, catch_up: bool = False) -> None:
    """Pause or resume what selectors pick. Raises: Conflict if a job could not be; the others are all the same."""
    session.say_where()
    changed, refusals = [], []
    for job in pick(list(session.client.jobs()), which):
        if job.is_paused is paused:
            session.output.note(f"{job.job_ref} {'is paused already' if paused else 'was not paused'}.")
            changed.append(job)
            continue
        try:
            after, said = _switch(session.client, job, paused=paused, catch_up=catch_up)
        except InvalidRequest as refusal:
            refusals.append(refusal)
        else:
            changed.append(after)
            session.output.note(f"{job.job_ref}: {said}")
    if refusals:
        raise Conflict(
            f"{len(refusals)} of {len(refusals) + len(changed)} jobs stayed as they were.",
            refusals[0].remedy,
            reasons=[str(refusal.cause) for refusal in refusals],
        )
    session.output.result([_document(job) for job in changed])


def _switch(client: Client, job: Job, *, paused: bool, catch_up: bool) -> tuple[Job, str]:
    """Pause or resume a job; return it as it is then, and what is said of that."""
    if paused:
        return client.pause(job.id), PAUSED
    resumed = client.resume(job.id, catch_up=catch_up)
    if not catch_up:
        return resumed, RESUMED
    return resumed, CAUGHT_UP if resumed.makes_up else NOTHING_TO_MAKE_UP


def pick(jobs: Sequence[Job], which: Sequence[str]) -> list[Job]:
    """Return the jobs that selectors pick, all of them without any. Raises: NotFound, AmbiguousName."""
    if not which:
        return list(jobs)
    refs = {found.job.job_ref for found in selectors.select((job.definition for job in jobs), which)}
    return [job for job in jobs if job.job_ref in refs]


def _answer(session: Session, row: StartedJob) -> Sequence[Text | str]:
    answer = output.status(row.status.replace("_", " "), "; ".join(row.reasons) or None)
    run = f"#{row.run.number} {row.run.id} {session.client.run_url(row.run.id)}" if row.run else "-"
    return row.job_ref, row.trigger, answer, run


def _last_run(session: Session, job: Job) -> Text | str:
    run = job.latest_run
    if run is None:
        return "-"
    return output.status(run.status, session.output.time(run.finished_at or run.created_at))


def _kind(job: Job) -> str:
    if job.is_archived:
        return "archived"
    return job.job_type if job.unreadable is None else "unreadable"


def _next_run(out: output.Output, job: Job, *, by_both: bool = False) -> str:
    """Return when the clock starts a job next, also by whose clocks, or why it does so no more (IVL-08, TRG-17)."""
    if job.schedule_ended is not None:
        return job.schedule_ended.replace("_", " ")
    at, distance = job.next_scheduled_run_at, out.time(job.next_scheduled_run_at)
    if at is None or not by_both:
        return distance
    return f"{out.by_both(at, job.zone)}, {distance}"


def _interval(job: Job) -> str | None:
    if job.interval_start is None:
        return None
    theirs = job.zone
    end = job.interval_end.astimezone(theirs).isoformat() if job.interval_end else "now on"
    return f"{job.interval_start.astimezone(theirs).isoformat()} to {end}"


def _paused(session: Session, job: Job) -> str | None:
    """Return who paused a job, when and until when (TRG-20)."""
    if job.paused_at is None or job.paused_by is None:
        return None
    at = session.output.by_both(job.paused_at, job.zone)
    return f"by {session.client.who(job.paused_by)}, {at}, until it is resumed"


def _override(session: Session, job: Job) -> str | None:
    """Return what schedule is set beside the code, by whom, when and until when (TRG-21)."""
    override = job.schedule_override
    if override is None:
        return None
    instead = f"instead of `{override.replaces}`" if override.replaces else "the code has none"
    at = session.output.by_both(override.set_at, job.zone)
    return (
        f"`{override.trigger}` ({instead}) by {session.client.who(override.set_by)}, {at}, "
        "until it is taken away or a deploy changes the one in the code"
    )


def _document(job: Job) -> dict[str, Any]:
    return {
        "job_ref": job.job_ref,
        "id": job.id,
        "name": job.definition.name,
        "job_type": job.job_type,
        "url": job.job_url,
        "public_url": job.public_url,
        "description": job.description,
        "profile": job.profile,
        "version": job.version,
        "triggers": job.triggers,
        "default_trigger": job.default_trigger,
        "freshness": job.freshness,
        "schedule_override": job.schedule_override,
        "next_scheduled_run_at": job.next_scheduled_run_at,
        "is_paused": job.is_paused,
        "paused_at": job.paused_at,
        "is_archived": job.is_archived,
        "unreadable": job.unreadable,
        "deployment_module": job.deployment_module,
        "latest_run": job.latest_run,
        "job_definition": job.job_definition,
        "extensions": job.extensions,
    }
