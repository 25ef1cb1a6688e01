"""Workspaces for tests: a directory from a table of paths and texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def make_workspace(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Return `root` after making it a workspace with these files; folders are created as needed."""
    for path, content in {".dlt/.workspace": "", **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
