"""Giving an app a public link, and taking it away (PUB-04, PUB-05).

A link shows its app under the profile `access` and no other, which the workspace therefore has to have settings for.
It rests while its job is archived or paused; revoked it is for good. What a token is made of is not here.
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping

from runyard.core.errors import Conflict, InvalidRequest
from runyard.core.profiles import ACCESS
from runyard.core.store import feed, links, snapshots
from runyard.core.store.facts import definition_of


def publish(
    connection: Connection, job: RowMapping, *, link_id: str, token: str, user_id: str, now: int
) -> None:
    """Give an app a new link; the one it may have ends.

    Raises: InvalidRequest for a batch job, Conflict for one that cannot be shown under `access`.
    """
    definition = definition_of(job["version_id"], job["definition"], job["extensions"])
    if definition.is_batch:
        raise InvalidRequest(
            f"{job['job_ref']} is a batch job, which has nothing to open.",
            "Only interactive jobs can be published.",
        )
    if job["archived_at"] is not None:
        raise Conflict(f"{job['job_ref']} is not deployed any more.", "Deploy it again first.")
    if definition.profile not in (None, ACCESS):
        raise Conflict(
            f"{job['job_ref']} requires the profile `{definition.profile}`, and a public link shows only `access`.",
            "Take `profile` out of what the job requires, or share it with members alone.",
        )
    require_access(connection, job["workspace_id"])
    _revoke(connection, job, user_id, now)
    links.create(
        connection, id=link_id, job_id=job["id"], kind=links.APP, token=token, user_id=user_id, now=now
    )
    feed.append_about(connection, job, "job.published", now)


def unpublish(connection: Connection, job: RowMapping, *, user_id: str, now: int) -> None:
    """End the link of an app, if it has one."""
    if _revoke(connection, job, user_id, now):
        feed.append_about(connection, job, "job.unpublished", now)


def require_access(connection: Connection, workspace_id: str) -> None:
    """Return if the settings that are deployed have any for the profile `access`. Raises: Conflict."""
    if ACCESS not in snapshots.profiles(connection, workspace_id):
        raise Conflict(
            "A public link shows an app under the profile `access`, which has no settings here.",
            "Create `.dlt/access.config.toml` and `.dlt/access.secrets.toml`, deploy, and publish again.",
        )


def _revoke(connection: Connection, job: RowMapping, user_id: str, now: int) -> bool:
    if job["link_id"] is None:
        return False
    links.revoke(connection, job["link_id"], user_id=user_id, now=now)
    return True
