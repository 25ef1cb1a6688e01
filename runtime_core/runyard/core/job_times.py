"""What is wrong with the times a job declares. Pure; needs a cron library, which is why `manifest` leaves it out.

The server asks at every deploy, `checking` before one.
"""

from __future__ import annotations

from runyard.core.errors import InvalidTrigger
from runyard.core.facts import JobFacts
from runyard.core.intervals import MIN_EVERY_SECONDS, Cron, Every, check_every, resolve_range
from runyard.core.jobs import JobDefinition
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
