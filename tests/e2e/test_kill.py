"""What survives when parts of a running runyard are killed with -9: the server, the keeper, everything.

Real processes throughout; a test waits for log lines, changes of the workspace and ends of processes, never for time.
What SIGTERM and Ctrl-C do is in `tests/server/cli/test_dev.py`.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from tests.support.attempts import Gate, wait_gone
from tests.support.servers import Installation
from tests.support.workspaces import make_workspace

from runyard.core.errors import Unavailable
from runyard_server.client import Client, Run
from runyard_server.client.deploying import Deployer

KILL_POINTS = int(os.environ.get("KILL_POINTS", "5"))
"""How many moments of a burst to kill the server at; `QLT-03` asks for 500 before a release."""

BURST_RUNS = 20

EVENTS_OF_A_RUN = 4
"""Changes that each run announces: pending, starting, running, ended."""

LINES = [f"line {number}" for number in range(2000)]

JOBS = '''
import os
import sys

from runyard import run


def print_lines(first, last):
    for number in range(first, last):
        print("line", number)


@run.job()
def talk(code: int = 0):
    """Print 1,000 lines, wait at the gate, print 1,000 more."""
    print_lines(0, 1000)
    open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()
    print_lines(1000, 2000)
    sys.exit(code)


@run.job(trigger=talk.success)
def celebrate():
    print("it went well")


@run.job(trigger=talk.fail)
def alert():
    print("it went wrong")


@run.job(execute={"concurrency": 4})
def work():
    print("done")


@run.job(trigger=work.success)
def after(run_context):
    print(run_context["trigger"])


__all__ = ["after", "alert", "celebrate", "talk", "work"]
'''

FILES = {
    "pyproject.toml": '[project]\nname = "tests"\nversion = "1"\n',
    "__deployment__.py": JOBS,
    ".dlt/config.toml": "",
    ".dlt/prod.config.toml": "",
    ".dlt/access.config.toml": "",
}


postgresql_is_slow = pytest.mark.parametrize(
    "database_url",
    ["sqlite_file_url", pytest.param("postgres_url", marks=pytest.mark.slow)],
    ids=["sqlite", "postgresql"],
    indirect=True,
)


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """A running server with the jobs above, on each kind of database."""
    root = make_workspace(tmp_path / "workspace", FILES)
    with Installation(tmp_path / "home", database_url) as installation:
        Deployer(installation.client, root, env=os.environ).deploy()
        yield installation


@pytest.fixture
def gate(installation: Installation) -> Gate:
    """Where `talk` waits until it is opened."""
    return Gate(installation.shared_directory() / "gate")


def start(client: Client, name: str, **config: str) -> str:
    """Start a job and return the run's id."""
    (started,) = client.trigger([name], config=config).started
    assert started.run is not None
    return started.run.id


def start_talking(client: Client, **config: str) -> str:
    """Return a run that is known to run, has printed its first 1,000 lines and waits, or is about to."""
    run_id = start(client, "talk", **config)
    assert [line.text for line in islice(client.follow(run_id), 1000)] == LINES[:1000]
    # A server that has much to do writes this down later than the job prints.
    assert any(run.status == "running" for run in client.watch(run_id))
    return run_id


def start_burst(client: Client, accepted: list[str]) -> None:
    """Start one run after the other until all are started or the server is gone."""
    with suppress(Unavailable):
        accepted.extend(start(client, "work") for _ in range(BURST_RUNS))


def until_quiet(client: Client) -> None:
    """Return once no run is open. A follow-up is there before its cause has ended, so nothing comes later."""
    for _change in client.events(after=0):
        if not any(client.open_runs()):
            return


def runs_of(client: Client, name: str) -> list[Run]:
    """Return the runs of a job, oldest first, after seeing that their numbers are dense (SCH-11)."""
    runs = [client.run(run.id) for run in client.runs(job_id=client.job(name).id)]
    runs.reverse()
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    return runs


def assert_whole(client: Client, run_id: str) -> None:
    """See that the log has every line once, in order, numbered without a gap."""
    lines = [(line.number, line.text) for line in client.logs(run_id)]
    assert lines == list(enumerate(LINES))


