"""One server process of the simulated world: the real loops and the real answers to requests, wired as a server does.

Not simulated: HTTP, files, and apps, whose ports are real.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, RowMapping, Table
from tests.simulation.machine import MachineEngine
from tests.simulation.storage import Faults, SimulatedDatabase
from tests.simulation.strands import Strand
from tests.support.worlds import OWNER, REQUIREMENTS, WORKSPACE

from runyard.core import pausing, rescheduling
from runyard.core.deploying import Deploying
from runyard.core.engines import Command
from runyard.core.errors import RunyardError, StorageFull
from runyard.core.executor import Executor
from runyard.core.intervals import MIN_EVERY_SECONDS
from runyard.core.preparing import Launch, Preparer, entry_point
from runyard.core.run_control import RunControl
from runyard.core.scheduler import Scheduler
from runyard.core.store import jobs, snapshots
from runyard.core.store.engine import Database

if TYPE_CHECKING:
    from tests.simulation.world import World

NOWHERE = Path("/nonexistent")


class _Preparer(Preparer):
    """Loads what a start needs from the store, and lays out nothing."""

    def __init__(self, world: World, database: Database) -> None:
        nothing = cast(Any, None)
        super().__init__(
            database,
            nothing,
            nothing,
            NOWHERE,
            NOWHERE,
            base_env={},
            api_url="",
            issue_key=None,
            issue_beacon_key=None,
        )
        self._world = world

    def prepare(self, launch: Launch, directory: Path, python: Path, port: int | None = None) -> Command:
        self._world.step_aside(None)
        if self._world.strikes(0.01):
            self._world.happened("no room for a run's directory")
            raise StorageFull("The disk of the data directory is full.", "Free space and try again.")
        told = entry_point(launch.run, launch.definition, port)
        return Command(
            argv=(str(python), json.dumps(told)),
            env={},
            cwd=directory,
            timeout_seconds=launch.definition.timeout_seconds,
            grace_seconds=launch.definition.grace_seconds,
        )

    def clean_up(self, attempt_directory: Path) -> None:
        pass


class _Interpreter:
    """One interpreter, always there."""

    def ready(self, *_: Any) -> Path:
        return NOWHERE

    def build(self, *_: Any) -> Path:
        return NOWHERE


class Server:
    """A server process from its start to its crash."""

    def __init__(self, world: World, databases: list[SimulatedDatabase]) -> None:
        self.world = world
        self.faults = Faults(world.chance, world.wall, world.happened, world.committed)
        for database in databases:
            database.begin_life(self.faults, lambda database=database: world.step_aside(database))  # type: ignore[misc]
        self.databases = databases
        self.database = databases[0]
        self.engine = MachineEngine(world.machine, lambda attempt: self.executor.ended(attempt))
        self.planners = [Scheduler(database, world, world.ids) for database in databases]
        self.control = RunControl(self.database, world, world.ids)
        self.deploying = Deploying(self.database, world, world.ids, deployed=lambda _: self._plan())
        self.executor: Executor = Executor(
            self.database,
            self.engine,
            _Preparer(world, self.database),
            _Interpreter(),
            world,
            world.ids,
            attempt_directory=lambda attempt: NOWHERE / str(attempt),
            limits=world.limits,
            run_ended=lambda _: self._plan(),
        )
        for database in databases:
            database.on_change(self.executor.wake)
        self.loops = [
            Strand("executor", self.executor.run),
            *(Strand(f"planner {number}", each.run) for number, each in enumerate(self.planners, 1)),
        ]
        self.requests: list[Strand] = []

    @property
    def is_dead(self) -> bool:
        return self.faults.is_dead or self.engine.is_dead

    @property
    def strands(self) -> list[Strand]:
        return self.loops + self.requests

    def crash(self) -> None:
        """Stop everything where it stands; what was not committed never was."""
        self.faults.is_dead = self.engine.is_dead = True
        for strand in self.strands:
            strand.crash()
        self.executor.close()
        for database in self.databases:
            database.close()

    # Requests -----------------------------------------------------------------------------------------------

    def request(self, name: str, work: Callable[[], object]) -> None:
        """Let a request arrive, on a thread of its own."""

        def answer() -> None:
            try:
                work()
            except RunyardError as error:
                self.world.say(f"{name} is refused: {error}")

        self.requests.append(Strand(name, answer))

    def upload(self, number: int) -> None:
        """Make new code the current one."""
        document = {"requirements": {**REQUIREMENTS, "groups": {"main": []}}, "requirements_size_bytes": 1}
        self.database.write(lambda c: self._snapshot(c, snapshots.deployments, number, document))

    def configure(self) -> None:
        """Make settings without profiles the current ones."""
        self.database.write(lambda c: self._snapshot(c, snapshots.configurations, 0, {"profiles": []}))

    def _snapshot(self, connection: Connection, table: Table, number: int, extra: dict[str, Any]) -> None:
        values = {
            "id": self.world.ids.new_id(),
            "workspace_id": WORKSPACE,
            "content_hash": f"hash {number}",
            "comparison_hash": f"hash {number}",
            "file_count": 0,
            "size_bytes": 0,
            "created_by": OWNER,
            "created_at": self.world.now(),
            **extra,
        }
        snapshots.create(connection, table, values=values, snapshot_files=[])

    def set_paused(self, job_id: str, *, paused: bool) -> None:
        """Pause or resume a job, as the route does."""

        def work(connection: Connection) -> None:
            job = jobs.get(connection, WORKSPACE, job_id)
            assert job is not None, "nothing ever deletes a job"
            self._set_paused(connection, job, paused=paused)

        self.database.write(work)

    def _set_paused(self, connection: Connection, job: RowMapping, *, paused: bool) -> None:
        now = self.world.now()
        if paused:
            pausing.pause(connection, job, user_id=OWNER, now=now)
        else:
            pausing.resume(connection, job, ids=self.world.ids, now=now)

    def set_schedule(self, job_id: str, schedule: str | None) -> None:
        """Set a schedule beside the code, or take it away, as the route does."""

        def work(connection: Connection) -> None:
            job = jobs.get(connection, WORKSPACE, job_id)
            assert job is not None, "nothing ever deletes a job"
            now = self.world.now()
            if schedule is None:
                rescheduling.drop_schedule(connection, job, now=now)
            else:
                rescheduling.set_schedule(
                    connection, job, schedule, min_every_seconds=MIN_EVERY_SECONDS, user_id=OWNER, now=now
                )

        self.database.write(work)
        self._plan()

    def _plan(self) -> None:
        for planner in self.planners:
            planner.wake()
