"""Threads that take turns: each runs until it waits, and whoever holds the others chooses which goes on.

A strand has a stack of its own, so the real loops of a server run in it unchanged, and one that is crashed stops
where it stands, as a thread of a killed process does. Nothing here is parallel: what happens follows from the choices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import greenlet  # type: ignore[import-untyped]


class Crash(BaseException):
    """The process that this ran in is gone. No `Exception`, so that nothing handles it."""


class Strand:
    """One thread of a simulated process. It is ready when its event is set or its deadline has passed."""

    running: Strand | None = None
    """The one that has its turn, None while somebody outside chooses."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._work = work
        self._event: threading.Event | None = None
        self.deadline: float | None = None
        self._stack: Any = greenlet.greenlet(self._run)

    def _run(self) -> None:
        try:
            self._work()
        except Crash:
            pass
        except BaseException as error:
            self.error = error

    @property
    def is_over(self) -> bool:
        return bool(self._stack.dead)

    def is_ready(self, monotonic: float) -> bool:
        """Return whether it has something to do now."""
        if self._event is None or self._event.is_set():
            return True
        return self.deadline is not None and self.deadline <= monotonic

    def resume(self) -> None:
        """Give it its turn, until it waits, steps aside or ends."""
        Strand.running = self
        try:
            self._stack.switch()
        finally:
            Strand.running = None

    def step_aside(self) -> None:
        """Let others go first; from inside."""
        self.wait(None, None)

    def wait(self, event: threading.Event | None, deadline: float | None) -> None:
        """Wait until the event is set or monotonic time has reached the deadline; from inside."""
        self._event, self.deadline = event, deadline
        self._stack.parent.switch()
        self._event, self.deadline = None, None

    def crash(self) -> None:
        """Let it stop where it stands."""
        if self._stack and not self._stack.dead:
            self._stack.throw(Crash)
