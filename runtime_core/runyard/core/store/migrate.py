"""Brings the schema of a database up to date: forward only, and never an unknown newer one (OPS-03).

Alembic is imported only when there is something to do, because a server starts far more often than it changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from runyard.core.errors import Conflict
from runyard.core.store.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

HEAD = "0006"
"""The newest revision; a test compares it with the files in `migrations/versions`."""


def migrate(database: Database) -> None:
    """Create or upgrade the schema. Of two servers that start at once, one migrates and the other finds it done.

    Raises: Conflict if the database was written by a newer runyard.
    """
    if database.read(current_revision) != HEAD:
        database.write(_upgrade)


def current_revision(connection: Connection) -> str | None:
    """Return the revision a database is at, None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    revision = current_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Conflict(
            f"The database is at revision {revision}, which this version of runyard does not know.",
            "Start it with the newer version that wrote it, or restore a backup.",
        )
    command.upgrade(config, "head")


def alembic_config(connection: Connection) -> Config:
    """Return the configuration that runs our migrations on `connection`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
