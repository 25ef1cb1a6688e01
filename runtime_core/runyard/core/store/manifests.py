"""Manifests as they were deployed, numbered per workspace. How one is written down is in `jobs`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, select

from runyard.core.store.tables import manifests


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
