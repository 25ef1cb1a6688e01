"""Data directories in which a server starts quickly: with the newest schema, and with what jobs import.

Both are made once per session and given to each directory; a server finds them as one that was started before did.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from runyard.core.sdk import install_sdk
from runyard.core.store.engine import Database, sqlite_url
from runyard.core.store.migrate import migrate


def prepare(data_dir: Path) -> Path:
    """Return `data_dir` after making it one that a server has been started in, unless it is."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database, sdk = data_dir / "runyard.db", data_dir / "sdk"
    if not database.exists():
        shutil.copy(empty_database(), database)
    if not sdk.exists():
        sdk.symlink_to(_sdk())
    return data_dir


@cache
def empty_database() -> Path:
    """Return a SQLite file with nothing but the schema."""
    path = _templates() / "runyard.db"
    database = Database(sqlite_url(path))
    migrate(database)
    database.close()
    return path


@cache
def _sdk() -> Path:
    return install_sdk(_templates()).parent


@cache
def _templates() -> Path:
    place = Path(tempfile.mkdtemp(prefix="runyard-tests-"))
    atexit.register(shutil.rmtree, place)
    return place
