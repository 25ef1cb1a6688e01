"""A server that is killed while a job runs: how soon the next one answers, and what it knows of the job."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.figures import Budget, Figure
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.served import served, until
from benchmarks.yardstick import around

LINES = 2_000

JOBS = f"""
import time

from runyard import run


@run.job
def prints():
    for number in range({LINES}):
        print(number)
        time.sleep(0.003)
"""


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server, around(place.python) as empty:
        run_id = server.trigger("prints")
        until(lambda: server.client.run(run_id).status == "running")
        server.kill()
        began = time.perf_counter()
        server.start()
        server.http.get(server.url(f"job-runs/{run_id}")).raise_for_status()
        took = (time.perf_counter() - began) * 1000
        server.wait_for_end(run_id)
        lines = server.printed(run_id)
    lost = LINES - sum(line == str(number) for number, line in enumerate(lines))
    return [
        figure_of_time("kill -9 of the server to serving", took, empty.milliseconds, Budget(2000, "ms")),
        Figure(f"lines lost of a job that printed {LINES:,} meanwhile", lost, "", None, Budget(0, "")),
    ]
