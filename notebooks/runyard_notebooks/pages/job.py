"""One job: what it is, and how it is set up (UI-04). Starting it is in `starting`, why it runs in `around_now`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from runyard.core.job_refs import short_name
from runyard.core.jobs import upstream_refs
from runyard.core.triggers import EVENTS, PERIODIC, in_words, starts_in_words
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.fragments import (
    Html,
    Shown,
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
)
from runyard_notebooks.pages import links
from runyard_notebooks.pages.around_now import AroundNow, coming, decided, picture
from runyard_notebooks.pages.links import is_app
from runyard_notebooks.routes import Addresses, Page
from runyard_notebooks.times import duration, when, window, your_time
from runyard_server.client import Client, Decision, Firing, Job

DECISIONS_SHOWN = 12
"""Of the newest: an hour of a job that is due every five minutes."""

COMING_SHOWN = 5
"""Of what comes: as much as people plan with."""


OF_PAUSED, OF_ACTIVE = (strings.CATCH_UP, strings.RESUME), (strings.PAUSE,)
"""The buttons of a job, as it is."""


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job at one moment, with what those are called who paused it or set its schedule."""

    job: Job
    decisions: Sequence[Decision]
    coming: Sequence[Firing]
    now: datetime
    paused_by: str | None = None
    override_by: str | None = None

    @property
    def around(self) -> AroundNow:
        return AroundNow(self.decisions, self.coming, self.job.zone, self.now)


def load(client: Client, ref: str, now: datetime) -> JobSeen:
    """Return a job as it is. Raises: NotFound with the nearest names."""
    job = client.job(ref)
    foreseen = () if is_app(job) or job.is_archived else client.next_firings(job.id, COMING_SHOWN).items
    override = job.schedule_override
    return JobSeen(
        job,
        client.decisions(job.id, DECISIONS_SHOWN),
        foreseen,
        now,
        client.who(job.paused_by) if job.paused_by else None,
        client.who(override.set_by) if override else None,
    )


def buttons(job: Job, desk: Desk) -> Mapping[str, Html]:
    """Return what can be done to the schedule of a job at any time, made once: see `run.buttons`."""
    starts_itself = any(trigger.partition(":")[0] in PERIODIC | EVENTS for trigger in job.triggers)
    why_not = "" if starts_itself else strings.PAUSE_WITHOUT_SCHEDULE
    return {
        strings.PAUSE: desk.button(strings.PAUSE, lambda: desk.pause(job.id), why_not=why_not),
        strings.CATCH_UP: desk.button(strings.CATCH_UP, lambda: desk.resume(job.id, catch_up=True)),
        strings.RESUME: desk.button(strings.RESUME, lambda: desk.resume(job.id)),
    }


def head(seen: JobSeen, desk: Desk, offered: Mapping[str, Html]) -> Html:
    """Return what the job is, and what can be done to its schedule."""
    job = seen.job
    can_open = job.job_url is not None and not job.is_archived
    marks = [badge("app" if is_app(job) else "batch")]
    marks += [badge("archived", "bad")] if job.is_archived else []
    marks += [status(job.latest_run.status, is_app=is_app(job))] if job.latest_run else []
    return heading(
        short_name(job.job_ref),
        above=link(desk.addresses.page(Page.JOBS), "Jobs"),
        below=html(
            '{ref}{marks}{archived}<span class="line">{description}</span>{paused}{override}',
            ref=html("<code>{ref}</code>", ref=job.job_ref),
            marks=join(marks),
            archived=quiet(strings.ARCHIVED if job.is_archived else None),
            description=job.description,
            paused=_paused(seen),
            override=_override(seen),
        ),
        actions=join([links.opener(job, desk) if can_open else None, _rest(job, offered)]),
    )


