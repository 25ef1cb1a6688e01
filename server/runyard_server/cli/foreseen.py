"""What is foreseen, in words: what `job next` and `plan` both say of a decision that is to come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from rich.text import Text

from runyard.core import time_words
from runyard.core.outcomes import Outcome
from runyard_server.cli.output import short_duration
from runyard_server.client import Firing

STYLES: Mapping[str, str] = {
    Outcome.FIRED: "green",
    Outcome.LIMITED: "yellow",
    Outcome.COALESCED: "yellow",
    Outcome.MERGED: "yellow",
    Outcome.WAITING: "yellow",
    Outcome.NOT_FRESH: "magenta",
    Outcome.PAUSED: "dim",
    Outcome.SKIPPED: "dim",
}
"""Colour of what becomes of a tick or event; a word says it too."""


def what(firing: Firing, zone: tzinfo) -> Text:
    """Return what becomes of a tick or event, and what there is to know about it."""
    said = Text(_word(firing), STYLES.get(firing.outcome, ""))
    if firing.outcome in (Outcome.WAITING, Outcome.NOT_FRESH):
        said.append(f": {time_words.in_words(firing.because, zone, firing.at)}", "default")
    elif firing.run is None:
        said.append(f": {firing.because}", "default")
    if firing.run is not None and firing.run.refresh and firing.outcome in (Outcome.FIRED, Outcome.LIMITED):
        said.append(", loads from scratch", "default")
    if firing.clock_change is not None:
        said.append(f"\n{firing.clock_change.in_words}", "yellow")
    return said


def _word(firing: Firing) -> str:
    run = firing.run
    if firing.outcome in (Outcome.FIRED, Outcome.LIMITED) and run and run.waits:
        return f"waits {short_duration(run.waits_seconds)} for a slot"
    return firing.becomes
