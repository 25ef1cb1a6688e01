"""What may become of a tick or event, and how far a preview looks: what those share who decide and those who show it.

Pure, and with nothing beside it: the command line reads these words where no server is installed, so they stand apart
from `planning` and `preview`, which decide with them and need a cron library.
"""

from __future__ import annotations

from enum import StrEnum

UPCOMING = 5
"""Firing times that a preview shows (TRG-22)."""

DAYS_MAX = 366
"""The farthest a preview looks: a year has every tick and every clock change."""

USUAL_SECONDS = 60.0
"""How long a run is taken to need while none of its job has completed."""


class Outcome(StrEnum):
    """What became of a tick or event."""

    FIRED = "fired"
    """A run was created and may start at once."""
    LIMITED = "limited"
    """A run was created and waits for a free slot."""
    COALESCED = "coalesced"
    """A run of this trigger waits already; the tick joins it, and its window will cover both."""
    MERGED = "merged"
    """A run of this trigger waits already; the event joins it as a further cause."""
    WAITING = "waiting"
    """An upstream is not fresh; the tick waits for it, as long as its job allows."""
    NOT_FRESH = "not_fresh"
    """An upstream is not fresh; nothing runs, and the next run covers the time."""
    PAUSED = "paused"
    SKIPPED = "skipped"
    RETRIED = "retried"
    """An attempt of a run failed; the run is tried again (`retrying`)."""