def _paused(seen: JobSeen) -> Html | None:
    """Return who paused the job, when and until when (TRG-20)."""
    if not seen.job.is_paused or seen.job.is_archived:
        return None
    return html(
        '<span class="line">{badge} by {who} {at}. {means}</span>',
        badge=badge("paused", "busy"),
        who=seen.paused_by,
        at=when(seen.job.paused_at, seen.now, seen.job.zone),
        means=strings.IS_PAUSED,
    )


def _override(seen: JobSeen) -> Html | None:
    """Return who set a schedule beside the code, when, and until when it counts (TRG-21)."""
    override, zone = seen.job.schedule_override, seen.job.definition.timezone
    if override is None:
        return None
    return html(
        '<span class="line">{badge} {words}, by {who} {at}, {instead}. {until}</span>',
        badge=badge("set beside the code", "busy"),
        words=in_words(override.trigger, zone),
        who=seen.override_by,
        at=when(override.set_at, seen.now, seen.job.zone),
        instead=f"instead of {in_words(override.replaces, zone)}"
        if override.replaces
        else "where the code has none",
        until=strings.OVERRIDE_ENDS,
    )


def _rest(job: Job, offered: Mapping[str, Html]) -> Html | None:
    if is_app(job) or job.is_archived:
        return None
    return join([offered[each] for each in (OF_PAUSED if job.is_paused else OF_ACTIVE)])


def explanation(seen: JobSeen, desk: Desk) -> Html:
    """Return what comes and why it did or did not run beside how it is set up; for an app, its public link too."""
    has_link = is_app(seen.job) and not seen.job.is_archived
    around, times = seen.around, your_time(seen.now.tzinfo)
    drawn = picture(around)
    return join(
        [
            card(strings.AROUND_NOW, drawn, aside=quiet(times)) if drawn else None,
            columns(
                html(
                    "<div>{coming}{why}</div>",
                    coming=None if is_app(seen.job) else card("What comes next", coming(around)),
                    why=card(
                        "Why it ran, or did not",
                        decided(around, desk.addresses),
                        aside=quiet(f"newest first, {times}"),
                    ),
                ),
                html(
                    "<div>{link}{set_up}</div>",
                    link=links.public_link(seen.job, desk) if has_link else None,
                    set_up=card("Set up", _facts(seen, desk.addresses)),
                ),
            ),
        ]
    )


def _next_run(seen: JobSeen) -> Shown:
    if seen.job.is_paused:
        return "paused"
    if seen.job.schedule_ended is not None:
        return f"none, {seen.job.schedule_ended.replace('_', ' ')}"
    return when(seen.job.next_scheduled_run_at, seen.now, seen.job.zone)


def _facts(seen: JobSeen, addresses: Addresses) -> Html:
    job, definition = seen.job, seen.job.definition
    gates = upstream_refs(job.freshness)
    entry, pipeline = definition.entry_point, definition.pipeline_name
    return facts(
        [
            ("Cannot be read", job.unreadable),
            ("Title", definition.display_name),
            ("Starts", starts_in_words(job.triggers, definition.timezone)),
            ("Next run", _next_run(seen)),
            ("Time zone", definition.timezone),
            ("Waits for", strings.FRESH.format(jobs=", ".join(map(short_name, gates))) if gates else None),
            ("Covers", window(job.interval_start, job.interval_end, seen.job.zone)),
            ("Code", html("<code>{where}</code>", where=f"{entry.module}:{entry.function or '(module)'}")),
            ("Pipeline", link(addresses.jobs_of(pipeline), pipeline) if pipeline else None),
            ("Deployed by", html("<code>{module}</code>", module=job.deployment_module)),
            ("Profile", job.profile),
            ("Version", f"{job.version}"),
            ("At once", "no limit" if definition.concurrency is None else str(definition.concurrency)),
            ("Time limit", None if is_app(job) else duration(definition.timeout_seconds)),
            ("Tags", join(badge(tag) for tag in definition.tags) if definition.tags else None),
        ]
    )
