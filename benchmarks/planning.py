"""Many jobs due at once among very many: how long until each has its decision, thought of and in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from sqlalchemy import Connection

from benchmarks.figures import Budget, Figure, percentile
from benchmarks.figures import time as figure_of_time
from benchmarks.many_jobs import NOW, FixedClock, databases, fill
from benchmarks.place import Place
from benchmarks.yardstick import around
from runyard.core.ids import SystemIds
from runyard.core.planning import plan
from runyard.core.scheduler import Scheduler
from runyard.core.store import facts

DUE = 1_000

AGAIN = 9
"""Times that it is thought of again: a server has most of its jobs in mind, as far as `facts` keeps them."""

FEW = 10_000
"""Up to so many jobs, planning has a tenth of the time."""


def measure(place: Place) -> Iterable[Figure]:
    jobs = place.planned_jobs
    with databases(place) as stores:
        for kind, store in stores.items():
            store.write(partial(fill, count=jobs, due=DUE))
            with around(place.python) as empty:
                first, *again = (_timed(partial(store.read, _plan)) for _ in range(1 + AGAIN))
                scheduler = Scheduler(store, FixedClock(), SystemIds())
                written = _timed(scheduler.plan_due)
            what = f"{kind}, {DUE:,} of {jobs:,} jobs due"
            limit = Budget(100 if jobs <= FEW else 1000, "ms")
            yield figure_of_time(f"{what}: planned for the first time", first, empty.milliseconds)
            yield figure_of_time(f"{what}: planned, p50", percentile(again, 50), empty.milliseconds, limit)
            yield figure_of_time(
                f"{what}: decided and written", written, empty.milliseconds, Budget(1000, "ms")
            )


def _plan(connection: Connection) -> int:
    """Decide about all jobs that are due, without writing it down."""
    due = facts.load(connection, facts.due_job_ids(connection, NOW, DUE))
    return len(plan(due.values(), {}, NOW).decisions)


def _timed(decide: Callable[[], int]) -> float:
    """Return how many milliseconds it takes to decide about all that is due."""
    began = time.perf_counter()
    decided = decide()
    took = (time.perf_counter() - began) * 1000
    assert decided == DUE, decided
    return took
