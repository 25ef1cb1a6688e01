"""How long an empty Python takes on this machine right now, which is what times are compared with.

A shared machine is fast in one minute and slow in the next; the ratio of two times taken side by side stays.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import percentile

AROUND = 10
"""Samples before and after a measurement: a second at most, enough for a steady median."""


class Yardstick:
    """Samples of `python -c pass`."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._samples: list[float] = []

    def take(self, count: int = 1) -> None:
        """Add samples."""
        self._samples += [run_milliseconds(self._python, "pass") for _ in range(count)]

    @property
    def milliseconds(self) -> float:
        """Return the median of the samples."""
        return percentile(self._samples, 50)


@contextmanager
def around(python: Path) -> Iterator[Yardstick]:
    """Offer a yardstick that takes samples before and after; those in between are up to the caller."""
    yardstick = Yardstick(python)
    yardstick.take(AROUND)
    yield yardstick
    yardstick.take(AROUND)


def run_milliseconds(python: Path, code: str, env: dict[str, str] | None = None) -> float:
    """Return the wall time of a Python that runs this code in an environment of its own."""
    began = time.perf_counter()
    subprocess.run([python, "-c", code], env=env or {}, check=True)
    return (time.perf_counter() - began) * 1000
