"""Which waiting runs may start, and in which order: slots of jobs, limits of workspaces and of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping, event, insert, select, text, update
from tests.support.ends import move
from tests.support.planning import job
from tests.support.stores import create_owner, create_workspace

from runyard.core.ids import SeededIds
from runyard.core.intervals import Window
from runyard.core.planning import NewRun
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import jobs, new_runs, runs
from runyard.core.store.engine import Database
from runyard.core.store.queue import NO_LIMITS, Claim, Limits, Room, claim, claimable, next_retry_at
from runyard.core.store.tables import runs as runs_table

IDS = SeededIds(11)
OWNER = "owner"
POINT = Window(1, 1)


class Queue:
    """The runs of a store with workspaces and jobs in it: they wait, start and end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.database.write(lambda c: create_owner(c, OWNER))

    def workspace(self, name: str) -> None:
        self.database.write(lambda c: create_workspace(c, name, OWNER, IDS))

    def job(self, name: str, workspace: str, *, concurrency: int | None = None, kind: str = "batch") -> None:
        entry = {"module": "etl", "function": name, "job_type": kind, "launcher": "job"}
        wire = {"entry_point": entry, "execute": {"concurrency": concurrency}}
        definition = job(ref=f"jobs.etl.{name}", wire=wire).definition
        self.database.write(
            lambda c: jobs.create(
                c,
                job_id=name,
                version_id=IDS.new_id(),
                workspace_id=workspace,
                definition=definition,
                definition_hash="h",
                deployment_module="__deployment__",
                label=None,
                edges=[],
                user_id=OWNER,
                now=1,
            )
        )

    def waits(self, run_id: str, job_id: str, *, tick_at: int | None = None, now: int = 1) -> None:
        """Let a run wait that was due at its tick, else when it was created."""

        def work(connection: Connection) -> None:
            versions = new_runs.versions_now(connection, [job_id])[job_id]
            new = NewRun("manual:", run_id, tick_at)
            wanted = new_runs.Wanted(run_id, job_id, new, versions, "prod")
            new_runs.create(connection, [wanted], config={}, user_id=None, now=now)

        self.database.write(work)

    def backlog(self, count: int) -> None:
        """Let runs of workspace `a` wait, `a0` the longest, and behind all of them `b0` of workspace `b`."""
        self.job("one", "a")
        self.job("two", "b")
        for number in range(count):
            self.waits(f"a{number}", "one", now=number)
        self.waits("b0", "two", now=9)

    def claim(self, limits: Limits = NO_LIMITS, *, now: int = 100) -> list[str]:
        """Claim what may start; return it in order."""

        def work(connection: Connection) -> list[str]:
            rows = with_room(claimable(connection, now, limits, at_most=200), limits)
            claims = [Claim(row, POINT, refresh=False) for row in rows]
            claim(connection, claims, engine="local", now=now)
            return [row["id"] for row in rows]

        return self.database.write(work)

    def ends(self, run_id: str) -> None:
        self.database.write(lambda c: move(c, run_id, RunStatus.FAILED, now=200, reason=Reason.LOST))

    def fails_and_waits(self, run_id: str, due_at: int) -> None:
        """Let a run wait to be tried again."""
        again = {"due_at": due_at}
        self.database.write(lambda c: move(c, run_id, RunStatus.PENDING, now=200, values=again))

    def runs_since(self, run_id: str, started_at: int) -> None:
        values = {"started_at": started_at}
        self.database.write(lambda c: move(c, run_id, RunStatus.RUNNING, now=started_at, values=values))


def with_room(rows: Sequence[RowMapping], limits: Limits) -> list[RowMapping]:
    """Return those of the runs that there is room for together."""
    room = Room(limits)
    found = []
    for row in rows:
        if room.is_left_for(row):
            room.take(row)
            found.append(row)
    return found


@pytest.fixture
def queue(database: Database) -> Queue:
    """Return a store with two workspaces, on each kind of database."""
    queue = Queue(database)
    queue.workspace("a")
    queue.workspace("b")
    return queue


# SPEC: EXE-05 EXE-08
def test_a_claim_takes_no_more_runs_of_a_job_than_it_has_slots(queue: Queue) -> None:
    queue.job("one", "a", concurrency=1)
    queue.job("two", "a", concurrency=2)
    queue.job("all", "a", concurrency=None)
    for number in range(3):
        for name in ("one", "two", "all"):
            queue.waits(f"{name}{number}", name, now=number)
    assert queue.claim() == ["all0", "one0", "two0", "all1", "two1", "all2"]
    assert queue.claim() == []
    queue.ends("one0")
    queue.ends("two1")
    assert queue.claim() == ["one1", "two2"], "a slot is free as soon as its run has ended, however it did"


# SPEC: EXE-07
def test_the_server_starts_no_more_runs_than_its_limit_and_the_others_wait_in_the_order_they_were_due(
    queue: Queue,
) -> None:
    queue.job("one", "a")
    queue.job("two", "b")
    queue.waits("late", "one", now=5)
    queue.waits("tick of 4", "one", tick_at=4, now=9)
    queue.waits("tick of 2", "two", tick_at=2, now=9)
    queue.waits("early", "two", now=3)
    limits = Limits(server=2)
    assert queue.claim(limits) == ["tick of 2", "early"]
    assert queue.claim(limits) == []
    queue.ends("early")
    assert queue.claim(limits) == ["tick of 4"]
    queue.ends("tick of 4")
    queue.ends("tick of 2")
    assert queue.claim(limits) == ["late"]


