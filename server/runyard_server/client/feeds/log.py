"""The feed of a log: of one run, or of whichever run of a job is the newest. Its end first, then as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from itertools import islice
from typing import Any

from runyard.core.errors import InvalidRequest
from runyard.core.runs import RunStatus
from runyard_server.client.client import Client
from runyard_server.client.feeds.rows import Row, run_row
from runyard_server.client.models import LogPart, Run
from runyard_server.client.streaming import Changed, Tail, listening, patiently
from runyard_widgets.feeds import Frame

TAIL_LINES = 1_000
"""Lines that are told unasked: a few screens above the end."""

NOW_LINES = 200
"""Lines of the state at one moment, which exports hold."""

RANGE_LINES_MAX = 5_000
"""Lines of one answer; a browser asks for a few hundred."""

NEWEST_RUNS = 10
"""Newest runs of a job among which the one to show is: those before it have not started."""


class LogFeed:
    """The log of `run`, or of the newest run of `job`: when a new one starts, that is shown from then on."""

    def __init__(self, client: Client, *, run: str | None = None, job: str | None = None) -> None:
        """Raises: NotFound with the nearest names, AmbiguousName, InvalidRequest, Unavailable."""
        if (run is None) == (job is None):
            raise InvalidRequest("A log is that of one run or of one job.", "Give `run=` or `job=`.")
        self._client = client
        self._job_id = None if job is None else client.job(job).id
        self._run_id = None if run is None else client.run(run).id

    def now(self) -> Frame:
        """Return the newest lines, with the run they are of; no lines if the job has not run yet."""
        run = self._find_run()
        if run is None:
            return _frame(LogPart(0, 0, 0, False, b""), run=None)
        return _frame(self._client.log_part(run.id, -NOW_LINES, NOW_LINES), run=run_row(run))

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield the run, its newest lines, and what comes. Ends with the run; of a job, never."""
        news = asyncio.Event()
        shown: Row | None = None
        tail: Tail | None = None
        async with listening(self._client, news) as (live, changes):
            try:
                while self._job_id or not (shown and tail and shown["finished_at"] and tail.is_drained):
                    await news.wait()
                    news.clear()
                    run = await self._changed_run(changes.take(), shown)
                    if run is not None:
                        if shown is None or run["id"] != shown["id"]:
                            if tail is not None:
                                await tail.close()
                            tail = Tail(live, run["id"], -TAIL_LINES, news)
                        shown = run
                        yield Frame({"kind": "run", "run": run})
                    if tail is not None and (part := tail.take()):
                        yield _frame(part)
            finally:
                if tail is not None:
                    await tail.close()

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        """Return the lines of a range: `{"kind": "range", "first": n, "count": c}`.

        Raises: ValueError for anything else, RunyardError.
        """
        match request:
            case {"kind": "range", "first": int(first), "count": int(count)} if first >= 0 < count:
                limit = min(count, RANGE_LINES_MAX)
            case _:
                raise ValueError("A log answers questions for a range of lines.")
        if self._run_id is None:
            raise ValueError("There is no run yet.")
        return _frame(await asyncio.to_thread(self._client.log_part, self._run_id, first, limit))

    async def _changed_run(self, changed: Changed, shown: Row | None) -> Row | None:
        """Return the run to show if it, or which it is, differs from what is shown."""
        ids = changed.run_ids | changed.job_ids
        if not (changed.is_all or self._job_id in ids or self._run_id in ids):
            return None
        run = await patiently(self._find_run)
        row = None if run is None else run_row(run)
        return row if row != shown else None

    def _find_run(self) -> Run | None:
        """Return the run to show, and remember it: None if the job has no run yet."""
        if self._job_id is not None:
            newest = list(islice(self._client.runs(job_id=self._job_id, page_items=NEWEST_RUNS), NEWEST_RUNS))
            begun = [run for run in newest if run.status != RunStatus.PENDING]
            if not newest:
                return None
            self._run_id = (begun or newest)[0].id
        assert self._run_id is not None
        return self._client.run(self._run_id)


def _frame(part: LogPart, **beside: Any) -> Frame:
    head = {
        "kind": "log",
        "first": part.first,
        "count": part.count,
        "total": part.total,
        "is_over": part.is_over,
    }
    return Frame(head | beside, part.body)
