"""Deployments and configurations: numbered snapshots of files. The bytes are in the file store, by hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, bindparam, func, insert, select

from runyard.core.store.tables import configurations, deployments, files

# Built once, because every start and deploy runs them.
_LATEST = {
    table: select(table)
    .where(table.c.workspace_id == bindparam("of_workspace"))
    .order_by(table.c.version.desc())
    .limit(1)
    for table in (configurations, deployments)
}
_FILES = select(files).where(files.c.snapshot_id == bindparam("of_snapshot")).order_by(files.c.relative_path)


def latest(connection: Connection, table: Table, workspace_id: str) -> RowMapping | None:
    """Return the current snapshot of a workspace, None if nothing was ever uploaded."""
    return connection.execute(_LATEST[table], {"of_workspace": workspace_id}).mappings().first()


def latest_at(connection: Connection, table: Table, workspace_id: str, at: int) -> RowMapping | None:
    """Return the snapshot that was the current one at an instant."""
    then = select(table).where(table.c.workspace_id == workspace_id, table.c.created_at <= at)
    return connection.execute(then.order_by(table.c.version.desc()).limit(1)).mappings().first()


def profiles(connection: Connection, workspace_id: str) -> Sequence[str]:
    """Return the profiles that have settings in the current configuration of a workspace, sorted."""
    configuration = latest(connection, configurations, workspace_id)
    found: Sequence[str] = () if configuration is None else configuration["profiles"]
    return found


def get(connection: Connection, table: Table, workspace_id: str, snapshot_id: str) -> RowMapping | None:
    query = select(table).where(table.c.workspace_id == workspace_id, table.c.id == snapshot_id)
    return connection.execute(query).mappings().first()


def page(
    connection: Connection, table: Table, workspace_id: str, *, version: int | None, limit: int, offset: int
) -> tuple[Sequence[RowMapping], int]:
    """Return snapshots newest first, all or those of one version, and how many there are in all."""
    where = [table.c.workspace_id == workspace_id]
    if version is not None:
        where.append(table.c.version == version)
    total = connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    query = select(table).where(*where).order_by(table.c.version.desc()).limit(limit).offset(offset)
    return connection.execute(query).mappings().all(), total


def create(
    connection: Connection,
    table: Table,
    *,
    values: Mapping[str, Any],
    snapshot_files: Iterable[Mapping[str, Any]],
) -> RowMapping:
    """Store the next version of a snapshot with its files and return it.

    Two uploads that meet get two numbers, or the second one fails on the unique key and is repeated by its client.
    """
    highest = select(func.coalesce(func.max(table.c.version), 0)).where(
        table.c.workspace_id == values["workspace_id"]
    )
    version = connection.execute(highest).scalar_one() + 1
    connection.execute(insert(table).values(version=version, **values))
    rows = [{"snapshot_id": values["id"], **file} for file in snapshot_files]
    if rows:
        connection.execute(insert(files), rows)
    created = get(connection, table, values["workspace_id"], values["id"])
    assert created is not None, "the row was written in this transaction"
    return created


def list_files(connection: Connection, snapshot_id: str) -> Sequence[RowMapping]:
    """Return the files of a snapshot, by path."""
    return connection.execute(_FILES, {"of_snapshot": snapshot_id}).mappings().all()


__all__ = ["configurations", "create", "deployments", "get", "latest", "list_files", "page", "profiles"]