# SPEC: EXE-07
def test_a_workspace_at_its_limit_holds_up_no_other(queue: Queue) -> None:
    queue.backlog(3)
    limits = Limits(workspace=2)
    assert queue.claim(limits) == ["a0", "a1", "b0"]
    assert queue.claim(limits) == []
    queue.ends("a0")
    assert queue.claim(limits) == ["a2"]


# SPEC: EXE-07
def test_who_waits_for_a_full_workspace_takes_no_place_among_those_looked_at(queue: Queue) -> None:
    queue.backlog(5)
    limits = Limits(workspace=1)

    def looked_at() -> list[str]:
        rows = queue.database.read(lambda c: claimable(c, 100, limits, at_most=2))
        return [row["id"] for row in with_room(rows, limits)]

    assert looked_at() == ["a0"]
    queue.claim(Limits(server=1))
    assert looked_at() == ["b0"]


# SPEC: EXE-07
def test_an_app_neither_waits_for_the_limits_nor_counts(queue: Queue) -> None:
    queue.job("batch", "a")
    queue.job("app", "a", kind="interactive")
    queue.waits("app0", "app", now=1)
    queue.waits("batch0", "batch", now=2)
    queue.waits("batch1", "batch", now=3)
    queue.waits("app1", "app", now=4)
    limits = Limits(server=1, workspace=1)
    assert queue.claim(limits) == ["app0", "batch0", "app1"]
    assert queue.claim(limits) == []


# SPEC: EXE-07 DEC-20
def test_a_run_that_waits_to_be_tried_again_leaves_its_place_on_the_server_to_others(queue: Queue) -> None:
    queue.job("one", "a", concurrency=1)
    queue.job("two", "a", concurrency=1)
    queue.waits("again", "one", now=1)
    queue.waits("next of one", "one", now=2)
    queue.waits("two", "two", now=3)
    limits = Limits(server=1, workspace=1)
    assert queue.claim(limits) == ["again"]
    queue.fails_and_waits("again", due_at=500)
    assert queue.database.read(lambda c: next_retry_at(c, 200)) == 500
    assert queue.claim(limits, now=300) == ["two"], "its slot of the job stays its own"
    assert queue.claim(limits, now=500) == []
    queue.ends("two")
    assert queue.claim(limits, now=499) == []
    assert queue.claim(limits, now=500) == ["again"]
    assert queue.database.read(lambda c: next_retry_at(c, 200)) is None


def test_a_run_keeps_when_its_first_attempt_started(queue: Queue) -> None:
    queue.job("one", "a")
    queue.waits("again", "one")
    queue.claim()
    queue.runs_since("again", 110)
    queue.fails_and_waits("again", due_at=500)
    queue.claim(now=500)
    queue.runs_since("again", 520)
    row = queue.database.read(lambda c: runs.by_id(c, "again"))
    assert row is not None
    assert (row["started_at"], row["attempt"]) == (110, 2)


# SPEC: EXE-07 EXE-08
@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(5, 5)])
def test_a_claim_costs_no_more_however_many_runs_have_ended(postgres_url: str, limits: Limits) -> None:
    """What SQLite does about it is in `test_store`; PostgreSQL decides by what it knows of the tables."""
    queue = Queue(Database(postgres_url))
    queue.workspace("a")
    queue.job("one", "a")
    queue.waits("first", "one")
    ended = {"status": "completed", "reason": "ok", "finished_at": 9, "started_at": 2, "due_at": None}

    def fill(connection: Connection) -> None:
        [row] = connection.execute(select(runs_table)).mappings()
        rows = [
            {**row, **ended, "id": f"r{n}", "cause": f"c{n}", "number": n + 9, "attempt": 1}
            for n in range(2, 5000)
        ]
        connection.execute(insert(runs_table), rows)
        connection.execute(text("analyze runs"))

    queue.database.write(fill)
    queue.waits("second", "one")

    steps: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        cursor.execute(f"explain {statement}", parameters)
        steps.extend(row[0] for row in cursor.fetchall())

    def look(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", explain)
        claimable(connection, 100, limits, at_most=200)

    queue.database.read(look)
    assert [step for step in steps if "Seq Scan on runs" in step] == []
    assert queue.claim(limits) == ["first", "second"]
    queue.database.close()


def test_what_does_not_wait_has_no_place_in_the_queue(queue: Queue) -> None:
    queue.job("one", "a")
    queue.waits("run", "one", tick_at=4, now=9)

    def due_at() -> int | None:
        row = queue.database.read(lambda c: runs.by_id(c, "run"))
        assert row is not None
        due: int | None = row["due_at"]
        return due

    assert due_at() == 4
    queue.claim()
    assert due_at() is None
    with pytest.raises(Exception, match="due_while_pending"):
        queue.database.write(lambda c: c.execute(update(runs_table).values(due_at=4)))


# SPEC: DEC-20 EXE-07
def test_a_run_that_may_be_tried_again_and_finds_no_room_waits_for_room_and_not_for_time(
    queue: Queue,
) -> None:
    queue.job("one", "a")
    queue.waits("flaky", "one")
    queue.claim()
    queue.fails_and_waits("flaky", due_at=500)
    queue.waits("long", "one", now=300)
    queue.claim(now=300)
    limits = Limits(server=1)
    assert queue.claim(limits, now=500) == []
    assert queue.database.read(lambda c: next_retry_at(c, 500)) is None, "or the executor would never sleep"
    queue.ends("long")
    assert queue.claim(limits, now=600) == ["flaky"]
