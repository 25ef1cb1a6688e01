"""What importing costs: the server in its Python, the doors in a Python without packages."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import RATIO, Budget, Figure, times
from benchmarks.place import Place
from benchmarks.yardstick import Yardstick, run_milliseconds
from runyard.core.sdk import install_sdk

ROUNDS = 15


def measure(place: Place) -> Iterable[Figure]:
    sdk = str(install_sdk(place.new_directory()))
    server = _milliseconds(Path(sys.executable), "import runyard_server.app")
    doors = _milliseconds(place.python, "from runyard import run, trigger", PYTHONPATH=sdk)
    return [
        *times("import runyard_server.app", *server, Budget(1000, "ms")),
        *times("from runyard import run, trigger", *doors, Budget(3.0, RATIO)),
    ]


def _milliseconds(python: Path, code: str, **env: str) -> tuple[list[float], float]:
    """Return how long each process took, and what an empty one of the same Python took in between."""
    empty = Yardstick(python)
    run_milliseconds(python, code, env)  # the first reads from disk
    took = []
    for _ in range(ROUNDS):
        empty.take()
        took.append(run_milliseconds(python, code, env))
    return took, empty.milliseconds
