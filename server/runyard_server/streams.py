"""What goes on answering: logs and changes, as they happen. Pushed; nobody polls.

Server-sent events: an `event:` line, a `data:` line of JSON, an empty line. A comment now and then keeps
proxies from taking silence for an end.

Lines of a log also come in frames, which cost a reader of 10,000 lines a second next to nothing: a line of JSON
`{"first", "count", "total", "is_over", "size"}`, then `size` bytes, which are `count` lines joined by newlines,
each `O|E|S` (stdout, stderr, the supervisor's own words), milliseconds since 1970, a tab, the text.
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

from runyard.core.logs import READ_LINES, STREAMS, LogHub, LogLine, LogReader, iter_lines
from runyard_server.views import event, log_line

KEEP_ALIVE = b": keep-alive\n\n"

KEEP_ALIVE_SECONDS = 15.0
"""Between two signs of life: proxies commonly give up after 30 or 60 seconds."""

EVENTS_READ = 500
"""Changes read at once; a reader that is slow holds no more than these in memory."""

CHUNK_LINES = 1_000
"""Log lines sent at once: some 200 KB of JSON."""

RANGE_BYTES = 4 * 1024 * 1024
"""Lines of one answer end behind so many bytes, however long they are."""

GATHER_SECONDS = 0.02
"""How long lines gather before they are sent on in one frame: fifty frames a second cost little, and nobody sees it."""

LINES_MEDIA = "application/vnd.runyard.lines"

# Without the second header a buffering proxy would hold lines back until it has a bufferful.
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

_MARKS = {stream: mark.decode() for mark, stream in STREAMS.items()}

ReadChanges = Callable[[int], Awaitable[Sequence[RowMapping]]]
"""Returns the changes after an id, at most `EVENTS_READ`, oldest first."""


def event_stream(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """Return the answer that sends these frames as they come."""
    return StreamingResponse(frames, media_type="text/event-stream", headers=STREAM_HEADERS)


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


def read_lines(reader: LogReader, limit: int) -> list[LogLine]:
    """Return the next lines there are, at most `limit` and little more than `RANGE_BYTES`."""
    found: list[LogLine] = []
    size = 0
    while len(found) < limit and size < RANGE_BYTES and (more := reader.read(limit - len(found))):
        found += more
        size += sum(len(line.text) for line in more)
    return found


def lines_frame(first: int, lines: Sequence[LogLine], total: int, *, is_over: bool) -> bytes:
    """Return lines as one frame; `first` is the number of the first of them, or of the next one to come."""
    body = "\n".join(f"{_MARKS[line.stream]}{line.at // 1000}\t{line.text}" for line in lines).encode()
    head = {"first": first, "count": len(lines), "total": total, "is_over": is_over, "size": len(body)}
    return to_json(head) + b"\n" + body


async def followed_lines(
    hub: LogHub, run_id: str, run_directory: Path, first: int, is_over: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield the log from a line on and as it grows, in frames; the last one says that the run is over."""
    # At once, so that a client knows it is connected, and where it stands.
    yield lines_frame(first, (), first, is_over=False)
    async for lines in hub.follow(run_id, LogReader(run_directory, first), is_over):
        end = lines[-1].number + 1 if lines else first
        yield lines_frame(first, lines, end, is_over=False)
        first = end
        if 0 < len(lines) < READ_LINES:  # it is read up to its end: what comes next may gather
            await asyncio.sleep(GATHER_SECONDS)
    yield lines_frame(first, (), first, is_over=True)


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
        with self.watching() as news:
            # An id without data: the reader knows where to resume even if nothing happens.
            yield b"id: %d\n\n" % after
            while True:
                news.clear()  # before reading: what comes later is announced later
                if rows := await read(after):
                    after = rows[-1]["id"]
                    yield b"".join(_event_frame(row) for row in rows)
                    continue
                try:
                    await asyncio.wait_for(news.wait(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield KEEP_ALIVE

    @contextlib.contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Set the event on this loop at each change, while the context is open."""
        watcher = _Watcher(asyncio.get_running_loop())
        with self._lock:
            self._watchers.add(watcher)
        try:
            yield watcher.news
        finally:
            with self._lock:
                self._watchers.discard(watcher)


def _event_frame(row: RowMapping) -> bytes:
    head = f"id: {row['id']}\nevent: {row['kind']}\ndata: ".encode()
    return head + to_json(event(row)) + b"\n\n"
