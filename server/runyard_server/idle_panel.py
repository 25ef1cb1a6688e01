"""Stops the control panel while nobody looks at it: a Python process with a notebook, and there again in seconds."""

from __future__ import annotations

import logging
import threading

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.errors import RunyardError
from runyard.core.runs import RunStatus
from runyard.core.system_job import SystemJob
from runyard_server.socket_counts import SocketCounts

log = logging.getLogger(__name__)

IDLE_SECONDS = 30 * 60
"""How long the panel waits for somebody: a lunch with the laptop closed costs nobody the start."""

LOOK_EVERY_SECONDS = 60.0
"""Between two looks: one small read, and a minute more or less of an idle process is nothing."""


class IdlePanel:
    """Ends the panel when no socket of it has been open for `IDLE_SECONDS`. Whoever opens it then starts it again."""

    def __init__(self, panel: SystemJob, sockets: SocketCounts, clock: Clock) -> None:
        self._panel, self._sockets, self._clock = panel, sockets, clock
        self._in_use: tuple[str, int] | None = None  # which run, and when it was last seen so
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="idle-panel", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more. The panel goes on."""
        self._is_over.set()
        self._thread.join()

    def look(self) -> None:
        """Stop the panel if its time is over; a run that is seen for the first time has all of it."""
        run = self._panel.newest_run()
        if run is None or run["status"] != RunStatus.RUNNING:
            return
        now = self._clock.now()
        if self._sockets.of(run["id"]) or self._in_use is None or self._in_use[0] != run["id"]:
            self._in_use = (run["id"], now)
        elif now - self._in_use[1] >= IDLE_SECONDS * MICROSECONDS:
            log.info("nobody has the control panel open: it stops until somebody does")
            self._panel.stop()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.look()
            except RunyardError:
                log.exception("could not look after the panel; trying again in %s s", LOOK_EVERY_SECONDS)
            self._clock.wait(self._is_over, LOOK_EVERY_SECONDS)
