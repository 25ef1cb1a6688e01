"""Writes down what planning decided. The only way a run is created; how one ends is `settling`.

Everything here happens inside a transaction of the caller, so what was true when it was decided is still true when it
is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from runyard.core import profiles
from runyard.core.ids import Ids
from runyard.core.jobs import JobDefinition
from runyard.core.planning import Decision
from runyard.core.store import decisions, new_runs, runs


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
