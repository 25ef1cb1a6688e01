"""The engine for this machine: asks the keeper to start attempts, and watches the shims it forked.

What an attempt is doing is read from its directory, never remembered: that is why a restarted engine knows as
much as the one before. Here are the asking and the watching; what a shim does is in `runyard.core.node`.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runyard.core.clock import Clock
from runyard.core.engines import AttemptId, AttemptState, AttemptStatus, Command, EngineEvents, ExitReport
from runyard.core.errors import Conflict, StartFailed
from runyard.core.node import attempt_dir, keeper, linux
from runyard.core.node.attempt_dir import Holder, Spec
from runyard.core.node.notifier import short_address

LOG_LIMIT_BYTES = 1024**3
"""How long the log of an attempt may get unless the server says otherwise (LIM-07)."""

_REPAIR_SECONDS = 1.0
"""How late a reader may learn of a log record whose datagram was lost (LIM-04)."""

_START_SECONDS = 30.0
"""How long a shim may take to start: a machine that swaps is slow, not broken."""

_DATAGRAM_BYTES = 256
"""An attempt's name, with room."""

logger = logging.getLogger(__name__)


class LocalEngine:
    """Runs attempts on this machine; one per data directory. Methods may be called from any thread."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        events: EngineEvents,
        *,
        python: str = sys.executable,
        log_limit_bytes: int = LOG_LIMIT_BYTES,
    ) -> None:
        self._runs = data_dir.absolute() / "runs"
        self._notify = data_dir.absolute() / "sockets" / "notify"
        self._log_limit_bytes = log_limit_bytes
        for directory in (self._runs, self._notify.parent):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._starting = threading.Lock()
        self._keeper = _Keeper(python, data_dir / "keeper.log")
        self._watcher = _Watcher(self._notify, clock, events)

    def submit(self, attempt: AttemptId, command: Command) -> None:
        """Start the attempt, at most once however often this is called.

        Raises: StartFailed if the process cannot be started, Conflict if the attempt was started before.
        """
        directory = self.directory(attempt)
        spec = Spec(
            attempt=str(attempt),
            argv=list(command.argv),
            env=dict(command.env),
            cwd=str(command.cwd),
            timeout_seconds=command.timeout_seconds,
            grace_seconds=command.grace_seconds,
            log_limit_bytes=self._log_limit_bytes,
            notify=str(self._notify),
        )
        with self._starting:
            if attempt_dir.was_started(directory):
                raise _started_before(attempt)
            try:
                Path(directory).mkdir(parents=True, exist_ok=True, mode=0o700)
                attempt_dir.write_spec(directory, spec)
                answer, asked_twice = self._keeper.start(directory)
            except OSError as error:
                raise _not_started(attempt, str(error)) from error
        if answer != keeper.STARTED:
            if not attempt_dir.was_started(directory):
                raise _not_started(attempt, os.fsdecode(answer))
            if not asked_twice:
                raise _started_before(attempt)
        if self.watch(attempt).state is not AttemptState.RUNNING:
            self._watcher.tell_ended(attempt)

    def watch(self, attempt: AttemptId) -> AttemptStatus:
        """Return the status now and report the end from now on; for runs found after a restart."""
        directory = self.directory(attempt)
        status = self.status(attempt)
        if status.state is AttemptState.RUNNING:
            shim = _open_shim(directory)
            if shim is None:
                return _last_status(directory)  # it has just ended
            self._watcher.add(attempt, shim, Path(directory, attempt_dir.LOG))
        return status

    def cancel(self, attempt: AttemptId, *, force: bool = False) -> None:
        """Ask the attempt to stop: politely, then firmly after its grace period; at once with `force`."""
        if self.status(attempt).state is not AttemptState.RUNNING:
            return
        shim = _open_shim(self.directory(attempt))
        if shim is None:
            return
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(shim, signal.SIGQUIT if force else signal.SIGTERM)
        finally:
            os.close(shim)

    def status(self, attempt: AttemptId) -> AttemptStatus:
        """Return what is known of the attempt now."""
        directory = self.directory(attempt)
        exited = _exited(directory)
        if exited is not None:
            return exited
        if attempt_dir.is_held(directory):
            return AttemptStatus(AttemptState.RUNNING, started_at=_started_at(directory))
        if attempt_dir.was_started(directory):
            return _last_status(directory)
        return AttemptStatus(AttemptState.ABSENT)

    def list(self) -> Sequence[AttemptId]:
        """Return the attempts that run here, of those submitted or watched since this engine began."""
        return self._watcher.watched()

    def close(self) -> None:
        """Stop watching. Running attempts go on (SCH-04)."""
        self._watcher.close()
        with self._starting:
            self._keeper.close()

    def directory(self, attempt: AttemptId) -> str:
        """Return the directory of an attempt."""
        return f"{self._runs}/{attempt.run_id}/{attempt.number}"


def _started_before(attempt: AttemptId) -> Conflict:
    return Conflict(f"The attempt {attempt} was started before.", "Watch it, or start the next attempt.")


def _not_started(attempt: AttemptId, why: str) -> StartFailed:
    return StartFailed(
        f"The attempt {attempt} could not be started: {why}.",
        "See whether the machine has processes, memory and disk space left.",
    )


def _holder(directory: str) -> Holder | None:
    holder: Holder | None = attempt_dir.read_json(directory, attempt_dir.LOCK)
    return holder


def _started_at(directory: str) -> int | None:
    holder = _holder(directory)
    return holder["started_at"] if holder else None


def _exited(directory: str) -> AttemptStatus | None:
    report = attempt_dir.read_json(directory, attempt_dir.EXIT)
    if report is None:
        return None
    return AttemptStatus(AttemptState.EXITED, ExitReport(**report), report["started_at"])


def _last_status(directory: str) -> AttemptStatus:
    """Return the status of an attempt whose shim is gone: report or not, nothing more can come."""
    return _exited(directory) or AttemptStatus(AttemptState.LOST, started_at=_started_at(directory))


def _open_shim(directory: str) -> int | None:
    """Return a pidfd of the shim that holds the attempt, None if it has ended."""
    holder = _holder(directory)
    if holder is None:
        return None
    try:
        pidfd = os.pidfd_open(holder["pid"])
    except ProcessLookupError:
        return None
    # Compared after opening: from now on the descriptor means this process, and no later one with its number.
    with contextlib.suppress(OSError):
        if (linux.boot_id(), linux.start_ticks(holder["pid"])) == (holder["boot_id"], holder["start_ticks"]):
            return pidfd
    os.close(pidfd)
    return None


class _Keeper:
    """The connection to the fork server, which is started again when found dead. For one thread at a time."""

    def __init__(self, python: str, output: Path) -> None:
        # As a directory with a `__main__`, without site-packages: it starts in the time of an empty Python.
        self._argv = [python, "-I", "-S", str(Path(keeper.__file__).parent)]
        self._output = output
        self._launch()

    def start(self, directory: str) -> tuple[bytes, bool]:
        """Ask for a shim; return the answer, and whether an earlier keeper, now dead, may have heard it too.

        Raises: OSError if no answer comes; then the attempt will not start later either.
        """
        try:
            answer = self._ask(directory)
            if answer:
                return answer, False
            self._relaunch()
            return self._ask(directory) or b"the keeper ended, see keeper.log in the data directory", True
        except TimeoutError:
            self._relaunch()  # a late answer must not be taken for that of the next request
            try:
                os.close(attempt_dir.claim(directory))
            except FileExistsError:
                return keeper.STARTED, False
            raise

    def close(self) -> None:
        """Let the keeper end, and wait for that."""
        self._connection.close()
        # It may be stopped, or hang with the machine; shims do not need it.
        self._process.kill()
        self._process.wait()

    def _ask(self, directory: str) -> bytes:
        """Return the answer, empty if the keeper is gone."""
        try:
            self._connection.settimeout(_START_SECONDS)
            self._connection.send(os.fsencode(directory))
            return self._connection.recv(keeper.ANSWER_BYTES)
        except (BrokenPipeError, ConnectionResetError):
            return b""

    def _launch(self) -> None:
        self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other, self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._argv, stdin=other.fileno(), stdout=output, stderr=output, env={}, start_new_session=True
            )

    def _relaunch(self) -> None:
        self.close()
        self._launch()


@dataclass(slots=True)
class _Watched:
    """A running attempt, and how long its log was when we last looked."""

    attempt: AttemptId
    log: Path
    size: int = 0


class _Watcher:
    """One thread that tells when a log has grown (by datagram) and when a shim has ended (by pidfd)."""

    def __init__(self, notify: Path, clock: Clock, events: EngineEvents) -> None:
        self._clock = clock
        self._events = events
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}  # by pidfd
        self._ended: collections.deque[AttemptId] = collections.deque()
        self._closing = False
        notify.unlink(missing_ok=True)
        self._datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._datagrams.setblocking(False)
        directory, address = short_address(str(notify))
        self._datagrams.bind(address)
        os.close(directory)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        # An epoll, not a selector: other threads may add to it while one waits.
        self._epoll = select.epoll()
        self._epoll.register(self._datagrams, select.EPOLLIN)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="engine-watcher", daemon=True)
        self._thread.start()

    def add(self, attempt: AttemptId, shim: int, log: Path) -> None:
        """Watch an attempt until its shim ends; takes the pidfd over."""
        with self._lock:
            if any(watched.attempt == attempt for watched in self._watched.values()):
                os.close(shim)
                return
            self._watched[shim] = _Watched(attempt, log)
            self._epoll.register(shim, select.EPOLLIN)
        os.eventfd_write(self._wake, 1)  # with something to watch, the thread looks at log sizes

    def tell_ended(self, attempt: AttemptId) -> None:
        """Report the end of an attempt that ended before it could be watched."""
        self._ended.append(attempt)
        os.eventfd_write(self._wake, 1)

    def watched(self) -> list[AttemptId]:
        with self._lock:
            return [watched.attempt for watched in self._watched.values()]

    def close(self) -> None:
        """End the thread. Watched attempts go on."""
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._epoll.close()
        self._datagrams.close()
        for descriptor in (self._wake, *self._watched):
            os.close(descriptor)

    def _run(self) -> None:
        look_at = 0.0
        while not self._closing:
            for descriptor, _event in self._epoll.poll(_REPAIR_SECONDS if self._watched else None):
                if descriptor == self._datagrams.fileno():
                    self._take_datagram()
                elif descriptor == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    self._take_end(descriptor)
            while self._ended:
                self._tell(self._events.ended, self._ended.popleft())
            if self._clock.monotonic() >= look_at:
                self._repair()
                look_at = self._clock.monotonic() + _REPAIR_SECONDS

    def _take_datagram(self) -> None:
        run_id, _, number = self._datagrams.recv(_DATAGRAM_BYTES).decode(errors="replace").rpartition(".")
        if number.isdecimal():
            self._tell(self._events.log_grew, AttemptId(run_id, int(number)))

    def _take_end(self, shim: int) -> None:
        with self._lock:
            watched = self._watched.pop(shim)
            self._epoll.unregister(shim)
        os.close(shim)
        self._ended.append(watched.attempt)

    def _repair(self) -> None:
        """Tell of logs that have grown although no datagram said so."""
        with self._lock:
            all_watched = list(self._watched.values())
        for watched in all_watched:
            with contextlib.suppress(OSError):  # somebody may have deleted it
                size = watched.log.stat().st_size
                if size != watched.size:
                    watched.size = size
                    self._tell(self._events.log_grew, watched.attempt)

    def _tell(self, event: Callable[[AttemptId], None], attempt: AttemptId) -> None:
        try:
            event(attempt)
        except Exception:
            # Watching the other attempts must go on.
            logger.exception("a listener failed for the attempt %s", attempt)
