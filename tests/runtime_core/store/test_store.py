"""One suite for two databases: what the store keeps, refuses and commits, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text, update
from sqlalchemy.exc import IntegrityError
from tests.support.ends import move
from tests.support.patience import PATIENCE_SECONDS
from tests.support.planning import job
from tests.support.stores import create_owner, create_workspace
from tests.support.worlds import OWNER, WORKSPACE

from runyard.core.errors import StorageFull, Unavailable
from runyard.core.ids import SeededIds
from runyard.core.planning import NewRun
from runyard.core.runs import ACTIVE, OPEN, TERMINAL, TRANSITIONS, Reason, RunStatus
from runyard.core.store import accounts, engine, facts, feed, jobs, links, new_runs, queue, runs, shown_runs
from runyard.core.store.engine import Database, Work, _Pending, sqlite_url
from runyard.core.store.migrate import migrate
from runyard.core.store.tables import runs as runs_table

IDS = SeededIds(7)
MANUAL = "manual:jobs.etl.load"


@pytest.fixture
def job_id(database: Database) -> str:
    """Return a job that can run."""
    job_id = IDS.new_id()

    def work(connection: Connection) -> None:
        create_owner(connection, OWNER)
        create_workspace(connection, WORKSPACE, OWNER, IDS)
        jobs.create(
            connection,
            job_id=job_id,
            version_id=IDS.new_id(),
            workspace_id=WORKSPACE,
            definition=job().definition,
            definition_hash="h",
            deployment_module="__deployment__",
            label=None,
            edges=[],
            user_id=OWNER,
            now=1,
        )

    database.write(work)
    return job_id


def create_run(connection: Connection, job_id: str, cause: str, now: int = 1) -> tuple[str, int | None]:
    versions = new_runs.versions_now(connection, [job_id])[job_id]
    run_id = IDS.new_id()
    wanted = new_runs.Wanted(run_id, job_id, NewRun(MANUAL, cause, None, refresh=False), versions, "prod")
    new_runs.create(connection, [wanted], config={}, user_id=None, now=now)
    row = runs.by_id(connection, run_id)
    return run_id, None if row is None else row["number"]


def test_a_job_has_one_link_that_works_and_any_number_that_do_not(database: Database, job_id: str) -> None:
    def publish(connection: Connection) -> str:
        link_id = IDS.new_id()
        links.create(
            connection, id=link_id, job_id=job_id, kind=links.APP, token=IDS.new_token(), user_id=OWNER, now=1
        )
        return link_id

    def revoke(link_id: str) -> None:
        database.write(lambda c: links.revoke(c, link_id, user_id=OWNER, now=2))

    first = database.write(publish)
    with pytest.raises(IntegrityError):
        database.write(publish)
    revoke(first)
    second = database.write(publish)
    assert database.read(lambda c: links.working(c, [first, second])) == {second}
    revoke(second)
    job = database.read(lambda c: jobs.get(c, WORKSPACE, job_id))
    assert job is not None
    assert job["link_id"] is None


# SPEC: TRG-18
def test_one_cause_makes_one_run(database: Database, job_id: str) -> None:
    first = database.write(lambda c: create_run(c, job_id, "tick 1"))
    again = database.write(lambda c: create_run(c, job_id, "tick 1"))
    assert (first[1], again[1]) == (1, None)
    assert len(database.read(lambda c: shown_runs.page(c, WORKSPACE, limit=10, offset=0))[0]) == 1


# SPEC: SCH-11
def test_run_numbers_are_dense_however_many_start_runs_at_once(database: Database, job_id: str) -> None:
    def start(number: int) -> int | None:
        return database.write(lambda c: create_run(c, job_id, f"tick {number}"))[1]

    with ThreadPoolExecutor(8) as threads:
        assert sorted(number or 0 for number in threads.map(start, range(40))) == list(range(1, 41))


# SPEC: SCH-10
def test_a_run_moves_along_the_table_and_nowhere_else(database: Database, job_id: str) -> None:
    run_id = database.write(lambda c: create_run(c, job_id, "tick"))[0]

    def moves(connection: Connection, source: RunStatus, target: RunStatus) -> bool:
        is_over = source in TERMINAL
        at = {"finished_at": 3 if is_over else None, "reason": Reason.OK if is_over else None}
        connection.execute(update(runs_table).values(status=source, started_at=2, **at))
        reason = Reason.OK if target in TERMINAL else None
        return move(connection, run_id, target, now=4, reason=reason)

    for source, target in product(RunStatus, RunStatus):
        moved = database.write(partial(moves, source=source, target=target))
        assert moved is (target in TRANSITIONS[source])


@pytest.mark.parametrize(
    "nonsense",
    [
        {"status": "completed"},
        {"status": "finished"},
        {"finished_at": 5},
        {"reason": "ok"},
        {"status": "running"},
        {"interval_start": 2, "interval_end": 1},
        {"number": 0},
    ],
)
def test_the_database_refuses_what_must_never_be_true(
    database: Database, job_id: str, nonsense: dict[str, Any]
) -> None:
    database.write(lambda c: create_run(c, job_id, "tick"))
    with pytest.raises(IntegrityError):
        database.write(lambda c: c.execute(update(runs_table).values(nonsense)))


def plan_of(database: Database, work: Work[Any]) -> str:
    """Return how SQLite goes about the statements of some work, one step a line."""
    steps: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        cursor.execute(f"explain query plan {statement}", parameters)
        steps.extend(row[3] for row in cursor.fetchall())

    def read(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", explain)
        work(connection)

    database.read(read)
    assert steps
    return "\n".join(steps)


@pytest.mark.parametrize(
    "work",
    [
        partial(queue.claimable, now=1, at_most=9),
        partial(queue.claimable, now=1, at_most=9, limits=queue.Limits(server=1, workspace=1)),
        partial(queue.next_retry_at, after=1),
        partial(queue.look, now=1),
        runs.to_stop,
        partial(runs.with_status, statuses=ACTIVE),
        partial(facts.load, job_ids=["a"]),
        partial(new_runs.have_runs, causes=[("a", "tick"), ("b", "tick")]),
        partial(shown_runs.page, workspace_id="w", job_id="a", limit=1, offset=0),
        partial(shown_runs.page, workspace_id="w", previous_run_id="a", limit=1, offset=0),
        partial(shown_runs.page, workspace_id="w", statuses=sorted(OPEN), limit=1, offset=0),
    ],
)
def test_what_concerns_few_runs_never_walks_through_all_that_ever_ran(
    sqlite_file_url: str, work: Work[Any]
) -> None:
    database = Database(sqlite_file_url)
    steps = plan_of(database, work).splitlines()
    database.close()
    narrow = ("ix_runs_open", "ix_runs_pending", "ix_runs_active", "ix_runs_retries")
    walks = [step for step in steps if step.startswith("SCAN runs") and not step.endswith(narrow)]
    assert (walks, [step for step in steps if "ix_runs_newest" in step]) == ([], [])


def test_the_feed_is_read_on_from_the_last_event_seen(database: Database, job_id: str) -> None:
    run_id = database.write(lambda c: create_run(c, job_id, "tick"))[0]
    [created] = database.read(lambda c: feed.after(c, WORKSPACE, 0, 10))
    assert (created["kind"], created["run_id"]) == ("run.pending", run_id)
    database.write(lambda c: move(c, run_id, RunStatus.STARTING, now=2))
    kinds = [row["kind"] for row in database.read(lambda c: feed.after(c, WORKSPACE, created["id"], 10))]
    assert kinds == ["run.starting"]


def test_only_a_write_that_appends_to_the_feed_wakes_those_who_watch(database: Database, job_id: str) -> None:
    woken: list[bool] = []
    database.on_change(lambda: woken.append(True))
    database.write(lambda c: accounts.create_user(c, id=IDS.new_id(), email="a@x", name=None, now=1))
    assert woken == []
    database.write(lambda c: create_run(c, job_id, "tick"))
    assert woken == [True]


def test_a_failing_write_takes_nobody_elses_with_it(database: Database) -> None:
    """Writers that meet at the door of SQLite share a commit, but not their fate."""
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        def work(connection: Connection) -> None:
            email = "same@x" if number % 2 else f"{number}@x"
            accounts.create_user(connection, id=IDS.new_id(), email=email, name=None, now=1)

        barrier.wait(PATIENCE_SECONDS)
        try:
            database.write(work)
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(write, range(8)))
    assert sum(written) == 5
    assert database.read(lambda c: c.execute(text("select count(*) from users")).scalar_one()) == 5


def at_the_door(database: Database, work: Work[Any]) -> _Pending[Any]:
    """Return a write of somebody who waits: whoever writes next commits it too."""
    pending = _Pending(work)
    database._writer._waiting.append(pending)
    return pending


def test_who_watches_is_woken_by_a_change_that_a_failing_write_commits_for_another(
    database: Database, job_id: str
) -> None:
    woken: list[bool] = []
    database.on_change(lambda: woken.append(True))
    other = at_the_door(database, lambda c: create_run(c, job_id, "tick"))
    with pytest.raises(IntegrityError):
        database.write(lambda c: accounts.create_user(c, id=OWNER, email="a@x", name=None, now=1))
    assert (other.done, other.error, woken) == (True, None, [True])


# SPEC: SCA-01
def test_what_one_read_reads_is_from_one_moment(database: Database) -> None:
    count = text("select count(*) from users")

    def work(connection: Connection) -> list[int]:
        before = connection.execute(count).scalar_one()
        database.write(lambda c: accounts.create_user(c, id=OWNER, email="a@x", name=None, now=1))
        return [before, connection.execute(count).scalar_one()]

    assert database.read(work) == [0, 0]


def test_a_database_that_somebody_else_holds_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_SECONDS", 0.01)
    servers = [Database(sqlite_url(tmp_path / "one.db")) for _ in range(2)]

    def meanwhile(_connection: Connection) -> None:
        with pytest.raises(Unavailable, match="in use"):
            servers[1].write(lambda _: None)

    servers[0].write(meanwhile)
    for server in servers:
        server.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Database]:
    """Return a database on a disk that is as good as full."""
    database = Database(sqlite_url(tmp_path / "small.db"))
    migrate(database)
    database.write(lambda c: c.exec_driver_sql("pragma max_page_count = 1"))
    yield database
    assert database.read(lambda c: c.execute(text("select count(*) from users")).scalar_one()) == 0
    database.close()


def fill(connection: Connection) -> None:
    for number in range(2000):
        email = f"{number}{'x' * 1000}"
        accounts.create_user(connection, id=IDS.new_id(), email=email, name=None, now=1)


def test_a_full_disk_is_said_plainly_and_changes_nothing(small: Database) -> None:
    with pytest.raises(StorageFull, match="disk") as refused:
        small.write(fill)
    assert "xxx" not in str(refused.value.__cause__), "what is written may be secret, and errors are logged"


def test_a_full_disk_is_said_plainly_to_all_whose_writes_it_took(small: Database) -> None:
    """A database that is full takes back the whole transaction, not only the write that filled it."""
    other = at_the_door(small, partial(accounts.create_user, id=OWNER, email="a@x", name=None, now=1))
    with pytest.raises(StorageFull, match="disk"):
        small.write(fill)
    assert "full" in str(other.error)


def test_statuses_in_the_schema_are_those_of_the_table_of_moves() -> None:
    assert set(RunStatus) == OPEN | TERMINAL


# SPEC: SCA-01
def test_two_servers_on_one_database_write_one_after_the_other(database_url: str) -> None:
    """What one reads in a write, nobody changes before it is committed."""
    servers = [Database(database_url), Database(database_url)]
    servers[0].write(partial(accounts.create_user, id=OWNER, email="a@x", name="0", now=1))

    def count_up(connection: Connection) -> None:
        count = connection.execute(text("select name from users")).scalar_one()
        connection.execute(text("update users set name = :name"), {"name": str(int(count) + 1)})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: servers[number % 2].write(count_up), range(40)))
    assert servers[0].read(lambda c: c.execute(text("select name from users")).scalar_one()) == "40"
    for server in servers:
        server.close()
