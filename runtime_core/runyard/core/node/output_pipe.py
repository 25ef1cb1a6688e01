"""The reading end of a job's stdout or stderr: cuts what arrives into records. Storing them is not here."""

from __future__ import annotations

import contextlib
import fcntl
import os

from .attempt_log import AttemptLog

_PIPE_BYTES = 256 * 1024
"""What a pipe holds and one read takes: a job can print for some milliseconds before it has to wait for us."""

_PIECE_BYTES = 64 * 1024
"""Longest text of one record, so that a reader knows how far back the last record can begin."""

_LINE_BYTES = 1024 * 1024
"""Longest line: a longer one is broken here, so that no reader ever has to hold more."""

_LATE_SECONDS = 0.25
"""How long the beginning of a line may wait for its end to be written with it: a progress bar has none."""


def widen_pipe(descriptor: int) -> None:
    """Let a pipe hold more than the 64 KiB it does by default, if the system has room for it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class OutputPipe:
    """One output of the job. `late_at` (monotonic seconds) is when `flush_late` is due."""

    def __init__(self, descriptor: int, stream: bytes, log: AttemptLog) -> None:
        self.descriptor = descriptor
        self.late_at: float | None = None
        self._stream = stream
        self._log = log
        self._rest = b""
        self._piece_bytes = 0  # of the line that is unfinished in the log

    def read(self, now: float) -> bool:
        """Move what is there into the log; return False at the end of the pipe."""
        data = os.read(self.descriptor, _PIPE_BYTES)
        if not data:
            self.finish()
            os.close(self.descriptor)
            return False
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if lines:
            self._write_lines(lines)
        self._rest = self._write_pieces(self._rest)
        if not self._rest:
            self.late_at = None
        elif lines or self.late_at is None:
            self.late_at = now + _LATE_SECONDS
        return True

    def flush_late(self) -> None:
        """Write the beginning of a line whose end did not come in time."""
        self._write_piece(self._rest)
        self._rest, self.late_at = b"", None

    def finish(self) -> None:
        """Write what is left: the last line of a program that ends without a newline."""
        if self._rest or self._piece_bytes:
            self._write_lines([self._rest])
        self._rest, self.late_at = b"", None

    def _write_lines(self, lines: list[bytes]) -> None:
        if max(map(len, lines)) > _PIECE_BYTES:
            for line in lines:
                self._write_whole([self._write_pieces(line)])
        else:
            self._write_whole(lines)

    def _write_whole(self, lines: list[bytes]) -> None:
        self._log.write(self._stream, lines)
        self._piece_bytes = 0

    def _write_pieces(self, line: bytes) -> bytes:
        """Write all of a line but its last piece, which is returned."""
        while len(line) > _PIECE_BYTES:
            self._write_piece(line[:_PIECE_BYTES])
            line = line[_PIECE_BYTES:]
        return line

    def _write_piece(self, piece: bytes) -> None:
        self._piece_bytes += len(piece)
        if self._piece_bytes >= _LINE_BYTES:
            self._write_whole([piece])
        else:
            self._log.write(self._stream, [piece], goes_on=True)
