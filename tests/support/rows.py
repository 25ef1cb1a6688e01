"""Runs and jobs as widgets are fed with them, and a feed that says what it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from runyard_widgets.feeds import Frame

NOW_MS = 1_795_348_800_000  # 22 November 2026, 12:00 UTC
MINUTE_MS = 60_000


def run_row(
    number: int, *, job: str = "jobs.flights.load", minutes_ago: int = 0, **changed: Any
) -> dict[str, Any]:
    """Return a completed run that waited one second and took a minute."""
    created_at = NOW_MS - minutes_ago * MINUTE_MS
    return {
        "id": f"{job.rpartition('.')[2]}-{number}",
        "number": number,
        "job": job,
        "status": "completed",
        "trigger": "every hour",
        "profile": "prod",
        "created_at": created_at,
        "started_at": created_at + 1_000,
        "finished_at": created_at + 1_000 + MINUTE_MS,
        "reason": None,
        "message": None,
        **changed,
    }


def job_row(name: str, **changed: Any) -> dict[str, Any]:
    """Return a batch job that runs every hour and has never run."""
    return {
        "id": f"id-{name}",
        "ref": f"jobs.flights.{name}",
        "name": name,
        "title": None,
        "kind": "batch",
        "triggers": ["every hour"],
        "next_at": NOW_MS + MINUTE_MS,
        "timezone": "UTC",
        "is_paused": False,
        "paused_at": None,
        "paused_by": None,
        "override": None,
        "is_archived": False,
        "tags": [],
        "pipeline": None,
        "description": "",
        "url": "",
        "recent": [],
        "latest": None,
        **changed,
    }


def runs_frame(rows: Iterable[Mapping[str, Any]], *, is_all: bool = False, **more: Any) -> Frame:
    """Return a frame of changed runs."""
    return Frame({"kind": "runs", "rows": list(rows), "gone": [], "is_all": is_all, "now": NOW_MS, **more})


def jobs_frame(rows: Iterable[Mapping[str, Any]], *, is_all: bool = False, **more: Any) -> Frame:
    """Return a frame of changed jobs."""
    return Frame({"kind": "jobs", "rows": list(rows), "gone": [], "is_all": is_all, "now": NOW_MS, **more})


class Told:
    """A feed with one state and the changes it is given."""

    def __init__(self, now: Frame, *changes: Frame) -> None:
        self._now = now
        self._changes = changes

    def now(self) -> Frame:
        return self._now

    async def frames(self) -> AsyncIterator[Frame]:
        yield self._now
        for change in self._changes:
            yield change

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        raise ValueError(f"Nothing answers {request}.")
