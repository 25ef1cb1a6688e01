"""The loop that turns time into runs: facts from the store, `plan`, decisions to the store.

It sleeps until the next tick is due or somebody wakes it (a deploy, a stop); it never polls. What is due
and what becomes of it is decided in `planning`; here is only when to look.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.enacting import enact, refused, write_apart
from runyard.core.errors import RunyardError
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.jobs import upstream_refs
from runyard.core.planning import Decision, plan
from runyard.core.store import facts, jobs
from runyard.core.store.engine import Database

log = logging.getLogger(__name__)

SLEEP_MAX_SECONDS = 60.0
"""Longest sleep: a wall clock may jump (a suspended laptop), and a monotonic wait would sleep through it (SCH-06)."""

RETRY_SECONDS = 1.0
"""Pause after an error of the world (disk full, database away) before looking again."""

LOOK_AGAIN_SECONDS = 300
"""Pause before a job is looked at again that could not be planned: it takes a person to mend it."""


class Scheduler:
    """Plans what is due, each time it is woken or time has come."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database, self._clock, self._ids = database, clock, ids
        self._woken = threading.Event()
        self._stopping = False
        self._next_due_at: int | None = None  # when the next job is due, as far as was looked at last

    def wake(self) -> None:
        """Look at the store again now; called when what is due may have changed."""
        self._woken.set()

    def stop(self) -> None:
        """Make `run` return after the present step."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Plan until stopped. An error of the world is logged and tried again; one of ours ends the loop."""
        while not self._stopping:
            try:
                self.plan_due()
                delay = self.seconds_to_next()
            except RunyardError:
                log.exception("planning failed; trying again in %s s", RETRY_SECONDS)
                delay = RETRY_SECONDS
            self._clock.wait(self._woken, delay)
            self._woken.clear()

    def plan_due(self) -> int:
        """Write a decision for every tick that is due now; return how many jobs were looked at."""
        now = self._clock.now()
        looked_at = 0
        while self._is_due(now):
            looked_at += self._plan_batch(now)
        return looked_at

    def seconds_to_next(self) -> float:
        """Return how long nothing is due, at most `SLEEP_MAX_SECONDS`, by what `plan_due` saw last."""
        due = self._next_due_at
        if due is None:
            return SLEEP_MAX_SECONDS
        return min(max((due - self._clock.now()) / MICROSECONDS, 0.0), SLEEP_MAX_SECONDS)

    def _is_due(self, now: int) -> bool:
        """Return whether a job is due. It takes no turn among those who write: most often nothing is."""
        self._next_due_at = self._database.read(facts.next_due_at)
        return self._next_due_at is not None and self._next_due_at <= now

    def _plan_batch(self, now: int) -> int:
        """Decide about the jobs that are longest overdue; return how many were looked at."""

        def work(connection: Connection) -> int:
            due_ids = facts.due_job_ids(connection, now)
            if due_ids:
                write_apart(
                    connection,
                    due_ids,
                    lambda some: self._plan(connection, some, now),
                    lambda job_id, error: self._refuse(connection, {job_id: error}, now),
                )
            return len(due_ids)

        return self._database.write(work)

    def _plan(self, connection: Connection, job_ids: Sequence[str], now: int) -> None:
        """Decide about jobs, all in one go."""
        known, unreadable = facts.load_readable(connection, job_ids)
        unplannable: dict[str, Exception] = {**unreadable}
        upstreams = _upstreams(connection, known.values())
        decisions: list[Decision] = []
        next_due_at: dict[str, int | None] = {}
        held_at: dict[str, int] = {}
        seen_until: dict[str, int] = {}
        for job in known.values():
            try:
                planned = plan([job], upstreams[job.workspace_id], now)
            except Exception as error:
                # Of any kind: what is wrong with one job must not keep the others from being planned.
                unplannable[job.job_id] = error
            else:
                decisions += planned.decisions
                next_due_at |= planned.next_due_at
                held_at |= planned.held_at
                seen_until |= planned.seen_until
        definitions = {job_id: job.definition for job_id, job in known.items()}
        enact(connection, decisions, definitions, ids=self._ids, now=now)
        jobs.set_due(connection, next_due_at, held_at, seen_until)
        self._refuse(connection, unplannable, now)

    def _refuse(self, connection: Connection, unplannable: Mapping[str, Exception], now: int) -> None:
        """Write down that jobs cannot be planned, and look at them later again."""
        decisions = [refused(job_id, error) for job_id, error in unplannable.items()]
        enact(connection, decisions, {}, ids=self._ids, now=now)
        jobs.hold_back(connection, unplannable, now + LOOK_AGAIN_SECONDS * MICROSECONDS)


def _upstreams(connection: Connection, due: Iterable[JobFacts]) -> dict[str, dict[str, JobFacts]]:
    """Return the jobs that gates of these jobs name, by workspace and ref."""
    refs: defaultdict[str, set[str]] = defaultdict(set)
    for job in due:
        refs[job.workspace_id].update(upstream_refs(job.definition.freshness))
    return {
        workspace_id: facts.by_ref(connection, workspace_id, named) for workspace_id, named in refs.items()
    }
