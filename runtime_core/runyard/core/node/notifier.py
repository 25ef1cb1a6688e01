"""Tells the server that an attempt's log has grown: a datagram with its name, to whoever may be listening.

Lost ones are harmless: the server looks at the sizes of running logs each second.
"""

from __future__ import annotations

import os
import socket

_COALESCE_SECONDS = 0.005
"""Shortest time between two datagrams: a job that prints in a loop costs the server 200 wake-ups a second."""


def short_address(path: str) -> tuple[int, str]:
    """Return a descriptor to keep open and an address for the unix socket at `path`.

    The kernel takes 107 bytes for such an address; a data directory may have a longer name.
    """
    parent, name = os.path.split(path)
    descriptor = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return descriptor, f"/proc/self/fd/{descriptor}/{name}"


class Notifier:
    """Sends at most one datagram per 5 ms. `due_at` (monotonic seconds) is when the next one wants to go."""

    def __init__(self, path: str, attempt: str) -> None:
        self.due_at: float | None = None
        self._directory, self._address = short_address(path)
        self._message = attempt.encode()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._not_before = 0.0

    def grew(self, now: float) -> None:
        """Ask for a datagram, as soon as one may go again."""
        if self.due_at is None:
            self.due_at = max(now, self._not_before)

    def send_due(self, now: float) -> None:
        """Send the datagram that was asked for, if it is time."""
        if self.due_at is None or now < self.due_at:
            return
        self._not_before = now + _COALESCE_SECONDS
        try:
            # By name each time: a restarted server listens on a new socket of the same name.
            self._socket.sendto(self._message, self._address)
            self.due_at = None
        except BlockingIOError:
            self.due_at = self._not_before  # the server has not read the earlier ones yet
        except OSError:
            self.due_at = None  # nobody is listening
