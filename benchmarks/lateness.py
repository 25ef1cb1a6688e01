"""How late a tick is decided, how late its process is started, and how late its job's first line runs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from benchmarks.figures import Budget, Figure, percentile
from benchmarks.figures import time as figure_of_time
from benchmarks.place import Place
from benchmarks.served import served
from benchmarks.yardstick import around

TIMED = 1_000
"""Jobs with a timed trigger (SCH-07)."""

TICKING = 10
"""Those of them that are due each second: so many processes a second leave two cores half of their time."""

JOBS = f"""
import time

from runyard import run, trigger


def ticks():
    print(time.time_ns())


for number in range({TIMED}):
    when = trigger.every("1s") if number < {TICKING} else trigger.schedule("0 0 1 1 *")
    job = run.job(name=f"job_{{number}}", trigger=when, execute={{"concurrency": None}})
    globals()[f"job_{{number}}"] = job(ticks)
"""

SECONDS = 20


def measure(place: Place) -> Iterable[Figure]:
    with around(place.python) as empty, served(place, JOBS, RUNYARD_MIN_EVERY_SECONDS="1") as server:
        time.sleep(SECONDS + 1)
        rows = [
            row
            for number in range(TICKING)
            for row in server.get(f"jobs/{server.job_ids[f'job_{number}']}/decisions", limit=SECONDS)["items"]
        ]
        decided = [_milliseconds(row["at"]) - _milliseconds(row["tick_at"]) for row in rows]
        started, ran = [], []
        for row in rows:
            if row["run_id"] is None:
                continue
            run, printed = server.client.run(row["run_id"]), server.printed(row["run_id"])
            if run.started_at is not None and printed:
                tick = _milliseconds(row["tick_at"])
                started.append(run.started_at.timestamp() * 1000 - tick)
                ran.append(int(printed[0]) / 1e6 - tick)
    what = f"{len(decided)} ticks of {TIMED:,} timed jobs"
    pass_ = empty.milliseconds
    return [
        figure_of_time(f"{what}: decided, p50", percentile(decided, 50), pass_, Budget(10, "ms")),
        figure_of_time(f"{what}: decided, latest", max(decided), pass_, Budget(50, "ms")),
        Figure(f"{what}: decided too early", sum(wait < 0 for wait in decided), "", None, Budget(0, "")),
        figure_of_time(f"{what}: process started, p50", percentile(started, 50), pass_),
        figure_of_time(f"{what}: process started, p99", percentile(started, 99), pass_, Budget(1000, "ms")),
        figure_of_time(f"{what}: first line of the job, p50", percentile(ran, 50), pass_),
    ]


def _milliseconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() * 1000
