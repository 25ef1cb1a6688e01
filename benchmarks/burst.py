"""Many runs submitted at once: how soon all are accepted, and how fast they are worked off and recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx

from benchmarks.figures import Budget, Figure
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.processes import cpu_seconds
from benchmarks.served import Served, served, until
from benchmarks.yardstick import around, run_milliseconds

JOBS = """
from runyard import run


@run.job(execute={"concurrency": None})
def nothing():
    pass
"""

SIZES = (100, 200)

CALLERS = 8
"""Connections that submit at once: enough to keep the server busy, few enough to leave it a core."""


def measure(place: Place) -> Iterable[Figure]:
    for size in SIZES:
        with served(place, JOBS) as server, around(place.python) as empty:
            server.wait_for_end(server.trigger("nothing"))
            spent = cpu_seconds(server.process.pid)
            began = time.perf_counter()
            statuses = _submit(server, size)
            accepted = time.perf_counter() - began
            until(server.is_quiet)
            recorded = time.perf_counter() - began
            spent = cpu_seconds(server.process.pid) - spent
        what = f"{size} runs at once"
        yield figure_of_time(
            f"{what}: accepted within", accepted * 1000, empty.milliseconds, Budget(300, "ms")
        )
        yield Figure(f"{what}: errors", sum(status >= 500 for status in statuses), "", None, Budget(0, ""))
        yield Figure(f"{what}: recorded", size / recorded, "runs/s", None, Budget(120, "runs/s", True))
        yield Figure(f"{what}: as many empty Pythons", size / _empty_pythons(place, size), "runs/s")
        yield Figure(f"{what}: server CPU per run", spent / size * 1000, "ms")


def _empty_pythons(place: Place, size: int) -> float:
    """Return how many seconds this machine takes for so many processes, with nothing around them."""
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as starters:
        list(starters.map(lambda _: run_milliseconds(place.python, "pass"), range(size)))
    return time.perf_counter() - began


def _submit(server: Served, size: int) -> list[int]:
    """Return the HTTP status of each call, after submitting one run with each."""
    url, body = server.url("jobs/-trigger"), {"job_ids": [server.job_ids["nothing"]]}
    headers = server.http.headers
    with httpx.Client(headers=headers) as http, ThreadPoolExecutor(CALLERS) as callers:
        return [
            answer.status_code for answer in callers.map(lambda _: http.post(url, json=body), range(size))
        ]
