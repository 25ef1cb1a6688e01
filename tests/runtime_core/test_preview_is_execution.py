"""What a preview lists is what the loops then do: real store, scheduler and settling, a clock turned by hand."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping
from tests.support.clocks import StillClock
from tests.support.ends import move, settle
from tests.support.planning import at
from tests.support.stores import create_owner, create_workspace
from tests.support.worlds import OWNER, WORKSPACE, batch_job

from runyard.core.claiming import claim_waiting
from runyard.core.clock import MICROSECONDS
from runyard.core.deploying import Deploying, DeployRequest
from runyard.core.ids import Ids, SystemIds
from runyard.core.intervals import Window
from runyard.core.preview import Preview, Situation, preview
from runyard.core.runs import Reason, RunStatus
from runyard.core.scheduler import Scheduler
from runyard.core.store import decisions, facts, forecast, jobs, runs, shown_runs
from runyard.core.store.engine import Database
from runyard.core.store.queue import NO_LIMITS

DAY = 86_400 * MICROSECONDS

DAYS = 2
"""Enough for windows of a day, a change of clocks and what comes of both."""

SEEDS = [seed if seed < 3 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(60)]


class CountedIds(SystemIds):
    """Ids in the order in which they were made, so that of two things at one instant it is known which goes first."""

    def __init__(self) -> None:
        self._start = super().new_id()[:18]
        self._made = 0

    def new_id(self) -> str:
        self._made += 1
        return f"{self._start}-8000-{self._made:012}"


@dataclass
class Workspace:
    """A workspace whose runs all complete after the time that is usual for their job."""

    database: Database
    clock: StillClock
    ids: Ids
    seconds: dict[str, float] = field(default_factory=dict)
    ends: list[tuple[int, int, str]] = field(default_factory=list)
    started: int = 0

    def found(self) -> None:
        def work(connection: Connection) -> None:
            create_owner(connection, OWNER)
            create_workspace(connection, WORKSPACE, OWNER, self.ids)

        self.database.write(work)

    def deploy(self, definitions: Iterable[dict[str, Any]], extensions: dict[str, Any]) -> None:
        request = DeployRequest(2, "h", tuple(definitions), extensions, "__deployment__", None, False)
        Deploying(self.database, self.clock, self.ids).deploy(WORKSPACE, request, OWNER)

    def foresee(self, until: int) -> Preview:
        situation = self.database.read(
            lambda connection: forecast.of_workspace(connection, WORKSPACE, self.clock.now())
        )
        return preview(replace(situation, seconds=self._seconds_of(situation)), until)

    def foresee_alone(self, job_id: str, until: int) -> Preview:
        """Return what is foreseen of one job, as its page asks for it."""
        ref = self.refs()[job_id]
        situation = self.database.read(
            lambda connection: forecast.of_job(connection, WORKSPACE, ref, self.clock.now())
        )
        return preview(replace(situation, seconds=self._seconds_of(situation)), until, of_job=job_id)

    def _seconds_of(self, situation: Situation) -> dict[str, float]:
        return {job.job_id: self.seconds[ref] for ref, job in situation.jobs.items()}

    def go_on(self, until: int) -> None:
        """Let time pass, waking the loops whenever something is due."""
        scheduler = Scheduler(self.database, self.clock, self.ids)
        while (due := self._next_at()) is not None and due <= until:
            now = max(self.clock.now(), due)
            self.clock.set(now)
            while self.ends and self.ends[0][0] <= now:
                self._end(heapq.heappop(self.ends)[2])
            scheduler.plan_due()
            self._start()

    def _next_at(self) -> int | None:
        due = self.database.read(facts.next_due_at)
        heads = [*([] if due is None else [due]), *(end for end, _, _ in self.ends[:1])]
        return min(heads, default=None)

    def _end(self, run_id: str) -> None:
        def work(connection: Connection) -> None:
            now = self.clock.now()
            move(connection, run_id, RunStatus.RUNNING, now=now)
            assert settle(connection, run_id, RunStatus.COMPLETED, Reason.OK, ids=self.ids, now=now)

        self.database.write(work)

    def _start(self) -> None:
        """Take off the queue what has a slot, as the executor does; there is no machine that could start it."""
        for claimed in self.database.write(lambda c: claim_waiting(c, NO_LIMITS, self.clock.now())):
            assert claimed.error is None
            run_id = claimed.attempt.run_id
            took = round(self.seconds[self._ref_of(run_id)] * MICROSECONDS)
            self.started += 1
            heapq.heappush(self.ends, (self.clock.now() + took, self.started, run_id))

    def _ref_of(self, run_id: str) -> str:
        row = self.database.read(lambda c: runs.by_id(c, run_id))
        assert row is not None
        return self.refs()[row["job_id"]]

    # What came, and what was foreseen, in one form ----------------------------------------------------

    def came(self) -> list[Told]:
        """Return what was decided, by job, as the store has it."""

        def work(connection: Connection) -> list[Told]:
            return [
                (
                    row["job_ref"],
                    *(decision[name] for name in TOLD),
                    *_covered(connection, decision["run_id"]),
                )
                for row in jobs.all_of(connection, WORKSPACE)
                for decision in reversed(decisions.newest(connection, row["id"], 10_000))
            ]

        return self.database.read(work)

    def ran(self, since: int) -> list[tuple[Any, ...]]:
        """Return the runs that were open at an instant or came later."""

        def work(connection: Connection) -> list[tuple[Any, ...]]:
            rows, _ = shown_runs.page(connection, WORKSPACE, limit=10_000, offset=0)
            refs = self.refs()
            return sorted(
                (refs[row["job_id"]], row["trigger"], row["created_at"], _window(row))
                for row in rows
                if row["finished_at"] is None or row["finished_at"] > since
            )

        return self.database.read(work)

    def refs(self) -> dict[str, str]:
        """Return the refs of the jobs by id."""
        return {row["id"]: row["job_ref"] for row in self.database.read(lambda c: jobs.all_of(c, WORKSPACE))}


def _window(row: RowMapping) -> Window | None:
    return None if row["interval_start"] is None else Window(row["interval_start"], row["interval_end"])


def _covered(connection: Connection, run_id: str | None) -> tuple[Any, ...]:
    row = None if run_id is None else runs.by_id(connection, run_id)
    if row is None or row["interval_start"] is None:
        return (None, None, None)
    return (row["interval_start"], row["interval_end"], row["refresh"])


TOLD = ("trigger", "at", "last_at", "count", "tick_at", "outcome", "because")

Told = tuple[Any, ...]
"""Of one decision: job, trigger, first and last time, how often, tick, outcome, sentence, window, whether a refresh."""


def foreseen(seen: Preview, refs: Mapping[str, str]) -> list[Told]:
    """Return what a preview lists in the form of the store, where repeats are one row."""
    told: dict[str, list[Told]] = {ref: [] for ref in sorted(refs.values())}
    for firing in seen.firings:
        decision, run = firing.decision, firing.run
        covers: tuple[Any, ...] = (None, None, None)
        if run is not None and run.window is not None:
            covers = (run.window.start, run.window.end, run.refresh)
        key = (refs[decision.job_id], decision.trigger, firing.at, firing.at, 1)
        row = (*key, decision.tick_at, decision.outcome, decision.because, *covers)
        rows = told[row[0]]
        last = rows[-1] if rows else None
        repeats = decision.outcome in decisions.REPEATABLE
        if repeats and last is not None and (last[1], *last[6:8]) == (row[1], *row[6:8]):
            rows[-1] = (*last[:3], firing.at, last[4] + 1, decision.tick_at, *last[6:])
        else:
            rows.append(row)
    return [row for rows in told.values() for row in rows]


def of_runs(seen: Preview, refs: Mapping[str, str]) -> list[tuple[Any, ...]]:
    return sorted((refs[run.job_id], run.trigger, run.created_at, run.window) for run in seen.runs)


def drawn(chance: random.Random) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, float]]:
    """Return jobs of every kind, what stands beside them, and how long their runs take."""
    definitions: list[dict[str, Any]] = []
    extensions: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for number in range(chance.randint(2, 6)):
        ref = f"jobs.etl.j{number}"
        others = list(seconds)
        triggers: list[str] = []
        wire: dict[str, Any] = {}
        if not others or chance.random() < 0.7:
            triggers.append(chance.choice(TIMED))
        triggers += [f"job.success:{other}" for other in others if chance.random() < 0.3]
        if others and chance.random() < 0.4:
            wire["freshness"] = [f"job.is_fresh:{chance.choice(others)}"]
        if triggers and triggers[0].startswith(("schedule", "every")) and chance.random() < 0.5:
            end = {"end": "2026-03-29T12:00:00Z"} if chance.random() < 0.5 else {}
            wire["interval"] = {"start": "2026-03-26T00:00:00Z", **end}
            if chance.random() < 0.7:
                extensions[ref] = {"split": chance.choice(["6h", "1d", "@daily"])}
        wire["execute"] = {"concurrency": chance.choice([1, 1, 2, None])}
        wire["refresh_propagation"] = chance.choice(["auto", "auto", "always", "block"])
        wire["require"] = {"timezone": chance.choice(["UTC", "Europe/Berlin", "America/New_York"])}
        definitions.append(batch_job(f"j{number}", *triggers, **wire))
        seconds[ref] = chance.choice([7.0, 90.0, 1700.0, 3600.0, 9000.0, 40_000.0])
    return definitions, extensions, seconds


TIMED = (
    *("schedule:30 2 * * *", "schedule:0 * * * *", "schedule:*/30 * * * *", "schedule:15 1,2,3 * * 1-5"),
    *("every:45m", "every:6h", "once:2026-03-28T18:00:00Z"),
)


@pytest.fixture
def workspace(sqlite_file_url: str) -> Iterator[Workspace]:
    """A workspace on the Saturday before clocks in Europe go forward."""
    database = Database(sqlite_file_url)
    workspace = Workspace(database, StillClock(at("2026-03-28T09:10")), CountedIds())
    workspace.found()
    yield workspace
    database.close()


# SPEC: TZ-07, SCH-08
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_foreseen_is_what_comes(workspace: Workspace, seed: int) -> None:
    definitions, extensions, workspace.seconds = drawn(random.Random(seed))  # noqa: S311
    workspace.deploy(definitions, extensions)
    until = workspace.clock.now() + DAYS * DAY
    at_first = workspace.foresee(until)
    workspace.go_on(workspace.clock.now() + DAY // 2)
    underway = workspace.foresee(until)
    refs = workspace.refs()
    seen = foreseen(underway, refs)
    for job_id, ref in refs.items():
        alone = foreseen(workspace.foresee_alone(job_id, until), refs)
        assert alone == [told for told in seen if told[0] == ref]
    workspace.go_on(until)
    assert foreseen(at_first, workspace.refs()) == workspace.came()
    assert of_runs(underway, workspace.refs()) == workspace.ran(since=underway.now)
