"""What is wrong with the times a job declares, and whether any of them is still to come.

Pure; needs a cron library, which is why `manifest` leaves it out.
The server asks at every deploy, `checking` before one.
"""

from __future__ import annotations

from collections.abc import Collection

from runyard.core.errors import InvalidTrigger
from runyard.core.facts import JobFacts
from runyard.core.intervals import MIN_EVERY_SECONDS, Cron, Every, Once, Range, check_every, resolve_range
from runyard.core.jobs import JobDefinition
from runyard.core.planning import due_after
from runyard.core.ticks import check_schedule


def check_times(job: JobDefinition, min_every_seconds: float = MIN_EVERY_SECONDS) -> list[str]:
    """Return what the author should hear about the times of a job, each a sentence that names it.

    Raises: InvalidTrigger, InvalidInterval. Source: IVL-07, TRG-16.
    """
    view = JobFacts(job_id="", workspace_id="", definition=job, anchor_at=0)
    for trigger, schedule in view.timed:
        try:
            if isinstance(schedule, Cron):
                check_schedule(schedule.expr, schedule.timezone)
            elif isinstance(schedule, Every):
                check_every(schedule.period_seconds, min_every_seconds)
        except InvalidTrigger as error:
            raise InvalidTrigger(f"`{trigger}`: {error.cause}", error.remedy) from error
    if job.interval is None:
        return []
    resolved = resolve_range(job.interval, view.schedule, job.timezone)
    return [f"{job.job_ref}: {warning}" for warning in resolved.warnings]


def range_if_planned(job: JobFacts) -> Range | None:
    """Return the range of a job, once it is known that its times can be told.

    Raises: InvalidInput if they cannot: its zone may be one that this machine does not know.
    """
    due_after(job, 0)
    return job.range


def schedule_ended(job: JobFacts) -> str | None:
    """Return why the clock starts a job no more, `range_complete` or `elapsed`; None if it will, or never did.

    Source: IVL-08, TRG-17.
    """
    if job.archived or not job.timed:
        return None
    if job.range is not None and job.range.is_complete(job.done_until):
        return "range_complete"
    return "elapsed" if job.next_due_at is None else None


def elapsed(job: JobDefinition, known: Collection[str], now: int) -> list[str]:
    """Return a sentence for each `once` that has passed before its first deploy; `known` are triggers it had before.

    Source: TRG-17.
    """
    view = JobFacts(job_id="", workspace_id="", definition=job, anchor_at=now)
    return [
        f"{job.job_ref}: `{trigger}` has passed, so it never fires."
        for trigger, schedule in view.timed
        if isinstance(schedule, Once) and schedule.at <= now and trigger not in known
    ]
