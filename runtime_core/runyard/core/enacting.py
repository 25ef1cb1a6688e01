"""Writes down what planning decided. The only way a run is created; how one ends is `settling`.

Everything here happens inside a transaction of the caller, so what was true when it was decided is still true when it
is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from runyard.core import profiles
from runyard.core.errors import Conflict
from runyard.core.ids import Ids
from runyard.core.jobs import JobDefinition
from runyard.core.planning import Decision
from runyard.core.store import decisions, runs


def enact(
    connection: Connection,
    decision: Decision,
    definition: JobDefinition,
    *,
    ids: Ids,
    now: int,
    profile: str | None = None,
    config: Mapping[str, Any] | None = None,
    user_id: str | None = None,
) -> str | None:
    """Write one decision and the run it creates; return the run's id, or None if it creates none.

    A cause that has its run already is written nowhere: another wake-up was first (TRG-18).
    Raises: Conflict if the job's workspace has no code or settings yet.
    """
    versions = runs.versions_now(connection, decision.job_id)
    if versions is None:
        raise Conflict(
            f"{definition.job_ref} has no code or settings to run with.",
            "Upload both with `runyard deploy`, then try again.",
        )
    run_id = decision.joins
    if decision.run is not None:
        run_id = ids.new_id()
        number = runs.create(
            connection,
            run_id=run_id,
            job_id=decision.job_id,
            new=decision.run,
            versions=versions,
            profile=profiles.choose(
                definition.entry_point.job_type,
                versions.profiles,
                required=definition.profile,
                given=profile,
            ).profile,
            config=config or {},
            user_id=user_id,
            now=now,
        )
        if number is None:
            return None
    elif decision.joins is not None:
        runs.add_causes(connection, decision.joins, decision.caused_by)
    decisions.record(connection, versions.workspace_id, decision, run_id=run_id, now=now)
    return run_id
