"""How many web sockets are open in each interactive run: an open tab of a notebook has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class SocketCounts:
    """Counts open sockets by run. Counted on the event loop; a count may be read from any thread."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def of(self, run_id: str) -> int:
        """Return how many sockets of a run are open now."""
        return self._open[run_id]

    @contextmanager
    def counted(self, run_id: str) -> Iterator[None]:
        """Count one socket while the context is open."""
        self._open[run_id] += 1
        try:
            yield
        finally:
            self._open[run_id] -= 1
            if not self._open[run_id]:
                del self._open[run_id]
