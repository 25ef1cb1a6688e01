"""Users and members of a workspace for tests, made through the store."""

from __future__ import annotations

from sqlalchemy import Connection

from runyard.core.runtime import Runtime
from runyard.core.store import accounts


def add_user(runtime: Runtime, name: str) -> str:
    """Return the id of a new user, who belongs to no workspace."""
    user_id = runtime.ids.new_id()

    def work(connection: Connection) -> None:
        now = runtime.clock.now()
        accounts.create_user(connection, id=user_id, email=f"{user_id}@localhost", name=name, now=now)

    runtime.database.write(work)
    return user_id


def join(runtime: Runtime, workspace_id: str, user_id: str, role: str) -> None:
    """Give a user a role in a workspace."""
    membership_id = runtime.ids.new_id()

    def work(connection: Connection) -> None:
        now = runtime.clock.now()
        accounts.add_membership(
            connection, id=membership_id, user_id=user_id, workspace_id=workspace_id, role=role, now=now
        )

    runtime.database.write(work)


def add_member(runtime: Runtime, workspace_id: str, role: str) -> str:
    """Return the id of a new user with a role in a workspace."""
    user_id = add_user(runtime, role)
    join(runtime, workspace_id, user_id, role)
    return user_id
