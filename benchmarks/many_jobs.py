"""A store with very many timed jobs, some of them due, on either database and without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    String,
    Table,
    case,
    cast,
    func,
    insert,
    literal,
    select,
)

from benchmarks.place import Place
from benchmarks.postgresql import postgresql
from runyard.core.clock import MICROSECONDS, SystemClock
from runyard.core.ids import SeededIds
from runyard.core.store import accounts, snapshots, tables, workspaces
from runyard.core.store.engine import Database, sqlite_url
from runyard.core.store.migrate import migrate

NOW = 1_795_348_800 * MICROSECONDS
"""22 November 2026, 12:00 UTC: the time at which jobs are due."""

DAY = 86_400 * MICROSECONDS

DEFINITION = {
    "engine_version": 2,
    "job_ref": "jobs.measured.job_NUMBER",
    "entry_point": {"module": "measured", "function": "job", "job_type": "batch", "launcher": "job"},
    # In a zone whose clocks change. Of 10,000 jobs, those that are due have 144 schedules.
    "triggers": ["schedule:MINUTE HOUR * * *"],
    "require": {"timezone": "Europe/Berlin"},
    "execute": {"concurrency": 1},
}


class FixedClock(SystemClock):
    """A clock whose wall time stands still at the time at which jobs are due."""

    def now(self) -> int:
        return NOW


@contextmanager
def databases(place: Place) -> Iterator[dict[str, Database]]:
    """Offer an empty store of each kind, by the name of its kind."""
    with postgresql(place) as url:
        stores = {
            "SQLite": Database(sqlite_url(Path(place.new_directory(), "runyard.db"))),
            "PostgreSQL": Database(url),
        }
        try:
            for store in stores.values():
                migrate(store)
            yield stores
        finally:
            for store in stores.values():
                store.close()


def fill(connection: Connection, count: int, due: int) -> None:
    """Write so many jobs, each due at a minute of its own once a day; `due` of them, evenly spread, are due now."""
    ids = SeededIds(count)
    user_id, workspace_id = ids.new_id(), ids.new_id()
    accounts.create_user(connection, id=user_id, email="owner@localhost", name=None, now=1)
    workspaces.create(connection, id=workspace_id, name="w", description=None, user_id=user_id, now=1)
    made = {"created_by": user_id, "created_at": 1}
    for table, more in (
        (snapshots.deployments, {"requirements": {}, "requirements_size_bytes": 1}),
        (snapshots.configurations, {"profiles": []}),
    ):
        sizes = {"content_hash": "h", "comparison_hash": "h", "file_count": 0, "size_bytes": 0}
        values = {"id": ids.new_id(), "workspace_id": workspace_id, **made, **sizes, **more}
        snapshots.create(connection, table, values=values, snapshot_files=[])
    numbers = select(literal(0, BigInteger).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count - 1))
    n = numbers.c.n
    job_id, version_id = _id_of(1, n), _id_of(2, n)
    definition: ColumnElement[str] = literal(json.dumps(DEFINITION))
    for word, value in {"NUMBER": n, "MINUTE": n % 60, "HOUR": n // 60 % 24}.items():
        definition = func.replace(definition, word, cast(value, String))
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        # Each of a million rows would be looked up in the tables that it names.
        connection.exec_driver_sql("set local session_replication_role = replica")
    document, nothing = (each if is_sqlite else cast(each, JSON) for each in (definition, literal("{}")))
    made_columns = {name: literal(value) for name, value in made.items()}
    one = literal(1)
    next_due_at = case((n % (count // due) == 0, NOW - DAY), else_=NOW + DAY)
    rows: dict[Table, dict[str, ColumnElement[Any]]] = {
        tables.job_versions: {
            "id": version_id,
            "job_id": job_id,
            "version": one,
            "definition": document,
            "definition_hash": literal("h"),
            "extensions": nothing,
            **made_columns,
        },
        tables.jobs: {
            "id": job_id,
            "workspace_id": literal(workspace_id),
            "job_ref": literal("jobs.measured.job_") + cast(n, String),
            "version": one,
            "version_id": version_id,
            "concurrency": one,
            "updated_at": one,
            **made_columns,
        },
        tables.job_state: {
            "job_id": job_id,
            "run_count": literal(0),
            "anchor_at": one,
            "next_due_at": next_due_at,
        },
    }
    for table, columns in rows.items():
        chosen = select(*(column.label(None) for column in columns.values())).select_from(numbers)
        connection.execute(insert(table).from_select(list(columns), chosen))


def _id_of(kind: int, number: ColumnElement[int]) -> ColumnElement[str]:
    """Return the id of a row, from its number."""
    digits = func.substr(cast(literal(10**12, BigInteger) + number, String), 2)
    return literal(f"{kind:08}-0000-4000-8000-") + digits
