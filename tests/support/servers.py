"""Real servers for tests: in this process on a free port, or as `runyard dev` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runyard_server.cli.serving import serving
from runyard_server.client import Client
from runyard_server.settings import Settings

API_KEY = "dlt_u_for-tests-only-0123456789"

STOP_SECONDS = 30.0
"""How long a process may take to end after it was told to."""

RUNYARD = [sys.executable, "-c", "from runyard_server.cli import main; main()"]


@contextmanager
def server_here(data_dir: Path, workspace: str = "tests") -> Iterator[Client]:
    """Serve in this process and offer a client of a fresh workspace; runs use this Python."""
    settings = Settings(
        port=0,
        data_dir=data_dir,
        bootstrap_api_key=API_KEY,
        environment="workspace",
        workspace_python=Path(sys.executable),
    )
    with serving(settings, os.environ) as served:
        with Client(served.origin, API_KEY) as anywhere:
            created = anywhere.create_workspace(workspace)
        with Client(served.origin, API_KEY, created.id) as client:
            yield client


@dataclass(frozen=True, slots=True)
class DevServer:
    """A `runyard dev` that has said where it is: its process and what it said."""

    process: subprocess.Popen[str]
    said: Mapping[str, str]

    def stop(self, signal: int) -> int:
        """Return the exit code after a signal."""
        self.process.send_signal(signal)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def dev_server(root: Path, home: Path, *options: str) -> Iterator[DevServer]:
    """Start `runyard dev` on a free port, with a home of its own; killed at the end if it still runs."""
    command = [*RUNYARD, "--json", "dev", str(root), "--port", "0", "--no-open", *options]
    env = {
        **environment(home),
        "RUNYARD_ENVIRONMENT": "workspace",
        "RUNYARD_WORKSPACE_PYTHON": sys.executable,
    }
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield DevServer(process, _first_document(process))
        finally:
            process.kill()


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own settings is seen."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "NO_COLOR": "1"}


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
