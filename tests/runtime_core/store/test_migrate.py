"""Databases that older versions left become what the code names, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from runyard.core.errors import Conflict
from runyard.core.store.engine import Database
from runyard.core.store.migrate import HEAD, MIGRATIONS, alembic_config, current_revision, migrate
from runyard.core.store.tables import metadata


def differences(connection: Connection) -> list[Any]:
    """Return what the tables of a database have that the code does not name, and the other way round."""
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


# SPEC: SCA-01
def test_the_newest_migration_makes_exactly_the_tables_that_the_code_names(database: Database) -> None:
    assert database.read(differences) == []


def test_the_known_head_is_the_newest_migration_file() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


# SPEC: OPS-03
def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    database.write(lambda c: c.execute(text("update alembic_version set version_num = '9999'")))
    with pytest.raises(Conflict, match="9999"):
        migrate(database)


def at_revision(connection: Connection, revision: str) -> None:
    """Make the database one that an older version has left, with a workspace in it."""
    metadata.drop_all(connection)
    connection.execute(text("drop table alembic_version"))
    command.upgrade(alembic_config(connection), revision)
    # As text: the code knows no longer what those tables had.
    for table, values in (
        ("users", "('u', 'owner@localhost', 'o', 1)"),
        ("workspaces", "('w', 'w', null, '[]', 'u', 1, 1, null)"),
        ("deployments", "('d', 'w', 1, 'h', 'h', 0, 0, 'u', 1, '{}', 1)"),
        ("configurations", "('c', 'w', 1, 'h', 'h', 0, 0, 'u', 1, '[]')"),
    ):
        connection.execute(text(f"insert into {table} values {values}"))  # noqa: S608 - ours


def leave_behind(connection: Connection, name: str, job_type: str, **run: Any) -> None:
    """Write a job and a run of it as the first version did."""
    job_row = {
        "id": name,
        "workspace_id": "w",
        "job_ref": name,
        "version": 1,
        "version_id": f"v-{name}",
        "created_by": "u",
        "created_at": 1,
        "updated_at": 1,
    }
    version = {
        "id": f"v-{name}",
        "job_id": name,
        "version": 1,
        "definition": f'{{"entry_point": {{"job_type": "{job_type}"}}}}',
        "definition_hash": "h",
        "extensions": "{}",
        "created_by": "u",
        "created_at": 1,
    }
    run_row = {
        "id": f"r-{name}",
        "workspace_id": "w",
        "job_id": name,
        "job_version_id": f"v-{name}",
        "deployment_id": "d",
        "configuration_id": "c",
        "number": 1,
        "trigger": "t",
        "cause": "c",
        "profile": "prod",
        "refresh": False,
        "config": "{}",
        "created_at": 7,
        "updated_at": 7,
        **run,
    }
    attempt = {"run_id": f"r-{name}", "number": 1, "engine": "local", "created_at": 7}
    decision = {
        "workspace_id": "w",
        "job_id": name,
        "at": 7,
        "last_at": 7,
        "count": 1,
        "trigger": "t",
        "outcome": "gated",
        "because": "b",
        "facts": "{}",
    }
    for table, row in (
        ("job_versions", version),
        ("jobs", job_row),
        ("runs", run_row),
        ("attempts", attempt),
        ("decisions", decision),
    ):
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"insert into {table} ({names}) values ({places})"), row)  # noqa: S608 - ours


# SPEC: OPS-03
def test_a_database_of_an_older_version_gets_what_is_new_and_keeps_what_it_had(database: Database) -> None:
    def go_back(connection: Connection) -> None:
        at_revision(connection, "0001")
        leave_behind(connection, "waiting", "batch", status="pending", attempt=0, tick_at=3)
        ended = {"status": "failed", "reason": "exit_code", "exit_code": 4, "finished_at": 9, "attempt": 1}
        leave_behind(connection, "ended", "interactive", **ended)

    database.write(go_back)
    migrate(database)
    assert database.read(current_revision) == HEAD
    assert database.read(differences) == []
    database.read(check_kept)


def check_kept(connection: Connection) -> None:
    def read(columns: str, table: str) -> list[tuple[Any, ...]]:
        query = text(f"select {columns} from {table} order by 1")  # noqa: S608 - ours
        return [tuple(row) for row in connection.execute(query)]

    assert read("id, due_at", "runs") == [("r-ended", None), ("r-waiting", 3)]
    assert read("id, job_type", "jobs") == [("ended", "interactive"), ("waiting", "batch")]
    assert read("run_id, reason, exit_code", "attempts") == [
        ("r-ended", "exit_code", 4),
        ("r-waiting", None, None),
    ]
    assert read("job_id, outcome", "decisions") == [("ended", "not_fresh"), ("waiting", "not_fresh")]
    assert read("id, exact", "runs") == [("r-ended", False), ("r-waiting", False)]
