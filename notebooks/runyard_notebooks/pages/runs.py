"""The runs: which ones, and stopping several (UI-07)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import marimo as mo

from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.fragments import Html, heading, join, warned
from runyard_server.client import Client, Job


def load(client: Client) -> list[Job]:
    """Return the jobs whose runs can be looked at, archived ones last. Raises: RunyardError."""
    return sorted(client.jobs(archived=True), key=lambda job: (job.is_archived, job.job_ref))


def choice(jobs: Sequence[Job]) -> mo.ui.dropdown:
    """Return what picks the job whose runs are shown; its value is a ref, None for all."""
    refs = {strings.ALL_JOBS: None, **{_name(job): job.job_ref for job in jobs}}
    return mo.ui.dropdown(refs, value=strings.ALL_JOBS, searchable=True)


def _name(job: Job) -> str:
    archived = " (archived)" if job.is_archived else ""
    return f"{job.job_ref.removeprefix('jobs.')}{archived}"


def head(picker: mo.ui.dropdown, desk: Desk, selected: Callable[[], Sequence[str]]) -> Html:
    """Return the head of the page; `selected` are the runs that are ticked when the button is pressed."""
    stop = desk.button(strings.CANCEL_SELECTED, lambda: desk.cancel(selected()), kind="danger")
    asked = warned(strings.CANCEL_SELECTED, (strings.CANCEL_MANY_WARNING, stop))
    return heading("Runs", actions=join([picker, asked]))
