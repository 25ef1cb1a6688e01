"""Workspaces for tests: a directory from a table of paths and texts, and what `runyard deploy` finds in one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from runyard.core.clock import SystemClock
from runyard.core.discovery import Discovered, Discovery
from runyard.core.processes import SystemProcesses

SDK = Path(__file__).parents[2] / "runtime_core"

BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
"""An environment with nothing of the developer's in it."""


def make_workspace(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Return `root` after making it a workspace with these files; folders are created as needed."""
    for path, content in {".dlt/.workspace": "", **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def discovered(root: Path, file: str | None = None, *, ad_hoc: bool = False) -> Discovered:
    """Return the jobs of a workspace, or of one of its files, imported by this Python."""
    discovery = Discovery(SystemProcesses(), SystemClock())
    return discovery.discover(root, file, python=Path(sys.executable), sdk=SDK, env=BARE, ad_hoc=ad_hoc)
