"""Who looks at the panel, with which rights, and the client that acts with exactly those.

Read once when a session opens: marimo forgets the request in cells that a widget starts. In the panel of a server the
proxy brings a token of the viewer; a copy that somebody deployed has the read-only key of its own run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runyard.core.errors import InvalidRequest
from runyard_notebooks import strings
from runyard_server.client import Client, Workspace
from runyard_server.client.connection import DEFAULT_SERVER

READS_ONLY = "viewer"
"""The role whose buttons do nothing; what the others may is the server's to say."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who looks: `user` as the server calls them, `workspace` an id when only one is meant."""

    server: str
    token: str = field(repr=False)
    user: str = ""
    workspace: str | None = None
    is_copy: bool = False

    def forbidden(self, workspace: Workspace) -> str:
        """Return why buttons do nothing in a workspace; empty if they work."""
        if self.is_copy:
            return strings.COPY_READS_ONLY
        return strings.VIEWER_READS_ONLY if workspace.role == READS_ONLY else ""

    def client(self, workspace_id: str | None = None) -> Client:
        """Return a client that acts as this viewer."""
        return Client(self.server, self.token, workspace_id or self.workspace)

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces that can be shown. Raises: RunyardError."""
        with self.client() as client:
            return [client.workspace] if self.workspace else client.workspaces()


def read_session(meta: Mapping[str, Any], env: Mapping[str, str]) -> Session:
    """Return the viewer that a request's `meta` names, else the read-only session of a deployed copy.

    Raises: InvalidRequest if there is neither. A key stored on this machine is never used: it is somebody else's.
    """
    server = env.get("RUNYARD_SERVER") or DEFAULT_SERVER
    if token := meta.get("token"):
        return Session(server, token, str(meta.get("user") or ""))
    if key := env.get("RUNYARD_API_KEY"):
        return Session(server, key, workspace=env.get("RUNYARD_WORKSPACE"), is_copy=True)
    raise InvalidRequest(strings.NO_IDENTITY, strings.NO_IDENTITY_REMEDY)
