"""What goes on answering: logs and changes, as they happen. Pushed; nobody polls.

Server-sent events: an `event:` line, a `data:` line of JSON, an empty line. A comment now and then keeps
proxies from taking silence for an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_core import to_json
from sqlalchemy import RowMapping
from starlette.responses import StreamingResponse

from runyard.core.logs import LogHub, LogReader, iter_lines
from runyard_server.views import event, log_line

KEEP_ALIVE = b": keep-alive\n\n"

KEEP_ALIVE_SECONDS = 15.0
"""Between two signs of life: proxies commonly give up after 30 or 60 seconds."""

EVENTS_READ = 500
"""Changes read at once; a reader that is slow holds no more than these in memory."""

CHUNK_LINES = 1_000
"""Log lines sent at once: some 200 KB of JSON."""

ReadChanges = Callable[[int], Awaitable[Sequence[RowMapping]]]
"""Returns the changes after an id, at most `EVENTS_READ`, oldest first."""


def event_stream(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """Return the answer that sends these frames as they come."""
    # Without the second header a buffering proxy would hold lines back until it has a bufferful.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)


# Logs -----------------------------------------------------------------------------------------------


def stored_log(run_directory: Path) -> Iterator[bytes]:
    """Yield the log there is, as one JSON object a line, in chunks."""
    chunk: list[bytes] = []
    for line in iter_lines(run_directory):
        chunk.append(to_json(log_line(line)))
        if len(chunk) == CHUNK_LINES:
            yield b"\n".join(chunk) + b"\n"
            chunk.clear()
    if chunk:
        yield b"\n".join(chunk) + b"\n"


async def followed_log(
    hub: LogHub, run_id: str, run_directory: Path, is_over: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield the log from its beginning and as it grows, until the run is over."""
    # At once, so that a client knows it is connected before the first line is printed.
    yield KEEP_ALIVE
    async for lines in hub.follow(run_id, LogReader(run_directory), is_over):
        frames = (b"event: log\ndata: " + to_json(log_line(line)) + b"\n\n" for line in lines)
        yield b"".join(frames) or KEEP_ALIVE


# Changes --------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Watcher:
    loop: asyncio.AbstractEventLoop
    news: asyncio.Event = field(default_factory=asyncio.Event)


class ChangeHub:
    """Wakes those who watch the feed. `wake` may be called from any thread and does not block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: set[_Watcher] = set()

    def wake(self) -> None:
        """Say that something was appended to the feed."""
        with self._lock:
            for watcher in self._watchers:
                with contextlib.suppress(RuntimeError):  # its loop has been closed
                    watcher.loop.call_soon_threadsafe(watcher.news.set)

    async def follow(self, read: ReadChanges, after: int) -> AsyncIterator[bytes]:
        """Yield the changes after an id, and what comes, for as long as the reader stays."""
        with self._watching() as watcher:
            # An id without data: the reader knows where to resume even if nothing happens.
            yield b"id: %d\n\n" % after
            while True:
                watcher.news.clear()  # before reading: what comes later is announced later
                if rows := await read(after):
                    after = rows[-1]["id"]
                    yield b"".join(_event_frame(row) for row in rows)
                    continue
                try:
                    await asyncio.wait_for(watcher.news.wait(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield KEEP_ALIVE

    @contextlib.contextmanager
    def _watching(self) -> Iterator[_Watcher]:
        watcher = _Watcher(asyncio.get_running_loop())
        with self._lock:
            self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.discard(watcher)


def _event_frame(row: RowMapping) -> bytes:
    head = f"id: {row['id']}\nevent: {row['kind']}\ndata: ".encode()
    return head + to_json(event(row)) + b"\n\n"
