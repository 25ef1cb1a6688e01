"""A feed that could not be made yet, as there is no such job or no answer: the widget says so, and tries again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from runyard.core.errors import InvalidInput, RunyardError
from runyard_server.client.feeds.log import LogFeed
from runyard_server.client.feeds.state import StateFeed
from runyard_server.client.streaming import patiently
from runyard_widgets.feeds import Frame

Make = Callable[[], LogFeed | StateFeed]


class LateFeed:
    """The feed that `make` returns as soon as it does; until then `refusal` is why it did not."""

    def __init__(self, make: Make, refusal: RunyardError) -> None:
        self._make = make
        self._refusal = refusal
        self._made: LogFeed | StateFeed | None = None

    def now(self) -> Frame:
        """Raises: RunyardError, also why the feed could not be made: a widget asks this at once, so it is not tried."""
        if self._made is None:
            raise self._refusal
        return self._made.now()

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield what the feed does, once the server answers. Raises: RunyardError if it refuses."""
        feed = await patiently(self._feed)
        async with aclosing(feed.frames()) as frames:
            async for frame in frames:
                yield frame

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        """Raises: ValueError, RunyardError."""
        feed = await patiently(self._feed)
        return await feed.ask(request)

    def _feed(self) -> LogFeed | StateFeed:
        if self._made is None:
            self._made = self._make()
        return self._made


def feed_of(make: Make) -> LogFeed | StateFeed | LateFeed:
    """Return the feed that `make` returns, or one that says why there is none.

    An app shows no errors of its cells to those who use it, so what only the server can know is the widget's to say.
    Raises: InvalidInput, as that is its author's to know.
    """
    try:
        return make()
    except InvalidInput:
        raise
    except RunyardError as refusal:
        return LateFeed(make, refusal)
