"""An event loop whose timers a test can stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class PausableLoop(asyncio.SelectorEventLoop):
    """Whatever happens on it while its timers stand still has waited for no time to pass: it happens at once.

    That shows promptness on a machine of any speed, which a limit in seconds does not.
    """

    _stands_at: float | None = None

    def time(self) -> float:
        return super().time() if self._stands_at is None else self._stands_at

    @contextmanager
    def timers_stopped(self) -> Iterator[None]:
        self._stands_at = super().time()
        try:
            yield
        finally:
            self._stands_at = None
