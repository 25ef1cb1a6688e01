"""`runyard deploy` of a workspace with many files: the first time, after one line has changed, and for nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Budget, Figure, percentile, times
from benchmarks.figures import time as figure_of_time
from benchmarks.large_workspace import large_workspace
from benchmarks.place import Place
from benchmarks.postgresql import postgresql
from benchmarks.processes import cpu_seconds_of_children
from benchmarks.served import API_KEY, RUNYARD, Served, served
from benchmarks.yardstick import Yardstick

FILES = 500

FUNCTIONS = 5
"""Of one file, about a hundred lines in all."""

ROUNDS = 3

JOBS = """
from runyard import run


@run.job
def nothing():
    pass
"""


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server:
        yield from _figures(place, server, "SQLite")
    with postgresql(place) as url, served(place, JOBS, RUNYARD_DATABASE_URL=url) as server:
        yield from _figures(place, server, "PostgreSQL")


def _figures(place: Place, server: Served, kind: str) -> Iterator[Figure]:
    root = large_workspace(place.new_directory(), FILES, FUNCTIONS)
    workspace = server.client.create_workspace("large").id
    env = {
        **server.env,
        "RUNYARD_SERVER": str(server.origin),
        "RUNYARD_API_KEY": API_KEY,
        "RUNYARD_WORKSPACE": workspace,
    }
    empty = Yardstick(place.python)
    empty.take()
    first = _deployed(root, env, changed=FILES + 2)  # the deployment module and pyproject.toml travel too
    changed, unchanged, computed = [], [], []
    for number in range(ROUNDS):
        empty.take()
        file = root / f"part_{FILES - 1}.py"
        file.write_text(f"{file.read_text()}print({number})\n")
        used = cpu_seconds_of_children()
        changed.append(_deployed(root, env, changed=1))
        computed.append((cpu_seconds_of_children() - used) * 1000)
        unchanged.append(_deployed(root, env, changed=0))
    what = f"{kind}, deploy of {FILES} files of 100 lines"
    yield figure_of_time(f"{what}: for the first time", first, empty.milliseconds)
    yield from times(f"{what}: one line has changed", changed, empty.milliseconds, Budget(2000, "ms"))
    yield Figure(f"{what}: one line has changed: CPU, p50", percentile(computed, 50), "ms")
    yield from times(f"{what}: nothing has changed", unchanged, empty.milliseconds)


def _deployed(root: Path, env: dict[str, str], *, changed: int) -> float:
    """Return how many milliseconds a deploy takes that has to take along so many files."""
    began = perf_counter()
    ended = subprocess.run(
        [*RUNYARD, "--json", "deploy"], cwd=root, env=env, capture_output=True, text=True, check=True
    )
    took = (perf_counter() - began) * 1000
    changes = json.loads(ended.stdout)["code"]["changes"]
    travelled = sum(map(len, changes.values()))
    assert travelled == changed, travelled
    return took
