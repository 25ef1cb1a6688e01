"""Public links: who may open an app without an account, and who may start a job by calling its webhook."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from runyard.core.store.accounts import hash_token
from runyard.core.store.tables import job_state, jobs, links

APP = "app"
"""The kind of link that opens an interactive job."""

WEBHOOK, SIGNED_WEBHOOK = "webhook", "signed_webhook"
"""The kinds that start a job; of the second every call has to be signed."""


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


def webhook_of(connection: Connection, job_id: str) -> RowMapping | None:
    """Return the link that starts a job, None while it has none."""
    return _webhooks(connection, links.c.job_id == job_id)


def webhook_with(connection: Connection, token: str) -> RowMapping | None:
    """Return the link that starts a job when this token is called."""
    return _webhooks(connection, links.c.token_hash == hash_token(token))


def _webhooks(connection: Connection, which: ColumnElement[bool]) -> RowMapping | None:
    query = select(links).where(
        which, links.c.kind.in_((WEBHOOK, SIGNED_WEBHOOK)), links.c.revoked_at.is_(None)
    )
    return connection.execute(query).mappings().first()


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
