"""Which server, with which key, for which workspace: from arguments, environment, settings and credentials.

A key is only ever sent to the server that issued it: one from a workspace's secrets file goes to the server
that workspace names, one from the credentials file to the server it was stored for (AUT-05). Nothing is asked of a
server here; speaking to it is in `wire`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from runyard.core import toml_files, workspace
from runyard.core.errors import AmbiguousName, InvalidRequest, InvalidWorkspace, NotFound
from runyard_server.client.models import Workspace

DEFAULT_SERVER = "http://localhost:8321"
"""Where `runyard dev` listens unless it is told otherwise."""

OWNER_ONLY = 0o600


class SeveralWorkspaces(AmbiguousName):
    """Nothing says which of the caller's workspaces is meant."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client speaks to: `server` without a slash at its end, `workspace` a name or id.

    `project` is what the project here is called: of several workspaces the one of that name is meant.
    """

    server: str
    api_key: str | None = field(default=None, repr=False)
    workspace: str | None = None
    project: str | None = None


def resolve(
    server: str | None,
    api_key: str | None,
    workspace_name: str | None,
    *,
    start: Path,
    env: Mapping[str, str],
) -> Target:
    """Return where to speak to: what is given, else the environment, else the workspace at `start`.

    Raises: InvalidRequest if the address is none, InvalidWorkspace if a settings file is not TOML.
    Source: AUT-07, WS-12.
    """
    root = _root_or_none(start)
    bound = workspace.read_connection(root) if root else workspace.Connection()
    named = server or env.get("RUNYARD_SERVER") or env.get("RUNTIME__API_BASE_URL")
    address = origin_of(named or bound.api_base_url or DEFAULT_SERVER)
    is_bound_server = bound.api_base_url is None or origin_of(bound.api_base_url) == address
    key = api_key or env.get("RUNYARD_API_KEY") or env.get("RUNTIME__API_KEY")
    if not key and root and is_bound_server:
        key = workspace.read_settings(root, "secrets.toml").get("runtime", {}).get("api_key")
    bound_id = bound.workspace_id if is_bound_server else None
    return Target(
        address,
        key or read_credential(address, env),
        workspace_name or env.get("RUNYARD_WORKSPACE") or env.get("RUNTIME__WORKSPACE_ID") or bound_id,
        project_name(root) if root else None,
    )


def workspace_meant(target: Target, mine: Sequence[Workspace]) -> Workspace:
    """Return which of the caller's workspaces is meant: that of the name given, else the only one there is.

    What one owns goes before what one was invited to, and if no name is given, what is called like the project here
    before the others. Raises: NotFound listing what exists, SeveralWorkspaces.
    """
    wanted = target.workspace
    found = [workspace for workspace in mine if wanted in (None, workspace.name)]
    names = sorted(workspace.name for workspace in mine)
    if not found:
        what = f"There is no workspace `{wanted}`" if wanted else "You are in no workspace"
        raise NotFound(
            f"{what} at {target.server}.",
            f"There is: {', '.join(names)}." if names else "Create one, or ask for an invitation.",
        )
    found = [workspace for workspace in found if workspace.role == "owner"] or found
    if len(found) > 1 and not wanted:
        found = [workspace for workspace in found if workspace.name == target.project] or found
    if len(found) > 1:
        raise SeveralWorkspaces(
            "Which workspace is not clear.",
            "Name one with `--workspace` or RUNYARD_WORKSPACE.",
            reasons=names,
        )
    return found[0]


def project_name(root: Path) -> str | None:
    """Return what a project calls itself, else what its directory is called; None if its file is no TOML."""
    try:
        document = toml_files.read(root / workspace.PYPROJECT)
    except InvalidWorkspace:
        return None
    except OSError:
        document = {}
    project = document.get("project")
    return str((isinstance(project, dict) and project.get("name")) or root.name)


def origin_of(address: str) -> str:
    """Return scheme, host and port of a server's address. Raises: InvalidRequest."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        is_address = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidRequest(
            f"`{address}` is no address of a server.", f"Write it as `{DEFAULT_SERVER}`, without a path."
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def credentials_path(env: Mapping[str, str]) -> Path:
    """Return the file of stored keys in the user's configuration directory, outside any workspace."""
    base = env.get("XDG_CONFIG_HOME")
    return (
        Path(base) if base else Path(env.get("HOME") or Path.home()) / ".config"
    ) / "runyard/credentials.json"


def read_credential(server: str, env: Mapping[str, str]) -> str | None:
    """Return the key that was stored for exactly this server."""
    key = _read(credentials_path(env)).get(server)
    return key if isinstance(key, str) else None


def store_credential(servers: Iterable[str], api_key: str, env: Mapping[str, str]) -> None:
    """Keep a key for a server, under each address it is known by; only its owner can read the file."""
    path = credentials_path(env)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {**_read(path), **dict.fromkeys(servers, api_key)}
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "w") as file:
        json.dump(content, file, indent=2)
    fresh.replace(path)


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _root_or_none(start: Path) -> Path | None:
    try:
        return workspace.find_root(start)
    except InvalidWorkspace:
        return None
