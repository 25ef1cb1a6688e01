"""Facts for planning, made by hand: a job in one line, an instant from a readable text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from runyard.core.clock import from_datetime, to_datetime
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.jobs import parse_job


def at(text: str) -> int:
    """Return the instant of an ISO text; UTC if it names no offset."""
    moment = datetime.fromisoformat(text)
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def far_from(now: int) -> str:
    """Return a daily schedule whose ticks are hours away from now: none comes while a test runs."""
    return f"0 {(to_datetime(now).hour + 12) % 24} * * *"


def window(start: str, end: str) -> Window:
    return Window(at(start), at(end))


def job(
    *triggers: str,
    ref: str = "jobs.etl.load",
    extensions: Mapping[str, Any] | None = None,
    deployed_at: str = "2026-01-01T00:00",
    wire: Mapping[str, Any] | None = None,
    **facts: Any,
) -> JobFacts:
    """Return the facts of a batch job that nothing has happened to; `facts` say what has."""
    definition = parse_job(
        {
            "engine_version": 2,
            "job_ref": ref,
            "entry_point": {"module": "etl", "function": "load", "job_type": "batch", "launcher": "job"},
            "triggers": list(triggers),
            "execute": {"concurrency": 1},
            **(wire or {}),
        },
        extensions,
    )
    return replace(
        JobFacts(job_id=ref, workspace_id="w", definition=definition, anchor_at=at(deployed_at)), **facts
    )
