"""Serves the FastMCP server that a module makes, over streamable HTTP (APP-03)."""

from __future__ import annotations

import sys

from runyard.core.errors import InvalidInput
from runyard.core.launchers.invocation import launch, read_options
from runyard.core.launchers.serving import is_mcp, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

USUAL_NAMES = ("mcp", "server", "app")
"""Looked at before any other name of the module."""


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:  # noqa: ARG001 - as every launcher
    """Serve the module's server until the process is told to stop."""
    launch(lambda: serve(_server_of(entry_point["module"]), entry_point), entry_point)


def _server_of(module: str) -> Any:
    __import__(module)
    made = vars(sys.modules[module])
    for name in (*USUAL_NAMES, *made):
        if is_mcp(made.get(name)):
            return made[name]
    raise InvalidInput(f"`{module}` makes no FastMCP server.", "Give it one named `mcp`.")


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
