"""What is open through a public link or a sign-in: watched, and cut off when that ends (PUB-02).

A link may be revoked, replaced, or its job paused or archived, by whatever way; each of them is a change in the feed,
and signing out wakes whoever watches it. Then one query tells which of what is in use still holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runyard.core.clock import Clock
from runyard.core.store import accounts, links
from runyard.core.store.engine import Database
from runyard_server.app_pages import unknown_page
from runyard_server.streams import ChangeHub

log = logging.getLogger(__name__)

CUT_CODE = 4403
"""Close code of a socket that nobody may have open any more: the private range, for there is no standard one."""

RETRY_SECONDS = 1.0
"""Pause after an error of the database before looking again: well within the 5 s of PUB-02."""


class OpenVisits:
    """Serves what is open through the id of a link or a session, for as long as that works. Used on one event loop."""

    def __init__(self, database: Database, clock: Clock, changes: ChangeHub) -> None:
        self._database, self._clock, self._changes = database, clock, changes
        self._visits: defaultdict[str, set[_Visit]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None
        self._news: asyncio.Event | None = None

    async def serve(self, through: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an application answer one request or socket; cut it off with what it came `through`."""
        visit = _Visit(send)
        with self._watched(through, visit):
            serving = asyncio.create_task(_serve(app, scope, receive, visit.send))
            ending = asyncio.create_task(visit.is_over.wait())
            try:
                await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not serving.done():
                    serving.cancel()
                    await visit.cut(scope, receive)
            finally:
                ending.cancel()
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving

    @contextmanager
    def _watched(self, through: str, visit: _Visit) -> Iterator[None]:
        self._visits[through].add(visit)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        elif self._news is not None:
            self._news.set()  # it may have ended since it was looked up
        try:
            yield
        finally:
            self._visits[through].discard(visit)
            if not self._visits[through]:
                del self._visits[through]
            if not self._visits and self._watching is not None:
                self._watching.cancel()
                self._watching = self._news = None

    async def _watch(self) -> None:
        """Look at what is in use, now and after each change, until nothing is."""
        with self._changes.watching() as self._news:
            while True:
                self._news.clear()  # before looking: what comes later is announced later
                in_use = list(self._visits)
                try:
                    working = await run_in_threadpool(self._working, in_use)
                except Exception:  # whatever it is: a watch that ended would leave open what was taken away
                    log.exception("what is open could not be looked up; trying again in %s s", RETRY_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                for ended in set(in_use) - working:
                    for visit in self._visits.get(ended, ()):
                        visit.is_over.set()
                await self._news.wait()

    def _working(self, ids: Collection[str]) -> set[str]:
        """Return which of these are links that open their app now, or browsers that are signed in."""

        def work(connection: Connection) -> set[str]:
            signed_in = accounts.signed_in(connection, ids, self._clock.now())
            return links.working(connection, ids) | signed_in

        return self._database.read(work)


class _Visit:
    """One request or socket; `is_over` when it has to end."""

    def __init__(self, send: Send) -> None:
        self.is_over = asyncio.Event()
        self._send = send
        self._has_begun = self._has_ended = False

    async def send(self, message: Message) -> None:
        """Pass a message on, unless nothing may follow."""
        if self._has_ended:
            return
        self._has_begun = True
        self._has_ended = message["type"] == "websocket.close"
        await self._send(message)

    async def cut(self, scope: Scope, receive: Receive) -> None:
        """Let nothing more pass. What has begun stays without an end, so that nobody takes half of it for all."""
        if self._has_ended:
            return
        self._has_ended = True
        if scope["type"] == "websocket":
            reason = "What this was opened with does not work any more."
            await self._send({"type": "websocket.close", "code": CUT_CODE, "reason": reason})
        elif not self._has_begun:
            await unknown_page()(scope, receive, self._send)


async def _serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
