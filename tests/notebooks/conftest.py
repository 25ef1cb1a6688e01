"""A server with a small workspace in which something went well, something failed, and something can be opened."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.support.servers import server_here
from tests.support.workspaces import make_workspace

from runyard_notebooks.actions import Desk
from runyard_notebooks.routes import Addresses
from runyard_notebooks.session import Session
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer

JOBS = """
import time

from runyard import run, trigger


@run.job(trigger=trigger.schedule("0 0 * * *"), expose={"tags": ["seed"]})
def load(rows: int = 3):
    \"\"\"Load <some> rows.\"\"\"
    for row in range(rows):
        print("row", row)


@run.job(trigger=load.success)
def check():
    raise ValueError("row 2 is <odd>\\nand so is row 1")


@run.job
def stuck():
    print("waiting")
    time.sleep(600)
"""

REPORT = """
import marimo

app = marimo.App()


@app.cell
def _():
    "Figures"
    return
"""

FILES = {
    "pyproject.toml": '[project]\nname = "yard"\nversion = "1"\n',
    "etl.py": JOBS,
    "report.py": REPORT,
    "__deployment__.py": "import report\nfrom etl import check, load, stuck\n"
    '__all__ = ["check", "load", "report", "stuck"]\n',
    ".dlt/config.toml": "",
    ".dlt/access.config.toml": "",
    ".dlt/access.secrets.toml": "",
}


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return a client of the workspace after `load` completed and `check`, which follows it, failed."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"), FILES)
    with server_here(tmp_path_factory.mktemp("data"), "yard") as client:
        Deployer(client, root, env=os.environ).deploy()
        (started,) = client.trigger(["tag:seed"]).started
        assert started.run is not None
        client.wait(started.run.id)
        client.wait(client.find_run("check").id)
        yield client


@pytest.fixture
def session(client: Client) -> Session:
    """Return an owner who looks at the panel."""
    assert client.target.api_key is not None
    return Session(client.target.server, client.target.api_key, "ada@example.com")


@pytest.fixture
def desk(client: Client, session: Session) -> Desk:
    """Return what acts for that owner."""
    return Desk(
        client,
        Addresses(client.workspace.id),
        session.forbidden(client.workspace),
        lambda _: None,
        lambda _: None,
    )
