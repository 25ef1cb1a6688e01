"""The only place that reads a clock.

Wall time says when something happened (and may jump); monotonic time says how long it took (and never does).
Whoever needs either takes a `Clock` in the constructor; the simulation hands in one that it turns by hand.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

MICROSECONDS = 1_000_000
"""Microseconds per second: stored instants are whole microseconds since 1970 in UTC."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Reads time and waits on an event for a bounded time."""

    def now(self) -> int:
        """Return the wall time in microseconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""

    def wait(self, event: threading.Event, timeout_seconds: float | None) -> bool:
        """Wait until the event is set, at most `timeout_seconds`; return whether it was set."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_seconds: float | None) -> bool:
        return event.wait(timeout_seconds)


def to_datetime(instant: int) -> datetime:
    """Return a stored instant (microseconds UTC) as an aware datetime."""
    # Not `fromtimestamp(instant / 1e6)`: a float has no room for microseconds of this century.
    return EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> int:
    """Return an aware datetime as a stored instant, in microseconds UTC."""
    assert moment.tzinfo is not None, "a naive datetime names no instant"
    return (moment - EPOCH) // timedelta(microseconds=1)
