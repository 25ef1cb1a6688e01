"""The real store on a real SQLite file, on a disk that fills up and in a process that dies at any statement.

Beside the tables lies a log of every change that was committed, written by triggers: `invariants` reads it, so nothing
of what happened escapes them, and nothing that they see was not committed.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.simulation.strands import Crash

from runyard.core.store.engine import Database, Work
from runyard.core.store.tables import metadata

T = TypeVar("T")

WATCHED = (
    "jobs", "job_versions", "schedule_overrides", "job_state", "runs", "run_events", "run_causes",
    "covered_windows", "decisions",
)  # fmt: skip
"""Tables whose every change is logged."""

DISK_FULL = "database or disk is full"


class Faults:
    """What the next statements of one process meet. Counts statements from when it was armed; 0 is the next one."""

    def __init__(
        self,
        chance: random.Random,
        wall: Callable[[], int],
        happened: Callable[[str], None],
        committed: Callable[[], None],
    ) -> None:
        self.is_dead = False
        self.crash_after: int | None = None
        self.crash_after_commit = False
        self.full_after: int | None = None
        self.full_for = 0
        self._chance, self.wall, self._happened, self.committed = chance, wall, happened, committed

    def disarm(self) -> None:
        """Let everything work from now on."""
        self.crash_after, self.crash_after_commit, self.full_after, self.full_for = None, False, None, 0

    def meet(self, connection: sqlite3.Connection, statement: str) -> None:
        """Return if a statement may run. Raises: Crash, OperationalError as of a full disk."""
        if self.is_dead:
            raise Crash
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                self._die("crash at a statement")
        if self.full_after is not None:
            self.full_after -= 1
            if self.full_after < 0:
                self._fill(connection, statement)

    def _fill(self, connection: sqlite3.Connection, statement: str) -> None:
        if statement.startswith(("PRAGMA", "SELECT", "BEGIN")):
            return  # they need no room
        self.full_for -= 1
        if self.full_for <= 0:
            self.full_after = None
        self._happened("disk full")
        if self._chance.random() < 0.5:
            sqlite3.Connection.rollback(connection)  # SQLite may take all of it back by itself
        raise sqlite3.OperationalError(DISK_FULL)

    def after_commit(self) -> None:
        """Return if the process lives to hear that its commit is done."""
        if self.crash_after_commit:
            self._die("crash after a commit")

    def _die(self, how: str) -> None:
        self.is_dead = True
        self._happened(how)
        raise Crash


class _Cursor(sqlite3.Cursor):
    """Meets the faults before each statement."""

    connection: _Connection

    def execute(self, sql: str, parameters: Any = (), /) -> _Cursor:
        self.connection.faults.meet(self.connection, sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> _Cursor:
        self.connection.faults.meet(self.connection, sql)
        return super().executemany(sql, parameters)


class _Connection(sqlite3.Connection):
    """A connection of a process that may die."""

    faults: Faults
    changes_seen = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.create_function("wall", 0, lambda: self.faults.wall())

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        self.faults.meet(self, "COMMIT")
        super().commit()
        if self.total_changes != self.changes_seen:
            self.changes_seen = self.total_changes
            self.faults.committed()
        self.faults.after_commit()


class SimulatedDatabase(Database):
    """A database of one process at a time. `step_aside` is called before each transaction, outside of any other.

    It outlives processes, as an empty shell, because what SQLAlchemy compiles is kept with it.
    """

    def __init__(self, url: str) -> None:
        class Connection(_Connection):
            pass

        super().__init__(url, sqlite_driver=Connection)
        self._connection = Connection
        self._step_aside: Callable[[], None] = lambda: None
        self.is_busy = False

    def begin_life(self, faults: Faults, step_aside: Callable[[], None]) -> None:
        """Serve a new process, which finds nothing in memory of the one before."""
        assert not self._writer._waiting, "a write of the process before was left behind"
        self.close()
        self._listeners.clear()
        self._connection.faults = faults
        self._step_aside, self.is_busy = step_aside, False

    def read(self, work: Work[T]) -> T:
        self._step_aside()
        with self._at_work():
            return super().read(work)

    def write(self, work: Work[T]) -> T:
        self._step_aside()
        with self._at_work():
            return super().write(work)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self.is_busy = True
        try:
            yield
        finally:
            self.is_busy = False


def make_schema(connection: sqlite3.Connection) -> None:
    """Create the tables and the log of their changes."""
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    for statement in _log_of_changes():
        connection.execute(statement)


def _log_of_changes() -> Iterator[str]:
    yield "create table changes (id integer primary key, at integer, name text, old text, new text)"
    for name in WATCHED:
        columns = [column.name for column in metadata.tables[name].columns]
        old, new = (_row(version, columns) for version in ("old", "new"))
        for verb, values in (
            ("insert", f"null, {new}"),
            ("update", f"{old}, {new}"),
            ("delete", f"{old}, null"),
        ):
            yield (
                f"create trigger log_{verb}_of_{name} after {verb} on {name} begin "  # noqa: S608
                f"insert into changes (at, name, old, new) values (wall(), '{name}', {values}); end"
            )


def _row(version: str, columns: list[str]) -> str:
    pairs = (f"'{column}', {version}.\"{column}\"" for column in columns)
    return f"json_object({', '.join(pairs)})"
