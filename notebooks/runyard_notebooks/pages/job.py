"""One job: what it is, what starts it, starting it, and why it did or did not run (UI-04)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import marimo as mo

from runyard.core import time_words
from runyard.core.job_refs import short_name
from runyard.core.triggers import EVENTS, PERIODIC, in_words
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.fragments import (
    Html,
    badge,
    card,
    columns,
    facts,
    heading,
    html,
    join,
    link,
    quiet,
    status,
    warned,
)
from runyard_notebooks.pages import links
from runyard_notebooks.pages.links import is_app
from runyard_notebooks.routes import Addresses, Page
from runyard_notebooks.times import duration, when, window
from runyard_server.client import Client, Decision, Firing, Job

DECISIONS_SHOWN = 12
"""Of the newest: an hour of a job that is due every five minutes."""

COMING_SHOWN = 5
"""Of what comes: as much as people plan with."""

ADDED = ("manual:", "pipeline_name:")
"""Triggers that nobody wrote and that start nothing by themselves."""


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job at one moment."""

    job: Job
    decisions: Sequence[Decision]
    coming: Sequence[Firing]
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone that the job's times of day are in."""
        return ZoneInfo(self.job.definition.timezone)


def load(client: Client, ref: str, now: datetime) -> JobSeen:
    """Return a job as it is. Raises: NotFound with the nearest names."""
    job = client.job(ref)
    coming = () if is_app(job) or job.is_archived else client.next_firings(job.id, COMING_SHOWN).items
    return JobSeen(job, client.decisions(job.id, DECISIONS_SHOWN), coming, now)


def head(seen: JobSeen, desk: Desk) -> Html:
    """Return what the job is, and what can be done to its schedule."""
    job = seen.job
    can_open = job.job_url is not None and not job.is_archived
    marks = [badge("app" if is_app(job) else "batch")]
    marks += [badge("paused", "busy")] if job.is_paused else []
    marks += [badge("archived", "bad")] if job.is_archived else []
    marks += [status(job.latest_run.status, is_app=is_app(job))] if job.latest_run else []
    return heading(
        short_name(job.job_ref),
        above=link(desk.addresses.page(Page.JOBS), "Jobs"),
        below=html(
            '{ref}{marks}{archived}<span class="line">{description}</span>',
            ref=html("<code>{ref}</code>", ref=job.job_ref),
            marks=join(marks),
            archived=quiet(_why_resting(job)),
            description=job.description,
        ),
        actions=join([links.opener(job, desk) if can_open else None, _rest(job, desk)]),
    )


def _why_resting(job: Job) -> str | None:
    if job.is_archived:
        return strings.ARCHIVED
    return strings.IS_PAUSED if job.is_paused else None


def _rest(job: Job, desk: Desk) -> Html | None:
    if is_app(job) or job.is_archived:
        return None
    if job.is_paused:
        return desk.button(strings.RESUME, lambda: desk.resume(job.id))
    starts_itself = any(trigger.partition(":")[0] in PERIODIC | EVENTS for trigger in job.triggers)
    why_not = "" if starts_itself else strings.PAUSE_WITHOUT_SCHEDULE
    return desk.button(strings.PAUSE, lambda: desk.pause(job.id), why_not=why_not)


def starter(job: Job, desk: Desk) -> Html:
    """Return what starts the job now, with what may differ for this run."""
    why_not = strings.ARCHIVED_NO_START if job.is_archived else ""
    if not job.definition.manual:
        why_not = strings.MANUAL_OFF
    settings = mo.ui.text_area(
        placeholder=strings.SETTINGS_HINT, label=strings.SETTINGS, rows=2, full_width=True
    )
    button = desk.button(
        strings.START if is_app(job) else strings.RUN_NOW,
        lambda: desk.start(job.id, settings=settings.value),
        kind="success",
        why_not=why_not,
    )
    if is_app(job):
        return card("Start", html('<div class="form">{button}</div>', button=button))
    refresh = desk.button(
        strings.REFRESH,
        lambda: desk.start(job.id, refresh=True, settings=settings.value),
        kind="danger",
        why_not=why_not,
    )
    return card(
        "Start",
        html(
            '<div class="form">{settings}<div class="actions">{button}{from_scratch}</div></div>',
            settings=settings,
            button=button,
            from_scratch=warned(strings.LOAD_FROM_SCRATCH, (strings.REFRESH_WARNING, refresh)),
        ),
    )


