"""One real server with one deployed workspace for all tests of commands."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.servers import API_KEY, server_here
from tests.support.workspaces import make_workspace

from runyard_server.cli import main
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer

ETL = '''
import sys

from runyard import run, trigger


@run.job(expose={"tags": ["demo"]})
def load(rows: int = 2):
    """Load some rows."""
    for number in range(rows):
        print("row", number)


@run.job(trigger=load.success)
def publish():
    print("published")


@run.job()
def fail():
    print("no wind", file=sys.stderr)
    raise ValueError("calm")


@run.job()
def wait(gate: str):
    print("waiting", flush=True)
    with open(gate) as opened:
        print("went through", opened.read())
'''

DEPLOYMENT = '''"""Jobs to test with."""

from etl import fail, load, publish, wait

__all__ = ["fail", "load", "publish", "wait"]
'''

FILES = {
    "pyproject.toml": '[project]\nname = "tests"\nversion = "1"\n',
    "etl.py": ETL,
    "__deployment__.py": DEPLOYMENT,
    ".dlt/config.toml": "",
    ".dlt/prod.config.toml": "",
    ".dlt/access.config.toml": "",
}


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process, in the workspace, against the server."""

    client: Client
    root: Path
    _capture: pytest.CaptureFixture[str]

    def __call__(self, line: str) -> Result:
        self._capture.readouterr()
        code = 0
        try:
            main(shlex.split(line))
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = self._capture.readouterr()
        return Result(code, said.out, said.err)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server whose workspace has the jobs of FILES."""
    root = make_workspace(tmp_path_factory.mktemp("deployed"), FILES)
    with server_here(tmp_path_factory.mktemp("data")) as client:
        Deployer(client, root, env=os.environ).deploy()
        yield client


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without anything of the developer's."""
    for name in [name for name in os.environ if name.startswith(("RUNYARD_", "RUNTIME__"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path / "home"


@pytest.fixture
def shell(
    deployed: Client,
    home: Path,  # noqa: ARG001 - for what it does
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Commands in a copy of the deployed workspace, with server, key and workspace from the environment."""
    root = make_workspace(tmp_path / "workspace", FILES)
    monkeypatch.chdir(root)
    monkeypatch.setenv("RUNYARD_SERVER", deployed.target.server)
    monkeypatch.setenv("RUNYARD_API_KEY", API_KEY)
    return Shell(deployed, root, capsys)
