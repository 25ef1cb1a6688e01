"""Decisions: what was decided for each tick and event, with the facts it stood on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, insert, select, update

from runyard.core.planning import Decision, Outcome
from runyard.core.store.tables import decisions

REPEATABLE = (Outcome.NOT_FRESH, Outcome.PAUSED, Outcome.SKIPPED)
"""Outcomes without a run: the same one again counts up in its row instead of filling the table (FRS-03)."""


def record(
    connection: Connection, workspace_id: str, decision: Decision, *, run_id: str | None, now: int
) -> None:
    """Write a decision down, or count it as a repeat of the job's last one."""
    if decision.outcome in REPEATABLE and _count_up(connection, decision, now):
        return
    connection.execute(
        insert(decisions),
        {
            "workspace_id": workspace_id,
            "job_id": decision.job_id,
            "at": now,
            "last_at": now,
            "count": 1,
            "trigger": decision.trigger,
            "tick_at": decision.tick_at,
            "outcome": decision.outcome,
            "because": decision.because,
            "facts": dict(decision.facts),
            "run_id": run_id,
        },
    )


def _count_up(connection: Connection, decision: Decision, now: int) -> bool:
    newest = (
        select(decisions)
        .where(decisions.c.job_id == decision.job_id)
        .order_by(decisions.c.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).mappings().first()
    same = row is not None and (row["trigger"], row["outcome"], row["because"]) == (
        decision.trigger,
        decision.outcome,
        decision.because,
    )
    if row is None or not same:
        return False
    connection.execute(
        update(decisions)
        .where(decisions.c.id == row["id"])
        .values(count=row["count"] + 1, last_at=now, tick_at=decision.tick_at, facts=dict(decision.facts))
    )
    return True


def newest(connection: Connection, job_id: str, limit: int) -> Sequence[RowMapping]:
    """Return the last decisions about a job, newest first."""
    query = select(decisions).where(decisions.c.job_id == job_id).order_by(decisions.c.id.desc()).limit(limit)
    return connection.execute(query).mappings().all()
