"""A server in a process of its own, as `runyard dev` starts it, with the jobs of a measurement deployed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarks.place import Place
from runyard.core.runs import OPEN
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer

API_KEY = "dlt_u_for-benchmarks-only-0123456789"

STOP_SECONDS = 20.0
"""How long a server may take to stop its jobs and itself."""

PATIENCE_SECONDS = 60.0
"""How long anything may take that a measurement waits for; far more than it does unless something is broken."""

LOOK_SECONDS = 0.02
"""Between two looks at what is waited for, off the clock."""

RUNYARD = (sys.executable, "-c", "from runyard_server.cli import main; main()")


class Served:
    """A server, its client, and a plain HTTP connection that is kept alive."""

    def __init__(self, place: Place, environment: dict[str, str]) -> None:
        self.directory = place.new_directory()
        self.data_dir = self.directory / "data"
        # From nothing: what a developer has set, PYTHONDONTWRITEBYTECODE above all, would change the figures.
        self.env = {
            "HOME": str(self.directory),
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",  # what it says must not wait in a buffer
            "RUNYARD_BOOTSTRAP_API_KEY": API_KEY,
            "RUNYARD_ENVIRONMENT": "workspace",
            "RUNYARD_WORKSPACE_PYTHON": str(place.python),
            **environment,
        }
        self._port = 0
        self.start()

    def start(self) -> None:
        """Start the server and return when it has said where it is; after a kill at the same address."""
        options = ("--data-dir", str(self.data_dir), "--port", str(self._port), "--no-open")
        empty = self.directory / "nothing-to-deploy"
        empty.mkdir(exist_ok=True)
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*RUNYARD, "--json", "dev", str(empty), *options],
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        said = self._said()
        self.origin = httpx.URL(said["server"])
        self.owner_url = said["owner_url"]
        self._port = self.origin.port or 0

    def _said(self) -> dict[str, str]:
        text = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            text += line
            if line == "}\n":
                said: dict[str, str] = json.loads(text)
                return said
        raise RuntimeError((self.directory / "server.log").read_text())

    def stop(self) -> None:
        """Stop the jobs and the server."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()

    def kill(self) -> None:
        """Kill the server and nothing else."""
        self.process.kill()
        self.process.communicate()

    @contextmanager
    def connected(self, jobs: str) -> Iterator[None]:
        """Have `client` and `http` for a workspace with these jobs, the source of a module."""
        root = self.directory / "workspace"
        for name, text in {
            ".dlt/.workspace": "",
            "pyproject.toml": '[project]\nname = "benchmarks"\nversion = "1"\n',
            "measured.py": jobs,
            "__deployment__.py": "from measured import *\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        server = str(self.origin)
        with Client(server, API_KEY) as anywhere:
            workspace = anywhere.create_workspace("benchmarks").id
        headers = {"authorization": f"Bearer {API_KEY}"}
        with Client(server, API_KEY, workspace) as client, httpx.Client(headers=headers) as http:
            self.client, self.http = client, http
            receipt = Deployer(client, root, env=self.env).deploy()
            assert receipt is not None, "the workspace has a deployment module"
            self.job_ids = {row.job.job_ref.rpartition(".")[2]: row.job.id for row in receipt.jobs}
            yield

    # What measurements do ------------------------------------------------------------------------------

    def url(self, rest: str, service: str = "api") -> str:
        """Return the address of something in the workspace."""
        path = f"/{service}/v1/workspaces/{self.client.workspace.id}/{rest}"
        return str(self.origin.copy_with(path=path))

    def get(self, rest: str, **params: Any) -> Any:
        """Return the JSON of something in the workspace."""
        return self.http.get(self.url(rest), params=params).raise_for_status().json()

    def trigger(self, job: str) -> str:
        """Start a job and return the id of its run."""
        body = {"job_ids": [self.job_ids[job]]}
        answer = self.http.post(self.url("jobs/-trigger"), json=body).raise_for_status().json()
        run_id: str = answer["succeeded"][0]["job_run_id"]
        return run_id

    def wait_for_end(self, run_id: str) -> None:
        """Return when a run has completed."""
        until(lambda: self.client.run(run_id).is_over)
        run = self.client.run(run_id)
        if not run.is_completed:
            raise RuntimeError("\n".join([str(run), *self.printed(run_id)]))

    def is_quiet(self) -> bool:
        """Return whether every run has ended."""
        return bool(self.get("job-runs", status=sorted(OPEN), limit=1)["total"] == 0)

    def printed(self, run_id: str) -> list[str]:
        """Return what a run has printed, line by line."""
        return [line.text for line in self.client.logs(run_id) if line.source == "user"]


@contextmanager
def served(place: Place, jobs: str, **environment: str) -> Iterator[Served]:
    """Offer a fresh server with these jobs, the source of a module; everything is stopped afterwards."""
    server = Served(place, environment)
    try:
        with server.connected(jobs):
            yield server
    finally:
        server.stop()


def until(holds: Callable[[], bool]) -> None:
    """Return when something holds. Raises: TimeoutError."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > give_up_at:
            raise TimeoutError("what was waited for did not happen")
        time.sleep(LOOK_SECONDS)
