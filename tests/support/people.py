"""Members of a workspace for tests, made through the store."""

from __future__ import annotations

from sqlalchemy import Connection

from runyard.core.runtime import Runtime
from runyard.core.store import accounts


def add_member(runtime: Runtime, workspace_id: str, role: str) -> str:
    """Return the id of a new user with a role in a workspace."""
    user_id, membership_id = runtime.ids.new_id(), runtime.ids.new_id()

    def work(connection: Connection) -> None:
        now = runtime.clock.now()
        accounts.create_user(connection, id=user_id, email=f"{user_id}@localhost", name=role, now=now)
        accounts.add_membership(
            connection, id=membership_id, user_id=user_id, workspace_id=workspace_id, role=role, now=now
        )

    runtime.database.write(work)
    return user_id
