"""`runyard check` over a large workspace: how long until it has said everything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import Budget, Figure, percentile, times
from benchmarks.large_workspace import large_workspace
from benchmarks.place import Place
from benchmarks.processes import cpu_seconds_of_children
from benchmarks.yardstick import Yardstick

FILES = 500

FUNCTIONS = 25

ROUNDS = 3


def measure(place: Place) -> Iterable[Figure]:
    workspace = large_workspace(place.new_directory(), FILES, FUNCTIONS)
    empty = Yardstick(place.python)
    took, computed = [], []
    for _ in range(1 + ROUNDS):
        empty.take()
        began, used = time.perf_counter(), cpu_seconds_of_children()
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("runyard")), "check", "--json"],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=True,
        )
        took.append((time.perf_counter() - began) * 1000)
        computed.append((cpu_seconds_of_children() - used) * 1000)
        said = json.loads(ended.stdout)
        assert said["files"] == FILES + 1, said["files"]
    # The first reads from disk.
    what = f"check of {FILES} files of 500 lines"
    return [
        *times(what, took[1:], empty.milliseconds, Budget(10_000, "ms")),
        Figure(f"{what}: CPU, p50", percentile(computed[1:], 50), "ms"),
    ]
