"""What a kernel hears of a server on its event loop: changes, by one stream for all who listen, and logs.

The only part of the client that is asynchronous; whatever is read once is read with `Client`. Streams that break
are opened again for as long as somebody listens. What widgets make of it is in `feeds`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import httpx

from runyard.core.errors import Unavailable
from runyard_server.client.client import Client
from runyard_server.client.connection import Target
from runyard_server.client.models import LogPart
from runyard_server.client.wire import (
    STREAM_TIMEOUT,
    EventReader,
    LogPartReader,
    error_of,
    http_options,
    translated,
)

PAUSE_SECONDS = 0.5
"""Before a broken stream is opened again; doubled while it fails. A restarted server answers in two seconds."""

PAUSE_SECONDS_MAX = 8.0
"""A notebook may stay open for days beside a server that is gone."""

CHANGED_MAX = 1_000
"""Ids remembered for somebody who does not ask; with more, everything is to be read anew."""

KEPT_LINES, KEPT_BYTES = 5_000, 1024 * 1024
"""Of a log that nobody takes lines from, the newest are kept: more than a screen, not more than a message."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Changed:
    """The ids of what has changed; `is_all` says that anything may have."""

    run_ids: set[str] = field(default_factory=set)
    job_ids: set[str] = field(default_factory=set)
    is_all: bool = False


class Changes:
    """What has changed since it was last taken. Sets `news` when there is something to take."""

    def __init__(self, news: asyncio.Event) -> None:
        self._news = news
        self._changed = Changed()
        self._error: Exception | None = None

    def take(self) -> Changed:
        """Return what has changed; nothing may have. Raises: what ended the stream for good."""
        if self._error is not None:
            raise self._error
        changed, self._changed = self._changed, Changed()
        return changed

    def add(self, run_id: str | None, job_id: str | None) -> None:
        """Remember one change; one of neither a run nor a job is one of everything."""
        self._changed.run_ids |= {run_id} if run_id else set()
        self._changed.job_ids |= {job_id} if job_id else set()
        if not (run_id or job_id) or len(self._changed.run_ids) > CHANGED_MAX:
            self._changed = Changed(is_all=True)
        self._news.set()

    def fail(self, error: Exception) -> None:
        """Let the next `take` raise this."""
        self._error = error
        self._news.set()


class Live:
    """One workspace as one event loop hears it; made and ended by `listening`."""

    def __init__(self, client: Client) -> None:
        self._target = client.target
        self._workspace_id = client.workspace.id
        # No pool limit: each open log holds a connection.
        self._http = httpx.AsyncClient(
            **http_options(self._target), timeout=STREAM_TIMEOUT, limits=httpx.Limits(max_connections=None)
        )
        self._listeners: set[Changes] = set()
        self._is_open = False
        self.task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """End the stream of changes and give back the connections."""
        self.task.cancel()
        await asyncio.wait([self.task])
        await self._http.aclose()

    @property
    def is_heard(self) -> bool:
        """Return whether anybody listens."""
        return bool(self._listeners)

    @contextmanager
    def changes(self, news: asyncio.Event) -> Iterator[Changes]:
        """Hear of changes: first of all of everything, once nothing that changes later can be missed."""
        listener = Changes(news)
        self._listeners.add(listener)
        if self._is_open:
            listener.add(None, None)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def lines(self, run_id: str, first: int) -> AsyncGenerator[LogPart]:
        """Yield the log of a run from a line on, counted from the end if negative, until the run is over."""
        path = f"/logs/v1/workspaces/{self._workspace_id}/job-runs/{run_id}/line-stream"
        position = first

        async def once() -> AsyncGenerator[LogPart]:
            nonlocal position
            reader = LogPartReader()
            async with self._opened(path, {"first": position}, {}) as response:
                async for data in response.aiter_bytes():
                    for part in reader.read(data):
                        position = part.end
                        yield part

        async with aclosing(_again(once)) as parts:
            async for part in parts:
                yield part
                if part.is_over:
                    return

    async def _listen(self) -> None:
        path, last_id = f"/api/v1/workspaces/{self._workspace_id}/events", ""

        async def once() -> AsyncGenerator[None]:
            nonlocal last_id
            reader = EventReader()
            async with self._opened(path, {}, {"last-event-id": last_id} if last_id else {}) as response:
                async for line in response.aiter_lines():
                    event = reader.read(line)
                    if not last_id:  # the first thing told is where the stream begins
                        self._is_open = True
                        self._tell(None, None)
                    elif event:
                        self._tell(event.data.get("run_id"), event.data.get("job_id"))
                    last_id = reader.last_id or last_id
                    yield

        try:
            async with aclosing(_again(once)) as heard:
                async for _ in heard:
                    pass
        except Exception as error:
            for listener in self._listeners:
                listener.fail(error)

    def _tell(self, run_id: str | None, job_id: str | None) -> None:
        for listener in self._listeners:
            listener.add(run_id, job_id)

    @asynccontextmanager
    async def _opened(
        self, path: str, params: dict[str, Any], headers: dict[str, str]
    ) -> AsyncIterator[httpx.Response]:
        with translated(self._target.server):
            async with self._http.stream("GET", path, params=params, headers=headers) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_of(response)
                yield response


