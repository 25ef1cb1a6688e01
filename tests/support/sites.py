"""A real server in this process with a deployed workspace, and people who use it from browsers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page
from tests.support.people import add_member
from tests.support.servers import new_workspace, serving_here
from tests.support.workspaces import make_workspace

from runyard_server.client import Client, Job, Run
from runyard_server.client.deploying import Deployer
from runyard_server.context import Server

PROJECT = {
    "pyproject.toml": '[project]\nname = "site"\nversion = "1"\n',
    ".dlt/config.toml": "",
    ".dlt/prod.config.toml": "",
    ".dlt/access.config.toml": "",
}
"""What every workspace has besides its code."""


@dataclass(frozen=True, slots=True)
class Site:
    """A server at `origin` with the workspace of `client`, which acts as its owner."""

    origin: str
    server: Server
    client: Client

    def add_member(self, role: str = "developer") -> str:
        """Return the id of a new user of the workspace."""
        return add_member(self.server.runtime, self.client.workspace.id, role)

    def sign_in(self, page: Page, user_id: str | None = None) -> None:
        """Sign a browser in, as the owner unless somebody is named. No page is opened that would go on by itself."""
        path, _, token = self._address(user_id).partition("?token=")
        signed_in = page.request.post(
            path, form={"token": token}, headers={"origin": self.origin}, max_redirects=0
        )
        assert signed_in.status == 303, signed_in.text()

    def arrive(self, page: Page) -> None:
        """Sign a browser in as the owner does: by the button behind a one-time address. It leads to the panel."""
        page.goto(self._address())
        page.get_by_role("button", name="Sign in").click()

    def _address(self, user_id: str | None = None) -> str:
        return self.origin + self.server.sign_ins.issue(user_id or self.server.installation.owner_id)

    @property
    def folder(self) -> Path:
        """Where the workspace's jobs share files; made by the first of them, or by a test."""
        return self.server.runtime.data_dir / "data" / self.client.workspace.id

    def start(self, name: str) -> str:
        """Return the id of a new run of a job, which a name or a pattern picks."""
        (started,) = self.client.trigger([name]).started
        assert started.run is not None
        return started.run.id

    def serve(self, name: str) -> Job:
        """Return the job of an app once it answers."""
        job = self.client.job(name)
        receipt = self.client.trigger(job_ids=[job.id])
        (started,) = (*receipt.started, *receipt.skipped)
        assert started.run is not None
        run = next(run for run in self.client.watch(started.run.id) if _has_settled(run))
        said = "\n".join(line.text for line in self.client.logs(run.id))
        assert run.status == "running", f"{run.message}\n{said}"
        return job

    def open_app(self, page: Page, job: Job) -> None:
        """Bring a signed-in browser to an app, as the links on the server's own pages do."""
        page.goto(f"{self.origin}/apps/open/{job.id}")


@contextmanager
def site(root: Path, files: Mapping[str, str | bytes], name: str = "site") -> Iterator[Site]:
    """Serve, with these files deployed, while the context is open; what runs is stopped at its end.

    Runs use this Python. `root` gets the workspace and the server's data.
    """
    with serving_here(root / "data") as served, new_workspace(served, name) as client:
        place = make_workspace(root / name, {**PROJECT, **files})
        Deployer(client, place, env=os.environ, python=Path(sys.executable)).deploy()
        yield Site(served.origin, served.server, client)


def _has_settled(run: Run) -> bool:
    return run.status not in ("pending", "starting")
