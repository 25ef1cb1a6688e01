"""Runs and jobs as rows of a widget: plain JSON, instants in milliseconds UTC, what is absent null."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from runyard.core.job_refs import short_name
from runyard.core.triggers import in_words
from runyard_server.client.models import Job, Run

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def run_row(run: Run) -> Row:
    """Return a run; its trigger in words, or that somebody started it."""
    return {
        "id": run.id,
        "number": run.number,
        "job": run.job_ref,
        "status": run.status,
        "trigger": run.because,
        "profile": run.profile,
        "created_at": milliseconds(run.created_at),
        "started_at": milliseconds(run.started_at),
        "finished_at": milliseconds(run.finished_at),
        "reason": run.reason,
        "message": run.message,
    }


def job_row(job: Job, who: Callable[[str], str]) -> Row:
    """Return a job; its triggers in words, its recent runs oldest first. `who` says what a user is called by id.

    One that the server cannot read is described by why.
    """
    definition, override = job.definition, job.schedule_override
    replaced = override and override.replaces
    return {
        "id": job.id,
        "ref": job.job_ref,
        "name": short_name(job.job_ref),
        "title": definition.display_name,
        "kind": job.job_type,
        "triggers": [in_words(trigger, definition.timezone) for trigger in definition.triggers],
        "next_at": milliseconds(job.next_scheduled_run_at),
        "timezone": definition.timezone,
        "is_paused": job.is_paused,
        "paused_at": milliseconds(job.paused_at),
        "paused_by": who(job.paused_by) if job.paused_by else None,
        "override": override
        and {
            "at": milliseconds(override.set_at),
            "by": who(override.set_by),
            "replaces": in_words(replaced, definition.timezone) if replaced else None,
        },
        "is_archived": job.is_archived,
        "tags": list(definition.tags),
        "pipeline": definition.pipeline_name,
        "description": job.unreadable or job.description,
        "url": job.job_url,
        "recent": [{"id": run["id"], "status": run["status"]} for run in reversed(job.recent_job_runs)],
        "latest": None if job.latest_run is None else run_row(job.latest_run),
    }


def milliseconds(at: datetime | None) -> int | None:
    """Return an instant as widgets read it, rounded down as clocks are."""
    return None if at is None else (at - _EPOCH) // timedelta(milliseconds=1)
