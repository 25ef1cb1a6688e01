"""Lives through many seeds: `python -m tests.simulation [--seeds N] [--first SEED] [--evidence FILE]`."""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import os
import subprocess
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.world import Violation, World

CHUNK = 10
"""Seeds handed to a process at once: enough that handing over costs nothing."""

ABOUT = """\
# Simulation

Written by `make simulate`. What is simulated and what must hold after each step is in `tests/simulation`; any seed is
told step by step by `python -m tests.simulation.replay SEED`.
"""


@dataclass
class Lived:
    """What came of one seed, or of many together."""

    seeds: int = 0
    events: int = 0
    crashes: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __iadd__(self, other: Lived) -> Lived:
        self.seeds += other.seeds
        self.events += other.events
        self.crashes += other.crashes
        self.seconds += other.seconds
        self.counts += other.counts
        self.outcomes += other.outcomes
        self.failures += other.failures
        return self


def live(seed: int) -> Lived:
    """Return what came of a seed; `seconds` are those of one core."""
    begun = time.process_time()
    world = World(seed)
    lived = Lived(seeds=1)
    try:
        world.run()
    except Violation as violation:
        lived.failures.append(f"{violation}\n  python -m tests.simulation.replay {seed}")
    lived.seconds = time.process_time() - begun
    lived.events, lived.crashes = world.events, world.crashes
    lived.counts, lived.outcomes = world.counts, world.watch.outcomes
    return lived


def _quietly() -> None:
    """Leave out what costs time and is not looked at: log lines, and the search for cycles among what stays anyway."""
    logging.disable()
    gc.freeze()
    gc.set_threshold(50_000)


def live_all(first: int, count: int, processes: int) -> Lived:
    """Return what came of many seeds, on several cores."""
    total = Lived()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_quietly) as pool:
        for lived in pool.map(live, range(first, first + count), chunksize=CHUNK):
            total += lived
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--evidence", type=Path, help="write the summary into this file too")
    given = parser.parse_args()
    total = live_all(given.first, given.seeds, given.processes)
    told = summary(given.first, total)
    print(*total.failures, told, sep="\n")  # noqa: T201
    if given.evidence is not None:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        given.evidence.write_text(f"{ABOUT}\nAt commit `{commit.stdout.strip()}`:\n\n```\n{told}\n```\n")
    return 1 if total.failures else 0


def summary(first: int, total: Lived) -> str:
    """Return what came of many seeds, in one line and a table."""
    line = (
        f"{total.seeds} seeds from {first}: {len(total.failures)} failed; {total.events:,} events, "
        f"{total.crashes:,} crashes, {total.seconds / total.seeds:.2f} s of one core per seed"
    )
    counts = sorted({**total.counts, **total.outcomes}.items())
    return "\n".join([line, *(f"{count:12,} {name}" for name, count in counts)])