# SPEC: SCH-03, SCH-05, SCH-11, LIM-04, RUN-06, FUP-01
@postgresql_is_slow
@pytest.mark.parametrize(
    ("code", "reason", "fired", "silent"),
    [(0, "ok", "celebrate", "alert"), (3, "exit_code", "alert", "celebrate")],
    ids=["success", "failure"],
)
def test_a_run_goes_on_and_ends_while_its_server_is_dead(
    installation: Installation, gate: Gate, code: int, reason: str, fired: str, silent: str
) -> None:
    client = installation.client
    run_id = start_talking(client, code=str(code))
    shim = installation.shim(run_id)
    installation.kill()
    gate.open()
    wait_gone(shim)
    installation.start()
    until_quiet(client)
    run = client.run(run_id)
    assert (run.status, run.reason, run.exit_code) == ("failed" if code else "completed", reason, code)
    assert_whole(client, run_id)
    assert [follower.causes for follower in runs_of(client, fired)] == [(run_id,)]
    assert runs_of(client, silent) == []
    assert [each.id for each in runs_of(client, "talk")] == [run_id]


# SPEC: SCH-03, SCH-05, LIM-04, RUN-06, FUP-01
@postgresql_is_slow
def test_a_run_is_found_again_and_followed_to_its_end_by_the_next_server(
    installation: Installation, gate: Gate
) -> None:
    client = installation.client
    run_id = start_talking(client)
    installation.kill()
    installation.start()
    assert client.run(run_id).status == "running"
    lines = client.follow(run_id)
    assert next(lines).text == LINES[0]
    gate.open()
    assert [line.text for line in lines] == LINES[1:]
    until_quiet(client)
    assert client.run(run_id).is_completed
    assert_whole(client, run_id)
    assert [follower.causes for follower in runs_of(client, "celebrate")] == [(run_id,)]


# SPEC: SCH-05
@postgresql_is_slow
def test_a_dead_keeper_takes_no_run_with_it_and_is_replaced(installation: Installation, gate: Gate) -> None:
    client = installation.client
    run_id = start_talking(client)
    installation.kill_keeper()
    next_id = start(client, "work")
    assert client.wait(next_id).is_completed
    gate.open()
    assert client.wait(run_id).is_completed
    assert_whole(client, run_id)


# SPEC: SCH-03, SCH-05, FUP-01, FUP-02
@postgresql_is_slow
def test_a_run_that_died_with_everything_is_lost_and_says_so_once(
    installation: Installation,
    gate: Gate,  # noqa: ARG001 - it stays shut
) -> None:
    client = installation.client
    run_id = start_talking(client)
    shim = installation.shim(run_id)
    installation.kill_everything()
    wait_gone(shim)
    installation.start()
    run = client.wait(run_id)
    assert (run.status, run.reason, run.exit_code) == ("failed", "lost", None)
    assert [line.text for line in client.logs(run_id)] == LINES[:1000]
    until_quiet(client)
    (alert,) = runs_of(client, "alert")
    assert (alert.status, alert.causes) == ("completed", (run_id,))
    assert runs_of(client, "celebrate") == []


# SPEC: SCH-03, SCH-11, EXE-05, EXE-08
@postgresql_is_slow
def test_a_run_that_waits_for_its_turn_gets_it_from_the_next_server(
    installation: Installation, gate: Gate
) -> None:
    client = installation.client
    first_id = start_talking(client)
    second_id = start(client, "talk")
    assert client.run(second_id).status == "pending"
    installation.kill()
    gate.open()
    installation.start()
    assert client.wait(first_id).is_completed
    gate.open()
    assert client.wait(second_id).is_completed
    first, second = runs_of(client, "talk")
    assert first.finished_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.finished_at


# SPEC: SCH-03, SCH-05, SCH-11, FUP-01, QLT-03
@postgresql_is_slow
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, KILL_POINTS))]
)
def test_a_server_killed_at_any_moment_of_a_burst_loses_and_doubles_nothing(
    installation: Installation, seed: int
) -> None:
    client = installation.client
    moment = random.Random(seed).randrange(BURST_RUNS * EVENTS_OF_A_RUN)  # noqa: S311 - not for secrets
    changes = client.events(after=0)
    accepted: list[str] = []
    burst = threading.Thread(target=start_burst, args=(client, accepted))
    burst.start()
    next(islice(changes, moment, None))
    installation.kill()
    burst.join()
    installation.start()
    until_quiet(client)
    upstream = runs_of(client, "work")
    assert {run.status for run in upstream} <= {"completed"}
    assert set(accepted) <= {run.id for run in upstream}, "what was answered is kept"
    followers = runs_of(client, "after")
    assert {run.status for run in followers} <= {"completed"}
    # Waiting follow-ups of one trigger merge into one run that lists its causes (FUP-04).
    causes = Counter(cause for run in followers for cause in run.causes)
    assert causes == Counter(run.id for run in upstream)
    for run in upstream:
        assert [line.text for line in client.logs(run.id)] == ["done"]
