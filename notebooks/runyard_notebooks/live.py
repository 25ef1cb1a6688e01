"""Asks the server beside the loop of the session, and again when something changed.

Small parts of a page are current because cells that read a count run again when it goes up. Lists and logs are widgets
and keep themselves current; re-creating them would lose what the viewer did in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

import marimo as mo

from runyard.core.errors import RunyardError, Unavailable
from runyard_notebooks.fragments import Output
from runyard_notebooks.pages.frame import trouble
from runyard_server.client import Client
from runyard_server.client.streaming import listening

PAUSE_SECONDS = 0.5
"""Between two counts: a page is a few requests, and nobody reads faster."""

IDLE_SECONDS = 30.0
"""After which it counts without a change, as how long ago things were is said in words, mostly of minutes. A count is a
few requests for everybody who looks."""


P = ParamSpec("P")
T = TypeVar("T")


async def ask(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a blocking function answers; what the server refuses ends the cell, which then shows it."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except RunyardError as error:
        raise mo.MarimoStopError(Output(trouble(error))) from None


class Watch:
    """Counts the changes of one workspace at a time, on the loop of the session, which ends it."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._count = tell, 0
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, client: Client) -> None:
        """Count the changes of this client's workspace from now on, and of no other."""
        if client is self._client:
            return
        self.stop()
        self._client = client
        self._task = asyncio.get_running_loop().create_task(self._follow(client))

    def stop(self) -> None:
        """Count no more."""
        if self._task is not None:
            self._task.cancel()

    async def _follow(self, client: Client) -> None:
        """Count until the server refuses to tell more; the cells, which then ask once more, say why."""
        try:
            while True:
                with suppress(Unavailable):
                    await self._count_changes(client)
                await asyncio.sleep(PAUSE_SECONDS)
        except RunyardError:
            self._count_up()

    async def _count_changes(self, client: Client) -> None:
        news = asyncio.Event()
        async with listening(client, news) as (_, changes):
            await news.wait()  # the first says only that the stream is open
            while True:
                # Before the cells are told: what changes while they ask is news again.
                news.clear()
                changes.take()
                self._count_up()
                await asyncio.sleep(PAUSE_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), IDLE_SECONDS)

    def _count_up(self) -> None:
        self._count += 1
        self._tell(self._count)


def counting() -> tuple[Callable[[], int], Watch]:
    """Return what cells read that run again after every change, and the watch that counts the changes.

    marimo thinks that a cell itself changed what changes while it waits for an answer, and lets such a cell be; so
    the last change, that a run is over, might never be shown.
    """
    count, tell = mo.state(0, allow_self_loops=True)
    return count, Watch(tell)
