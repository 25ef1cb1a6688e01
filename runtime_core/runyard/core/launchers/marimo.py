"""Serves a marimo notebook as an app: in run mode, without its source code, with assets of its own (APP-01)."""

from __future__ import annotations

import sys

from runyard.core.launchers.invocation import launch, read_options
from runyard.core.launchers.serving import HOST, address, become, file_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:  # noqa: ARG001 - as every launcher
    """Serve the notebook until the process is told to stop."""
    launch(lambda: become(arguments(file_of(entry_point["module"]), entry_point)), entry_point)


def arguments(file: str, entry: Mapping[str, Any]) -> list[str]:
    """Return what `python -m` is told. Who may see the notebook is decided before it, so it asks for no token."""
    port, base_path = address(entry)
    below = ["--base-url", base_path] if base_path else []
    return [
        *("marimo", "-y", "run", file, "--host", HOST, "--port", str(port)),
        *("--headless", "--no-token", *below),
    ]


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
