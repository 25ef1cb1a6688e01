"""Clocks that a test turns by hand: one stands still in between, one goes on with the machine's."""

from __future__ import annotations

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


class TurnedClock(SystemClock):
    """The machine's clock, turned forward."""

    def __init__(self, seconds: int = 0) -> None:
        self._turned = seconds * MICROSECONDS

    def now(self) -> int:
        return super().now() + self._turned

    def turn(self, seconds: int) -> None:
        self._turned += seconds * MICROSECONDS
