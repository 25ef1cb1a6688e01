"""The apps: opening them, and giving away a public link or taking it back (PUB-01)."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.core.job_refs import short_name
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.fragments import (
    Html,
    badge,
    card,
    copyable,
    empty,
    heading,
    html,
    icon,
    join,
    link,
    quiet,
    status,
    warned,
)
from runyard_server.client import Client, Job


def load(client: Client) -> list[Job]:
    """Return the apps by name. Raises: RunyardError."""
    return sorted(filter(is_app, client.jobs()), key=lambda job: short_name(job.job_ref))


def is_app(job: Job) -> bool:
    return job.job_type != "batch"


def page(apps: Sequence[Job], desk: Desk) -> Html:
    """Return the apps with their links."""
    if not apps:
        return join(
            [heading("Links"), empty(strings.NO_APPS_TITLE, strings.NO_APPS, command=strings.APP_COMMAND)]
        )
    public = sum(job.public_url is not None for job in apps)
    return join(
        [
            heading("Links", below=f"{len(apps)} apps, {public or 'none'} of them public"),
            html('<div class="apps">{apps}</div>', apps=join(_app(job, desk) for job in apps)),
        ]
    )


def _app(job: Job, desk: Desk) -> Html:
    return card(
        link(desk.addresses.job(job.job_ref), short_name(job.job_ref)),
        html(
            '<p class="description">{description}</p>{link}',
            description=job.description,
            link=link_control(job, desk),
        ),
        aside=join(
            [
                status(job.latest_run.status, is_app=True) if job.latest_run else quiet("never started"),
                opener(job, desk),
            ]
        ),
    )


def opener(job: Job, desk: Desk) -> Html:
    """Return what opens an app."""
    label = join([strings.OPEN_APP, icon("open")])
    return link(desk.addresses.app(job.id, job.job_url), label, kind="button")


def public_link(job: Job, desk: Desk) -> Html:
    """Return the control of an app's public link as a section of a page."""
    return card("Public link", link_control(job, desk))


def link_control(job: Job, desk: Desk) -> Html:
    """Return whether an app is public, its link to copy, and what changes that, each with what it means."""
    publish = desk.button(
        strings.REPLACE_LINK if job.public_url else strings.PUBLISH, lambda: desk.publish(job.id), kind="warn"
    )
    if job.public_url is None:
        return html(
            '<div class="link">{state}{text}{menu}</div>',
            state=badge("private"),
            text=quiet(strings.NOT_PUBLIC),
            menu=warned(strings.PUBLISH, (strings.PUBLISH_WARNING, publish)),
        )
    unpublish = desk.button(strings.UNPUBLISH, lambda: desk.unpublish(job.id), kind="danger")
    # Another element than that of a private app: otherwise the menu in which it was published would stay open.
    return html(
        '<section class="link">{state}{text}{menu}</section>{field}',
        state=badge("public", "busy"),
        text=quiet(strings.PUBLISHED_BY),
        menu=warned(
            strings.CHANGE_LINK, (strings.UNPUBLISH_WARNING, unpublish), (strings.REPLACE_WARNING, publish)
        ),
        field=copyable(job.public_url),
    )
