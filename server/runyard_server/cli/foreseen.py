"""What is foreseen, in words: what `job next` and `plan` both say of a decision that is to come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from rich.text import Text

from runyard.core import time_words
from runyard.core.outcomes import Outcome
from runyard_server.cli.output import short_duration
from runyard_server.client import ClockChange, Firing

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

WAITS_SECONDS = 1.0
"""A run that waits for less than this starts at once."""


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
        said.append(f"\n{clock_change(firing.clock_change)}", "yellow")
    return said


def clock_change(change: ClockChange) -> str:
    """Return what a change of clocks means for a tick."""
    direction = "forward" if change.seconds > 0 else "back"
    moved = f"clocks go {direction} {time_words.span(change.seconds)}"
    if change.skipped:
        skipped = " and ".join(change.skipped)
        verb = "does" if len(change.skipped) == 1 else "do"
        return f"{skipped} {verb} not exist that day: {moved}; it runs right after"
    return f"first after {moved}"


def _word(firing: Firing) -> str:
    run = firing.run
    match firing.outcome:
        case Outcome.FIRED | Outcome.LIMITED if run is not None and run.waits_seconds >= WAITS_SECONDS:
            return f"waits {short_duration(run.waits_seconds)} for a slot"
        case Outcome.FIRED:
            return "runs"
        case Outcome.LIMITED:
            return "waits for a slot"
        case Outcome.COALESCED | Outcome.MERGED:
            return "joins the run that waits"
        case Outcome.WAITING:
            return "waits for upstream"
        case Outcome.NOT_FRESH:
            return "nothing runs"
    return firing.outcome
