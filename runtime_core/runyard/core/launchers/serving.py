"""How launchers serve what user code made: on loopback, on the port of the run, until they are told to stop."""

from __future__ import annotations

import os
import sys

from runyard.core.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

HOST = "127.0.0.1"
"""Who wants in has to pass the server, which checks whether they may (APP-06)."""

MCP_PATH = "/mcp"
"""Where an MCP server is found (APP-03)."""

OPEN_REQUESTS_SECONDS = 3
"""How long requests that are being answered may take when the app is told to stop; streams would never end."""


def address(entry: Mapping[str, Any]) -> tuple[int, str]:
    """Return the port of a run and the path it is served below, empty for the root. Raises: InvalidInput."""
    told = entry.get("run_args") or {}
    if "port" not in told:
        raise InvalidInput("An app was started without a port.", "Give `run_args` with a `port`.")
    return int(told["port"]), told.get("base_path") or ""


def is_mcp(thing: object) -> bool:
    """Return whether user code made this with FastMCP, which it then has imported."""
    fastmcp = sys.modules.get("fastmcp")
    return fastmcp is not None and isinstance(thing, fastmcp.FastMCP)


def serve(app: Any, entry: Mapping[str, Any]) -> None:
    """Serve a FastMCP server or an ASGI app until the process is told to stop.

    Raises: InvalidInput for anything else. Source: APP-03, APP-04, DEC-18.
    """
    port, _base_path = address(entry)
    if is_mcp(app):
        app.run(transport="http", host=HOST, port=port, path=MCP_PATH, show_banner=False)
    elif callable(app):
        import uvicorn

        uvicorn.run(app, host=HOST, port=port, timeout_graceful_shutdown=OPEN_REQUESTS_SECONDS)
    else:
        raise InvalidInput(
            f"{entry['job_ref']} made {app!r:.80}, which cannot be served.",
            "Return a FastMCP server or an ASGI application.",
        )


def become(arguments: Sequence[str]) -> NoReturn:
    """Go on as `python -m` with these arguments, in this process, so that a signal reaches the app itself."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606 - no shell is meant


def file_of(module: str) -> str:
    """Return the file of a module without importing it. Raises: InvalidInput."""
    from importlib.util import find_spec

    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise InvalidInput(f"There is no module `{module}`.", "Deploy the file it is in.")
    return spec.origin
