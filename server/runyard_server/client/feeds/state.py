"""Feeds of state: the newest runs, and the jobs with their graph. Told whole at first, then what differs.

A state is read again when the server says that something changed, as little of it as shows the change, and when an
instant has passed at which something was due: nothing is said of a tick that comes to nothing. What changes while
nobody asks costs nothing, as only the last state counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

from runyard.core.jobs import DASHBOARD_REF, upstream_refs
from runyard_server.client.client import PAGE_ITEMS_MAX, Client
from runyard_server.client.feeds.rows import Row, job_row, milliseconds, run_row
from runyard_server.client.models import Job, Run
from runyard_server.client.streaming import Changed, listening, patiently
from runyard_widgets.feeds import Frame

FEW = 5
"""Things read one by one; more of them cost less as a list."""

NEWEST_RUNS = 20
"""Newest runs read after a change besides as many as changed: those are mostly among them, in one request."""

DUE_SECONDS = 15.0
"""How long a due instant is past before it is looked what became of it, and between two looks."""

RUNS_LIMIT = 500
"""Runs that a widget knows unless told otherwise: days of most workspaces, read in some 100 ms."""

RECENT_RUNS = 12
"""Recent runs told with a job: the width of a small chart."""


@dataclass
class State:
    """What a widget shows: runs by id or jobs by ref, and what goes beside them in the head."""

    rows: dict[str, Row]
    beside: dict[str, Any] = field(default_factory=dict)


class StateFeed:
    """What the feeds of state share; each says how it reads its own."""

    kind: str

    def __init__(self, client: Client) -> None:
        """Raises: RunyardError if the server does not answer or knows no such workspace."""
        self._client = client
        assert client.workspace  # asked for here, where an error reaches who made the widget

    def now(self) -> Frame:
        """Return the whole state."""
        return self._frame(self._read(), None)

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield the whole state, and then what differs, for as long as somebody looks."""
        news = asyncio.Event()
        known: State | None = None
        async with listening(self._client, news) as (_, changes):
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), _seconds_until(self._next_due(known)))
                changed = changes.take() if news.is_set() else Changed(is_all=True)
                news.clear()
                state = await patiently(self._read_again, changed, known)
                if state != known:
                    yield self._frame(state, known)
                    known = state

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        """Raises: ValueError, as nothing is asked of state."""
        raise ValueError(f"A feed of {self.kind} answers no `{request.get('kind')}`.")

    def _read(self) -> State:
        raise NotImplementedError

    def _read_few(self, changed: Changed, known: State) -> State | None:
        """Return the state after a few changes, None if everything has to be read anew."""
        raise NotImplementedError

    def _next_due(self, known: State | None) -> int | None:
        """Return the first instant at which something is due, in milliseconds."""
        raise NotImplementedError

    def _read_again(self, changed: Changed, known: State | None) -> State:
        state = self._read_few(changed, known) if known and not changed.is_all else None
        return state or self._read()

    def _frame(self, state: State, known: State | None) -> Frame:
        told = known or State({})
        head: dict[str, Any] = {
            "kind": self.kind,
            "rows": [row for key, row in state.rows.items() if told.rows.get(key) != row],
            "gone": [key for key in told.rows if key not in state.rows],
            "is_all": known is None,
            "now": time.time_ns() // 1_000_000,
        }
        return Frame(head | {name: it for name, it in state.beside.items() if told.beside.get(name) != it})


