"""What a store needs before jobs can be in it: an owner, and workspaces whose code and settings are empty."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from runyard.core.ids import Ids
from runyard.core.store import accounts, snapshots, workspaces


def create_owner(connection: Connection, user_id: str, now: int = 1) -> None:
    accounts.create_user(connection, id=user_id, email="owner@localhost", name=None, now=now)


def create_workspace(
    connection: Connection, workspace_id: str, owner_id: str, ids: Ids, now: int = 1
) -> None:
    """Make a workspace called like its id, with a first version of empty code and of empty settings."""
    workspaces.create(
        connection, id=workspace_id, name=workspace_id, description=None, user_id=owner_id, now=now
    )
    code: dict[str, Any] = {"requirements": {}, "requirements_size_bytes": 1}
    for table, more in ((snapshots.deployments, code), (snapshots.configurations, {"profiles": []})):
        values = {
            "id": ids.new_id(),
            "workspace_id": workspace_id,
            "content_hash": "h",
            "comparison_hash": "h",
            "file_count": 0,
            "size_bytes": 0,
            "created_by": owner_id,
            "created_at": now,
            **more,
        }
        snapshots.create(connection, table, values=values, snapshot_files=[])
