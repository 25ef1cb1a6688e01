"""Serves the ASGI application that a module makes (APP-04)."""

from __future__ import annotations

import sys

from runyard.core.launchers.invocation import launch, read_options
from runyard.core.launchers.serving import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

USUAL_NAME = "app"
"""What the application is called unless the entry point names it."""


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:  # noqa: ARG001 - as every launcher
    """Serve the application until the process is told to stop."""
    launch(lambda: serve(_application_of(entry_point), entry_point), entry_point)


def _application_of(entry: Mapping[str, Any]) -> Any:
    __import__(entry["module"])
    return getattr(sys.modules[entry["module"]], entry.get("function") or USUAL_NAME)


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
