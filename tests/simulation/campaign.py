"""Lives through many seeds: `python -m tests.simulation [--seeds N] [--first SEED] [--evidence FILE]`.

A failure is told when it happens, and how far it is in between. Interrupted, it sums up what was lived until then.
"""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.world import Violation, World

SECONDS_BETWEEN_LINES = 60.0
"""How often progress is told to a file; a terminal is told each second, in one line."""

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
    except Exception as error:
        # Of any kind: the seeds after this one are to be lived, and this one is to be told.
        lived.failures.append(f"{told(error)}\n  python -m tests.simulation.replay {seed}")
    lived.seconds = time.process_time() - begun
    lived.events, lived.crashes = world.events, world.crashes
    lived.counts, lived.outcomes = world.counts, world.watch.outcomes
    return lived


def told(error: Exception) -> str:
    """Return what went wrong: what must never happen, or where something failed that nobody expected."""
    if isinstance(error, Violation) and error.__cause__ is None:
        return str(error)
    return "".join(traceback.format_exception(error)).rstrip()


def _quietly() -> None:
    """Leave out what costs time and is not looked at: log lines, and the search for cycles among what stays anyway.

    Whoever interrupts the campaign means it, and not the seed that is being lived.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()
    gc.freeze()
    gc.set_threshold(50_000)


def live_each(first: int, count: int, processes: int) -> Iterator[Lived]:
    """Yield what came of each of many seeds once it is lived, on several cores."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_quietly) as pool:
        try:
            for each in as_completed([pool.submit(live, seed) for seed in range(first, first + count)]):
                yield each.result()
        except BrokenProcessPool:
            yield Lived(
                failures=["A process of the campaign died; it lived one of the seeds that are not told."]
            )
        finally:
            pool.shutdown(cancel_futures=True)


def live_all(first: int, count: int, processes: int) -> Lived:
    """Return what came of many seeds together."""
    total = Lived()
    for lived in live_each(first, count, processes):
        total += lived
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--evidence", type=Path, help="write the summary into this file too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    commit = _commit()
    total = Lived()
    progress = Progress(given.seeds)
    try:
        for lived in live_each(given.first, given.seeds, given.processes):
            total += lived
            print(*lived.failures, sep="\n", end="\n" * len(lived.failures), flush=True)  # noqa: T201
            progress.tell(total)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # noqa: T201
    result = summary(given.first, given.seeds, total)
    print(result)  # noqa: T201
    if given.evidence is not None:
        given.evidence.write_text(f"{ABOUT}\nAt commit `{commit}`:\n\n```\n{result}\n```\n")
    return 1 if total.failures or total.seeds < given.seeds else 0


class Progress:
    """Tells on stderr how far a campaign is."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._begun = self._told = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def tell(self, total: Lived) -> None:
        """Say how many seeds are done and how long the others take, if it is time to."""
        now = time.monotonic()
        if now - self._told < (1.0 if self._is_terminal else SECONDS_BETWEEN_LINES):
            return
        self._told = now
        left = (now - self._begun) / max(total.seeds, 1) * (self._seeds - total.seeds)
        line = f"{total.seeds:,} of {self._seeds:,} seeds, {len(total.failures)} failed, {left:,.0f} s left"
        print(line, end=" \r" if self._is_terminal else "\n", file=sys.stderr, flush=True)  # noqa: T201


def _commit() -> str:
    """Return what is lived through, before it changes: the commit, and whether files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def summary(first: int, asked: int, total: Lived) -> str:
    """Return what came of many seeds, in one line and a table."""
    lived = f"{total.seeds}" if total.seeds == asked else f"{total.seeds} of {asked}"
    line = (
        f"{lived} seeds from {first}: {len(total.failures)} failed; {total.events:,} events, "
        f"{total.crashes:,} crashes, {total.seconds / max(total.seeds, 1):.2f} s of one core per seed"
    )
    counts = sorted({**total.counts, **total.outcomes}.items())
    return "\n".join([line, *(f"{count:12,} {name}" for name, count in counts)])
