"""The loop that turns waiting runs into processes and ended processes into ended runs.

It owns every run that holds a slot: claims, prepares, submits, watches, reaps. It knows nothing that the store and
the engine do not know, so after a crash `recover` finds each run where it stood. It is woken by changes of the
store and by the engine, and when a run is to be tried again; it never polls.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from runyard.core import health
from runyard.core.build_log import BuildLog
from runyard.core.claiming import Claimed, claim_waiting
from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.engines import AttemptId, AttemptState, AttemptStatus, Engine, ExitReport
from runyard.core.errors import Conflict, EnvironmentFailed, RunyardError, StartFailed, Unavailable
from runyard.core.ids import Ids
from runyard.core.interpreters import Interpreters
from runyard.core.logs import last_words
from runyard.core.preparing import Launch, Preparer
from runyard.core.runs import ACTIVE, TERMINAL, Reason, RunStatus, ending
from runyard.core.settling import settle
from runyard.core.store import queue, runs
from runyard.core.store.engine import Database
from runyard.core.store.queue import NO_LIMITS, Limits, Look
from runyard.core.store.runs import Step
from runyard.core.system_job import SYSTEM_WORKSPACE

log = logging.getLogger(__name__)

BUILDERS = 2
"""Runs that may wait for an environment at once without holding up others; the builds themselves take turns."""

STARTING_APPS = 32
"""Apps that are watched at once until they answer; of more, the rest show as starting for longer than they are."""

SLEEP_MAX_SECONDS = 60.0
"""Longest sleep before a next attempt: a wall clock may jump, and a monotonic wait would sleep through it (SCH-06)."""

CLEANERS = 8
"""Ended attempts cleaned up at once: to remove a directory takes the file system milliseconds, and eight no longer."""

RETRY_SECONDS = 1.0
"""Pause after an error of the world (disk full, database away) before trying again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: the move of its run, and what the supervisor measured if it left a report."""

    attempt: AttemptId
    target: RunStatus
    reason: Reason
    values: Mapping[str, Any] = field(default_factory=dict)
    report: ExitReport | None = None


class Executor:
    """Owns the runs that hold a slot. `ended` may be called from any thread; everything else is the loop's."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        preparer: Preparer,
        interpreters: Interpreters,
        clock: Clock,
        ids: Ids,
        *,
        attempt_directory: Callable[[AttemptId], Path],
        limits: Limits = NO_LIMITS,
        log_grew: Callable[[AttemptId], None] = lambda _attempt: None,
        run_ended: Callable[[str], None] = lambda _run_id: None,
    ) -> None:
        self._database, self._engine, self._preparer = database, engine, preparer
        self._interpreters, self._clock, self._ids, self._limits = interpreters, clock, ids, limits
        self._attempt_directory, self._log_grew, self._run_ended = attempt_directory, log_grew, run_ended
        self._woken = threading.Event()
        self._ended: deque[AttemptId] = deque()
        self._stopping = False
        self._looked_at = 0  # when the queue was looked at last, microseconds UTC
        self._waits_for_retry = False  # whether a run was to be tried again when the queue was looked at
        self._claimed: deque[AttemptId] = deque()
        self._builds: dict[AttemptId, Future[Path]] = {}
        self._refused: dict[AttemptId, Exception] = {}
        self._answers: deque[tuple[AttemptId, bool]] = deque()
        self._stop_sent: set[AttemptId] = set()
        self._builders = ThreadPoolExecutor(BUILDERS, "environment")
        self._watchers = ThreadPoolExecutor(STARTING_APPS, "starting-app")
        self._cleaners = ThreadPoolExecutor(CLEANERS, "cleaning")

    # Told from outside ------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at the store again now; called after each change."""
        self._woken.set()

    def ended(self, attempt: AttemptId) -> None:
        """Take note that an attempt's process has ended."""
        self._ended.append(attempt)
        self.wake()

    def build_ahead(self, workspace_id: str) -> None:
        """Build what the jobs of a workspace need, in the background, so that their first runs need not wait."""
        if not self._stopping:
            self._builders.submit(self._build_ahead, workspace_id)

    def stop(self) -> None:
        """Make `run` return after the present step. Running processes go on (SCH-04)."""
        self._stopping = True
        self.wake()

    def close(self) -> None:
        """Wait for the threads after `stop`. What they were doing is done by the next server."""
        self._builders.shutdown(cancel_futures=True)
        self._watchers.shutdown(cancel_futures=True)
        self._cleaners.shutdown()

    # The loop ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Recover, then work until stopped. An error of the world is logged and tried again."""
        recovered = False
        while not self._stopping:
            self._woken.clear()
            try:
                if not recovered:
                    self.recover()
                    recovered = True
                self.step()
                delay = self.seconds_to_next()
            except RunyardError:
                log.exception("executing failed; trying again in %s s", RETRY_SECONDS)
                delay = RETRY_SECONDS
            self._clock.wait(self._woken, delay)

    def step(self) -> None:
        """Do everything that can be done now."""
        self.reap()
        self._start_claimed()
        self.take_answers()
        seen = self._look()
        while not self._stopping and seen.is_waiting and self._claim_and_start():
            seen = self._look()
        if seen.is_to_stop:
            self.stop_requested()

    def seconds_to_next(self) -> float | None:
        """Return how long no run is to be tried again, at most `SLEEP_MAX_SECONDS`; None if none waits for that."""
        if not self._waits_for_retry:
            return None
        due = self._database.read(lambda connection: queue.next_retry_at(connection, self._looked_at))
        if due is None:
            return None
        return min(max((due - self._clock.now()) / MICROSECONDS, 0.0), SLEEP_MAX_SECONDS)

    def recover(self) -> None:
        """Find again every run that held a slot when the last server ended (SCH-03, SCH-05).

        A run whose process lives is watched on, one that ended meanwhile is reaped, one whose process vanished is
        lost, and one that was claimed but never started is started now, as the same attempt. An app runs once it
        answers, as when it is started.
        """
        for row in self._database.read(lambda connection: runs.with_status(connection, ACTIVE)):
            self._claimed.append(AttemptId(row["id"], row["attempt"]))

    def reap(self) -> None:
        """End the runs whose processes have ended."""
        ended = list(self._ended)
        if ended:
            self._finish([self._ending(attempt, self._engine.status(attempt)) for attempt in ended])
            # Forgotten only once written: an error above leaves them to the next try.
            for _ in ended:
                self._ended.popleft()

    def stop_requested(self) -> None:
        """Ask the processes of runs that somebody wants stopped to stop; each is asked once."""
        over = []
        for row in self._database.read(runs.to_stop):
            attempt = AttemptId(row["id"], row["attempt"])
            if row["status"] == RunStatus.PENDING:
                # Its attempts left something behind; a run that had none is ended where it is asked to stop.
                over.append(Ending(attempt, RunStatus.CANCELLED, Reason.USER_CANCEL))
                continue
            if attempt in self._stop_sent:
                continue
            state = self._engine.status(attempt).state
            if state is AttemptState.RUNNING:
                self._stop_sent.add(attempt)
                self._engine.cancel(attempt)
            elif state is AttemptState.ABSENT:
                # Its environment is being built; when it is there, nothing is left to start.
                over.append(Ending(attempt, RunStatus.CANCELLED, Reason.USER_CANCEL))
        if over:
            self._finish(over)

    def take_answers(self) -> None:
        """Note the apps that serve now, and end those that never answered (ADH-03)."""
        answers = list(self._answers)
        self._note_running(
            [(attempt, self._engine.status(attempt)) for attempt, answered in answers if answered]
        )
        silent = [attempt for attempt, answered in answers if not answered]
        for attempt in silent:
            self._engine.cancel(attempt)
        if silent:
            self._finish([_silent(attempt) for attempt in silent])
        for _ in answers:
            self._answers.popleft()

    # Steps of one run -------------------------------------------------------------------------------------

    def _look(self) -> Look:
        """Return whether the queue has anything for us. It takes no turn among those who write: most often not."""
        # What woke us until here is either in the store already, or told again.
        self._woken.clear()
        if self._stopping or self._ended or self._answers or self._claimed:
            self.wake()
        now = self._looked_at = self._clock.now()
        seen = self._database.read(lambda connection: queue.look(connection, now))
        self._waits_for_retry = seen.is_to_retry
        return seen

    def _claim_and_start(self) -> bool:
        """Take runs off the queue for which there is room, and start each; return whether there were any."""
        claimed = self._database.write(self._claim)
        self._refused.update((each.attempt, each.error) for each in claimed if each.error is not None)
        self._claimed.extend(each.attempt for each in claimed)
        self._start_claimed()
        return bool(claimed)

    def _claim(self, connection: Connection) -> list[Claimed]:
        self._looked_at = self._clock.now()
        return claim_waiting(connection, self._limits, self._looked_at)

    def _start_claimed(self) -> None:
        """Start what was claimed, or has its environment now, and note what runs."""
        claimed = list(self._claimed)
        self._note_running([(attempt, status) for attempt in claimed if (status := self._start(attempt))])
        # Forgotten only once written: after an error above, what runs already is found running.
        for _ in claimed:
            self._claimed.popleft()

    def _start(self, attempt: AttemptId) -> AttemptStatus | None:
        """Return the status of an attempt that runs, after starting it if it never was; None if it does not run."""
        status = self._engine.watch(attempt)
        if status.state is AttemptState.ABSENT:
            return self._launch(attempt)
        if status.state is AttemptState.RUNNING:
            port = self._database.read(lambda connection: runs.launch_facts(connection, attempt.run_id))[
                "port"
            ]
            if port is None:
                return status
            self._await_answer(attempt, port)
            return None
        self.ended(attempt)
        return None

    def _launch(self, attempt: AttemptId) -> AttemptStatus | None:
        """Start an attempt, at once if its environment is there, else leave it until that is built."""
        try:
            if attempt in self._refused:
                raise self._refused.pop(attempt)
            launch = self._preparer.load(attempt.run_id)
            if launch.run["status"] != RunStatus.STARTING or launch.run["stop_requested_at"] is not None:
                return None
            if launch.run["interval_start"] is None:
                # By a server that ended before it could say why.
                raise StartFailed("What the run covers could not be told.", "See `job why`, and try again.")
            python = self._python_of(attempt, launch)
            if python is None:
                return None
            port = None if launch.definition.is_batch else self._port(launch)
            command = self._preparer.prepare(launch, self._attempt_directory(attempt), python, port)
            self._engine.submit(attempt, command)
        except Conflict:
            # Just now, by a keeper that outlived the server which had asked it.
            return self._start(attempt)
        except Unavailable:
            raise  # the database is away for all of them, which is tried again
        except Exception as error:
            # Of any kind: what is wrong with one run must not keep the others from starting.
            if not self._stopping:
                log.warning("run %s could not be started: %s", attempt.run_id, error)
                self._finish([_not_started(attempt, error)])
            return None
        if port is not None:
            self._await_answer(attempt, port)
            return None
        return AttemptStatus(AttemptState.RUNNING, started_at=self._clock.now())

    def _python_of(self, attempt: AttemptId, launch: Launch) -> Path | None:
        """Return the interpreter of a run; None while it is being built. Raises: what the build raised."""
        if launch.run["workspace_id"] == SYSTEM_WORKSPACE:
            # It has to work before any environment is built, and no upload may choose what it runs with.
            return Path(sys.executable)
        build = self._builds.get(attempt)
        if build is None:
            python = self._interpreters.ready(launch.requirements, launch.definition)
            if python is not None:
                return python
            build = self._builds[attempt] = self._builders.submit(self._build, attempt, launch)
            build.add_done_callback(lambda _: self._try_again(attempt))
            return None
        return build.result() if build.done() else None

    def _build(self, attempt: AttemptId, launch: Launch) -> Path:
        """Runs on a builder's thread."""
        with BuildLog(self._attempt_directory, self._log_grew, attempt) as say:
            return self._interpreters.build(launch.requirements, launch.definition, say)

    def _try_again(self, attempt: AttemptId) -> None:
        self._claimed.append(attempt)
        self.wake()

    def _build_ahead(self, workspace_id: str) -> None:
        """Runs on a builder's thread. A failure is said by the first run that needs the environment."""
        try:
            deployed = self._preparer.deployed(workspace_id)
        except Exception as error:
            if not self._stopping:
                log.warning("nothing of workspace %s could be built ahead: %s", workspace_id, error)
            return
        # Most jobs need the same, and what fails for one is not tried again for each of the others.
        needs = {
            (job.dependency_groups, job.entry_point.launcher): (requirements, job)
            for requirements, job in deployed
        }
        for requirements, job in needs.values():
            try:
                if not self._stopping and self._interpreters.ready(requirements, job) is None:
                    self._interpreters.build(requirements, job, log.debug)
            except Exception as error:
                if self._stopping:
                    return
                log.warning("the environment of %s could not be built ahead: %s", job.job_ref, error)

    def _port(self, launch: Launch) -> int:
        """Return where an app will listen. One that may have been started before a crash keeps what it was told."""
        if launch.run["port"] is not None:
            return int(launch.run["port"])
        port = health.free_port()
        self._database.write(lambda connection: runs.set_port(connection, launch.run["id"], port))
        return port

    def _await_answer(self, attempt: AttemptId, port: int) -> None:
        """Look on a watcher's thread whether an app answers; the loop takes it from there (`take_answers`)."""

        def is_over() -> bool:
            return self._stopping or self._engine.status(attempt).state is not AttemptState.RUNNING

        def watch() -> None:
            answered = health.until_it_answers(port, is_over, self._clock)
            if answered or not is_over():
                self._answers.append((attempt, answered))
                self.wake()

        if not self._stopping:
            self._watchers.submit(watch)

    def _note_running(self, started: list[tuple[AttemptId, AttemptStatus]]) -> None:
        if started:
            self._database.write(lambda connection: self._write_running(connection, started))

    def _write_running(self, connection: Connection, started: list[tuple[AttemptId, AttemptStatus]]) -> None:
        now = self._clock.now()
        rows = runs.by_ids(connection, {attempt.run_id for attempt, _ in started})
        since = {
            attempt.run_id: status.started_at or now
            for attempt, status in started
            if rows[attempt.run_id]["attempt"] == attempt.number
        }
        steps = [Step(rows[of], RunStatus.RUNNING, values={"started_at": at}) for of, at in since.items()]
        moved = runs.move_all(connection, steps, now=now)
        runs.note_started(connection, [(row["id"], row["attempt"], since[row["id"]]) for row in moved])

    @staticmethod
    def _ending(attempt: AttemptId, status: AttemptStatus) -> Ending:
        """Return how a run ended by what its supervisor reported; one that left no report is lost."""
        assert status.state is not AttemptState.RUNNING, "an engine reports an end after the process is gone"
        report = status.exit
        if report is None:
            what = {"message": "The process vanished without a report."}
            return Ending(attempt, RunStatus.FAILED, Reason.LOST, what)
        target, reason = ending(
            exit_code=report.exit_code, signal=report.signal, stop=report.stop, verdict=report.verdict
        )
        values = {
            "exit_code": report.exit_code,
            "signal": report.signal,
            "message": report.message if reason == report.verdict else None,
            "started_at": report.started_at,
            "finished_at": report.ended_at,
        }
        return Ending(attempt, target, reason, values, report)

    def _finish(self, endings: Sequence[Ending]) -> None:
        """Write the ends of attempts and all they cause, together."""
        # Only this loop ends attempts and claims the next, so what is read here is still so when it is written.
        current = self._database.read(lambda connection: _current(connection, endings))

        def work(connection: Connection) -> list[Ending]:
            return [end for end in current if self._write_end(connection, end) is not RunStatus.PENDING]

        # Before anybody sees the end, so that nothing of the settings is ever left behind it.
        directories = [self._attempt_directory(end.attempt) for end in current]
        # One is cleaned up here: to hand it to another thread takes longer than what that saves.
        clean_each = map if len(directories) == 1 else self._cleaners.map
        list(clean_each(self._preparer.clean_up, directories))
        over = self._database.write(work)
        for end in endings:
            self._stop_sent.discard(end.attempt)
            self._builds.pop(end.attempt, None)
        for end in over:
            self._preparer.forget(self._attempt_directory(end.attempt).parent)
            self._run_ended(end.attempt.run_id)

    def _write_end(self, connection: Connection, end: Ending) -> RunStatus | None:
        """Write the end of an attempt; return the status of its run now, None if that had ended."""
        now = self._clock.now()
        run_id, report = end.attempt.run_id, end.report
        row = runs.by_ids(connection, [run_id])[run_id]
        if row["status"] in TERMINAL:
            return None
        if report is not None:
            if row["status"] == RunStatus.STARTING and row["port"] is not None:
                end = self._never_answered(end)
            elif row["status"] == RunStatus.STARTING:
                # It ended before we had noted that it started.
                values = {"started_at": report.started_at}
                runs.move_all(connection, [Step(row, RunStatus.RUNNING, values=values)], now=now)
                row = runs.by_ids(connection, [run_id])[run_id]
        if row["status"] in ACTIVE:
            runs.measure_attempt(connection, run_id, end.attempt.number, _measured(end, now))
        asked_by = row["stop_requested_by"] if end.target is RunStatus.CANCELLED else None
        return settle(
            connection,
            row,
            end.target,
            end.reason,
            ids=self._ids,
            now=now,
            actor=asked_by or runs.SYSTEM,
            values=end.values,
        )

    def _never_answered(self, end: Ending) -> Ending:
        """Return the end of an app that left before it served anybody, with what it said last."""
        if end.target is RunStatus.CANCELLED:
            return end
        said = last_words(self._attempt_directory(end.attempt)) or "It ended without a word."
        values = {**end.values, "message": said}
        return replace(end, target=RunStatus.FAILED, reason=Reason.START_FAILED, values=values)


