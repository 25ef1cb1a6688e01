"""Workspaces: the mirror of a project on this server."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, insert, select, update

from runyard.core.store.tables import workspaces


def create(
    connection: Connection,
    *,
    id: str,
    name: str,
    description: str | None,
    user_id: str,
    now: int,
) -> None:
    connection.execute(
        insert(workspaces).values(
            id=id,
            name=name,
            description=description,
            tags=[],
            created_by=user_id,
            created_at=now,
            updated_at=now,
        )
    )


def get(connection: Connection, workspace_id: str) -> RowMapping | None:
    return connection.execute(select(workspaces).where(workspaces.c.id == workspace_id)).mappings().first()


def describe(connection: Connection, workspace_id: str, description: str | None, now: int) -> None:
    """Set what the deployment module says of itself."""
    connection.execute(
        update(workspaces)
        .where(workspaces.c.id == workspace_id, workspaces.c.description.is_distinct_from(description))
        .values(description=description, updated_at=now)
    )
