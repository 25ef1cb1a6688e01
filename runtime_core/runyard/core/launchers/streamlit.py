"""Serves a Streamlit app (APP-02)."""

from __future__ import annotations

import sys

from runyard.core.launchers.invocation import launch, read_options
from runyard.core.launchers.serving import HOST, address, become, file_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:  # noqa: ARG001 - as every launcher
    """Serve the app until the process is told to stop."""
    launch(lambda: become(arguments(file_of(entry_point["module"]), entry_point)), entry_point)


def arguments(file: str, entry: Mapping[str, Any]) -> list[str]:
    """Return what `python -m` is told.

    Streamlit compares origins with the address it listens on, which nobody sees; the proxy has compared them with
    the address in the browser.
    """
    port, base_path = address(entry)
    below = [f"--server.baseUrlPath={base_path}"] if base_path else []
    return [
        *("streamlit", "run", file, f"--server.address={HOST}", f"--server.port={port}"),
        *("--server.headless=true", "--server.fileWatcherType=none"),
        *("--server.enableCORS=false", "--server.enableXsrfProtection=false"),
        *("--browser.gatherUsageStats=false", *below),
    ]


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
