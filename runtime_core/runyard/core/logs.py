"""Reading the log of a run: in order, from any line, attempt after attempt, and as it grows.

How records look is in `runyard.core.node.attempt_log`; here they become lines again. Nobody polls: an
engine's events wake whoever waits in a `LogHub`.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from runyard.core.node.attempt_dir import INDEX, LOG
from runyard.core.node.attempt_log import INDEX_ENTRY, SHIM, STDERR, STDOUT

READ_LINES = 1000
"""Lines returned by one read: a screenful of them takes a millisecond, so an event loop may do it itself."""

READ_BYTES = 256 * 1024
"""Bytes looked at by one read; more than the longest record, so that one record always fits."""

RECHECK_SECONDS = 15.0
"""How often a follower that hears nothing looks whether the run is over, and gives a sign of life."""

Stream = Literal["stdout", "stderr", "other"]
STREAMS: dict[bytes, Stream] = {STDOUT: "stdout", STDERR: "stderr", SHIM: "other"}
"""What the marks of records stand for."""


class LogLine(NamedTuple):
    """A line of a run. `number` counts from 0 over all attempts; `at` is when it ended, in microseconds UTC.

    `attempt` 0 is the build of the environment, whose lines come first (DGR-06).
    `text` has no newline at its end; carriage returns are as printed, bytes that are no UTF-8 are replaced.
    """

    number: int
    at: int
    stream: Stream
    text: str
    attempt: int = 1


class LogReader:
    """Reads the lines of a run's directory and remembers where it stopped; there may be more next time."""

    def __init__(self, run_dir: Path, start: int = 0) -> None:
        """Begin at the line with the number `start`."""
        self._run_dir = run_dir
        self._start = start
        self._number = 0
        self._base = 0  # lines of the attempts before this one
        while self._has_next() and start - self._base >= (lines := line_count(self._attempt)):
            self._base += lines
            self._number += 1
        self._line = 0  # lines of this attempt seen so far
        self._offset = _indexed_offset(self._attempt, start - self._base)
        self._pieces: dict[bytes, list[bytes]] = {}

    def read(self, limit: int = READ_LINES) -> list[LogLine]:
        """Return the next lines, at most `limit`; none if there are no more now."""
        while True:
            # Asked before reading: the next attempt only begins when nothing more can come from this one.
            has_next = self._has_next()
            lines, is_end = self._read_attempt(limit)
            if lines or (is_end and not has_next):
                return lines
            if is_end:
                self._base += self._line
                self._number += 1
                self._line = self._offset = 0
                self._pieces.clear()

    @property
    def _attempt(self) -> Path:
        return self._run_dir / str(self._number)

    def _has_next(self) -> bool:
        return (self._run_dir / str(self._number + 1)).exists()

    def _read_attempt(self, limit: int) -> tuple[list[LogLine], bool]:
        """Return lines, and whether the end of what is there was reached."""
        data = _read_at(self._attempt / LOG, self._offset)
        lines: list[LogLine] = []
        for record in data.split(b"\n")[:-1]:  # behind the last newline is nothing, or a record being written
            if len(lines) == limit:
                return lines, False
            self._offset += len(record) + 1
            line = self._take(record)
            if line is not None and line.number >= self._start:
                lines.append(line)
        return lines, len(data) < READ_BYTES

    def _take(self, record: bytes) -> LogLine | None:
        """Return the line that this record completes, if it does."""
        line, at, mark, text = record.split(b"\t", 3)
        stream = mark.upper()
        if mark != stream:
            self._pieces.setdefault(stream, []).append(text)
            return None
        if stream in self._pieces:
            text = b"".join([*self._pieces.pop(stream), text])
        self._line = int(line)
        number = self._base + self._line - 1
        return LogLine(number, int(at), STREAMS[stream], text.decode(errors="replace"), self._number)


def make_room(attempt_dir: Path) -> None:
    """Make the directory of an attempt, and of those before it: readers take a missing one for the end."""
    for number in range(1, int(attempt_dir.name) + 1) or (0,):
        (attempt_dir.parent / str(number)).mkdir(parents=True, exist_ok=True, mode=0o700)


def iter_lines(run_dir: Path, start: int = 0) -> Iterator[LogLine]:
    """Yield the lines there are, from the number `start` on, over all attempts."""
    reader = LogReader(run_dir, start)
    while lines := reader.read():
        yield from lines


