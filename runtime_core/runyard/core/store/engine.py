"""The way into the store: one object that reads and writes, on SQLite or PostgreSQL.

A write is a function of a connection, and one transaction. Writes happen one after the other on either database: what
a decision stood on is still true when it is written, no two transactions wait for each other, and the feed is in the
order of its ids. SQLite has it no other way; on PostgreSQL a lock holds for all servers that share the database.
What is lost in width is won in depth: callers that meet at the door are committed together. Whoever holds the door
runs the work of all who wait, each in a savepoint, and commits once. A lone caller pays no thread change, and a test
or a simulation without threads stays deterministic.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Engine, NestedTransaction, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from runyard.core.errors import Conflict, StorageFull, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]

GROUP_MAX = 128
"""Writes committed together at most: bounds how long the first of them waits for the last."""

POSTGRES_SETTINGS = "set random_page_cost = 1.1; set jit = off"
"""What our sessions tell PostgreSQL: disks no longer seek, so it takes the index that is there even before it has
statistics; and our statements are over before compiling them would pay."""

BUSY_TIMEOUT_SECONDS = 30.0
"""How long SQLite waits for another process (a backup, a curious shell) that holds the write lock."""

POOL_SIZE = 10
"""Connections kept per server: a few more than the threads that use the store at once."""

WRITE_LOCK = 0x72756E
"""PostgreSQL advisory lock that every write holds until its commit."""

SERVER_LOCK = 0x72756F
"""PostgreSQL advisory lock that the one server of a database holds as long as it lives."""

SERVER_LOCK_SECONDS = 5
"""How long a server waits for the one before: after a kill the database notices within moments."""

CHANGED = "runyard.changed"
"""Key in `Connection.info` under which a write says that it appended to the feed."""


def sqlite_url(path: Path) -> str:
    """Return the database URL of a SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """Reads and writes the store. Safe to use from several threads.

    `on_change` is called after each commit that appended to the feed, on the thread that committed; it must not
    block. `sqlite_driver` makes the connections to a SQLite file: a simulation hands in one that fails as disks and
    processes do. Raises: StorageFull when the disk refuses a write, Unavailable when the database is not there.
    """

    def __init__(self, url: str, *, sqlite_driver: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        self.url = url
        self.dialect = make_url(url).get_backend_name()
        self._listeners: list[Callable[[], None]] = []
        self._held: Connection | None = None
        if self.dialect == "sqlite":
            self._readers = _sqlite_engine(url, sqlite_driver, begin="BEGIN", size=POOL_SIZE)
            writer = _sqlite_engine(url, sqlite_driver, begin="BEGIN IMMEDIATE", size=1)
        else:
            self._readers = _postgres_readers(_with_driver(url))
            writer = _postgres_writer(_with_driver(url))
        self._writer = _Writer(writer, self._tell_change)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that appended to the feed."""
        self._listeners.append(listener)

    def read(self, work: Work[T]) -> T:
        """Return what `work` reads, all of it from one moment."""
        with _errors_of_the_world(), self._readers.connect() as connection, connection.begin():
            return work(connection)

    def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own and return its result once it is on disk.

        Its effect must be on the connection alone, which a failed commit takes back.
        """
        with _errors_of_the_world():
            return self._writer.write(work)

    def hold_for_one_server(self) -> None:
        """Keep other servers out until `close`: each would start again what the other has claimed.

        A SQLite file lies in a data directory, which is held already. Raises: Conflict if another server is there.
        """
        if self.dialect == "sqlite":
            return
        # Without a transaction, which would be open for the life of the server.
        self._held = self._readers.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._held.exec_driver_sql(f"set lock_timeout = '{SERVER_LOCK_SECONDS}s'")
        try:
            self._held.exec_driver_sql(f"select pg_advisory_lock({SERVER_LOCK})")
        except OperationalError as error:
            self.close()
            raise Conflict(
                "Another runyard server uses this database.",
                "Stop it first, or give this one a database of its own (RUNYARD_DATABASE_URL).",
            ) from error

    def close(self) -> None:
        """Close every connection."""
        if self._held is not None:
            self._held.invalidate()  # back in the pool it would keep its lock
            self._held.close()
        self._writer.close()
        self._readers.dispose()

    def _tell_change(self) -> None:
        for listener in self._listeners:
            listener()


def mark_changed(connection: Connection) -> None:
    """Note that this transaction appended to the feed."""
    connection.info[CHANGED] = True


def take_back(savepoint: NestedTransaction, error: Exception) -> None:
    """Undo what was done since a savepoint, after an error. Raises: the error, if there is nothing to go back to."""
    try:
        savepoint.rollback()
    except DBAPIError:
        # A full disk takes the whole transaction back, and this is what everybody in it should hear.
        raise error from None


class _Pending(Generic[T]):
    """One write on its way: the work before, its outcome after."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None


class _Writer:
    """The one writer of a database; commits together what arrives together, then says so if the feed has grown."""

    def __init__(self, engine: Engine, tell_change: Callable[[], None]) -> None:
        self._engine, self._tell_change = engine, tell_change
        self._lock = threading.Lock()
        self._waiting: deque[_Pending[Any]] = deque()

    def write(self, work: Work[T]) -> T:
        mine = _Pending(work)
        self._waiting.append(mine)
        changed = False
        with self._lock:
            while not mine.done:
                changed |= self._commit_group()
        # Also when our own work failed: what was committed with it is somebody else's, who does not come here.
        if changed:
            self._tell_change()
        if mine.error is not None:
            raise mine.error
        return cast(T, mine.result)

    def _commit_group(self) -> bool:
        """Commit the oldest waiting writes as one transaction; return whether they appended to the feed."""
        group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
        try:
            with self._engine.begin() as connection:
                connection.info.pop(CHANGED, None)
                for pending in group:
                    self._run(pending, connection, alone=len(group) == 1)
                changed = bool(connection.info.pop(CHANGED, False))
        except BaseException as error:
            # The transaction is gone, and everybody's work with it.
            for pending in group:
                pending.error = pending.error or error
            changed = False
        for pending in group:
            pending.done = True
        return changed

    @staticmethod
    def _run(pending: _Pending[Any], connection: Connection, *, alone: bool) -> None:
        if alone:
            pending.result = pending.work(connection)
            return
        savepoint = connection.begin_nested()
        try:
            pending.result = pending.work(connection)
        except Exception as error:
            take_back(savepoint, error)
            pending.error = error
        else:
            savepoint.commit()

    def close(self) -> None:
        self._engine.dispose()


def _sqlite_engine(url: str, driver: type[sqlite3.Connection], *, begin: str, size: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0 if size == 1 else size,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS, "factory": driver},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling would start a transaction late, as a reader that turns writer,
        # which SQLite refuses without waiting; so it is switched off and we say BEGIN ourselves.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    _begin_with(engine, begin)
    return engine


def _postgres_readers(url: str) -> Engine:
    # Its default would show each statement of a read another moment.
    return _postgres_engine(url, isolation_level="REPEATABLE READ", pool_size=POOL_SIZE)


def _postgres_writer(url: str) -> Engine:
    engine = _postgres_engine(url, pool_size=1, max_overflow=0)

    _begin_with(engine, f"select pg_advisory_xact_lock({WRITE_LOCK})")
    return engine


def _begin_with(engine: Engine, statement: str) -> None:
    """Let each transaction begin with a statement.

    Not as a listener to the engine's events: once there is one, each statement of all transactions goes through events.
    """

    def begin(connection: Any) -> None:
        connection.execute(statement).close()

    engine.dialect.do_begin = begin  # type: ignore[assignment, method-assign]


def _postgres_engine(url: str, **how: Any) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, **how)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.execute(POSTGRES_SETTINGS)
        connection.commit()

    return engine


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "postgres://", "postgresql+psycopg://", 1
    )


class _errors_of_the_world:  # noqa: N801 - reads as a phrase in a `with`
    """Turns what the driver says of disk and network into our errors; leaves our own mistakes as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, DBAPIError):
            return
        words = str(error.orig)
        if (
            "disk is full" in words
            or "disk I/O error" in words
            or getattr(error.orig, "sqlstate", "") == "53100"
        ):
            raise StorageFull(
                "The disk of the database is full; nothing was changed.",
                "Free space in the data directory and try again.",
            ) from error
        if "database is locked" in words:
            raise Unavailable(
                f"The database is in use by another program for over {BUSY_TIMEOUT_SECONDS:g} s.",
                "Let that program finish or end it, then try again.",
            ) from error
        if error.connection_invalidated or (isinstance(error, OperationalError) and "connect" in words):
            raise Unavailable(
                "The database does not answer.", "Check that it runs and that the database URL is right."
            ) from error
