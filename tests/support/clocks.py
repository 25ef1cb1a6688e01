"""Clocks that a test turns by hand: one stands still in between, two go on with the machine's."""

from __future__ import annotations

import threading

from tests.support.patience import PATIENCE_SECONDS

from runyard.core.clock import MICROSECONDS, SystemClock


class StillClock(SystemClock):
    """A clock that shows what it was set to, in microseconds UTC, until somebody sets or turns it."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def set(self, now: int) -> None:
        """Show another time, which may be earlier."""
        self._now = now

    def turn(self, seconds: int) -> None:
        self._now += seconds * MICROSECONDS


class UnhurriedClock(SystemClock):
    """The machine's clock, for which no wait ends by itself: whoever does something was woken to do it."""

    def wait(self, event: threading.Event, timeout_seconds: float | None) -> bool:  # noqa: ARG002 - as the protocol
        return event.wait(PATIENCE_SECONDS)


class TurnedClock(SystemClock):
    """The machine's clock, turned forward."""

    def __init__(self, seconds: int = 0) -> None:
        self._turned = seconds * MICROSECONDS

    def now(self) -> int:
        return super().now() + self._turned

    def turn(self, seconds: int) -> None:
        self._turned += seconds * MICROSECONDS
