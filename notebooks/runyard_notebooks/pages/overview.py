"""The overview: health in numbers, what fails and why, what comes next (UI-01). Its lists of runs are widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from runyard.core.job_refs import short_name
from runyard_notebooks import strings
from runyard_notebooks.fragments import Html, Shown, card, columns, empty, html, icon, join, link, quiet
from runyard_notebooks.pages.links import is_app
from runyard_notebooks.pages.logs import last_words
from runyard_notebooks.routes import Addresses, Page
from runyard_notebooks.times import when
from runyard_server.client import Client, Job, Run

FAILED_WITHIN = timedelta(hours=24)

COUNTED_MAX = 1000
"""Runs that are counted; more is said as "1000+"."""

LISTED_MAX = 6
"""Rows of the two lists: what fits beside each other without scrolling."""

UNFINISHED = "unfinished"
"""What the list of runs calls those that are not over, whichever way they are under way."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A job that failed when it ran last, and what it said."""

    job: Job
    run: Run
    words: str


@dataclass(frozen=True, slots=True)
class Overview:
    """A workspace at one moment; `failing` and `upcoming` begin with the newest and the soonest."""

    jobs: Sequence[Job]
    open_count: int
    failed_count: int
    failing: Sequence[Failing]
    upcoming: Sequence[Job]
    now: datetime


def load(client: Client, now: datetime) -> Overview:
    """Return the workspace as it is. Raises: RunyardError."""
    jobs = list(client.jobs())
    failed = client.runs(status=["failed"])
    failing = [(job, job.latest_run) for job in jobs if job.latest_run and job.latest_run.status == "failed"]
    failing.sort(key=lambda pair: pair[1].created_at, reverse=True)
    due = [job for job in jobs if job.next_scheduled_run_at and not job.is_paused]
    return Overview(
        jobs,
        _count(client.open_runs()),
        _count(takewhile(lambda run: run.created_at > now - FAILED_WITHIN, failed)),
        [Failing(job, run, last_words(client, run)) for job, run in failing[:LISTED_MAX]],
        sorted(due, key=lambda job: job.next_scheduled_run_at or now),
        now,
    )


def _count(runs: Iterable[Run]) -> int:
    return sum(1 for _ in islice(runs, COUNTED_MAX))


def numbers(seen: Overview, addresses: Addresses) -> Html:
    """Return the health of the workspace in four numbers."""
    apps = sum(map(is_app, seen.jobs))
    paused = sum(job.is_paused for job in seen.jobs)
    next_job = seen.upcoming[0] if seen.upcoming else None
    tiles = (
        _tile(
            "Jobs",
            len(seen.jobs),
            _jobs_in_words(len(seen.jobs) - apps, apps, paused),
            addresses.page(Page.JOBS),
        ),
        _tile(
            "Running",
            _at_most(seen.open_count),
            "now",
            addresses.runs(UNFINISHED),
            "busy" if seen.open_count else "",
        ),
        _tile(
            "Failed",
            _at_most(seen.failed_count),
            "in the last 24 hours",
            addresses.runs("failed"),
            "bad" if seen.failed_count else "good",
        ),
        _tile(
            "Next run",
            when(next_job.next_scheduled_run_at, seen.now) if next_job else "none",
            short_name(next_job.job_ref) if next_job else strings.NOTHING_DUE,
            addresses.job(next_job.job_ref) if next_job else addresses.page(Page.JOBS),
        ),
    )
    return html('<h1 class="unseen">Overview</h1><div class="tiles">{tiles}</div>', tiles=join(tiles))


def _tile(name: str, value: Shown, words: str, href: str, kind: str = "") -> Html:
    return html(
        '<a class="tile {kind}" href="{href}"><span class="name">{name}</span><strong>{value}</strong>'
        '<span class="words">{words}</span></a>',
        kind=kind,
        href=href,
        name=name,
        value=value,
        words=words,
    )


def _at_most(count: int) -> str:
    return f"{count}+" if count >= COUNTED_MAX else str(count)


def _jobs_in_words(batch: int, apps: int, paused: int) -> str:
    parts = [f"{batch} batch", f"{apps} app{'' if apps == 1 else 's'}", f"{paused} paused" if paused else ""]
    return ", ".join(filter(None, parts))


def attention(seen: Overview, addresses: Addresses) -> Html:
    """Return what fails, with what it said last, beside what comes next; before the first deploy, how to begin."""
    if not seen.jobs:
        return empty(strings.NO_JOBS_TITLE, strings.NO_JOBS, command=strings.DEPLOY_COMMAND)
    return columns(
        card("Failing", _failing(seen, addresses), aside=quiet("the last run of each job")),
        card("Next", _upcoming(seen, addresses), aside=quiet("by schedule")),
    )


def _failing(seen: Overview, addresses: Addresses) -> Html:
    if not seen.failing:
        return html(
            '<p class="calm good">{icon}{text}</p>', icon=icon("completed"), text=strings.NOTHING_FAILING
        )
    return html(
        '<ul class="rows">{rows}</ul>',
        rows=join(
            html(
                '<li class="failing"><a href="{href}">{icon}<span>{job}</span>{number}</a>{when}'
                '<code class="words">{words}</code></li>',
                href=addresses.run(failing.run.id),
                icon=icon("failed"),
                job=short_name(failing.job.job_ref),
                number=quiet(f"#{failing.run.number}"),
                when=when(failing.run.finished_at, seen.now),
                words=failing.words,
            )
            for failing in seen.failing
        ),
    )


def _upcoming(seen: Overview, addresses: Addresses) -> Html:
    if not seen.upcoming:
        return html('<p class="calm">{text}</p>', text=strings.NOTHING_DUE)
    return html(
        '<ul class="rows">{rows}</ul>',
        rows=join(
            html(
                "<li>{link}{when}</li>",
                link=link(addresses.job(job.job_ref), short_name(job.job_ref)),
                when=when(job.next_scheduled_run_at, seen.now),
            )
            for job in seen.upcoming[:LISTED_MAX]
        ),
    )
