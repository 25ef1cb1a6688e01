"""Manifests as they were deployed, numbered per workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from runyard.core.store.tables import manifests

_JOB_COUNT = func.json_array_length(manifests.c.jobs).label("job_count")

_HEAD = [column for column in manifests.c if column.name not in ("jobs", "extensions")]
"""What is listed: a page of whole manifests could be hundreds of megabytes."""


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
    """Return manifests with their numbers of jobs but without these, the newest first, and how many there are."""
    here = manifests.c.workspace_id == workspace_id
    total = connection.execute(select(func.count()).select_from(manifests).where(here)).scalar_one()
    newest_first = select(*_HEAD, _JOB_COUNT).where(here).order_by(manifests.c.version.desc())
    return connection.execute(newest_first.limit(limit).offset(offset)).mappings().all(), total


def get(connection: Connection, workspace_id: str, version: int) -> RowMapping | None:
    """Return a manifest whole."""
    here = (manifests.c.workspace_id == workspace_id, manifests.c.version == version)
    return connection.execute(select(manifests, _JOB_COUNT).where(*here)).mappings().first()
