"""What a server has before anybody uses it: its own row, an owner, its key. How a workspace begins."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from runyard.core.clock import Clock
from runyard.core.errors import InvalidRequest
from runyard.core.ids import Ids
from runyard.core.store import accounts, workspaces
from runyard.core.store.engine import Database
from runyard_server.auth import Role

OWNER_EMAIL = "owner@localhost"
"""The owner until accounts have names; clients want an address."""

BOOTSTRAP = "bootstrap"
"""Label of the key that comes from the server's environment."""


@dataclass(frozen=True, slots=True)
class Installation:
    """This server: clients see it as their organization. Instants are microseconds UTC."""

    id: str
    name: str
    created_at: int
    owner_id: str


def prepare(database: Database, clock: Clock, ids: Ids, bootstrap_api_key: str | None) -> Installation:
    """Return this server's own facts, after creating what is missing; safe to call at every start.

    Without a key in the environment an earlier one is revoked.
    Raises: InvalidRequest if the key is one that was revoked before.
    """

    def work(connection: Connection) -> Installation:
        now = clock.now()
        if accounts.get_installation(connection) is None:
            accounts.create_installation(connection, id=ids.new_id(), name="runyard", now=now)
        if accounts.find_user(connection, OWNER_EMAIL) is None:
            accounts.create_user(connection, id=ids.new_id(), email=OWNER_EMAIL, name="Owner", now=now)
        installation = accounts.get_installation(connection)
        owner = accounts.find_user(connection, OWNER_EMAIL)
        assert installation is not None, "created above"
        assert owner is not None, "created above"
        accounts.revoke_api_keys(connection, label=BOOTSTRAP, except_token=bootstrap_api_key, now=now)
        if bootstrap_api_key is not None:
            _put_key(connection, bootstrap_api_key, owner["id"], ids, now)
        return Installation(installation["id"], installation["name"], installation["created_at"], owner["id"])

    return database.write(work)


def _put_key(connection: Connection, key: str, owner_id: str, ids: Ids, now: int) -> None:
    accounts.put_api_key(
        connection,
        id=ids.new_id(),
        user_id=owner_id,
        workspace_id=None,
        label=BOOTSTRAP,
        token=key,
        expires_at=None,
        now=now,
    )
    row = accounts.find_api_key(connection, key)
    if row is None or row["revoked_at"] is not None:
        raise InvalidRequest(
            "The key in RUNYARD_BOOTSTRAP_API_KEY was replaced before and is revoked.", "Make a new one."
        )


def create_workspace(
    database: Database, clock: Clock, ids: Ids, *, name: str, description: str | None, user_id: str
) -> RowMapping:
    """Create a workspace that the user owns and return it. Names need not be unique (contract 4)."""

    def work(connection: Connection) -> RowMapping:
        now = clock.now()
        workspace_id = ids.new_id()
        workspaces.create(
            connection, id=workspace_id, name=name, description=description, user_id=user_id, now=now
        )
        accounts.add_membership(
            connection,
            id=ids.new_id(),
            user_id=user_id,
            workspace_id=workspace_id,
            role=Role.OWNER,
            now=now,
        )
        row = workspaces.get(connection, workspace_id)
        assert row is not None, "created above"
        return row

    return database.write(work)
