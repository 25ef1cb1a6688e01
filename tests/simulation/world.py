"""A whole server with its disk, its machine and its people, in one thread, driven by one number.

Everything that could happen at any time is chosen here, one step after the other: whose turn it is, how time passes,
what people ask for, what breaks. The same seed chooses the same, so what a seed shows once it shows again. What must
hold after each step is in `invariants`.
"""

from __future__ import annotations

import heapq
import itertools
import random
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache

from tests.simulation.invariants import Watch
from tests.simulation.machine import LATE_SECONDS, Machine
from tests.simulation.manifests import NAMES, TIMERS, Author, ref
from tests.simulation.servers import Server
from tests.simulation.storage import SimulatedDatabase, make_schema
from tests.simulation.strands import Strand
from tests.support.worlds import OWNER, WORKSPACE

from runyard.core.clock import MICROSECONDS, to_datetime
from runyard.core.deploying import DeployRequest
from runyard.core.ids import SeededIds
from runyard.core.runs import OPEN
from runyard.core.store import accounts, workspaces
from runyard.core.store.queue import NO_LIMITS, Limits

NAME = "file:world?mode=memory&cache=shared"
"""Where the database is: in memory, and in each process another one."""

EVENTS = 500
"""Steps of a seed before everything is left to come to rest."""

CRASHES = 5
"""A seed goes on until it has had so many."""

STARTS = (
    1_774_746_000,  # 2026-03-29 01:00 UTC: the clocks of Berlin go forward
    1_792_890_000,  # 2026-10-25 01:00 UTC: and back
    1_793_509_200,  # 2026-11-01 05:00 UTC: those of New York go back
    1_835_395_200,  # 2028-02-29
    1_798_761_000,  # 2026-12-31 23:50
    1_782_000_000,
)
"""When worlds begin, in seconds since 1970: nights on which something is different, and one on which nothing is."""

STEPS_TO_REST = 20_000
"""More than any world needs to come to rest; one that takes more never does."""

SECONDS_TO_REST = 60
"""After which everything that was due has happened, because in a calm world processes take moments."""

SECONDS_TO_END = 3600
"""After which nothing is open any more once nothing is deployed."""

SLOW_TURN_SECONDS = 5.0
"""How long it takes at most to read or write the store once."""

SECONDS_TO_RECOVER = 30 + LATE_SECONDS + 2 * SLOW_TURN_SECONDS
"""After which no run is open without a live process: as SCH-03 says, once its end was told, between two slow turns."""


class Violation(AssertionError):
    """Something happened that must never happen."""


