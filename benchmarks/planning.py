"""Many jobs due in the same second: how long until each has its decision in the store."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.figures import Budget, Figure
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.served import served
from benchmarks.yardstick import around
from runyard.core.clock import MICROSECONDS, SystemClock
from runyard.core.ids import SystemIds
from runyard.core.scheduler import Scheduler
from runyard.core.store.engine import Database, sqlite_url

DUE = 1_000

JOBS = f"""
from runyard import run, trigger


def nothing():
    pass


for number in range({DUE}):
    globals()[f"job_{{number}}"] = run.job(name=f"job_{{number}}", trigger=trigger.every("1h"))(nothing)
"""


class LaterClock(SystemClock):
    """The machine's clock, an hour and a bit ahead."""

    def now(self) -> int:
        return super().now() + 3_610 * MICROSECONDS


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server:
        pass  # deployed, and stopped: its store is ours alone
    database = Database(sqlite_url(server.data_dir / "runyard.db"))
    try:
        with around(place.python) as empty:
            began = time.perf_counter()
            planned = Scheduler(database, LaterClock(), SystemIds()).plan_due()
            took = (time.perf_counter() - began) * 1000
    finally:
        database.close()
    assert planned == DUE, planned
    return [figure_of_time(f"{DUE:,} due jobs decided", took, empty.milliseconds, Budget(1000, "ms"))]
