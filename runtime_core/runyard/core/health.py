"""Where an app listens, and whether it answers there. On loopback only: nothing else reaches an app directly."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable

from runyard.core.clock import Clock

LOOPBACK = "127.0.0.1"

START_LIMIT_SECONDS = 120.0
"""How long an app may take until it answers: a notebook server with heavy imports on a busy machine takes 20 s."""

PROBE_EVERY_SECONDS = 0.1
"""Pause between questions: nobody notices it, and a refused connection costs far less than a millisecond."""

PROBE_TIMEOUT_SECONDS = 5.0
"""How long one question may take: whoever accepts connections but is still busy is asked again."""


def free_port() -> int:
    """Return a port that nobody listens on now. Whoever is to have it should take it soon."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """Return whether something speaks HTTP on this port; what it says does not matter."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def until_it_answers(port: int, is_over: Callable[[], bool], clock: Clock) -> bool:
    """Wait until a starting app answers; return False when it `is_over` first, or after `START_LIMIT_SECONDS`."""
    give_up_at = clock.monotonic() + START_LIMIT_SECONDS
    never = threading.Event()
    while not is_over():
        if answers(port):
            return True
        if clock.monotonic() > give_up_at:
            return False
        clock.wait(never, PROBE_EVERY_SECONDS)
    return False
