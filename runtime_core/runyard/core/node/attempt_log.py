"""The log of one attempt, as its shim writes it. Reading it back is in `runyard.core.logs`.

A record is one line of the file:  NUMBER \\t EPOCH_US \\t STREAM \\t TEXT \\n

STREAM is O or E for what the job printed on stdout or stderr, S for the shim's own words. A lowercase letter
says that the line goes on in the next record of that stream. Lines are numbered from 1 without gaps in the
order in which they end; a piece that goes on carries the number its line would have if it were the next to
end.

The index has an entry `<QQQ` (number, offset, epoch in microseconds) for each 1000th line: from that offset
on, every piece of that line and of all later ones can be read.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from .attempt_dir import INDEX, LOG

INDEX_ENTRY = struct.Struct("<QQQ")
INDEX_LINES = 1000
"""Lines per index entry: at most so many are read in vain by a reader that starts in the middle."""

_TAIL_BYTES = 1024 * 1024
"""More than the longest line that is written before a job starts."""

STDOUT, STDERR, SHIM = b"O", b"E", b"S"


class AttemptLog:
    """Appends records, never more than `limit_bytes` of what a job prints, and never fails.

    Goes on with the log that is there: what was said while the attempt was prepared comes first.
    A write that the disk refuses is dropped, and what was dropped is said as soon as there is room again.
    """

    def __init__(self, directory: str, limit_bytes: int) -> None:
        self._log = _AppendFile(f"{directory}/{LOG}")
        self._index_path = f"{directory}/{INDEX}"
        self._index: _AppendFile | None = None  # most logs are too short to have one
        self._limit_bytes = limit_bytes
        self._is_full = False
        self._open_lines: dict[bytes, int] = {}  # stream -> offset of the first piece of its unfinished line
        self._lost_lines = 0
        self.line_count = self._log.last_number()

    @property
    def size_bytes(self) -> int:
        return self._log.size

    def write(self, stream: bytes, texts: list[bytes], *, goes_on: bool = False) -> None:
        """Append one record per text, each free of newlines; with `goes_on` they are pieces of a line."""
        if not texts or (self._is_full and stream != SHIM):
            return
        if not self._admit_losses():
            self._lost_lines += len(texts)
            return
        now = time.time_ns() // 1000
        head = b"\t%d\t%s\t" % (now, stream.lower() if goes_on else stream)
        first = self.line_count + 1
        if goes_on:
            records = [b"%d%s%s\n" % (first, head, text) for text in texts]
        else:
            records = [b"%d%s%s\n" % (number, head, text) for number, text in enumerate(texts, first)]
        offset, data = self._log.size, b"".join(records)
        if stream != SHIM and offset + len(data) > self._limit_bytes:
            records = self._fitting(records)
            data = b"".join(records)
        if not self._log.append(data):
            self._lost_lines += len(records)
        elif goes_on:
            self._open_lines.setdefault(stream, offset)
        else:
            self.line_count += len(records)
            self._add_to_index(first, records, offset, now)
            self._open_lines.pop(stream, None)
        if self._is_full and stream != SHIM:
            self.say(f"the log has reached its limit of {self._limit_bytes} bytes: further output is dropped")

    def say(self, text: str) -> None:
        """Append a line in the shim's own name."""
        self.write(SHIM, [text.encode()])

    def sync(self) -> None:
        """Make what was written survive a power failure, as far as the disk lets us."""
        self._admit_losses()
        for file in (self._log, self._index):
            if file is not None:
                file.sync()

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._log, self._index):
            if file is not None:
                file.close()

    def _admit_losses(self) -> bool:
        """Say how many lines the disk refused; return whether there is nothing (more) to say."""
        if self._lost_lines:
            lost, self._lost_lines = self._lost_lines, 0
            self.say(f"{lost} lines are missing here: the disk refused them")
            if self._lost_lines:  # it still does
                self._lost_lines = lost
        return not self._lost_lines

    def _fitting(self, records: list[bytes]) -> list[bytes]:
        """Return the leading records for which there is room, and let no later ones in."""
        self._is_full = True
        room = self._limit_bytes - self._log.size
        for count, record in enumerate(records):
            room -= len(record)
            if room < 0:
                return records[:count]
        return records

    def _add_to_index(self, first: int, records: list[bytes], offset: int, now: int) -> None:
        """Add the entries that fall into these lines; line 1 needs none, it is at the beginning."""
        due = first + (1 - first) % INDEX_LINES
        if due == 1:
            due += INDEX_LINES
        while due < first + len(records):
            start = offset + sum(map(len, records[: due - first]))
            entry = INDEX_ENTRY.pack(due, min(self._open_lines.values(), default=start), now)
            if self._index is None:
                with contextlib.suppress(OSError):
                    self._index = _AppendFile(self._index_path)
            if self._index is not None:
                self._index.append(entry)
            due += INDEX_LINES


class _AppendFile:
    """A file that is either appended to as a whole or stays as it was."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = os.fstat(self._file).st_size

    def last_number(self) -> int:
        """Return the number of the last record, 0 if there is none."""
        tail = os.pread(self._file, min(self.size, _TAIL_BYTES), max(0, self.size - _TAIL_BYTES))
        record = tail.rstrip(b"\n").rpartition(b"\n")[2]
        number = record.partition(b"\t")[0]
        return int(number) if number.isdigit() else 0

    def append(self, data: bytes) -> bool:
        """Return whether the disk took it."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            return False
        self.size += len(data)
        return True

    def sync(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)
