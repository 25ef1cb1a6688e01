"""Making an uploaded archive the next version of code or settings. Whether it is sound is `core.uploads`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, BinaryIO

from sqlalchemy import Connection, RowMapping, Table

from runyard.core.errors import Conflict
from runyard.core.snapshots import SnapshotFile
from runyard.core.store import feed, snapshots
from runyard.core.uploads import ReceivedSnapshot, SnapshotKind, receive
from runyard_server.context import Here

OwnColumns = Callable[[ReceivedSnapshot], Mapping[str, Any]]
"""Returns the columns that only one kind of snapshot has."""


def keep(
    here: Here,
    kind: SnapshotKind,
    table: Table,
    snapshot_id: str,
    archive: BinaryIO,
    own_columns: OwnColumns,
) -> RowMapping:
    """Return the version that an archive is: the current one if nothing differs (VER-02), else a new one.

    The id of a new version is that of the upload, which is why
    an upload can be used once. Raises: what `receive` raises, Conflict if the upload was used.
    """
    known = here.read(lambda connection: _current_files(connection, table, here.workspace_id))
    limits = here.server.settings.upload_limits
    runtime = here.runtime
    store = runtime.settings_files if kind is SnapshotKind.CONFIGURATION else runtime.files
    received = receive(archive, store, kind, limits=limits, known=known)

    def work(connection: Connection) -> RowMapping:
        if snapshots.get(connection, table, here.workspace_id, snapshot_id) is not None:
            raise Conflict("This upload was used before.", "Ask for a new one.")
        current = snapshots.latest(connection, table, here.workspace_id)
        if current is not None and current["comparison_hash"] == received.comparison_hash:
            return current
        return _create(connection, here, kind, table, snapshot_id, received, own_columns(received))

    return runtime.database.write(work)


def _create(
    connection: Connection,
    here: Here,
    kind: SnapshotKind,
    table: Table,
    snapshot_id: str,
    received: ReceivedSnapshot,
    own_columns: Mapping[str, Any],
) -> RowMapping:
    now = here.runtime.clock.now()
    created = snapshots.create(
        connection,
        table,
        values={
            "id": snapshot_id,
            "workspace_id": here.workspace_id,
            "content_hash": received.content_hash,
            "comparison_hash": received.comparison_hash,
            "file_count": received.file_count,
            "size_bytes": received.size_bytes,
            "created_by": here.actor.user_id,
            "created_at": now,
            **own_columns,
        },
        snapshot_files=[asdict(file) for file in received.files],
    )
    feed.append(
        connection,
        workspace_id=here.workspace_id,
        kind=f"{kind}.created",
        data={"id": snapshot_id, "version": created["version"]},
        now=now,
    )
    return created


def _current_files(connection: Connection, table: Table, workspace_id: str) -> list[SnapshotFile]:
    current = snapshots.latest(connection, table, workspace_id)
    rows = [] if current is None else snapshots.list_files(connection, current["id"])
    return [
        SnapshotFile(row["relative_path"], row["sha3_256"], row["size_bytes"], row["mode"], row["linkname"])
        for row in rows
    ]
