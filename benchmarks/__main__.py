"""`python -m benchmarks [--only NAME] [--json]`: measure, then show all figures."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from benchmarks import (
    burst,
    checking,
    deploying,
    first_line,
    flood,
    follow,
    idle,
    importing,
    lateness,
    listing,
    panel,
    planning,
    report,
    restart,
    widgets,
)
from benchmarks.figures import Figure
from benchmarks.place import place

MEASUREMENTS = {
    "import": importing.measure,
    "first-line": first_line.measure,
    "burst": burst.measure,
    "follow": follow.measure,
    "flood": flood.measure,
    "lateness": lateness.measure,
    "check": checking.measure,
    "deploy": deploying.measure,
    "planning": planning.measure,
    "listing": listing.measure,
    "idle": idle.measure,
    "restart": restart.measure,
    "widgets": widgets.measure,
    "panel": panel.measure,
}

TOTAL_SECONDS = 720
"""Everything takes about six minutes; a machine that needs more than this has something else to do."""


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Speed and memory, beside budgets."
    )
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="measure this, may be repeated")
    parser.add_argument("--json", action="store_true", help="write one JSON document")
    parser.add_argument("--runs", type=int, default=100_000, help="runs in the store of `listing`")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs in the store of `planning`")
    parser.add_argument("--seconds", type=int, default=TOTAL_SECONDS, help="end after this long")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(options.seconds)
    figures: list[Figure] = []
    with place(options.runs, options.jobs) as where:
        for name in options.only or MEASUREMENTS:
            sys.stderr.write(f"{name} ...\n")
            figures += MEASUREMENTS[name](where)
    report.show(figures, as_json=options.json)


def _out_of_time(_number: int, _frame: object) -> None:
    raise TimeoutError("the benchmarks took longer than `--seconds`")


if __name__ == "__main__":
    main()
