"""The directory of one attempt: which files it has and the two protocols on them. Not what is in the log.

    spec.json   what to start, written by the engine; gone once the shim has read it, for it holds secrets
    lock        there: the attempt was started. Held (flock): its shim is alive. Content: who holds it
    log         one record a line, see `attempt_log`
    log.idx     sparse index of the log; absent while the log is short
    exit.json   the exit report, written last; there: the attempt has ended and its log is complete

A reader asks in this order: exit.json, else lock held, else exit.json again (it may have ended in between),
else lost.
"""

# The keeper does without pathlib, which would double what it imports.
# ruff: noqa: PTH104, PTH108, PTH110, PTH123

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import Any, TypedDict

from . import linux

SPEC, LOCK, LOG, INDEX, EXIT = "spec.json", "lock", "log", "log.idx", "exit.json"

_EXIT_BYTES = 4096
"""Room kept for the exit report from the start, so that a disk that fills up later cannot lose it."""


class Spec(TypedDict):
    """What to start and how to watch it."""

    attempt: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    timeout_seconds: float | None
    grace_seconds: float
    log_limit_bytes: int
    notify: str
    """Path of the datagram socket to tell of new log records."""


class Holder(TypedDict):
    """Who holds the lock: a shim, by an identity that no later process can have.

    `started_at` is in microseconds UTC.
    """

    pid: int
    start_ticks: int
    boot_id: str
    started_at: int


def read_json(directory: str, name: str) -> Any:
    """Return the content of a JSON file of the attempt; None if there is none, or none is left."""
    try:
        with open(f"{directory}/{name}", encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):  # a power failure may leave an empty file
        return None


def write_spec(directory: str, spec: Spec) -> None:
    """Write what to start, readable for its owner only, at once or not at all."""
    descriptor = os.open(f"{directory}/{SPEC}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    os.rename(f"{directory}/{SPEC}.tmp", f"{directory}/{SPEC}")


def claim(directory: str) -> int:
    """Begin the attempt's only life; return the descriptor that holds its lock until it is closed.

    The lock is taken under another name and then linked to its own. So it is held from the first instant at
    which anybody can see it, exactly one of many can win, and a reader that tests it never stands in a
    starter's way.

    Raises: FileExistsError if the attempt was started before.
    """
    private = f"{directory}/{LOCK}.{os.getpid()}"
    descriptor = os.open(private, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        holder = Holder(
            pid=os.getpid(),
            start_ticks=linux.start_ticks(os.getpid()),
            boot_id=linux.boot_id(),
            started_at=time.time_ns() // 1000,
        )
        os.write(descriptor, json.dumps(holder).encode())
        os.link(private, f"{directory}/{LOCK}")
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        os.unlink(private)
    return descriptor


def was_started(directory: str) -> bool:
    """Return whether anybody ever claimed the attempt."""
    return os.path.exists(f"{directory}/{LOCK}")


def is_held(directory: str) -> bool:
    """Return whether the attempt's shim is alive."""
    try:
        descriptor = os.open(f"{directory}/{LOCK}", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two readers do not take each other for the shim.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


class ExitFile:
    """The exit report: room for it now, its content at the end, visible at once or not at all."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._file = os.open(f"{directory}/{EXIT}.tmp", os.O_WRONLY | os.O_CREAT, 0o600)
        with contextlib.suppress(OSError):
            os.write(self._file, b" " * _EXIT_BYTES)

    def publish(self, report: dict[str, Any]) -> None:
        """Write the report so that it survives a power failure."""
        os.pwrite(self._file, json.dumps(report).encode().ljust(_EXIT_BYTES), 0)
        os.fsync(self._file)
        os.rename(f"{self._directory}/{EXIT}.tmp", f"{self._directory}/{EXIT}")
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)
