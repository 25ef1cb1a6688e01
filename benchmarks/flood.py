"""A job that prints 100,000 lines: how soon all are readable, and what printing into the log costs the job."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterable

from benchmarks.figures import Budget, Figure, percentile
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.served import Served, served
from benchmarks.yardstick import around

LINES = 100_000

PRINTING = f"""
import sys, time

def flood():
    began = time.time_ns()
    for number in range({LINES}):
        print(f"this is line {{number}} of a job that has a lot to say about what it does")
    print("PRINTED", began, time.time_ns())
"""

JOBS = f"""{PRINTING}
from runyard import run

prints = run.job(flood)
"""

ROUNDS = 3


def measure(place: Place) -> Iterable[Figure]:
    readable, printing, piped = [], [], []
    with served(place, JOBS) as server, around(place.python) as empty:
        for _ in range(ROUNDS):
            printed, read = _flood(server)
            printing.append(printed)
            readable.append(read)
            piped.append(_piped_to_cat(place))
            empty.take()
    took, took_piped = percentile(printing, 50), percentile(piped, 50)
    return [
        figure_of_time(
            f"{LINES:,} lines: all readable", percentile(readable, 50), empty.milliseconds, Budget(600, "ms")
        ),
        figure_of_time(f"{LINES:,} lines: the job prints for", took, empty.milliseconds),
        figure_of_time(f"{LINES:,} lines: piped to cat instead", took_piped, empty.milliseconds),
        Figure(f"{LINES:,} lines: job slowed by", (took / took_piped - 1) * 100, "%", None, Budget(30, "%")),
    ]


def _flood(server: Served) -> tuple[float, float]:
    """Return how long the job printed, and from its first line until all were read here, milliseconds."""
    run_id = server.trigger("flood")
    server.wait_for_end(run_id)
    log = server.http.get(server.url(f"job-runs/{run_id}/logs", "logs")).raise_for_status().text
    read_at = time.time_ns()
    assert log.count("\n") == LINES + 1, "every line is kept"
    _, began, ended = json.loads(log.splitlines()[-1])["content"].split()
    return (int(ended) - int(began)) / 1e6, (read_at - int(began)) / 1e6


def _piped_to_cat(place: Place) -> float:
    """Return how long the same loop prints into a pipe that somebody reads, milliseconds."""
    command = f"{shlex.quote(str(place.python))} -c {shlex.quote(PRINTING + 'flood()')} | cat"
    env = {"PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=True)
    _, began, until = ended.stdout.splitlines()[-1].split()
    return (int(until) - int(began)) / 1e6
