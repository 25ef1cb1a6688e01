"""Signing in a browser without an account: a one-time address that becomes a cookie (AUT-09).

Opening the address changes nothing, so that a previewing mail program or a curious proxy cannot spend it;
only the button on its page does. Addresses live in memory: they are for the next minutes, and a restarted
server prints another.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from sqlalchemy import Connection

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.ids import Ids
from runyard.core.store import accounts
from runyard.core.store.engine import Database
from runyard_server.auth import Actor

ADDRESS_SECONDS = 15 * 60
"""How long an address waits to be opened: long enough to find the browser, short for what it gives away."""

SESSION_SECONDS = 30 * 24 * 3600
"""How long a browser stays signed in: a month, as people expect of a tool on their own machine."""

PANEL = "/panel/"
"""Where the control panel is, and where who has signed in arrives."""

ASKED_COOKIE = "runyard_asked"
"""Which page somebody asked for who was not signed in."""

_ASKED = re.compile(r"/(?:w|apps/open)/[\w.~%/-]{1,500}", re.ASCII)
"""Pages that are worth coming back to. Nothing that fits leads to another site or changes anything."""

ADDRESSES_MAX = 100
"""Unspent addresses kept; the oldest goes first, so that printing them in a loop fills no memory."""


def landing(asked: str | None) -> str:
    """Return the path where who has signed in arrives: the page they asked for before, else the panel."""
    return asked if asked is not None and _ASKED.fullmatch(asked) else PANEL


@dataclass(frozen=True, slots=True)
class _Address:
    user_id: str
    expires_at: int


class SignIns:
    """Issues one-time addresses and turns them into sessions."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database, self._clock, self._ids = database, clock, ids
        self._lock = threading.Lock()
        self._addresses: dict[str, _Address] = {}

    def issue(self, user_id: str) -> str:
        """Return the path of a new one-time address; the caller puts an origin before it."""
        token = self._ids.new_token()
        with self._lock:
            while len(self._addresses) >= ADDRESSES_MAX:
                del self._addresses[next(iter(self._addresses))]
            self._addresses[accounts.hash_token(token)] = _Address(
                user_id, self._clock.now() + ADDRESS_SECONDS * MICROSECONDS
            )
        return f"/sign-in?token={token}"

    def is_open(self, token: str) -> bool:
        """Return whether an address can still be used."""
        with self._lock:
            address = self._addresses.get(accounts.hash_token(token))
        return address is not None and address.expires_at > self._clock.now()

    def spend(self, token: str) -> str | None:
        """Use up an address and return the cookie of a new session; None if it was used or has expired."""
        with self._lock:
            address = self._addresses.pop(accounts.hash_token(token), None)
        now = self._clock.now()
        if address is None or address.expires_at <= now:
            return None
        cookie = self._ids.new_token()

        def work(connection: Connection) -> None:
            accounts.create_session(
                connection,
                id=self._ids.new_id(),
                user_id=address.user_id,
                token=cookie,
                expires_at=now + SESSION_SECONDS * MICROSECONDS,
                now=now,
            )

        self._database.write(work)
        return cookie

    def end(self, actor: Actor) -> None:
        """End the session that somebody came with, if it was one."""
        session_id = actor.session_id
        if session_id is not None:
            self._database.write(lambda connection: accounts.end_session(connection, session_id))
