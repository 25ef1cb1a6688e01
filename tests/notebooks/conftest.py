"""A server with a small workspace in which something went well, something failed, and something can be opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.sites import site

from runyard_notebooks.actions import Desk
from runyard_notebooks.routes import Addresses
from runyard_notebooks.session import Session
from runyard_server.client import Client

JOBS = """
import time

from runyard import run, trigger


@run.job(trigger=trigger.schedule("0 0 * * *"), expose={"tags": ["seed"]})
def load(rows: int = 3, other: str = ""):
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


@run.job(freshness=[stuck.is_fresh])
def behind():
    pass
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
    "etl.py": JOBS,
    "report.py": REPORT,
    "__deployment__.py": "import report\nfrom etl import behind, check, load, stuck\n"
    '__all__ = ["behind", "check", "load", "report", "stuck"]\n',
}


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return a client of the workspace after `load` completed and `check`, which follows it, failed."""
    with site(tmp_path_factory.mktemp("root"), FILES, name="yard") as place:
        client = place.client
        client.wait(place.start("tag:seed"))
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
