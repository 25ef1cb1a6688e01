"""Users, their workspaces' memberships, API keys and browser sessions. Secrets are kept as hashes only."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from runyard.core.store.tables import api_keys, installation, memberships, sessions, users, workspaces


def hash_token(token: str) -> str:
    """Return what is stored of a token. A plain hash is enough: tokens are random and long."""
    return hashlib.sha256(token.encode()).hexdigest()


def get_installation(connection: Connection) -> RowMapping | None:
    """Return this server's own row, None before the first start."""
    return connection.execute(select(installation)).mappings().first()


def create_installation(connection: Connection, *, id: str, name: str, now: int) -> None:
    connection.execute(insert(installation).values(id=id, name=name, created_at=now))


def find_user(connection: Connection, email: str) -> RowMapping | None:
    return connection.execute(select(users).where(users.c.email == email)).mappings().first()


def get_user(connection: Connection, user_id: str) -> RowMapping | None:
    return connection.execute(select(users).where(users.c.id == user_id)).mappings().first()


def create_user(connection: Connection, *, id: str, email: str, name: str | None, now: int) -> None:
    connection.execute(insert(users).values(id=id, email=email, name=name, created_at=now))


def add_membership(
    connection: Connection,
    *,
    id: str,
    user_id: str,
    workspace_id: str,
    role: str,
    now: int,
) -> None:
    connection.execute(
        insert(memberships).values(
            id=id, user_id=user_id, workspace_id=workspace_id, role=role, created_at=now
        )
    )


def get_membership(connection: Connection, user_id: str, workspace_id: str) -> RowMapping | None:
    """Return the role of a user in a workspace, None for a stranger."""
    query = select(memberships).where(
        memberships.c.user_id == user_id, memberships.c.workspace_id == workspace_id
    )
    return connection.execute(query).mappings().first()


def list_memberships(connection: Connection, user_id: str) -> Sequence[RowMapping]:
    """Return the workspaces of a user with the role in each, oldest workspace first."""
    query = (
        select(workspaces, memberships.c.role)
        .join(memberships, memberships.c.workspace_id == workspaces.c.id)
        .where(memberships.c.user_id == user_id)
        .order_by(workspaces.c.created_at, workspaces.c.id)
    )
    return connection.execute(query).mappings().all()


def list_members(connection: Connection, workspace_id: str) -> Sequence[RowMapping]:
    """Return the members of a workspace with user columns, oldest first."""
    query = (
        select(memberships.c.id, memberships.c.role, users.c.id.label("user_id"), users.c.email, users.c.name)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.workspace_id == workspace_id)
        .order_by(memberships.c.created_at, memberships.c.id)
    )
    return connection.execute(query).mappings().all()


def put_api_key(
    connection: Connection,
    *,
    id: str,
    user_id: str,
    workspace_id: str | None,
    label: str,
    token: str,
    expires_at: int | None,
    now: int,
) -> None:
    """Store a key by its hash; a key that is stored already stays as it is."""
    if find_api_key(connection, token) is None:
        connection.execute(
            insert(api_keys).values(
                id=id,
                user_id=user_id,
                workspace_id=workspace_id,
                label=label,
                token_hash=hash_token(token),
                created_at=now,
                expires_at=expires_at,
            )
        )


def find_api_key(connection: Connection, token: str) -> RowMapping | None:
    """Return the key that a token belongs to, whatever its state."""
    query = select(api_keys).where(api_keys.c.token_hash == hash_token(token))
    return connection.execute(query).mappings().first()


def revoke_api_keys(connection: Connection, *, label: str, except_token: str | None, now: int) -> None:
    """Revoke the keys of a label, but for one."""
    query = update(api_keys).where(api_keys.c.label == label, api_keys.c.revoked_at.is_(None))
    if except_token is not None:
        query = query.where(api_keys.c.token_hash != hash_token(except_token))
    connection.execute(query.values(revoked_at=now))


def create_session(
    connection: Connection,
    *,
    id: str,
    user_id: str,
    token: str,
    expires_at: int,
    now: int,
) -> None:
    connection.execute(
        insert(sessions).values(
            id=id, user_id=user_id, token_hash=hash_token(token), created_at=now, expires_at=expires_at
        )
    )


def find_session(connection: Connection, token: str, now: int) -> RowMapping | None:
    """Return the session a cookie belongs to, if it has not expired."""
    query = select(sessions).where(sessions.c.token_hash == hash_token(token), sessions.c.expires_at > now)
    return connection.execute(query).mappings().first()


def signed_in(connection: Connection, session_ids: Collection[str], now: int) -> set[str]:
    """Return which of these sessions are of browsers that are still signed in."""
    query = select(sessions.c.id).where(sessions.c.id.in_(sorted(session_ids)), sessions.c.expires_at > now)
    return set(connection.execute(query).scalars())


def end_session(connection: Connection, session_id: str) -> None:
    """Sign a browser out; what was issued to it ends with it."""
    connection.execute(delete(sessions).where(sessions.c.id == session_id))
