"""What a server with nothing to do takes: memory and CPU, its keeper included."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.figures import Budget, Figure
from benchmarks.place import Place
from benchmarks.processes import cpu_seconds, memory_mib
from benchmarks.served import served
from runyard.core.node.linux import descendants

JOBS = """
from runyard import run


@run.job
def nothing():
    pass
"""

WINDOW_SECONDS = 10.0


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server:
        server.wait_for_end(server.trigger("nothing"))
        pids = [server.process.pid, *descendants(server.process.pid)]
        before = sum(map(cpu_seconds, pids))
        time.sleep(WINDOW_SECONDS)
        used = sum(map(cpu_seconds, pids)) - before
        memory = memory_mib(pids)
    return [
        Figure("idle memory of server and keeper (PSS)", memory, "MiB", None, Budget(90, "MiB")),
        Figure("idle CPU of server and keeper", used / WINDOW_SECONDS * 100, "%", None, Budget(0.3, "%")),
    ]
