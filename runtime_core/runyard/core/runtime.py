"""The parts, wired together: one object that is a running runyard without its HTTP side.

What each part does is in its own module; here is only which one gets what, and in which order they start and stop.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from uv import find_uv_bin

from runyard.core.clock import Clock, SystemClock
from runyard.core.deploying import Deploying
from runyard.core.engines import AttemptId, EngineEvents
from runyard.core.engines.local import LOG_LIMIT_BYTES, LocalEngine
from runyard.core.environments import EnvironmentBuilder
from runyard.core.errors import Conflict
from runyard.core.executor import Executor
from runyard.core.file_store import LocalFileStore
from runyard.core.ids import Ids, SystemIds
from runyard.core.interpreters import Interpreters, ManagedInterpreters, WorkspaceInterpreter
from runyard.core.intervals import MIN_EVERY_SECONDS
from runyard.core.key_files import read_or_make
from runyard.core.logs import LogHub
from runyard.core.preparing import IssueKey, Preparer
from runyard.core.processes import SystemProcesses
from runyard.core.run_control import RunControl
from runyard.core.scheduler import Scheduler
from runyard.core.sdk import install_sdk
from runyard.core.sealed_store import SealedFileStore, new_key
from runyard.core.store.engine import Database, sqlite_url
from runyard.core.store.migrate import migrate
from runyard.core.store.queue import NO_LIMITS, Limits
from runyard.core.system_job import SystemJob

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""How long the loops may take to finish their present step when the server stops."""


class Runtime:
    """A data directory at work.

    `api_url` is where jobs reach the server. `workspace_python` is the one interpreter for every run; without it an
    environment is built per deployment. `base_env` is the server's own environment. `issue_key` makes the key that an
    app is given to read its workspace with, `issue_beacon_key` the one that a run tells of its pipelines with.
    Raises: Conflict if another server holds the data directory.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        api_url: str,
        base_env: Mapping[str, str],
        database_url: str | None = None,
        workspace_python: Path | None = None,
        min_every_seconds: float = MIN_EVERY_SECONDS,
        run_limits: Limits = NO_LIMITS,
        log_limit_bytes: int = LOG_LIMIT_BYTES,
        issue_key: IssueKey | None = None,
        issue_beacon_key: IssueKey | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _hold(self.data_dir)
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or SystemIds()
        self.database = Database(database_url or sqlite_url(self.data_dir / "runyard.db"))
        try:
            self.database.hold_for_one_server()
        except Conflict:
            self._lock.close()
            raise
        migrate(self.database)
        self.files = LocalFileStore(self.data_dir / "files")
        # Settings hold secrets: kept apart, sealed with a key that is not where they are (PRF-15).
        self.settings_files = SealedFileStore(
            LocalFileStore(self.data_dir / "settings"),
            read_or_make(self.data_dir / "keys" / "settings.key", lambda: new_key(self.ids)),
        )
        self.logs = LogHub()
        self._processes = SystemProcesses(self.clock)
        self.min_every_seconds = min_every_seconds
        self.deploying = Deploying(
            self.database,
            self.clock,
            self.ids,
            min_every_seconds=min_every_seconds,
            deployed=self._deployed,
        )
        self.run_control = RunControl(self.database, self.clock, self.ids)
        sdk = install_sdk(self.data_dir)
        self.panel = SystemJob(
            self.database, self.clock, self.ids, self.deploying, self.run_control, f"{sdk.name} {_marimo()}"
        )
        self.scheduler = Scheduler(self.database, self.clock, self.ids)
        self.engine = LocalEngine(
            self.data_dir,
            self.clock,
            EngineEvents(
                log_grew=lambda attempt: self.logs.wake(attempt.run_id),
                ended=lambda attempt: self.executor.ended(attempt),
            ),
            log_limit_bytes=log_limit_bytes,
        )
        preparer = Preparer(
            self.database,
            self.files,
            self.settings_files,
            self.data_dir,
            sdk,
            base_env=base_env,
            api_url=api_url,
            issue_key=issue_key,
            issue_beacon_key=issue_beacon_key,
        )
        self.executor = Executor(
            self.database,
            self.engine,
            preparer,
            self._interpreters(base_env, workspace_python),
            self.clock,
            self.ids,
            attempt_directory=self.attempt_directory,
            limits=run_limits,
            log_grew=lambda attempt: self.logs.wake(attempt.run_id),
            run_ended=self._ended,
        )
        self._threads = [
            threading.Thread(target=_until_it_ends(part.run), name=name, daemon=True)
            for name, part in (("scheduler", self.scheduler), ("executor", self.executor))
        ]

    def start(self) -> None:
        """Start the loops; runs of an earlier server are found again first thing."""
        self.database.on_change(self.executor.wake)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the loops and let go of everything. Running jobs go on (SCH-04)."""
        self.scheduler.stop()
        self.executor.stop()
        self._processes.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(STOP_SECONDS)
        self.executor.close()
        self.engine.close()
        self.database.close()
        self._lock.close()

    def run_directory(self, run_id: str) -> Path:
        """Return where the attempts and logs of a run are."""
        return self.data_dir / "runs" / run_id

    def attempt_directory(self, attempt: AttemptId) -> Path:
        """Return where one attempt lives; number 0 is the build of its environment."""
        return self.run_directory(attempt.run_id) / str(attempt.number)

    def _ended(self, run_id: str) -> None:
        """Its log is complete, and ticks may have waited for it."""
        self.logs.finish(run_id)
        self.scheduler.wake()

    def _deployed(self, workspace_id: str) -> None:
        """Other jobs may be due now, and may need other environments."""
        self.scheduler.wake()
        self.executor.build_ahead(workspace_id)

    def _interpreters(self, base_env: Mapping[str, str], workspace_python: Path | None) -> Interpreters:
        if workspace_python is not None:
            return WorkspaceInterpreter(workspace_python)
        environments = self.data_dir / "envs"
        builder = EnvironmentBuilder(environments, self._processes, self.clock, Path(find_uv_bin()), base_env)
        return ManagedInterpreters(builder)


def _marimo() -> str:
    """Return which marimo serves the panel: with another one it has to start again."""
    try:
        return version("marimo")
    except PackageNotFoundError:
        return ""


def _hold(data_dir: Path) -> IO[str]:
    """Return the open lock of a data directory, which one server holds at a time (SCH-09)."""
    lock = (data_dir / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Conflict(
            f"Another runyard server uses {data_dir}.", "Stop it first, or choose another `--data-dir`."
        ) from None
    return lock


def _until_it_ends(loop: Callable[[], None]) -> Callable[[], None]:
    """Return the loop with a last word: without it a server that no longer schedules would look healthy."""

    def run() -> None:
        try:
            loop()
        except BaseException:
            log.critical("a loop of the server ended unexpectedly; stopping the server", exc_info=True)
            os._exit(70)  # supervisors restart what exits; nothing is lost, the next start recovers (SCH-03)

    return run