class World:
    """One seed. It is also the clock of everything in it."""

    def __init__(self, seed: int, *, tells: bool = False) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - replay is the point
        self.ids = SeededIds(seed)
        self.limits = self.chance.choice((NO_LIMITS, NO_LIMITS, Limits(server=3), Limits(workspace=2)))
        self.counts: Counter[str] = Counter()
        self.events = 0
        self.fingerprint = 0
        self.has_news = False
        """Whether something was committed that nobody has looked at; asking the database each time takes longer."""
        self.story: list[str] = []
        self._tells = tells
        self._monotonic = 0.0
        self._wall_offset = self.chance.choice(STARTS) * MICROSECONDS + self.chance.randrange(MICROSECONDS)
        self._latest_offset = self._wall_offset
        """That of a clock that was never set back."""
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._is_calm = False
        self._uploads = itertools.count(1)
        disk = _disk()
        self.machine = Machine(self.chance, self.wall, self.later, self.happened)
        self.author = Author(self.chance)
        self.watch = Watch(disk.clear(), self.machine, self.limits)
        self.server: Server | None = None

    # The clock of everything --------------------------------------------------------------------------------

    def wall(self) -> int:
        return round(self._monotonic * MICROSECONDS) + self._wall_offset

    def now(self) -> int:
        """Return the time, and now and then only hand it over when it has become old."""
        read = self.wall()
        self.step_aside(None)
        return read

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, event: threading.Event, timeout_seconds: float | None) -> bool:
        strand = Strand.running
        assert strand is not None, "only a loop of a server waits"
        if not event.is_set():
            deadline = None if timeout_seconds is None else self._monotonic + timeout_seconds
            strand.wait(event, deadline)
        return event.is_set()

    def later(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen after so many seconds."""
        heapq.heappush(self._later, (self._monotonic + seconds, next(self._order), happen))

    def step_aside(self, database: SimulatedDatabase | None) -> None:
        """Let others go first, if chance wants it and nobody is in the middle of a transaction."""
        strand, server = Strand.running, self.server
        if strand is None or server is None or any(each.is_busy for each in server.databases):
            return
        if database is not None:
            self._monotonic += (
                0.001 if self.chance.random() < 0.95 else self.chance.choice((0.2, SLOW_TURN_SECONDS))
            )
        if self.strikes(0.15):
            self.counts["turn taken away"] += 1
            strand.step_aside()

    def strikes(self, probability: float) -> bool:
        """Return whether chance wants something bad; never when all is calm."""
        return not self._is_calm and self.chance.random() < probability

    # The story ----------------------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        """Note what happens; two runs of a seed say the same."""
        if self._tells:
            self.story.append(f"{self.events:4} {to_datetime(self.wall()):%d %H:%M:%S} {what}")
        self.fingerprint = zlib.crc32(f"{self.wall()} {what}".encode(), self.fingerprint)

    def happened(self, what: str) -> None:
        """Count something bad."""
        self.counts[what] += 1
        self.say(f"!! {what}")

    def committed(self) -> None:
        """Note that there is something to look at."""
        self.has_news = True

    def run(self) -> None:
        """Live through the seed. Raises: Violation."""
        try:
            self._start_server()
            self._found()
            while self.events < EVENTS or self.crashes < CRASHES:
                self.step()
            self._rest()
        finally:
            if self.server is not None:
                self.server.crash()
            self.watch.close()

    @property
    def crashes(self) -> int:
        return sum(count for what, count in self.counts.items() if what.startswith("crash"))

    def step(self) -> None:
        """Let one thing happen, and look whether everything is still as it must be."""
        self.events += 1
        self._one_thing()
        server = self.server
        if server is not None and server.is_dead:
            self.say("the server is gone")
            server.crash()
            self.server = None
        if server is not None:
            for strand in server.strands:
                if strand.error is not None:
                    raise Violation(f"{strand.name} ended by itself: {strand.error!r}") from strand.error
                if strand.is_over and strand in server.loops and not server.is_dead:
                    raise Violation(f"{strand.name} ended by itself")
            server.requests = [strand for strand in server.requests if not strand.is_over]
        self._look()

    def _look(self) -> None:
        """Raises: Violation."""
        if self.has_news:
            self.has_news = False
            self._complain(self.watch.read(self.wall(), self.say))
        self._complain(self.watch.look_around())

    def _one_thing(self) -> None:
        choice = self.chance.random()
        if self.server is None:
            if choice < 0.4:
                self._start_server()
            else:
                self._pass_time()
        elif choice < 0.62 and (ready := self._ready()):
            strand = self.chance.choice(ready)
            self.say(f"turn of {strand.name}")
            strand.resume()
        elif choice < 0.82:
            self._pass_time()
        elif choice < 0.95:
            self._ask(self.server)
        else:
            self._break(self.server)

    def _ready(self) -> list[Strand]:
        if self.server is None:
            return []
        return [each for each in self.server.strands if not each.is_over and each.is_ready(self._monotonic)]

    # Time ---------------------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        chance = self.chance.random()
        if chance < 0.7:
            self._go_to(self._next_instant())
        elif chance < 0.97:
            self._go_to(self._monotonic + self.chance.expovariate(1 / self.chance.choice((1, 30, 600))))
        else:
            self._jump()

    def _next_instant(self) -> float:
        """Return when something happens next by itself."""
        instants = [self._later[0][0]] if self._later else []
        if self.server is not None:
            instants += [each.deadline for each in self.server.loops if each.deadline is not None]
        return max(min(instants, default=self._monotonic + 60.0), self._monotonic)

    def _go_to(self, instant: float) -> None:
        self._monotonic = max(self._monotonic, instant)
        while self._later and self._later[0][0] <= self._monotonic:
            heapq.heappop(self._later)[2]()

    def _jump(self) -> None:
        """Set the wall clock, as a suspended laptop or a person does; what was measured goes on."""
        hours = self.chance.choice((-3.0, -1.0, -0.02, 0.02, 1.0, 3.0, 9.0, 30.0))
        self._wall_offset += round(hours * 3600 * MICROSECONDS)
        self._latest_offset = max(self._latest_offset, self._wall_offset)
        self.happened("clock set back" if hours < 0 else "machine asleep")

    # What people do -----------------------------------------------------------------------------------------

    def _found(self) -> None:
        server = self._server()

        def found() -> None:
            now = self.wall()
            server.database.write(
                lambda c: accounts.create_user(c, id=OWNER, email="owner@localhost", name=None, now=now)
            )
            server.database.write(
                lambda c: workspaces.create(
                    c, id=WORKSPACE, name="story", description=None, user_id=OWNER, now=now
                )
            )
            server.upload(next(self._uploads))
            server.configure()

        found()
        self.author.begin(self.wall())
        self._deploy(server)
        self._look()

    def _ask(self, server: Server) -> None:
        chance = self.chance.random()
        if chance < 0.3:
            self._start_jobs(server)
        elif chance < 0.45:
            self._cancel(server)
        elif chance < 0.6:
            self._pause(server)
        elif chance < 0.62:
            self._reschedule(server)
        elif chance < 0.65:
            number = next(self._uploads)
            self._request(server, f"upload {number}", lambda: server.upload(number))
        elif chance < 0.7:
            self._deploy(server, dry_run=True)
        else:
            self._request_change(server)

    def _request_change(self, server: Server) -> None:
        what = self.author.change(self.wall())
        self.say(f"the author writes the jobs {what}")
        self._deploy(server)

    def _deploy(self, server: Server, *, dry_run: bool = False) -> None:
        jobs, extensions = self.author.manifest()
        module = None if self.strikes(0.05) else "__deployment__"
        request = DeployRequest(2, "hash", [dict(job) for job in jobs], extensions, module, None, dry_run)
        self._request(
            server,
            "dry run" if dry_run else "deploy" if module else "deploy of a script",
            lambda: server.deploying.deploy(WORKSPACE, request, OWNER),
        )

    def _start_jobs(self, server: Server) -> None:
        chance = self.chance
        choices = [ref(chance.choice(NAMES)), "tag:x", "tag:y", "schedule:*", "every:*", "batch", "manual:*"]
        weights = (8, 1, 1, 1, 1, 1, 1)
        [selector] = chance.choices(choices, weights)
        refresh, force, dry_run = chance.random() < 0.25, chance.random() < 0.3, chance.random() < 0.1
        config = {"n": 1} if chance.random() < 0.2 else None
        self._request(
            server,
            f"start {selector}{' --refresh' * refresh}{' --force' * force}{' --dry-run' * dry_run}",
            lambda: server.control.start(
                WORKSPACE,
                job_ids=None,
                selectors=[selector],
                refresh=refresh,
                dry_run=dry_run,
                force=force,
                config=config,
                user_id=OWNER,
            ),
        )

    def _cancel(self, server: Server) -> None:
        ids = self.watch.runs_that_are(OPEN) or list(self.watch.books.runs)
        if ids:
            run_id = self.chance.choice(ids)
            self._request(
                server,
                f"cancel {self.watch.name_of(run_id)}",
                lambda: server.control.cancel(WORKSPACE, [run_id], dry_run=False, user_id=OWNER),
            )

    def _pause(self, server: Server) -> None:
        if self.watch.books.jobs:
            job_id = self.chance.choice(list(self.watch.books.jobs))
            paused = self.chance.random() < 0.4
            self._request(
                server,
                f"{'pause' if paused else 'resume'} {self.watch.books.jobs[job_id]['job_ref']}",
                lambda: server.set_paused(job_id, paused=paused),
            )

    def _reschedule(self, server: Server) -> None:
        if self.watch.books.jobs:
            job_id = self.chance.choice(list(self.watch.books.jobs))
            schedule = self.chance.choice((*TIMERS, None, None))
            self._request(
                server,
                f"schedule {schedule} for {self.watch.books.jobs[job_id]['job_ref']}",
                lambda: server.set_schedule(job_id, schedule),
            )

    def _request(self, server: Server, name: str, work: Callable[[], object]) -> None:
        self.say(f"asked: {name}")
        self.counts[name.partition(" ")[0]] += 1
        server.request(name, work)

    # What breaks --------------------------------------------------------------------------------------------

    def _break(self, server: Server) -> None:
        kind = self.chance.choice(
            ("kill", "statement", "statement", "commit", "submit", "disk", "disk", "power")
        )
        self.say(f"armed: {kind}")
        match kind:
            case "kill":
                self.happened("crash between statements")
                server.faults.is_dead = True
            case "statement":
                server.faults.crash_after = self.chance.choice((0, 1, 3, 10, 30, 60))
            case "commit":
                server.faults.crash_after_commit = True
            case "submit":
                server.engine.crashes_at_submit = True
            case "disk":
                server.faults.full_after = self.chance.choice((0, 1, 3, 10, 30))
                server.faults.full_for = self.chance.choice((1, 1, 2, 20))
            case "power":
                self.happened("crash with the machine")
                self.machine.cut_power()
                server.faults.is_dead = True

    def _start_server(self) -> None:
        databases = _disk().databases
        self.server = Server(self, databases if self.chance.random() < 0.5 else databases[:1])
        self.say(f"a server starts, with {len(self.server.planners)} planner(s)")

    def _server(self) -> Server:
        assert self.server is not None, "there is a server"
        return self.server

    # The end ------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Let nothing break any more, and see that everything due happens and everything open ends.

        A clock that was set back stays so in half of the worlds: nobody waits until it shows again what it has shown.
        """
        self._is_calm = True
        if self.chance.random() < 0.5:
            self._wall_offset = self._latest_offset
        self.machine.calm_down()
        self.say("all is calm from here on")
        if self.server is None:
            self._start_server()
        server = self._server()
        server.faults.disarm()
        server.engine.crashes_at_submit = False
        self._let_pass(SECONDS_TO_RECOVER)
        self._complain(self.watch.after_recovery())
        self._let_pass(SECONDS_TO_REST)
        self._complain(self.watch.at_rest(self.wall()))
        self.author.empty()
        self._deploy(server)
        self._let_pass(SECONDS_TO_END, until=lambda: not self.watch.runs_that_are(OPEN))
        self._complain(self.watch.at_the_end())

    def _let_pass(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let everything go its way for so long, or until something holds and nobody has anything to do."""
        end = self._monotonic + seconds
        for _ in range(STEPS_TO_REST):
            ready = self._ready()
            if not ready and until():
                return
            if ready:
                strand = ready[0]
                self.say(f"turn of {strand.name}")
                strand.resume()
            elif self._monotonic >= end:
                return
            else:
                self._go_to(min(self._next_instant(), end))
            self._look()
        raise Violation("The world never comes to rest.")

    @staticmethod
    def _complain(complaints: list[str]) -> None:
        for complaint in complaints:
            raise Violation(complaint)


class _Disk:
    """A place in memory for one database at a time, gone when nobody has it open."""

    def __init__(self) -> None:
        self._template = sqlite3.connect(":memory:")
        make_schema(self._template)
        self.databases = [SimulatedDatabase(f"sqlite:///{NAME}&uri=true") for _ in range(2)]

    def clear(self) -> sqlite3.Connection:
        """Return a connection to an empty database, which holds it open."""
        for database in self.databases:
            database.close()
        connection = sqlite3.connect(NAME, uri=True, isolation_level=None)
        self._template.backup(connection)
        return connection


@cache
def _disk() -> _Disk:
    return _Disk()
