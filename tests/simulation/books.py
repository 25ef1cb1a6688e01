"""What was committed, kept as plain rows by reading the log of changes, and what follows from the rows.

The truth that `invariants` compares with; it knows definitions and ticks, and nothing of how planning decides.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.simulation.storage import WATCHED

from runyard.core.facts import JobFacts
from runyard.core.intervals import Cron, Every, Once, Range, Schedule
from runyard.core.jobs import JobDefinition, upstream_refs
from runyard.core.manifest import with_schedule
from runyard.core.runs import OPEN
from runyard.core.store.facts import definition_of
from runyard.core.store.tables import metadata
from runyard.core.ticks import next_tick

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One row as it was and as it is now; None before it came or after it went."""

    at: int
    """The time when it was written."""
    table: str
    old: Row | None
    new: Row | None

    def moved(self, column: str) -> bool:
        """Return whether a column has another value than before."""
        return (self.old or {}).get(column) != (self.new or {}).get(column)


KEYS = {name: tuple(column.name for column in metadata.tables[name].primary_key) for name in WATCHED}
"""What tells the rows of a table apart."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What a version of a job declares, read once: reading is most of the work of looking."""

    definition: JobDefinition
    timed: tuple[tuple[str, Schedule], ...]
    range: Range | None


@dataclass
class Books:
    """The rows of all tables by key, and runs by job."""

    tables: dict[str, dict[Any, Row]] = field(default_factory=lambda: {name: {} for name in KEYS})
    runs_of: defaultdict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    open_of: defaultdict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    covered_of: defaultdict[str, dict[int, Row]] = field(default_factory=lambda: defaultdict(dict))
    _versions: dict[tuple[str, str | None], _Version] = field(default_factory=dict)

    def enter(self, change: Change) -> None:
        """Take a change in."""
        row = change.new or change.old
        assert row is not None, "a change has a row"
        columns = KEYS[change.table]
        key = row[columns[0]] if len(columns) == 1 else tuple(row[column] for column in columns)
        table = self.tables[change.table]
        if change.new is None:
            table.pop(key)
        else:
            table[key] = change.new
        if change.table == "runs":
            self.runs_of[row["job_id"]][row["id"]] = row
            if row["status"] in OPEN:
                self.open_of[row["job_id"]][row["id"]] = row
            else:
                self.open_of[row["job_id"]].pop(row["id"], None)
        elif change.table == "covered_windows" and change.new is None:
            self.covered_of[row["job_id"]].pop(row["start_at"])
        elif change.table == "covered_windows":
            self.covered_of[row["job_id"]][row["start_at"]] = row

    @property
    def jobs(self) -> dict[str, Row]:
        return self.tables["jobs"]

    @property
    def runs(self) -> dict[str, Row]:
        return self.tables["runs"]

    @property
    def state(self) -> dict[str, Row]:
        return self.tables["job_state"]

    def definition(self, job_id: str) -> JobDefinition:
        return self._of(job_id).definition

    def _of(self, job_id: str) -> _Version:
        override = self.tables["schedule_overrides"].get(job_id)
        key = (self.jobs[job_id]["version_id"], None if override is None else override["trigger"])
        if key not in self._versions:
            self._versions[key] = _read(self.tables["job_versions"][key[0]], key[1])
        return self._versions[key]

    def timed(self, job_id: str) -> tuple[tuple[str, Schedule], ...]:
        """Return the timed triggers of a job."""
        return self._of(job_id).timed

    def range(self, job_id: str) -> Range | None:
        """Return the range a job declares."""
        return self._of(job_id).range

    def active(self, job_id: str) -> list[Row]:
        """Return the runs that hold a slot of a job, also those that wait to be tried again."""
        return [run for run in self.open_of[job_id].values() if run["attempt"]]

    def live_jobs(self) -> dict[str, str]:
        """Return the ids of the jobs that are not archived, by ref."""
        return {row["job_ref"]: job_id for job_id, row in self.jobs.items() if row["archived_at"] is None}

    def followers(self, ref: str, event: str) -> Iterable[tuple[str, str]]:
        """Return (job id, trigger) for everything that a kind of end of a job starts."""
        wanted = f"job.{event}:{ref}"
        return [
            (job_id, wanted)
            for job_id in self.live_jobs().values()
            if wanted in self.definition(job_id).triggers
        ]

    def downstream(self, ref: str) -> set[str]:
        """Return the ids of the jobs that a refresh of a job reaches."""
        live = self.live_jobs()
        reached: set[str] = set()
        frontier = {ref}
        while frontier:
            frontier = {
                other
                for other, job_id in live.items()
                if other != ref
                and job_id not in reached
                and self.definition(job_id).refresh != "block"
                and frontier
                & {*self.definition(job_id).follows, *upstream_refs(self.definition(job_id).freshness)}
            }
            reached |= {live[other] for other in frontier}
        return reached


def _read(row: Row, override: str | None) -> _Version:
    definition = definition_of(row["id"], json.loads(row["definition"]), json.loads(row["extensions"]))
    if override is not None:
        definition = with_schedule(definition, override)
    view = JobFacts("", "", definition, 0)
    return _Version(definition, view.timed, view.range)


@lru_cache(maxsize=100_000)
def _next_cron(expr: str, timezone: str, after: int) -> int:
    return next_tick(expr, timezone, after)


def tick_after(schedule: Schedule, anchor: int, after: int) -> int | None:
    """Return the first instant after `after` that a timed trigger names."""
    match schedule:
        case Cron():
            return _next_cron(schedule.expr, schedule.timezone, after)
        case Every():
            return anchor + ((after - anchor) // schedule.period + 1) * schedule.period
        case Once():
            return schedule.at if schedule.at > after else None


class Log:
    """Reads the log of changes, each change once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last = 0

    def read(self) -> list[Change]:
        """Return what was committed since the last time, in order."""
        query = "select id, at, name, old, new from changes where id > ? order by id"
        rows = self._connection.execute(query, (self._last,)).fetchall()
        if rows:
            self._last = rows[-1][0]
        return [Change(at, name, _loaded(old), _loaded(new)) for _, at, name, old, new in rows]

    def broken_references(self) -> list[Any]:
        """Return the rows that refer to rows which are not there."""
        return self._connection.execute("pragma foreign_key_check").fetchall()

    def close(self) -> None:
        self._connection.close()


def _loaded(text: str | None) -> Row | None:
    return None if text is None else json.loads(text)
