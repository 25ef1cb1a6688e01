"""Public links: who may open an app without an account, and until when."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert, select, update

from runyard.core.store.accounts import hash_token
from runyard.core.store.tables import job_state, jobs, links

APP = "app"
"""The kind of link that opens an interactive job."""


def create(
    connection: Connection, *, id: str, job_id: str, kind: str, token: str, user_id: str, now: int
) -> None:
    """Store a link by the hash of its token."""
    connection.execute(
        insert(links).values(
            id=id,
            job_id=job_id,
            kind=kind,
            token_hash=hash_token(token),
            created_by=user_id,
            created_at=now,
        )
    )


def revoke(connection: Connection, link_id: str, *, user_id: str, now: int) -> None:
    """End a link for good."""
    query = update(links).where(links.c.id == link_id, links.c.revoked_at.is_(None))
    connection.execute(query.values(revoked_at=now, revoked_by=user_id))


def working(connection: Connection, link_ids: Collection[str]) -> set[str]:
    """Return which of these links open their app now: not revoked, the job neither archived nor paused (PUB-12)."""
    query = (
        select(links.c.id)
        .join(jobs, jobs.c.id == links.c.job_id)
        .join(job_state, job_state.c.job_id == links.c.job_id)
        .where(
            links.c.id.in_(sorted(link_ids)),
            links.c.revoked_at.is_(None),
            jobs.c.archived_at.is_(None),
            job_state.c.paused_at.is_(None),
        )
    )
    return set(connection.execute(query).scalars())
