"""The feed: what changed, appended in the transaction that changed it, read by everybody who watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from runyard.core.store.engine import mark_changed
from runyard.core.store.tables import events

_APPEND = insert(events)
"""Built once, as each move of a run is told."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed, where; `kind` says how, and `data` what a reader shows at once."""

    workspace_id: str
    kind: str
    job_id: str | None = None
    run_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def append(
    connection: Connection,
    *,
    workspace_id: str,
    kind: str,
    now: int,
    job_id: str | None = None,
    run_id: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append one change."""
    append_all(connection, [Change(workspace_id, kind, job_id, run_id, data or {})], now)


def append_all(connection: Connection, changes: Sequence[Change], now: int) -> None:
    """Append changes; whoever waits for changes is woken when the transaction is committed."""
    rows = [
        {
            "workspace_id": change.workspace_id,
            "at": now,
            "kind": change.kind,
            "job_id": change.job_id,
            "run_id": change.run_id,
            "data": dict(change.data),
        }
        for change in changes
    ]
    connection.execute(_APPEND, rows)
    mark_changed(connection)


def append_about(connection: Connection, job: RowMapping, kind: str, now: int) -> None:
    """Append a change of a job."""
    append(connection, workspace_id=job["workspace_id"], kind=kind, job_id=job["id"], now=now)


def after(connection: Connection, workspace_id: str, event_id: int, limit: int) -> Sequence[RowMapping]:
    """Return the changes of a workspace after an id, oldest first."""
    query = (
        select(events)
        .where(events.c.workspace_id == workspace_id, events.c.id > event_id)
        .order_by(events.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def last_id(connection: Connection, workspace_id: str) -> int:
    """Return the id of the newest change of a workspace, 0 if there is none."""
    query = select(func.coalesce(func.max(events.c.id), 0)).where(events.c.workspace_id == workspace_id)
    return int(connection.execute(query).scalar_one())
