"""Real servers for tests: in this process on a free port, or as `runyard dev` in a process of its own.

`Installation` is a data directory that outlives its servers: they can be killed and followed by another.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.support.attempts import keepers
from tests.support.data_dirs import prepare
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.health import LOOPBACK
from runyard.core.node import attempt_dir, linux
from runyard.core.runtime import Runtime
from runyard_server.cli.serving import Serving, serving
from runyard_server.client import Client
from runyard_server.settings import Settings

API_KEY = "dlt_u_for-tests-only-0123456789"

RUNYARD = [sys.executable, "-c", "from runyard_server.cli import main; main()"]


_LASTING = iter(range(10_000 + os.getpid() % 10_000, 32_000))
"""Ports that the kernel gives to nobody of its own accord (it begins at 32768), from another one on in each process."""

_CLAIMS: list[socket.socket] = []
"""What keeps the ports that were given out."""


def lasting_port() -> int:
    """Return a port for servers that follow each other: nothing else is given it while none of them listens."""
    for port in _LASTING:
        claim = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            # A name without a file, which is one process's until it ends: tests beside these see that it is taken.
            claim.bind(f"\0runyard tests, port {port}")
            socket.create_server((LOOPBACK, port)).close()
            _CLAIMS.append(claim)
            return port
        claim.close()
    raise AssertionError("every port is taken")


@contextmanager
def serving_here(data_dir: Path) -> Iterator[Serving]:
    """Serve in this process; runs use this Python. The panel, which signing in starts, is stopped at the end."""
    settings = Settings(
        port=0,
        data_dir=prepare(data_dir),
        bootstrap_api_key=API_KEY,
        environment="workspace",
        workspace_python=Path(sys.executable),
    )
    with serving(settings, os.environ) as served:
        try:
            yield served
        finally:
            _stop_panel(served.server.runtime)


@contextmanager
def new_workspace(served: Serving, name: str) -> Iterator[Client]:
    """Offer the owner's client of a fresh workspace; what runs in it is stopped at the end."""
    with Client(served.origin, API_KEY) as anywhere:
        created = anywhere.create_workspace(name)
    with Client(served.origin, API_KEY, created.id) as client:
        try:
            yield client
        finally:
            left = [run.id for run in client.open_runs()]
            client.cancel(left)
            for run_id in left:
                client.wait(run_id)


@contextmanager
def server_here(data_dir: Path, workspace: str = "tests") -> Iterator[Client]:
    """Serve in this process and offer a client of a fresh workspace."""
    with serving_here(data_dir) as served, new_workspace(served, workspace) as client:
        yield client


def _stop_panel(runtime: Runtime) -> None:
    """Stop the control panel and wait for it: jobs outlive their server."""
    changed = threading.Event()
    runtime.database.on_change(changed.set)
    runtime.panel.stop()
    while runtime.panel.is_open:
        assert changed.wait(PATIENCE_SECONDS), "the panel does not stop"
        changed.clear()


@dataclass(frozen=True, slots=True)
class DevServer:
    """A `runyard dev` that has said where it is: its process and what it said."""

    process: subprocess.Popen[str]
    said: Mapping[str, str]

    def stop(self, signal: int) -> int:
        """Return the exit code after a signal."""
        self.process.send_signal(signal)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def dev_server(
    root: Path,
    home: Path,
    *options: str,
    settings: Mapping[str, str] | None = None,
    within: Iterable[str] = (),
) -> Iterator[DevServer]:
    """Start `runyard dev` on a free port, with a home of its own; killed at the end if it still runs.

    `settings` are further variables for it; `within` is a command that starts it in other surroundings.
    """
    command = [*within, *RUNYARD, "--json", "dev", str(root), "--port", "0", "--no-open", *options]
    env = {
        **environment(home),
        "RUNYARD_ENVIRONMENT": "workspace",
        "RUNYARD_WORKSPACE_PYTHON": sys.executable,
        **(settings or {}),
    }
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield DevServer(process, _first_document(process))
        finally:
            process.kill()


class Installation:
    """A data directory, and servers on it one after the other, all at the same address.

    Its workspace is called `tests` and is empty at first. Jobs that are left at the end are killed.
    """

    def __init__(self, home: Path, database_url: str | None = None) -> None:
        self._root, self._home = home / "tests", home
        self._root.mkdir(parents=True)
        self.data_dir = prepare(home / "data")
        self._port = lasting_port()
        self._settings = {"RUNYARD_BOOTSTRAP_API_KEY": API_KEY}
        self._settings |= {"RUNYARD_DATABASE_URL": database_url} if database_url else {}
        self._servers = ExitStack()
        self.start()
        self.client = Client(self.origin, API_KEY, "tests")

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self._servers.close()
        _kill(self._shims())

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._port}"

    @property
    def owner_url(self) -> str:
        """The one-time address of the owner, as the present server printed it."""
        return self._server.said["owner_url"]

    def stop(self, signal: int) -> int:
        """Return the exit code of the server after a signal."""
        return self._server.stop(signal)

    def start(self) -> None:
        """Start a server; return when it answers."""
        options = ["--data-dir", str(self.data_dir), "--port", str(self._port)]
        server = dev_server(self._root, self._home, *options, settings=self._settings)
        self._server = self._servers.enter_context(server)

    def kill(self) -> None:
        """Kill the server as nobody can prevent, and nothing else."""
        self.stop(signal.SIGKILL)

    def kill_keeper(self) -> None:
        """Kill the fork server of the running server."""
        (keeper,) = keepers(self._server.process.pid)
        os.kill(keeper, signal.SIGKILL)

    def kill_everything(self) -> None:
        """Kill the server, its keeper, all shims and all jobs, as a machine that loses its power does."""
        # Shims that an earlier server started are nobody's children now.
        everything = {*linux.descendants(self._server.process.pid), *self._shims()}
        self.kill()
        _kill(everything)

    def shared_directory(self) -> Path:
        """Return what jobs of the workspace know as RUNYARD_DATA_DIR."""
        directory = self.data_dir / "data" / self.client.workspace.id
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory

    def shim(self, run_id: str) -> int:
        """Return a pidfd of the supervisor of a run."""
        return os.pidfd_open(_shim_of(self.data_dir / "runs" / run_id / "1"))

    def _shims(self) -> list[int]:
        attempts = [lock.parent for lock in self.data_dir.glob(f"runs/*/*/{attempt_dir.LOCK}")]
        return [_shim_of(attempt) for attempt in attempts if attempt_dir.is_held(str(attempt))]


def _shim_of(attempt: Path) -> int:
    holder: attempt_dir.Holder = attempt_dir.read_json(str(attempt), attempt_dir.LOCK)
    return holder["pid"]


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended with the one above it
            os.kill(pid, signal.SIGKILL)


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own settings is seen.

    Only how to trust whoever packages come from passes: that belongs to the machine.
    """
    trust = {name: os.environ[name] for name in ("SSL_CERT_DIR", "SSL_CERT_FILE") if name in os.environ}
    return {"HOME": str(home), "PATH": os.environ["PATH"], "NO_COLOR": "1", **trust}


def _first_document(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            document: dict[str, str] = json.loads(text)
            return document
    raise AssertionError(f"`runyard dev` ended early: {process.stderr.read()}")
