"""Entering an app from the server: a ticket for the way, which the app's host takes once for a cookie of its own.

No cookie is shared between the hosts, so something has to be carried in an address; it is worth nothing soon.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.ids import Ids
from runyard.core.store.accounts import hash_token

TICKET_SECONDS = 30
"""How long a ticket waits: as long as a redirect may take."""

TICKETS_MAX = 1000
"""Unspent tickets kept; the oldest goes first, so that asking for them in a loop fills no memory."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whom a ticket lets into which app. `session_id`: the sign-in with which that ends, if it was asked for by one."""

    user_id: str
    job_id: str
    session_id: str | None
    expires_at: int


class Tickets:
    """Issues tickets, each for one user, one app and one use."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._lock = threading.Lock()
        self._tickets: dict[str, Ticket] = {}

    def issue(self, user_id: str, job_id: str, session_id: str | None) -> str:
        """Return what to carry for a new ticket."""
        token = self._ids.new_token()
        expires_at = self._clock.now() + TICKET_SECONDS * MICROSECONDS
        with self._lock:
            while len(self._tickets) >= TICKETS_MAX:
                del self._tickets[next(iter(self._tickets))]
            self._tickets[hash_token(token)] = Ticket(user_id, job_id, session_id, expires_at)
        return token

    def spend(self, token: str, job_id: str) -> Ticket | None:
        """Use up a ticket and return it; None if it was used, has expired or is for another app."""
        with self._lock:
            ticket = self._tickets.pop(hash_token(token), None)
        if ticket is None or ticket.job_id != job_id or ticket.expires_at <= self._clock.now():
            return None
        return ticket
