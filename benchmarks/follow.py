"""From a printed line to a client that follows the log."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.figures import Budget, Figure, times
from benchmarks.place import Place
from benchmarks.served import served
from benchmarks.yardstick import around

JOBS = """
import time

from runyard import run


@run.job
def prints():
    time.sleep(0.5)
    for _ in range(200):
        print(time.time_ns())
        time.sleep(0.02)
"""


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server, around(place.python) as empty:
        waits = [
            (time.time_ns() - int(line.text)) / 1e6
            for line in server.client.follow(server.trigger("prints"))
            if line.source == "user"
        ]
    assert len(waits) == 200, "every line is read once"
    return times("printed line to the client", waits, empty.milliseconds, Budget(10, "ms"), Budget(30, "ms"))
