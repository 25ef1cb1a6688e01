"""The loop that turns time into runs: facts from the store, `plan`, decisions to the store.

It sleeps until the next tick is due or somebody wakes it (a deploy, a stop); it never polls. What is due
and what becomes of it is decided in `planning`; here is only when to look.
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy import Connection

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.enacting import enact
from runyard.core.errors import RunyardError
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.jobs import upstream_refs
from runyard.core.planning import plan
from runyard.core.store import facts, jobs
from runyard.core.store.engine import Database

log = logging.getLogger(__name__)

SLEEP_MAX_SECONDS = 60.0
"""Longest sleep: a wall clock may jump (a suspended laptop), and a monotonic wait would sleep through it (SCH-06)."""

RETRY_SECONDS = 1.0
"""Pause after an error of the world (disk full, database away) before looking again."""


class Scheduler:
    """Plans what is due, each time it is woken or time has come."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database, self._clock, self._ids = database, clock, ids
        self._woken = threading.Event()
        self._stopping = False

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
        while looked := self._database.write(lambda connection: self._plan_batch(connection, now)):
            looked_at += looked
        return looked_at

    def seconds_to_next(self) -> float:
        """Return how long nothing is due, at most `SLEEP_MAX_SECONDS`."""
        due = self._database.read(facts.next_due_at)
        if due is None:
            return SLEEP_MAX_SECONDS
        return min(max((due - self._clock.now()) / MICROSECONDS, 0.0), SLEEP_MAX_SECONDS)

    def _plan_batch(self, connection: Connection, now: int) -> int:
        due = facts.load(connection, facts.due_job_ids(connection, now)).values()
        for workspace_id in sorted({job.workspace_id for job in due}):
            self._plan_workspace(
                connection, workspace_id, [job for job in due if job.workspace_id == workspace_id], now
            )
        return len(due)

    def _plan_workspace(
        self, connection: Connection, workspace_id: str, due: list[JobFacts], now: int
    ) -> None:
        gates = [gate for job in due for gate in job.definition.freshness]
        upstreams = facts.by_ref(connection, workspace_id, upstream_refs(gates))
        planned = plan(due, upstreams, now)
        definitions = {job.job_id: job.definition for job in due}
        enact(connection, planned.decisions, definitions, ids=self._ids, now=now)
        jobs.set_due(connection, planned.next_due_at, planned.held_at)
