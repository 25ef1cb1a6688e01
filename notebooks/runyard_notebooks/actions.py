"""What the buttons do: each is one call of the API as the viewer, and a sentence about how it went.

Functions here block; `Desk` carries them out beside the kernel's loop. Who may do what is the server's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import marimo as mo
from traitlets import HasTraits

from runyard import widgets
from runyard.core.errors import Declined, InvalidRequest, NotSignedIn, RunyardError
from runyard.core.job_refs import short_name
from runyard_notebooks import strings
from runyard_notebooks.fragments import Html, html
from runyard_notebooks.routes import Addresses, Page
from runyard_server.client import Client, RefreshedJob

if TYPE_CHECKING:
    from runyard_widgets.job_table import JobTable
    from runyard_widgets.run_table import RunTable


@dataclass(frozen=True, slots=True)
class Notice:
    """How something went: a sentence, what can be done about it, and the page to look at.

    A refusal stays until something else is done, unless the page says it elsewhere too.
    """

    text: str
    remedy: str = ""
    href: str = ""
    is_refusal: bool = False
    is_said_elsewhere: bool = False


NOTHING_TOLD: Notice | None = None
"""Before the first action, and after the viewer went somewhere else."""

Act = Callable[[], Notice]
Table = TypeVar("Table", bound=HasTraits)

RUN_ACTIONS: list[dict[str, Any]] = [
    {"name": "cancel", "label": strings.CANCEL, "for": ["pending", "starting", "running"]},
    {"name": "again", "label": strings.RUN_AGAIN, "for": ["completed", "failed", "cancelled"]},
]
"""What the menu of a run offers, and for which statuses."""

MANAGE_LINK = "link"
"""Leads to the page of the job: a link is given away where it is said what that means."""

JOB_ACTIONS: list[dict[str, Any]] = [
    {"name": "start", "label": strings.RUN_NOW, "for": ["batch", "interactive"]},
    {"name": "pause", "label": strings.PAUSE, "for": ["active"]},
    {"name": "resume", "label": strings.RESUME, "for": ["paused"]},
    {"name": MANAGE_LINK, "label": strings.MANAGE_LINK, "for": ["interactive"]},
]
"""What the menu of a job offers."""


@dataclass
class Desk:
    """Takes what buttons ask for, does it as the viewer, and tells how it went.

    `forbidden` is why this viewer may do nothing, empty if they may; `go` shows another page.
    """

    client: Client
    addresses: Addresses
    forbidden: str
    tell: Callable[[Notice | None], None]
    go: Callable[[str], None]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def button(self, label: str, act: Act, *, kind: str = "neutral", why_not: str = "") -> Html:
        """Return a button that does something; disabled, it says why to whoever points at it."""
        reason = self.forbidden or why_not
        button = mo.ui.button(
            on_click=lambda _: self.do(act),
            label=label,
            kind=kind,  # type: ignore[arg-type]  # one of four words
            disabled=bool(reason),
        )
        # Around it, as a disabled button hears no pointer.
        return html('<span class="act" title="{reason}">{button}</span>', reason=reason, button=button)

    def do(self, act: Act) -> None:
        """Start it beside the loop; `tell` hears how it went."""
        task = asyncio.get_running_loop().create_task(self._carry_out(act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, act: Act) -> None:
        self.tell(None)
        self.tell(await asyncio.to_thread(attempt, act))

    def run_table(self, job: str | None = None, **traits: Any) -> RunTable:
        """Return the runs of the workspace or of one job, as a live list with a menu on each row."""
        actions = {"cancel": lambda run_id: self.cancel([run_id]), "again": self.start_again}
        offered = [] if self.forbidden else RUN_ACTIONS
        empty = strings.EMPTY_RUNS if job is None else strings.EMPTY_HISTORY
        table = widgets.RunTable(
            job, client=self.client, href=self.addresses.each_run, empty=empty, actions=offered, **traits
        )
        return self._with_menu(table, actions)

    def job_table(self, **traits: Any) -> JobTable:
        """Return the jobs as a live list with a menu on each row."""
        actions = {"start": self.start, "pause": self.pause, "resume": self.resume}
        offered = [] if self.forbidden else JOB_ACTIONS
        table = widgets.JobTable(
            client=self.client,
            href=self.addresses.each_job,
            page=self.addresses.page(Page.JOBS),
            empty=strings.EMPTY_JOBS,
            actions=offered,
            **traits,
        )
        return self._with_menu(table, actions)

    def _with_menu(self, table: Table, actions: Mapping[str, Callable[[str], Notice]]) -> Table:
        def chosen(change: Mapping[str, Any]) -> None:
            wanted = change["new"]
            if wanted["name"] == MANAGE_LINK:
                self.go(self.addresses.job(wanted["ref"]).removeprefix("#"))
                return
            self.do(lambda: actions[wanted["name"]](wanted["id"]))

        table.observe(chosen, names="requested")
        return table

    def start(
        self,
        job_id: str,
        *,
        refresh: bool = False,
        values: Mapping[str, Any] | None = None,
        values_of: str | None = None,
    ) -> Notice:
        """Start a job. For this run alone it is given `values`, and else what the run `values_of` was given."""
        receipt = self.client.trigger(job_ids=[job_id], refresh=refresh, config=values, values_of=values_of)
        for started in receipt.started:
            if started.run:
                text = strings.STARTED.format(job=short_name(started.job_ref), number=started.run.number)
                return Notice(text, href=self.addresses.run(started.run.id))
        reasons = " ".join(reason for skipped in receipt.skipped for reason in skipped.reasons)
        return Notice(strings.NOT_STARTED, reasons, is_refusal=True)

    def reach(self, job_id: str) -> Sequence[RefreshedJob]:
        """Return what would start over if this job were loaded from scratch, itself first; none if it keeps out.

        Raises: Declined with the reasons if it would not start, RunyardError for what the server refuses.
        """
        receipt = self.client.trigger(job_ids=[job_id], refresh=True, dry_run=True)
        if receipt.skipped:
            reasons = [reason for skipped in receipt.skipped for reason in skipped.reasons]
            raise Declined(strings.WOULD_NOT_START, reasons=reasons)
        return [each for answer in receipt.started for each in answer.refreshes]

    def start_again(self, run_id: str) -> Notice:
        """Start the job of a run once more, with the values it was given. Never from scratch: that drops data, and is
        asked for on the job's page."""
        run = self.client.run(run_id)
        return self.start(self.client.job(run.job_ref or "").id, values_of=run.id)

    def cancel(self, run_ids: Sequence[str]) -> Notice:
        """Ask runs to stop."""
        if not run_ids:
            return Notice(strings.NOTHING_SELECTED, strings.NOTHING_SELECTED_REMEDY, is_refusal=True)
        receipt = self.client.cancel(run_ids)
        asked = len(receipt.cancelled)
        if not asked:
            return Notice(strings.ENDED_BEFORE, is_refusal=True)
        return Notice(strings.CANCELLED_ONE if asked == 1 else strings.CANCELLED_MANY.format(count=asked))

    def pause(self, job_id: str) -> Notice:
        return Notice(strings.PAUSED.format(job=short_name(self.client.pause(job_id).job_ref)))

    def resume(self, job_id: str, *, catch_up: bool = False) -> Notice:
        """Let a job's triggers work again; what they missed is made up for when that is asked for."""
        job, said = self.client.resume(job_id, catch_up=catch_up), strings.RESUMED
        if catch_up:
            said = strings.CAUGHT_UP if job.makes_up else strings.NOTHING_TO_MAKE_UP
        return Notice(said.format(job=short_name(job.job_ref)))

    def publish(self, job_id: str) -> Notice:
        return Notice(strings.PUBLISHED.format(job=short_name(self.client.publish(job_id).job_ref)))

    def unpublish(self, job_id: str) -> Notice:
        return Notice(strings.UNPUBLISHED.format(job=short_name(self.client.unpublish(job_id).job_ref)))


def attempt(act: Act) -> Notice:
    """Return how it went; what the server refuses is its own sentence."""
    try:
        return act()
    except RunyardError as error:
        return refusal(error)


def refusal(error: RunyardError) -> Notice:
    """Return an error as a notice. Whoever looks signs in with a browser, not with a key."""
    if isinstance(error, NotSignedIn):
        return Notice(strings.SIGNED_OUT, strings.SIGN_IN_AGAIN, is_refusal=True)
    return Notice(error.cause, " ".join([error.remedy, *error.reasons]).strip(), is_refusal=True)


def read_settings(text: str) -> dict[str, Any]:
    """Return what lines of `key=value` say. Raises: InvalidRequest for a line that is none."""
    settings = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = line.partition("=")
        if not (key.strip() and equals):
            raise InvalidRequest(strings.NO_SETTING.format(line=line), strings.NO_SETTING_REMEDY)
        settings[key.strip()] = value.strip()
    return settings
