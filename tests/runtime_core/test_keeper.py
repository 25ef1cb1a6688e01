"""The keeper as a process of its own, spoken to as the engine does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.attempts import wait_gone
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.node import attempt_dir, keeper
from runyard.core.node.attempt_dir import Spec

NODE = Path(keeper.__file__).parent


class Keeper:
    """A keeper and the engine's end of its connection."""

    def __init__(self) -> None:
        self.connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.settimeout(PATIENCE_SECONDS)
        with other:
            argv = [sys.executable, "-I", "-S", str(NODE)]
            self.process = subprocess.Popen(argv, stdin=other.fileno(), env={}, start_new_session=True)

    def ask(self, directory: Path) -> bytes:
        self.connection.send(os.fsencode(directory))
        return self.connection.recv(keeper.ANSWER_BYTES)

    def close(self) -> None:
        self.connection.close()
        self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def started() -> Iterator[Keeper]:
    one = Keeper()
    yield one
    one.close()


def prepare(directory: Path, code: str) -> Path:
    """Write an attempt to be started."""
    directory.mkdir()
    spec = Spec(
        attempt="run.1",
        argv=[sys.executable, "-I", "-S", "-c", code],
        env={},
        cwd="/",
        timeout_seconds=None,
        grace_seconds=1.0,
        log_limit_bytes=1_000_000,
        notify=str(directory / "notify"),
    )
    attempt_dir.write_spec(str(directory), spec)
    return directory


def shim_of(directory: Path) -> int:
    """Return a pidfd of the shim that holds the attempt."""
    holder: attempt_dir.Holder = attempt_dir.read_json(str(directory), attempt_dir.LOCK)
    return os.pidfd_open(holder["pid"])


def test_the_keeper_ends_with_its_engine_and_its_shims_do_not(tmp_path: Path, started: Keeper) -> None:
    os.mkfifo(tmp_path / "gate")
    directory = prepare(tmp_path / "1", f"open({str(tmp_path / 'gate')!r}).read()")
    assert started.ask(directory) == keeper.STARTED
    shim = shim_of(directory)
    started.close()
    assert started.process.returncode == 0
    assert attempt_dir.is_held(str(directory))
    with (tmp_path / "gate").open("w"):
        pass
    wait_gone(shim)
    assert attempt_dir.read_json(str(directory), attempt_dir.EXIT)["exit_code"] == 0


# SPEC: SCH-05
def test_of_eight_keepers_asked_for_one_attempt_one_starts_it(tmp_path: Path) -> None:
    keepers = [Keeper() for _ in range(8)]
    os.mkfifo(tmp_path / "gate")
    directory = prepare(tmp_path / "1", f"open({str(tmp_path / 'gate')!r}).read()\nprint('once')")
    for each in keepers:
        each.connection.send(os.fsencode(directory))
    answers = sorted(each.connection.recv(keeper.ANSWER_BYTES) for each in keepers)
    shim = shim_of(directory)
    with (tmp_path / "gate").open("w"):
        pass
    wait_gone(shim)
    for each in keepers:
        each.close()
    assert answers.count(keeper.STARTED) == 1
    assert all(answer.startswith((b"FileExistsError", b"FileNotFoundError")) for answer in answers[:-1])
    assert (directory / "log").read_bytes().count(b"once\n") == 1


def test_a_start_that_is_refused_says_why_and_the_next_one_works(tmp_path: Path, started: Keeper) -> None:
    assert started.ask(tmp_path / "nowhere").startswith(b"FileNotFoundError")
    directory = prepare(tmp_path / "1", "pass")
    assert started.ask(directory) == keeper.STARTED
    assert attempt_dir.was_started(str(directory))


def test_the_node_side_needs_the_standard_library_only() -> None:
    code = (
        f"import sys; sys.path.append({str(NODE.parent)!r}); import node.keeper\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["__main__", "node"]