@asynccontextmanager
async def listening(client: Client, news: asyncio.Event) -> AsyncIterator[tuple[Live, Changes]]:
    """Offer what a workspace's server says, and its changes, of which there are some when `news` is set.

    All who listen on this event loop with the same key share one stream.
    """
    lives = _LIVES.setdefault(asyncio.get_running_loop(), {})
    place = (client.target, client.workspace.id)
    live = lives.get(place)
    if live is None or live.task.done():
        live = lives[place] = Live(client)
    try:
        with live.changes(news) as changes:
            yield live, changes
    finally:
        if not live.is_heard:
            if lives.get(place) is live:
                del lives[place]
            await live.close()


_LIVES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Target, str], Live]] = WeakKeyDictionary()


async def patiently(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what is read once a server answers that was there before; the loop goes on meanwhile."""
    while True:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except Unavailable:
            await asyncio.sleep(PAUSE_SECONDS)


class Tail:
    """The end of a growing log: keeps the newest lines until they are taken, and forgets the older ones."""

    def __init__(self, live: Live, run_id: str, first: int, news: asyncio.Event) -> None:
        self._news = news
        self._parts: deque[LogPart] = deque()
        self._error: Exception | None = None
        self._is_over = False
        self._task = asyncio.create_task(self._read(live.lines(run_id, first)))

    @property
    def is_drained(self) -> bool:
        """Return whether all lines of a run that is over were taken."""
        return self._is_over and not self._parts

    def take(self) -> LogPart | None:
        """Return the lines that came since the last time, None if nothing was heard. Raises: what ended it."""
        if self._error is not None:
            raise self._error
        if not self._parts:
            return None
        parts, self._parts = self._parts, deque()
        return LogPart(
            parts[0].first,
            sum(part.count for part in parts),
            parts[-1].total,
            parts[-1].is_over,
            b"\n".join(part.body for part in parts if part.count),
        )

    async def close(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _read(self, lines: AsyncGenerator[LogPart]) -> None:
        try:
            async with aclosing(lines):
                async for part in lines:
                    self._keep(part)
                    self._is_over = part.is_over
                    self._news.set()
        except Exception as error:
            self._error = error
            self._news.set()

    def _keep(self, part: LogPart) -> None:
        self._parts.append(part)
        while len(self._parts) > 1 and (
            sum(kept.count for kept in self._parts) > KEPT_LINES
            or sum(len(kept.body) for kept in self._parts) > KEPT_BYTES
        ):
            self._parts.popleft()


async def _again(once: Callable[[], AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """Yield what a stream yields, and open it again whenever it ends.

    Raises: Unavailable if it never opened, and what the server refuses.
    """
    has_opened, pause = False, PAUSE_SECONDS
    while True:
        try:
            async with aclosing(once()) as items:
                async for item in items:
                    has_opened, pause = True, PAUSE_SECONDS
                    yield item
        except Unavailable:
            if not has_opened:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_SECONDS_MAX)
