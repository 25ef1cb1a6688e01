"""Manifests as chance makes them: a handful of jobs with every kind of trigger, window, limit, gate and refresh policy.

Small on purpose. What collides is interesting, and a few jobs collide more often than many.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.support.worlds import batch_job

from runyard.core.clock import to_datetime

NAMES = ("a", "b", "c", "d", "e", "f")

TIMERS = (
    "every:1m",
    "every:5m",
    "every:90s",
    "every:1h",
    "schedule:* * * * *",
    "schedule:*/5 * * * *",
    "schedule:*/15 * * * *",
    "schedule:0 * * * *",
    "schedule:30 2 * * *",
    "schedule:@daily",
)

ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")

BACKLOGS = {2: ("10m", "1h"), 30: ("6h", "@daily"), 100: ("1d", "@daily")}
"""Hours that a range begins before the deploy, with splits that make a few parts of them."""


def ref(name: str) -> str:
    return f"jobs.etl.{name}"


class Author:
    """Writes and rewrites the jobs of one workspace."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.jobs: dict[str, dict[str, Any]] = {}
        self.extensions: dict[str, dict[str, Any]] = {}

    def begin(self, now: int) -> None:
        """Write the first manifest."""
        for name in NAMES[: self._chance.randint(3, len(NAMES))]:
            self._write(name, now)

    def change(self, now: int) -> str:
        """Change something or nothing, and return what."""
        chance = self._chance
        kind = chance.choice(("nothing", "one", "one", "one", "add", "remove"))
        name = chance.choice(NAMES)
        if kind == "remove" and len(self.jobs) > 2:
            self._remove(name)
            return f"without {name}"
        if kind == "nothing":
            return "as it was"
        self._write(name, now)
        return f"with another {name}"

    def empty(self) -> None:
        """Drop every job."""
        self.jobs.clear()
        self.extensions.clear()

    def manifest(self) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """Return the jobs, and what engine 2 has no word for."""
        return list(self.jobs.values()), {ref(name): more for name, more in self.extensions.items() if more}

    def _remove(self, name: str) -> None:
        self.jobs.pop(name, None)
        self.extensions.pop(name, None)
        for wire in self.jobs.values():
            wire["triggers"] = [each for each in wire["triggers"] if not each.endswith(ref(name))]
            wire["freshness"] = [each for each in wire["freshness"] if not each.endswith(ref(name))]

    def _write(self, name: str, now: int) -> None:
        chance = self._chance
        earlier = [other for other in self.jobs if other < name]
        triggers: list[str] = []
        periodic = chance.random() < 0.6
        if periodic:
            triggers.append(chance.choice(TIMERS))
        if chance.random() < 0.15:
            when = to_datetime(now) + timedelta(minutes=chance.randint(-5, 240))
            if chance.random() < 0.5:
                when = when.replace(second=0, microsecond=0)  # together with a tick of the other trigger
            triggers.append(f"once:{when.isoformat()}")
        for other in chance.sample(earlier, min(len(earlier), chance.choice((0, 1, 1, 2)))):
            events = chance.choice((("success",), ("success",), ("fail",), ("success", "fail")))
            triggers += [f"job.{event}:{ref(other)}" for event in events]
        if chance.random() < 0.1:
            triggers.append("deployment:")
        others = [other for other in self.jobs if other != name]
        gates = chance.sample(others, 1) if others and chance.random() < 0.2 else []
        wire = batch_job(
            name,
            *triggers,
            freshness=[f"job.is_fresh:{ref(other)}" for other in gates],
            refresh_propagation=chance.choice(("auto", "auto", "auto", "always", "block")),
            execute={
                "concurrency": chance.choice((1, 1, 1, 2, 3, None)),
                "timeout": {"timeout": chance.choice((30.0, 600.0, 7200.0)), "grace_period": 5.0},
            },
            expose={"manual": chance.random() < 0.9, "tags": chance.sample(("x", "y"), chance.randint(0, 2))},
            require={"timezone": chance.choice(ZONES)},
        )
        more: dict[str, Any] = {}
        if gates and chance.random() < 0.5:
            more["freshness_wait"] = chance.choice((30, 600, 7200))
        if chance.random() < 0.3:
            more["retries"] = chance.choice((1, 2, 5))
            more["retry_delay"] = chance.choice((1, 30, 120))
            more["retry_backoff"] = chance.choice((1, 2))
        if periodic and chance.random() < 0.5:
            hours = chance.choice(list(BACKLOGS))
            interval = {"start": self._ago(now, hours)}
            if chance.random() < 0.4:
                interval["end"] = self._ago(now, chance.choice((-6, -1, 1)))
            wire["interval"] = interval
            if chance.random() < 0.5:
                more["split"] = chance.choice(BACKLOGS[hours])
        self.jobs[name], self.extensions[name] = wire, more

    @staticmethod
    def _ago(now: int, hours: int) -> str:
        return (to_datetime(now) - timedelta(hours=hours)).replace(microsecond=0).isoformat()