def total_lines(run_dir: Path) -> int:
    """Return how many lines a run has now, over all attempts; 0 if it has not started."""
    total, number = line_count(run_dir / "0"), 1
    while (attempt := run_dir / str(number)).exists():
        total += line_count(attempt)
        number += 1
    return total


def line_count(attempt_dir: Path) -> int:
    """Return how many lines the log of an attempt has now; 0 if there is no log yet."""
    path = attempt_dir / LOG
    size = path.stat().st_size if path.exists() else 0
    # Whole records only, and the tail begins somewhere within one.
    for record in reversed(_read_at(path, max(0, size - READ_BYTES)).split(b"\n")[:-1]):
        number, _at, mark, _text = record.split(b"\t", 3)
        return int(number) if mark.isupper() else int(number) - 1
    return 0


def last_words(attempt_dir: Path) -> str | None:
    """Return the last line that a process printed, None if it was silent."""
    path = attempt_dir / LOG
    size = path.stat().st_size if path.exists() else 0
    # The tail begins somewhere within a record.
    records = _read_at(path, max(0, size - READ_BYTES)).split(b"\n")[int(size > READ_BYTES) : -1]
    for record in reversed(records):
        _number, _at, mark, text = record.split(b"\t", 3)
        if STREAMS[mark.upper()] != "other" and text.strip():
            return text.decode(errors="replace")
    return None


def _read_at(path: Path, offset: int) -> bytes:
    """Return up to `READ_BYTES` of a log from there on, nothing if it does not exist yet."""
    try:
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), READ_BYTES, offset)
    except FileNotFoundError:
        return b""


def _indexed_offset(attempt_dir: Path, line: int) -> int:
    """Return an offset in the log from which on everything of the line (counted from 0) can be read."""
    try:
        with (attempt_dir / INDEX).open("rb", buffering=0) as file:

            def entry(position: int) -> tuple[int, int, int]:
                return INDEX_ENTRY.unpack(
                    os.pread(file.fileno(), INDEX_ENTRY.size, position * INDEX_ENTRY.size)
                )

            entries = range(os.fstat(file.fileno()).st_size // INDEX_ENTRY.size)
            behind = bisect.bisect_right(entries, line + 1, key=lambda position: entry(position)[0])
            return entry(behind - 1)[1] if behind else 0
    except FileNotFoundError:
        return 0  # it is short


@dataclass(eq=False, slots=True)
class _Follower:
    """Somebody who waits for a run to go on."""

    loop: asyncio.AbstractEventLoop
    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False


class LogHub:
    """Wakes those who follow a run. `wake` and `finish` may be called from any thread and do not block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: dict[str, set[_Follower]] = {}

    def wake(self, run_id: str) -> None:
        """Say that the log of a run has grown."""
        self._tell(run_id, is_over=False)

    def finish(self, run_id: str) -> None:
        """Say that a run has ended for good: nothing more comes, not from another attempt either."""
        self._tell(run_id, is_over=True)

    async def follow(
        self, run_id: str, reader: LogReader, is_over: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[list[LogLine]]:
        """Yield lines as they come until the run has ended; an empty list now and then when none come.

        `is_over` says whether the run has ended; it is asked at the beginning and after each silence.
        """
        with self._following(run_id) as follower:
            follower.is_over = await is_over() or follower.is_over
            while True:
                # Both before reading: what comes later is announced later.
                over = follower.is_over
                follower.news.clear()
                if lines := reader.read():
                    yield lines
                elif over:
                    return
                else:
                    try:
                        await asyncio.wait_for(follower.news.wait(), RECHECK_SECONDS)
                    except TimeoutError:
                        follower.is_over = await is_over() or follower.is_over
                        yield []

    @contextlib.contextmanager
    def _following(self, run_id: str) -> Iterator[_Follower]:
        follower = _Follower(asyncio.get_running_loop())
        with self._lock:
            self._followers.setdefault(run_id, set()).add(follower)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers[run_id].remove(follower)
                if not self._followers[run_id]:
                    del self._followers[run_id]

    def _tell(self, run_id: str, *, is_over: bool) -> None:
        with self._lock:
            for follower in self._followers.get(run_id, ()):
                follower.is_over = follower.is_over or is_over
                with contextlib.suppress(RuntimeError):  # its loop has been closed
                    follower.loop.call_soon_threadsafe(follower.news.set)
