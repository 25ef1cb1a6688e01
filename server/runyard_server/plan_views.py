"""What is foreseen, as the wire shows it. What happens when is `core.preview`; rows of the store are in `views`."""

from __future__ import annotations

from collections.abc import Mapping

from runyard.core.facts import JobFacts
from runyard.core.preview import Firing, ForeseenRun, Preview, Situation
from runyard_server import schemas
from runyard_server.views import instant, instant_or_none


def plan(situation: Situation, seen: Preview) -> schemas.Plan:
    """Show what happens in a workspace."""
    return {
        "now": instant(seen.now),
        "until": instant(seen.until),
        "is_cut": seen.is_cut,
        "jobs": [_job(job, situation.seconds) for job in situation.jobs.values()],
        "open_runs": [_run(run) for run in seen.runs if run.created_at < seen.now],
        "firings": [_firing(firing) for firing in seen.firings],
    }


def next_firings(seen: Preview) -> schemas.NextFirings:
    """Show what happens to one job."""
    return {
        "now": instant(seen.now),
        "until": instant(seen.until),
        "is_cut": seen.is_cut,
        "items": [_firing(firing) for firing in seen.firings],
    }


def _job(job: JobFacts, seconds: Mapping[str, float]) -> schemas.PlannedJob:
    definition = job.definition
    return {
        "id": job.job_id,
        "job_ref": definition.job_ref,
        "name": definition.name,
        "job_type": definition.entry_point.job_type,
        "timezone": definition.timezone,
        "triggers": list(definition.triggers),
        "concurrency": definition.concurrency,
        "usual_seconds": seconds.get(job.job_id),
        "is_paused": job.paused,
        "is_range_complete": job.range is not None and job.range.is_complete(job.done_until),
        "next_scheduled_run_at": instant_or_none(job.next_due_at),
    }


def _firing(firing: Firing) -> schemas.Firing:
    decision, change = firing.decision, firing.clock_change
    return {
        "job_id": decision.job_id,
        "at": instant(firing.at),
        "tick_at": instant_or_none(decision.tick_at),
        "trigger": decision.trigger,
        "outcome": decision.outcome,
        "because": decision.because,
        "run": None if firing.run is None else _run(firing.run),
        "clock_change": None
        if change is None
        else {"at": instant(change.at), "seconds": change.seconds, "skipped": list(firing.skipped)},
    }


def _run(run: ForeseenRun) -> schemas.ForeseenRun:
    window = run.window
    return {
        "id": run.run_id,
        "job_id": run.job_id,
        "trigger": run.trigger,
        "created_at": instant(run.created_at),
        "starts_at": instant_or_none(run.claimed_at),
        "ends_at": instant_or_none(run.ends_at),
        "interval_start": None if window is None else instant(window.start),
        "interval_end": None if window is None else instant(window.end),
        "refresh": run.refresh,
    }
