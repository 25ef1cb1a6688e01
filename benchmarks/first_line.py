"""From the API call to the first line of user code: a job that does nothing, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.figures import RATIO, Budget, Figure, times
from benchmarks.place import Place
from benchmarks.served import served
from benchmarks.yardstick import around

JOBS = """
import time

READ_AT = time.time_ns()

from runyard import run


@run.job
def nothing():
    print(READ_AT, time.time_ns())
"""

RUNS = 50
"""One after the other: three of them are above the p95."""

SETTLE_SECONDS = 0.15
"""Between a call and the first look at its run, so that looking does not slow down what is measured."""


def measure(place: Place) -> Iterable[Figure]:
    to_file: list[float] = []
    to_function: list[float] = []
    with served(place, JOBS) as server, around(place.python) as empty:
        for _ in range(RUNS):
            called_at = time.time_ns()
            run_id = server.trigger("nothing")
            time.sleep(SETTLE_SECONDS)
            server.wait_for_end(run_id)
            read_at, ran_at = server.printed(run_id)[0].split()
            to_file.append((int(read_at) - called_at) / 1e6)
            to_function.append((int(ran_at) - called_at) / 1e6)
            empty.take()
    budgets = Budget(2.0, RATIO), Budget(3.5, RATIO)
    return [
        *times("call to first line of the job's file", to_file, empty.milliseconds, *budgets),
        *times("call to first line of the job's function", to_function, empty.milliseconds),
    ]
