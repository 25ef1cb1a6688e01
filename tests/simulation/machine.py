"""The machine that jobs run on, which outlives servers: processes that start, take their time, end as they like.

It is told nothing of plans and believes nothing of the store, so it is the truth about what really ran: how often an
attempt was started, over which window, and how it ended.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.strands import Crash

from runyard.core.engines import AttemptId, AttemptState, AttemptStatus, Command, ExitReport
from runyard.core.errors import Conflict, StartFailed
from runyard.core.runs import Reason

Later = Callable[[float, Callable[[], None]], None]
"""Lets something happen after so many seconds of monotonic time."""


CALM_SECONDS = 1.0
"""How long a process takes at most when all is calm."""

LATE_SECONDS = 20.0
"""How late an end is told at most."""


@dataclass(slots=True)
class Process:
    """One attempt as it really was. `told` is what it was told to do."""

    attempt: AttemptId
    told: dict[str, Any]
    timeout_seconds: float | None
    grace_seconds: float
    started_at: int
    minds_signals: bool
    state: AttemptState = AttemptState.RUNNING
    stop: str | None = None
    report: ExitReport | None = None

    @property
    def is_alive(self) -> bool:
        return self.state is AttemptState.RUNNING


@dataclass
class Machine:
    """All processes that ever were, and how new ones will behave."""

    chance: random.Random
    wall: Callable[[], int]
    later: Later
    happened: Callable[[str], None]
    is_calm: bool = False
    """Whether everything that starts from now on ends well and soon."""
    processes: dict[AttemptId, Process] = field(default_factory=dict)
    on_its_way: dict[AttemptId, Command] = field(default_factory=dict)
    """Starts that a server asked for and did not live to see."""
    _listeners: list[MachineEngine] = field(default_factory=list)

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes.values() if process.is_alive]

    def start(self, attempt: AttemptId, command: Command) -> None:
        """Start a process and let it end as chance wants."""
        assert attempt not in self.processes, f"{attempt} was started twice"
        process = self.processes[attempt] = Process(
            attempt,
            json.loads(command.argv[-1]),
            command.timeout_seconds,
            command.grace_seconds,
            self.wall(),
            minds_signals=self.is_calm or self.chance.random() < 0.8,
        )
        if process.timeout_seconds is not None:
            self.later(process.timeout_seconds, lambda: self._ask_to_stop(process, "timeout"))
        if self.is_calm:
            self._end_well(process)
            return
        seconds, fate = self.chance.expovariate(1 / self.chance.choice((2, 60, 900))), self.chance.random()
        if fate < 0.65:
            self.later(seconds, lambda: self._end(process, code=0))
        elif fate < 0.8:
            self.later(seconds, lambda: self._end(process, code=1))
        elif fate < 0.85:
            self.later(seconds, lambda: self._end(process, code=self.chance.choice((0, 2, 7, 255))))
        elif fate < 0.88:
            self.later(seconds, lambda: self._end(process, signal=11))
        elif fate < 0.91:
            self.later(seconds, lambda: self._vanish(process))
        elif fate < 0.94:
            verdict = self.chance.choice((Reason.ABORTED, Reason.SELF_SKIP))
            self.later(seconds, lambda: self._end(process, code=1, verdict=verdict))
        else:
            self.happened("process hangs")

    def calm_down(self) -> None:
        """Let what runs end well and soon, and what starts from now on too."""
        self.is_calm = True
        for process in self.alive:
            self._end_well(process)

    def cut_power(self) -> None:
        """End every process at once, without a word."""
        for process in self.alive:
            self._vanish(process)

    def cancel(self, process: Process, *, force: bool) -> None:
        """Ask a process to stop, as its supervisor does."""
        if force:
            self._end(process, signal=9, stop="cancelled")
        else:
            self._ask_to_stop(process, "cancelled")

    def listen(self, engine: MachineEngine) -> None:
        self._listeners.append(engine)

    def _end_well(self, process: Process) -> None:
        self.later(self.chance.uniform(0, CALM_SECONDS), lambda: self._end(process, code=0))

    def _ask_to_stop(self, process: Process, why: str) -> None:
        if not process.is_alive or process.stop is not None:
            return
        process.stop = why
        if process.minds_signals:
            code = self.chance.choice((0, 1, 143))
            self.later(self.chance.uniform(0, process.grace_seconds), lambda: self._end(process, code=code))
        else:
            self.happened("process ignores SIGTERM")
            self.later(process.grace_seconds, lambda: self._end(process, signal=9))

    def _end(
        self,
        process: Process,
        *,
        code: int | None = None,
        signal: int | None = None,
        stop: str | None = None,
        verdict: str | None = None,
    ) -> None:
        if not process.is_alive:
            return
        process.state = AttemptState.EXITED
        process.report = ExitReport(
            exit_code=code,
            signal=signal,
            stop=stop or process.stop,
            started_at=process.started_at,
            ended_at=max(self.wall(), process.started_at),
            line_count=0,
            log_bytes=0,
            peak_memory_bytes=0,
            cpu_seconds=0.0,
            verdict=verdict,
        )
        self._tell(process.attempt)

    def _vanish(self, process: Process) -> None:
        if process.is_alive:
            process.state = AttemptState.LOST
            self.happened("process vanishes")
            self._tell(process.attempt)

    def _tell(self, attempt: AttemptId) -> None:
        """Tell those who watch: soon, late, and now and then twice."""
        self._listeners = [engine for engine in self._listeners if not engine.is_dead]
        for engine in self._listeners:
            times = 2 if self.chance.random() < 0.1 else 1
            for _ in range(times):
                seconds = 0.0 if self.is_calm else self.chance.choice((0.0, 0.01, 0.5, LATE_SECONDS))
                self.later(seconds, lambda engine=engine: engine.tell(attempt))  # type: ignore[misc]
            if times > 1:
                self.happened("end told twice")


class MachineEngine:
    """What one server process has of the machine. It dies with its server."""

    def __init__(self, machine: Machine, ended: Callable[[AttemptId], None]) -> None:
        self._machine, self._ended = machine, ended
        self._watched: set[AttemptId] = set()
        self.is_dead = False
        self.crashes_at_submit = False
        machine.listen(self)

    def submit(self, attempt: AttemptId, command: Command) -> None:
        machine = self._machine
        self._live()
        if attempt in machine.on_its_way and machine.chance.random() < 0.5:
            machine.start(attempt, machine.on_its_way.pop(attempt))
            machine.happened("started by a server that is gone")
        if attempt in machine.processes:
            raise Conflict(f"The attempt {attempt} was started before.", "Watch it.")
        if self.crashes_at_submit:
            machine.happened("crash at a submit")
            self.is_dead = True
            if machine.chance.random() < 0.5:
                machine.start(attempt, command)
            else:
                machine.on_its_way[attempt] = command
            raise Crash
        if not machine.is_calm and machine.chance.random() < 0.02:
            machine.happened("start fails")
            raise StartFailed(f"The attempt {attempt} could not be started.", "Try again.")
        machine.on_its_way.pop(attempt, None)
        machine.start(attempt, command)
        self._watched.add(attempt)

    def watch(self, attempt: AttemptId) -> AttemptStatus:
        status = self.status(attempt)
        if status.state is AttemptState.RUNNING:
            self._watched.add(attempt)
        return status

    def cancel(self, attempt: AttemptId, *, force: bool = False) -> None:
        self._live()
        process = self._machine.processes.get(attempt)
        if process is not None:
            self._machine.cancel(process, force=force)

    def status(self, attempt: AttemptId) -> AttemptStatus:
        self._live()
        process = self._machine.processes.get(attempt)
        if process is None:
            return AttemptStatus(AttemptState.ABSENT)
        return AttemptStatus(process.state, process.report, process.started_at)

    def list(self) -> Sequence[AttemptId]:
        return [attempt for attempt in self._watched if self._machine.processes[attempt].is_alive]

    def close(self) -> None:
        self._watched.clear()

    def tell(self, attempt: AttemptId) -> None:
        """Pass on that an attempt has ended, if its server lives and watches it."""
        if not self.is_dead and attempt in self._watched:
            self._ended(attempt)

    def _live(self) -> None:
        if self.is_dead:
            raise Crash
