"""The newest 100 runs over HTTP when there are very many."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from sqlalchemy import Connection, insert, select, update

from benchmarks.figures import Budget, Figure, times
from benchmarks.place import Place
from benchmarks.served import Served, served
from benchmarks.yardstick import around
from runyard.core.ids import SeededIds
from runyard.core.store import tables
from runyard.core.store.engine import Database, sqlite_url

JOBS = """
from runyard import run


@run.job
def nothing():
    pass
"""

BATCH = 10_000
"""Rows written at once."""

REQUESTS = 200


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server:
        run_id = server.trigger("nothing")
        server.wait_for_end(run_id)
        copy_run(server, run_id, place.listed_runs)
        with around(place.python) as empty:
            _request(server)
            waits = [_request(server) for _ in range(REQUESTS)]
    what = f"newest 100 of {place.listed_runs:,} runs"
    return times(what, waits, empty.milliseconds, Budget(5, "ms"), Budget(12, "ms"))


def _request(server: Served) -> float:
    """Return how long one page took, milliseconds."""
    began = time.perf_counter()
    answer = server.http.get(server.url("job-runs"), params={"limit": 100})
    took = (time.perf_counter() - began) * 1000
    assert answer.content.count(b'"number"') >= 100, answer.text
    return took


def copy_run(server: Served, run_id: str, count: int) -> None:
    """Give the store so many ended runs: copies of its only one, each a second older."""
    database = Database(sqlite_url(server.data_dir / "runyard.db"))
    try:
        for first in range(2, count + 1, BATCH):
            numbers = range(first, min(first + BATCH, count + 1))
            database.write(partial(_insert, run_id=run_id, numbers=numbers))
        counted = update(tables.job_state).values(run_count=count)
        database.write(lambda connection: connection.execute(counted))
    finally:
        database.close()


def _insert(connection: Connection, *, run_id: str, numbers: range) -> None:
    row = connection.execute(select(tables.runs).where(tables.runs.c.id == run_id)).mappings().one()
    ids = SeededIds(numbers.start)
    connection.execute(
        insert(tables.runs),
        [
            {
                **row,
                "id": ids.new_id(),
                "number": number,
                "cause": f"copy {number}",
                "created_at": row["created_at"] - number * 1_000_000,
            }
            for number in numbers
        ],
    )
