"""How late a tick is decided, and how late its job's first line runs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from benchmarks.figures import Budget, Figure, percentile
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.served import served
from benchmarks.yardstick import around

JOBS = """
import time

from runyard import run, trigger


@run.job(trigger=trigger.every("1s"), execute={"concurrency": None})
def ticks():
    print(time.time_ns())
"""

TICKS = 20
"""One a second."""


def measure(place: Place) -> Iterable[Figure]:
    with around(place.python) as empty, served(place, JOBS, RUNYARD_MIN_EVERY_SECONDS="1") as server:
        time.sleep(TICKS + 1)
        rows = server.get(f"jobs/{server.job_ids['ticks']}/decisions", limit=TICKS)["items"]
        ticks = {row["run_id"]: _milliseconds(row["tick_at"]) for row in rows if row["run_id"]}
        decided = [_milliseconds(row["at"]) - _milliseconds(row["tick_at"]) for row in rows]
        ran = [
            int(lines[0]) / 1e6 - tick for run_id, tick in ticks.items() if (lines := server.printed(run_id))
        ]
    what = f"{len(decided)} ticks"
    return [
        figure_of_time(
            f"{what}: decided, p50", percentile(decided, 50), empty.milliseconds, Budget(10, "ms")
        ),
        figure_of_time(f"{what}: decided, latest", max(decided), empty.milliseconds, Budget(50, "ms")),
        Figure(f"{what}: decided too early", sum(wait < 0 for wait in decided), "", None, Budget(0, "")),
        figure_of_time(f"{what}: first line of the job, p50", percentile(ran, 50), empty.milliseconds),
    ]


def _milliseconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() * 1000