def _current(connection: Connection, endings: Sequence[Ending]) -> list[Ending]:
    """Return those ends, each once, of which the run has not gone on: it neither waits for a next attempt nor has one.

    An end may be told again, by who watches the process and by who was to start it. Of a run that waits the only end
    left is that somebody cancelled it.
    """
    rows = runs.by_ids(connection, {end.attempt.run_id for end in endings})
    told = {end.attempt: (end, rows[end.attempt.run_id]) for end in endings}
    return [
        end
        for attempt, (end, row) in told.items()
        if row["attempt"] == attempt.number
        and (row["status"] != RunStatus.PENDING or end.target is RunStatus.CANCELLED)
    ]


def _silent(attempt: AttemptId) -> Ending:
    """Return the end of an app that runs and serves nobody."""
    said = f"It did not answer HTTP on its port within {health.START_LIMIT_SECONDS:.0f} seconds."
    return Ending(attempt, RunStatus.FAILED, Reason.START_FAILED, {"message": said})


def _not_started(attempt: AttemptId, error: Exception) -> Ending:
    if isinstance(error, EnvironmentFailed):
        reason, message = Reason.DEPENDENCY_INSTALL_FAILED, error.cause
    else:
        reason, message = Reason.START_FAILED, str(error)
    return Ending(attempt, RunStatus.FAILED, reason, {"message": message})


def _measured(end: Ending, now: int) -> dict[str, Any]:
    """Return what is kept of an attempt besides its log."""
    kept = {
        "reason": end.reason,
        **{name: end.values.get(name) for name in ("exit_code", "signal", "message")},
    }
    if end.report is None:
        return {"ended_at": now, **kept}
    measures = ("started_at", "ended_at", "line_count", "log_bytes", "peak_memory_bytes", "cpu_seconds")
    return {**{name: getattr(end.report, name) for name in measures}, **kept}
