"""`runyard dev` as a process of its own: what it says, what it leaves alone, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import httpx
import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import RUNYARD, DevServer, dev_server, environment, lasting_port
from tests.support.workspaces import make_workspace

from runyard_server.client import Client, LogLine
from runyard_server.client.connection import credentials_path, read_credential

JOBS = """
from runyard import run

@run.job()
def wait(gate: str):
    print("waiting", flush=True)
    with open(gate) as opened:
        print("went through", opened.read(), flush=True)

__all__ = ["wait"]
"""

FILES = {
    "pyproject.toml": '[project]\nname = "my-project"\nversion = "1"\n',
    "__deployment__.py": JOBS,
    ".dlt/config.toml": "",
    ".dlt/prod.config.toml": "",
}


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A fifo at which the job waits until a test writes to it."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def client_of(server: DevServer, home: Path) -> Client:
    origin = server.said["server"]
    return Client(origin, read_credential(origin, environment(home)), server.said["workspace"])


def wait_for_deploy(server: DevServer) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        if line.startswith("Ctrl-C"):
            return
    raise AssertionError("the server ended")


def start(client: Client, gate: Path) -> tuple[str, Iterator[LogLine]]:
    """Return a run that waits at the gate, and its log after the first line."""
    (started,) = client.trigger(["wait"], config={"gate": str(gate)}).started
    assert started.run is not None
    lines = client.follow(started.run.id)
    assert next(lines).text == "waiting"
    return started.run.id, lines


# SPEC: CLI-30, AUT-05, AUT-09
def test_it_starts_without_jobs_and_writes_nothing_into_the_directory(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    with dev_server(root, tmp_path, "--data-dir", str(tmp_path / "data")) as server:
        assert httpx.get(server.said["owner_url"], timeout=PATIENCE_SECONDS).status_code == 200
        assert server.said["workspace"] == "plain"
        with client_of(server, tmp_path) as client:
            assert [workspace.name for workspace in client.workspaces()] == ["plain"]
            assert list(client.jobs()) == []
        assert credentials_path(environment(tmp_path)).stat().st_mode & 0o077 == 0
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
        assert server.stop(signal.SIGINT) == 130, "its panel, which the address has started, ends with it"
    assert list(root.iterdir()) == []


# SPEC: CLI-30, SCH-09
def test_a_workspace_is_deployed_and_a_second_server_refused(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "workspace", FILES)
    before = sorted(root.rglob("*"))
    data = ["--data-dir", str(tmp_path / "data")]
    with dev_server(root, tmp_path, *data) as server:
        wait_for_deploy(server)
        with client_of(server, tmp_path) as client:
            assert client.workspace.name == "my-project"
            assert client.job("wait").deployment_module == "__deployment__"
        assert sorted(root.rglob("*")) == before
        second = subprocess.run(
            [*RUNYARD, "dev", str(root), "--port", "0", "--no-open", *data],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert second.returncode == 7
        assert "Another runyard server" in second.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothere"], 2, "does not exist"),
        ([".", "--data-dir", "taken"], 7, "cannot be the data directory: File exists."),
        ([".", "--data-dir", "taken/data"], 7, "cannot be the data directory: Not a directory."),
        (["--demo", "--data-dir", "taken/data"], 7, "cannot be the data directory: Not a directory."),
    ],
)
# SPEC: CLI-44
def test_a_place_that_cannot_be_is_refused_at_once(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "taken").touch()
    ended = subprocess.run(
        [*RUNYARD, "dev", "--port", "0", "--no-open", *words],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


# SPEC: CLI-30
def test_a_broken_module_is_said_and_the_server_stays_up(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path / "workspace", {**FILES, "__deployment__.py": "raise RuntimeError('boom')"}
    )
    with dev_server(root, tmp_path, "--data-dir", str(tmp_path / "data")) as server:
        wait_for_deploy(server)
        with client_of(server, tmp_path) as client:
            assert list(client.jobs()) == []


# SPEC: SCH-04
def test_ctrl_c_asks_the_jobs_to_stop(tmp_path: Path, gate: Path) -> None:
    root = make_workspace(tmp_path / "workspace", FILES)
    data = ["--data-dir", str(tmp_path / "data")]
    with dev_server(root, tmp_path, *data) as server:
        wait_for_deploy(server)
        with client_of(server, tmp_path) as client:
            run_id, _ = start(client, gate)
        assert server.stop(signal.SIGINT) == 130
    with dev_server(root, tmp_path, *data) as server, client_of(server, tmp_path) as client:
        assert client.wait(run_id).status == "cancelled"


# SPEC: CLI-30, AUT-09
def test_it_ends_with_a_fresh_address_and_how_other_terminals_find_it(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "workspace", FILES)
    with dev_server(root, tmp_path, "--data-dir", str(tmp_path / "data")) as server:
        assert server.process.stderr is not None
        said = list(takewhile(lambda line: not line.startswith("Ctrl-C"), server.process.stderr))
        address = said[-2].split()[-1]
        assert said[-1] == f"In other terminals: export RUNYARD_SERVER={server.said['server']}\n"
        assert address != server.said["owner_url"]
        assert httpx.get(address, timeout=PATIENCE_SECONDS).status_code == 200
        assert server.stop(signal.SIGINT) == 130, "its panel, which the address has started, ends with it"


# SPEC: SCH-04
def test_ctrl_c_pressed_again_and_again_ends_without_a_traceback(tmp_path: Path, gate: Path) -> None:
    root = make_workspace(tmp_path / "workspace", FILES)
    with dev_server(root, tmp_path, "--data-dir", str(tmp_path / "data")) as server:
        wait_for_deploy(server)
        with client_of(server, tmp_path) as client:
            start(client, gate)
        assert server.process.stderr is not None
        server.process.send_signal(signal.SIGINT)
        assert "Stopping 1 run.\n" in server.process.stderr, "it says so before it waits"
        for _ in range(2):
            server.process.send_signal(signal.SIGINT)
        assert server.process.stderr.read() == ""
    with suppress(OSError):  # nobody waits there if the server stayed long enough to stop the job
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGTERM, 0, marks=pytest.mark.slow), (signal.SIGKILL, -9)]
)
# SPEC: SCH-04, SCH-05, RUN-08
def test_a_followed_log_goes_on_when_the_server_is_stopped_or_killed_and_started_again(
    tmp_path: Path, gate: Path, number: int, code: int
) -> None:
    root = make_workspace(tmp_path / "workspace", FILES)
    options = ["--data-dir", str(tmp_path / "data"), "--port", str(lasting_port())]
    with dev_server(root, tmp_path, *options) as server:
        wait_for_deploy(server)
        client = client_of(server, tmp_path)
        run_id, lines = start(client, gate)
        assert server.stop(number) == code
    with client, dev_server(root, tmp_path, *options):
        gate.write_text("at last")
        assert [line.text for line in lines] == ["went through at last"]
        assert client.run(run_id).is_completed


# SPEC: SCH-04
def test_a_server_stops_without_a_word_about_those_who_follow_its_changes(tmp_path: Path) -> None:
    with dev_server(tmp_path, tmp_path, "--data-dir", str(tmp_path / "data")) as server:
        with client_of(server, tmp_path) as client:
            path = f"/api/v1/workspaces/{client.workspace.id}/events"
        origin = server.said["server"]
        key = {"authorization": f"Bearer {read_credential(origin, environment(tmp_path))}"}
        with httpx.stream("GET", origin + path, headers=key, timeout=PATIENCE_SECONDS) as changes:
            assert next(changes.iter_bytes()).startswith(b"id: ")
            assert server.stop(signal.SIGTERM) == 0
        assert server.process.stderr is not None
        said = server.process.stderr.read()
    assert said.endswith("Stopped. Jobs that were running go on; the next start finds them again.\n")
    assert "Traceback" not in said
    assert "Cancel" not in said


# SPEC: CLI-30
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demonstration_runs_to_its_end(tmp_path: Path) -> None:
    """Needs the packages of the example, from the cache of uv or from the network."""
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    ended = subprocess.run(
        [*RUNYARD, "--json", "dev", "--demo", "--exit-when-done", "--no-open", "--port", "0"],
        env={**environment(tmp_path), "UV_CACHE_DIR": cache},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "check_weather failed on purpose" in ended.stderr
