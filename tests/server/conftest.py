"""Servers for tests: over both databases where the store matters, over SQLite alone where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api import Api


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Iterator[Api]:
    """Return a server over SQLite, then one over PostgreSQL."""
    with Api(tmp_path / "data", database_url) as api:
        yield api


@pytest.fixture
def local_api(tmp_path: Path) -> Iterator[Api]:
    """Return a server over SQLite."""
    with Api(tmp_path / "data") as api:
        yield api
