"""Real attempts for tests: an engine that remembers what it told, and gates that hold a job."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from tests.support.patience import PATIENCE_SECONDS

from runyard.core.clock import SystemClock
from runyard.core.engines import AttemptId, AttemptStatus, Command, EngineEvents
from runyard.core.engines.local import LOG_LIMIT_BYTES, LocalEngine
from runyard.core.ids import SeededIds
from runyard.core.logs import LogLine, iter_lines
from runyard.core.node import attempt_dir, linux

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Gate:
    """Holds a job until it is opened. In the job: `gate.wait` is the code to run."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self.wait = f"open({str(path)!r}).read()\n"

    def open(self) -> None:
        """Let the job go on, which must be waiting or about to."""
        with self._path.open("w"):
            pass


def python(code: str) -> Command:
    """Return the command that runs this code, unbuffered."""
    return Command([sys.executable, "-I", "-S", "-u", "-c", code], ENVIRONMENT, Path("/"), None, 30.0)


class Workbench:
    """A local engine with a data directory, and what a test asks of both."""

    def __init__(self, root: Path, *, log_limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self.root = root
        self.data_dir = root / "data"
        self._changed = threading.Condition()
        self._ended: set[AttemptId] = set()
        self._ids = SeededIds(7)
        self._log_limit_bytes = log_limit_bytes
        self._keepers_of_others = keepers(os.getpid())
        self.open()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for attempt in self.engine.list():
            self.engine.cancel(attempt, force=True)
        self.engine.close()

    def open(self) -> None:
        """Begin with a new engine, as a restarted server does."""
        events = EngineEvents(log_grew=self._note_growth, ended=self._note_end)
        self.engine = LocalEngine(self.data_dir, SystemClock(), events, log_limit_bytes=self._log_limit_bytes)

    def keeper_pid(self) -> int:
        """Return the keeper of this engine: a server that other tests share may have one in this process too."""
        (pid,) = keepers(os.getpid()) - self._keepers_of_others
        return pid

    def attempt(self) -> AttemptId:
        return AttemptId(self._ids.new_id(), 1)

    def gate(self, name: str = "gate") -> Gate:
        return Gate(self.root / name)

    def start(
        self, code: str | Command, *, timeout_seconds: float | None = None, grace_seconds: float = 30.0
    ) -> AttemptId:
        attempt = self.attempt()
        command = python(code) if isinstance(code, str) else code
        self.engine.submit(
            attempt, replace(command, timeout_seconds=timeout_seconds, grace_seconds=grace_seconds)
        )
        return attempt

    def run(self, code: str | Command) -> tuple[AttemptStatus, list[LogLine]]:
        """Run to the end; return the last status and all lines."""
        attempt = self.start(code)
        return self.wait_end(attempt), self.lines(attempt)

    def wait_end(self, attempt: AttemptId) -> AttemptStatus:
        """Wait until the engine says that the attempt has ended."""
        self._wait(lambda: attempt in self._ended)
        return self.engine.status(attempt)

    def wait_line(self, attempt: AttemptId, text: str) -> None:
        """Wait until a line can be read, woken by the engine alone."""
        self._wait(lambda: text in [line.text for line in self.lines(attempt)])

    def wait_raw(self, attempt: AttemptId, record_end: bytes) -> None:
        """Wait until a record of the log file ends like that, woken by the engine alone."""
        log = self.directory(attempt) / attempt_dir.LOG
        self._wait(lambda: log.exists() and log.read_bytes().endswith(record_end + b"\n"))

    def wait_released(self, attempt: AttemptId) -> None:
        """Wait until the shim of an attempt is gone, whether or not an engine watches."""
        with (self.directory(attempt) / attempt_dir.LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)

    def lines(self, attempt: AttemptId) -> list[LogLine]:
        return list(iter_lines(self.directory(attempt).parent))

    def texts(self, attempt: AttemptId, stream: str = "stdout") -> list[str]:
        return [line.text for line in self.lines(attempt) if line.stream == stream]

    def directory(self, attempt: AttemptId) -> Path:
        return Path(self.engine.directory(attempt))

    def shim_pid(self, attempt: AttemptId) -> int:
        holder: attempt_dir.Holder = attempt_dir.read_json(str(self.directory(attempt)), attempt_dir.LOCK)
        return holder["pid"]

    def _note_growth(self, _attempt: AttemptId) -> None:
        with self._changed:
            self._changed.notify_all()

    def _note_end(self, attempt: AttemptId) -> None:
        with self._changed:
            self._ended.add(attempt)
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_SECONDS), "nobody said that it has happened"


def keepers(process: int) -> set[int]:
    """Return the keepers of the engines in a process."""
    return {pid for pid in linux.descendants(process) if _is_keeper(pid, process)}


def _is_keeper(pid: int, engine: int) -> bool:
    command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return command_line.rstrip(b"\0").endswith(b"/node") and parent == engine


def wait_gone(pidfd: int) -> None:
    """Wait until the process of a pidfd has ended, and close it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(PATIENCE_SECONDS * 1000), "the process is still there"
    os.close(pidfd)
