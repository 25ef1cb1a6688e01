"""Decisions: what was decided for each tick and event, with the facts it stood on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from runyard.core.outcomes import Outcome
from runyard.core.planning import Decision
from runyard.core.store.tables import decisions, jobs, runs

REPEATABLE = (Outcome.NOT_FRESH, Outcome.PAUSED, Outcome.SKIPPED, Outcome.WAITING)
"""Outcomes without a run: the same one again counts up in its row instead of filling the table (FRS-03)."""

_TAKE_TURNS = {Outcome.WAITING: Outcome.NOT_FRESH, Outcome.NOT_FRESH: Outcome.WAITING}
"""What a tick becomes that waits in vain, and what the next one is then: each repeats the row before the last."""

_newest_ids = (
    select(decisions.c.id)
    .where(decisions.c.job_id == jobs.c.id)
    .order_by(decisions.c.id.desc())
    .limit(2)
    .correlate(jobs)
    .scalar_subquery()
)
_LAST_TWO = (
    select(decisions)
    .join(jobs, decisions.c.job_id == jobs.c.id)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), decisions.c.id.in_(_newest_ids))
    .order_by(decisions.c.id.desc())
)
_RECORD = insert(decisions)
_REPEAT = update(decisions).where(decisions.c.id == bindparam("of_id"))


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, of which workspace, and the run it created or joined."""

    workspace_id: str
    decision: Decision
    run_id: str | None


def record(connection: Connection, entries: Sequence[Decided], now: int) -> None:
    """Write decisions down; one that repeats the last of its job is counted in the row of that one."""
    last = _last_two_of(connection, {each.decision.job_id for each in entries if _may_repeat(each.decision)})
    new: list[dict[str, Any]] = []
    repeated: dict[int, dict[str, Any]] = {}
    for each in entries:
        decision = each.decision
        row = _repeatable(last[decision.job_id], decision)
        if row is not None and _may_repeat(decision) and _is_same(row, decision):
            row.update(
                count=row["count"] + 1, last_at=now, tick_at=decision.tick_at, facts=dict(decision.facts)
            )
            if "id" in row:
                repeated[row["id"]] = row
            continue
        row = {
            "workspace_id": each.workspace_id,
            "job_id": decision.job_id,
            "at": now,
            "last_at": now,
            "count": 1,
            "trigger": decision.trigger,
            "tick_at": decision.tick_at,
            "outcome": decision.outcome,
            "because": decision.because,
            "facts": dict(decision.facts),
            "run_id": each.run_id,
        }
        last[decision.job_id].insert(0, row)
        new.append(row)
    if new:
        connection.execute(_RECORD, new)
    if repeated:
        changed = ("count", "last_at", "tick_at", "facts")
        rows = [{"of_id": row_id, **{key: row[key] for key in changed}} for row_id, row in repeated.items()]
        connection.execute(_REPEAT, rows)


def _may_repeat(decision: Decision) -> bool:
    return decision.outcome in REPEATABLE


def _is_same(row: Mapping[str, Any], decision: Decision) -> bool:
    said = (decision.trigger, decision.outcome, decision.because)
    return (row["trigger"], row["outcome"], row["because"]) == said


def _repeatable(rows: Sequence[dict[str, Any]], decision: Decision) -> dict[str, Any] | None:
    """Return which of the newest rows about a job this decision may repeat."""
    turn = _TAKE_TURNS.get(decision.outcome)
    return next((row for row in rows[:2] if row["outcome"] != turn), None)


def _last_two_of(connection: Connection, job_ids: Collection[str]) -> defaultdict[str, list[dict[str, Any]]]:
    """Return the last two decisions about each of these jobs, newest first, by job id."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    if job_ids:  # most ticks fire
        for row in connection.execute(_LAST_TWO, {"ids": sorted(job_ids)}).mappings():
            found[row["job_id"]].append(dict(row))
    return found


def newest(connection: Connection, job_id: str, limit: int) -> Sequence[RowMapping]:
    """Return the last decisions about a job with the numbers of their runs, newest first."""
    query = (
        select(decisions, runs.c.number.label("run_number"))
        .outerjoin(runs, runs.c.id == decisions.c.run_id)
        .where(decisions.c.job_id == job_id)
        .order_by(decisions.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def paused_triggers(connection: Connection, job_id: str, since: int) -> set[str]:
    """Return the triggers of a job of which something was not done since an instant because the job was paused."""
    query = select(decisions.c.trigger).where(
        decisions.c.job_id == job_id, decisions.c.outcome == Outcome.PAUSED, decisions.c.last_at >= since
    )
    return set(connection.execute(query).scalars())
