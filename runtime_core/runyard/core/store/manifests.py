"""Manifests as they were deployed, numbered per workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from runyard.core.store.tables import manifests


def put(connection: Connection, *, values: Mapping[str, Any]) -> None:
    """Keep a manifest as it was deployed, under the next number of its workspace."""
    highest = select(func.coalesce(func.max(manifests.c.version), 0)).where(
        manifests.c.workspace_id == values["workspace_id"]
    )
    connection.execute(
        insert(manifests).values(version=connection.execute(highest).scalar_one() + 1, **values)
    )


def page(
    connection: Connection, workspace_id: str, *, limit: int, offset: int
) -> tuple[Sequence[RowMapping], int]:
    """Return manifests, the newest first, and how many there are."""
    here = manifests.c.workspace_id == workspace_id
    total = connection.execute(select(func.count()).select_from(manifests).where(here)).scalar_one()
    query = select(manifests).where(here).order_by(manifests.c.version.desc()).limit(limit).offset(offset)
    return connection.execute(query).mappings().all(), total


def get(connection: Connection, workspace_id: str, version: int) -> RowMapping | None:
    query = select(manifests).where(manifests.c.workspace_id == workspace_id, manifests.c.version == version)
    return connection.execute(query).mappings().first()