def explanation(seen: JobSeen, desk: Desk) -> Html:
    """Return what comes and why it did or did not run beside how it is set up; for an app, its public link too."""
    has_link = is_app(seen.job) and not seen.job.is_archived
    times = f"times of {seen.zone.key}"
    return columns(
        html(
            "<div>{coming}{why}</div>",
            coming=None if is_app(seen.job) else card("What comes next", _coming(seen), aside=quiet(times)),
            why=card(
                "Why it ran, or did not",
                _decisions(seen, desk.addresses),
                aside=quiet(f"newest first, {times}"),
            ),
        ),
        html(
            "<div>{link}{set_up}</div>",
            link=links.public_link(seen.job, desk) if has_link else None,
            set_up=card("Set up", _facts(seen)),
        ),
    )


def _coming(seen: JobSeen) -> Html:
    if not seen.coming:
        return html('<p class="calm">{text}</p>', text=strings.NOTHING_COMES)
    return html('<ul class="rows">{rows}</ul>', rows=join(_firing(firing, seen) for firing in seen.coming))


def _firing(firing: Firing, seen: JobSeen) -> Html:
    run = firing.run
    covers = None
    if run is not None and run.interval_start is not None and run.interval_end is not None:
        said = time_words.window(run.interval_start, run.interval_end, seen.zone)
        covers = None if said == "-" else quiet(f"covers {said}")
    because = None if run is not None else quiet(time_words.in_words(firing.because, seen.zone, seen.now))
    return html(
        '<li>{outcome}<span class="grow">{at} {covers} {because}</span>{when}</li>',
        outcome=badge(firing.outcome.replace("_", " "), "good" if run is not None else ""),
        at=time_words.moment(firing.at, seen.zone, seen.now),
        covers=covers,
        because=because,
        when=when(firing.at, seen.now),
    )


def _decisions(seen: JobSeen, addresses: Addresses) -> Html:
    if not seen.decisions:
        return html('<p class="calm">{text}</p>', text=strings.NO_DECISIONS)
    return html(
        '<ul class="rows">{rows}</ul>',
        rows=join(_decision(decision, addresses, seen) for decision in seen.decisions),
    )


def _decision(decision: Decision, addresses: Addresses, seen: JobSeen) -> Html:
    times = quiet(f"{decision.count} times") if decision.count > 1 else None
    return html(
        '<li>{outcome}<span class="grow">{because} {times} {run}</span>{when}</li>',
        outcome=badge(decision.outcome.replace("_", " "), "good" if decision.run_id else ""),
        because=time_words.in_words(decision.because, seen.zone, seen.now),
        times=times,
        run=link(addresses.run(decision.run_id), f"run {decision.run_number or ''}".strip())
        if decision.run_id
        else None,
        when=when(decision.last_at, seen.now),
    )


def _override(job: Job, now: datetime) -> Html | None:
    """Return what is said of a schedule that was set beside the code (TRG-21)."""
    override = job.schedule_override
    if override is None:
        return None
    zone = job.definition.timezone
    instead = f"instead of {in_words(override.replaces, zone)}" if override.replaces else "the code has none"
    return html(
        "{badge} {instead} {at}",
        badge=badge("set beside the code", "busy"),
        instead=quiet(instead),
        at=when(override.set_at, now),
    )


def _facts(seen: JobSeen) -> Html:
    job, definition = seen.job, seen.job.definition
    entry = definition.entry_point
    reasons = [
        in_words(trigger, definition.timezone) for trigger in job.triggers if not trigger.startswith(ADDED)
    ]
    paused = when(job.paused_at, seen.now)
    return facts(
        [
            ("Title", definition.display_name),
            ("Starts", ", ".join(reasons) or "by hand"),
            (
                "Next run",
                html("paused {at}", at=paused) if paused else when(job.next_scheduled_run_at, seen.now),
            ),
            ("Schedule", _override(job, seen.now)),
            ("Time zone", definition.timezone),
            ("Waits for", ", ".join(in_words(gate) for gate in job.freshness)),
            ("Covers", window(job.interval_start, job.interval_end)),
            ("Code", html("<code>{where}</code>", where=f"{entry.module}:{entry.function or '(module)'}")),
            ("Deployed by", html("<code>{module}</code>", module=job.deployment_module)),
            ("Profile", job.profile),
            ("Version", f"{job.version}"),
            ("At once", "no limit" if definition.concurrency is None else str(definition.concurrency)),
            ("Time limit", None if is_app(job) else duration(definition.timeout_seconds)),
            ("Tags", join(badge(tag) for tag in definition.tags) if definition.tags else None),
        ]
    )
