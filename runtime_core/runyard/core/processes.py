"""Short-lived helper processes: discovery of jobs, uv. A seam, because tests want neither to be slow.

One call starts a program, collects what it says, and leaves nothing of it behind: at the end its whole
process group is gone. Runs of jobs are not here: they outlive the server and belong to `runyard.core.node`.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runyard.core.clock import Clock, SystemClock
from runyard.core.errors import StartFailed

OUTPUT_BYTES_MAX = 32 * 1024 * 1024
"""Bytes kept of each stream; a manifest of 10,000 jobs is about 10 MiB. The rest is read and dropped."""

GRACE_SECONDS = 2.0
"""Between asking a helper to stop and killing it: enough for uv to release its locks."""

DRAIN_SECONDS = 1.0
"""How long to read on after the helper is gone, for a descendant that left its group and kept the pipe."""

READ_BYTES = 65536
"""Bytes taken from a pipe at once: what a Linux pipe holds."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a helper ended; `returncode` is negative when a signal did it."""

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool = False


class Processes(Protocol):
    """Runs a helper to its end."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_seconds: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Return how the program ended, at the latest some seconds after `timeout_seconds`.

        The environment is complete, standard input is empty. `on_line` gets each line of both streams as it
        comes, without its newline; it is for showing progress and must not raise.
        Raises: StartFailed if there is no such program or directory.
        """


class SystemProcesses:
    """Real processes, each in a group of its own."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        # Never read, so that once written to it stays readable for all who look at it.
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)

    def close(self) -> None:
        """Stop every program that runs, and every later one at once; may be called from any thread."""
        os.eventfd_write(self._closing, 1)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_seconds: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise StartFailed(f"`{argv[0]}` cannot be started: {error}.", "Check its path.") from error
        with process:
            stdout, stderr = _Stream(on_line), _Stream(on_line)
            try:
                timed_out = self._follow(process, (stdout, stderr), timeout_seconds)
            finally:
                # Before the process is reaped: until then its number, and so its group's, is nobody else's.
                _signal_group(process, signal.SIGKILL)
        return Completed(process.returncode, stdout.text(), stderr.text(), timed_out)

    def _follow(
        self, process: subprocess.Popen[bytes], streams: tuple[_Stream, _Stream], timeout_seconds: float
    ) -> bool:
        """Read until everything is closed; past the deadline ask, then kill. Return whether it was passed."""
        deadline = self._clock.monotonic() + timeout_seconds
        steps = iter(((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, DRAIN_SECONDS)))
        timed_out = ended = False
        exit_fd = os.pidfd_open(process.pid)
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self._closing, selectors.EVENT_READ)
                selector.register(exit_fd, selectors.EVENT_READ)
                for pipe, stream in zip((process.stdout, process.stderr), streams, strict=True):
                    assert pipe is not None
                    selector.register(pipe, selectors.EVENT_READ, stream)
                while selector.get_map().keys() - {self._closing}:
                    for key, _ in selector.select(max(0.0, deadline - self._clock.monotonic())):
                        if key.fd == self._closing:
                            deadline = min(deadline, self._clock.monotonic())
                        elif key.fd == exit_fd:
                            ended = True
                            _signal_group(process, signal.SIGKILL)
                            deadline = self._clock.monotonic() + DRAIN_SECONDS
                        elif key.data.feed(os.read(key.fd, READ_BYTES)):
                            continue
                        selector.unregister(key.fileobj)
                    if self._clock.monotonic() >= deadline:
                        step = next(steps, None)
                        if ended or step is None:
                            break
                        timed_out = True
                        _signal_group(process, step[0])
                        deadline = self._clock.monotonic() + step[1]
            finally:
                os.close(exit_fd)
        return timed_out


class _Stream:
    """Collects one stream within its bound and hands on whole lines."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._kept = bytearray()
        self._line = bytearray()
        self._on_line = on_line

    def feed(self, data: bytes) -> bool:
        """Take what was read; return whether the stream goes on."""
        self._kept += data[: OUTPUT_BYTES_MAX - len(self._kept)]
        if self._on_line is not None:
            *lines, rest = (bytes(self._line) + data).split(b"\n")
            # A program that never ends its line must not make this grow.
            self._line[:] = rest[-READ_BYTES:]
            if not data and rest:
                lines.append(rest)
            for line in lines:
                self._on_line(line.decode(errors="replace").rstrip("\r"))
        return bool(data)

    def text(self) -> str:
        return self._kept.decode(errors="replace")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