class RunsFeed(StateFeed):
    """The newest runs of the workspace or of one job; with `with_ticks` also when jobs are due next."""

    kind = "runs"

    def __init__(
        self, client: Client, job: str | None = None, limit: int = RUNS_LIMIT, *, with_ticks: bool = False
    ) -> None:
        """Raises: NotFound with the nearest names if there is no such job, AmbiguousName, Unavailable."""
        super().__init__(client)
        self._job = None if job is None else client.job(job)
        self._limit = limit
        self._with_ticks = with_ticks

    def _read(self) -> State:
        rows = {run.id: run_row(run) for run in self._newest(self._limit)}
        return State(rows, {"ticks": self._ticks()} if self._with_ticks else {})

    def _next_due(self, known: State | None) -> int | None:
        return min((tick["at"] for tick in known.beside.get("ticks", ())), default=None) if known else None

    def _read_few(self, changed: Changed, known: State) -> State | None:
        if self._job and self._job.id not in changed.job_ids:
            return known
        count = len(changed.run_ids) + NEWEST_RUNS
        found = {run.id: run for run in self._newest(count)}
        older = changed.run_ids - found.keys()
        if max(len(older), len(changed.job_ids)) > FEW:
            return None
        found |= {run_id: self._client.run(run_id) for run_id in older}
        fresh = [run_row(run) for run in found.values()]
        rows = known.rows | {row["id"]: row for row in fresh if self._is_shown(row)}
        newest = sorted(rows.values(), key=lambda row: row["created_at"], reverse=True)[: self._limit]
        beside = known.beside
        if self._with_ticks:
            job_ids = {self._job.id} if self._job else changed.job_ids
            jobs = [self._client.job(job_id) for job_id in job_ids]
            refs = {job.job_ref for job in jobs}
            beside = {"ticks": [*(t for t in beside["ticks"] if t["job"] not in refs), *ticks_of(jobs)]}
        return State({row["id"]: row for row in newest}, beside)

    def _newest(self, count: int) -> Iterable[Run]:
        job_id = self._job.id if self._job else None
        return islice(self._client.runs(job_id=job_id, page_items=min(count, PAGE_ITEMS_MAX)), count)

    def _is_shown(self, row: Row) -> bool:
        """Return whether the list of runs would have this one, too."""
        return bool(row["job"] == self._job.job_ref if self._job else row["job"] != DASHBOARD_REF)

    def _ticks(self) -> list[Row]:
        return ticks_of([self._client.job(self._job.id)] if self._job else self._client.jobs())


class JobsFeed(StateFeed):
    """The deployed jobs, and who follows or waits for whom."""

    kind = "jobs"

    def _read(self) -> State:
        jobs = list(self._client.jobs(recent_job_runs_limit=RECENT_RUNS))
        return State(self._rows(jobs), {"edges": edges_of(jobs)})

    def _next_due(self, known: State | None) -> int | None:
        due = (row["next_at"] for row in known.rows.values()) if known else ()
        return min((at for at in due if at is not None), default=None)

    def _read_few(self, changed: Changed, known: State) -> State | None:
        refs = [ref for ref, row in known.rows.items() if row["id"] in changed.job_ids]
        if not len(changed.job_ids) == len(refs) <= FEW:
            return None
        fresh = [
            job
            for ref in refs
            for job in self._client.jobs(archived=True, ref=ref, recent_job_runs_limit=RECENT_RUNS)
        ]
        if any(job.is_archived for job in fresh):
            return None
        return State(known.rows | self._rows(fresh), known.beside)

    def _rows(self, jobs: Iterable[Job]) -> dict[str, Row]:
        who = cache(self._client.who)  # who left is asked for once, however many jobs they paused
        return {job.job_ref: job_row(job, who) for job in jobs}


def _seconds_until(due: int | None) -> float | None:
    """Return how long to wait for news of what is due, in milliseconds since 1970; None is for ever."""
    return None if due is None else max(0, due / 1000 - time.time()) + DUE_SECONDS


def ticks_of(jobs: Iterable[Job]) -> list[Row]:
    """Return when jobs are due next, those that are."""
    return [
        {"job": job.job_ref, "at": milliseconds(job.next_scheduled_run_at)}
        for job in jobs
        if job.next_scheduled_run_at is not None
    ]


def edges_of(jobs: list[Job]) -> list[Row]:
    """Return who follows whom (`follow`) and who waits until whom is complete (`freshness`), by ref."""
    refs = {job.job_ref for job in jobs}
    return [
        {"source": source, "target": job.job_ref, "kind": kind}
        for job in jobs
        for kind, sources in (("follow", job.definition.follows), ("freshness", upstream_refs(job.freshness)))
        for source in sources
        if source in refs
    ]
