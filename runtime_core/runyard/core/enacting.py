"""Writes down what planning decided. The only way a run is created; how one ends is `settling`.

Everything here happens inside a transaction of the caller, so what was true when it was decided is still true when it
is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from runyard.core import profiles
from runyard.core.errors import InvalidInput
from runyard.core.ids import Ids
from runyard.core.jobs import JobDefinition
from runyard.core.outcomes import Outcome
from runyard.core.planning import Decision, cause_of_tick
from runyard.core.store import decisions, new_runs, runs
from runyard.core.store.engine import take_back
from runyard.core.triggers import TriggerType

log = logging.getLogger(__name__)

T = TypeVar("T")

OF_ONE_JOB = (InvalidInput, DataError, IntegrityError, UnicodeError, OverflowError)
"""Errors of writing down decisions that lie in what is written, so that it is no use to write it again."""

_ONCE = f"{TriggerType.ONCE}:"


def enact(
    connection: Connection,
    planned: Sequence[Decision],
    definitions: Mapping[str, JobDefinition],
    *,
    ids: Ids,
    now: int,
    profile: str | None = None,
    config: Mapping[str, Any] | None = None,
    user_id: str | None = None,
) -> list[str | None]:
    """Write decisions and the runs they create; return for each the run it created or joined, None without one.

    Shape: `definitions` are those of the jobs, by id. A cause that has its run already is written nowhere: another
    wake-up was first (TRG-18). Hundreds of decisions take as many statements as one.
    """
    if not planned:
        return []
    versions = new_runs.versions_now(connection, {decision.job_id for decision in planned})
    run_ids = [decision.joins if decision.run is None else ids.new_id() for decision in planned]
    decided = list(zip(planned, run_ids, strict=True))
    wanted = []
    for decision, run_id in decided:
        if decision.run is not None and run_id is not None:
            definition, made_of = definitions[decision.job_id], versions[decision.job_id]
            chosen = profiles.choose(
                definition.entry_point.job_type, made_of.profiles, required=definition.profile, given=profile
            )
            wanted.append(new_runs.Wanted(run_id, decision.job_id, decision.run, made_of, chosen.profile))
    created = new_runs.create(connection, wanted, config=config or {}, user_id=user_id, now=now)
    runs.add_causes(
        connection, ((d.joins, cause) for d in planned if d.joins is not None for cause in d.caused_by)
    )
    runs.stand_for(connection, _joined_by_once(planned))
    too_late = {each.run_id for each in wanted} - created
    decisions.record(
        connection,
        [
            decisions.Decided(versions[decision.job_id].workspace_id, decision, run_id)
            for decision, run_id in decided
            if run_id not in too_late
        ],
        now,
    )
    return [None if run_id in too_late else run_id for run_id in run_ids]


def _joined_by_once(planned: Sequence[Decision]) -> Iterator[tuple[str, str]]:
    """Yield the runs that ticks of `once` join, each with the cause of its tick: that never comes again (TRG-17)."""
    for each in planned:
        if each.joins is not None and each.tick_at is not None and each.trigger.startswith(_ONCE):
            yield each.joins, cause_of_tick(each.trigger, each.tick_at)


def enact_each(
    connection: Connection,
    planned: Sequence[Decision],
    definitions: Mapping[str, JobDefinition],
    *,
    ids: Ids,
    now: int,
) -> None:
    """Write what follows from something that has happened; where a decision cannot be written, why is written instead.

    Shape: as of `enact`. What has happened, the end of a run or a deploy, stays so whatever it causes.
    """

    def refuse(decision: Decision, error: Exception) -> None:
        instead = refused(decision.job_id, error, decision.trigger)
        enact(connection, [instead], {}, ids=ids, now=now)

    if planned:
        write_apart(
            connection, planned, lambda some: enact(connection, some, definitions, ids=ids, now=now), refuse
        )


def write_apart(
    connection: Connection,
    whole: Sequence[T],
    write: Callable[[Sequence[T]], object],
    refuse: Callable[[T, Exception], None],
) -> None:
    """Write in ever smaller groups, until each part that cannot be written stands alone and is refused."""
    savepoint = connection.begin_nested()
    try:
        write(whole)
    except Exception as error:
        take_back(savepoint, error)
        if not isinstance(error, OF_ONE_JOB):
            raise
        reason = error
    else:
        savepoint.commit()
        return
    if len(whole) == 1:
        refuse(whole[0], reason)
        return
    middle = len(whole) // 2
    write_apart(connection, whole[:middle], write, refuse)
    write_apart(connection, whole[middle:], write, refuse)


def refused(job_id: str, error: Exception, trigger: str = "") -> Decision:
    """Return the decision about a job that cannot be planned, as long as it cannot."""
    log.error("job %s cannot be planned", job_id, exc_info=error)
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    # It may repeat what the databases did not take.
    said = said.replace("\0", "?").encode(errors="replace").decode()
    why = f"The job cannot be planned. {said}"
    return Decision(job_id, trigger, Outcome.SKIPPED, why, facts={"error": type(error).__name__})
