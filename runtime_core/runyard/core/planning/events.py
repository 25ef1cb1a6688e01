"""What an event becomes that a job waits for: a deploy, a call of its webhook, the end of another job's run.

Which ends a job waits for is in `ends`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runyard.core.facts import JobFacts
from runyard.core.outcomes import Outcome
from runyard.core.planning.decisions import Decision, NewRun, created, iso
from runyard.core.triggers import JOB_EVENTS, parse_trigger


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a trigger waits for: `cause` is the same each time it is told, `because` says what it was.

    `run_id` is the run that caused it, if one did. What brings input of its own never `merges`.
    """

    cause: str
    because: str
    run_id: str | None = None
    merges: bool = True


def plan_event(job: JobFacts, trigger: str, event: Event, *, facts: Mapping[str, Any]) -> Decision:
    """Return what becomes of an event that one of the job's triggers waits for: a run's end, a deploy, a call.

    A paused or archived job receives nothing (TRG-20, FUP-07). At the limit events of one trigger merge into the run
    that waits, unless each brings something of its own (FUP-04).
    """
    facts = {**facts, "active_runs": job.active_count, "concurrency": job.definition.concurrency}
    caused_by = () if event.run_id is None else (event.run_id,)

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        return Decision(job.job_id, trigger, outcome, because, facts=facts, caused_by=caused_by, **more)

    if job.archived:
        return decided(Outcome.SKIPPED, "The job is no longer deployed.")
    if job.paused:
        return decided(Outcome.PAUSED, "The job is paused.")
    waiting = job.waiting.get(trigger)
    if waiting is not None and event.merges and not job.has_free_slot:
        return decided(
            Outcome.MERGED,
            "An earlier run of this trigger still waits for a slot; it takes this event in.",
            joins=waiting,
        )
    run = NewRun(trigger, event.cause, None, caused_by=caused_by, previous_run_id=event.run_id)
    return created(decided, job, run, event.because)


def plan_missed_events(job: JobFacts, missed: Iterable[str], paused_at: int) -> list[Decision]:
    """Return what makes up for the ends of other jobs that passed while a job was paused: a run per trigger (TRG-20).

    `missed` are the triggers that something was decided about meanwhile.
    """
    because = "What it follows ended while the job was paused; one run makes up for that."
    decisions: list[Decision] = []
    for trigger in job.definition.triggers:
        if trigger in missed and parse_trigger(trigger).type in JOB_EVENTS:
            event = Event(f"{trigger}@paused:{iso(paused_at)}", because)
            decisions.append(plan_event(job, trigger, event, facts={"paused_at": iso(paused_at)}))
            job = replace(job, waiting_count=job.waiting_count + 1)
    return decisions
