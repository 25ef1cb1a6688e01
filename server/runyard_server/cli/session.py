"""What every command shares: the options that may stand anywhere, the client, and the output."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import typer

from runyard.core import workspace
from runyard.core.errors import InvalidWorkspace
from runyard_server.cli.output import Output
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer


@dataclass
class Session:
    """One invocation of the command line."""

    output: Output
    server: str | None = None
    workspace: str | None = None
    verbosity: int = 0
    debug: bool = False
    yes: bool = False
    _closing: ExitStack = field(default_factory=ExitStack, repr=False)

    @cached_property
    def client(self) -> Client:
        """Return the client, made when first used: `--help` never touches the network (CLI-43)."""
        return self._closing.enter_context(Client(self.server, workspace=self.workspace))

    @cached_property
    def root(self) -> Path:
        """Return the workspace directory we are in. Raises: InvalidWorkspace (WS-02)."""
        return workspace.find_root(Path.cwd())

    @property
    def is_here(self) -> bool:
        """Return whether we are in a workspace directory, and in that of the workspace that is meant."""
        try:
            workspace.find_root(Path.cwd())
        except InvalidWorkspace:
            return False
        return self.is_own_workspace

    @property
    def deployer(self) -> Deployer:
        """Return what brings the workspace directory we are in to the server."""
        return Deployer(self.client, self.root, env=os.environ)

    @property
    def is_own_workspace(self) -> bool:
        """Return whether the workspace is this project's: it was named, or is called like it (WS-15)."""
        target = self.client.target
        return bool(target.workspace) or target.project in (None, self.client.workspace.name)

    def say_where(self) -> None:
        """Say whose jobs these are, unless it goes without saying."""
        if not (self.output.as_json or self.is_own_workspace):
            self.output.note(f"Workspace {self.client.workspace.name} at {self.client.target.server}")

    def close(self) -> None:
        self._closing.close()


def session_of(context: typer.Context) -> Session:
    """Return the session of a command's context."""
    session = context.find_root().obj
    assert isinstance(session, Session), "made by the callback of the app"
    return session
