"""Versions of jobs as no deploy of this version would accept them: of a later runyard, or in a zone that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, insert, update

from runyard.core.runtime import Runtime
from runyard.core.store import tables


def store_badly(
    runtime: Runtime,
    job: RowMapping,
    wire: Mapping[str, Any] | list[Any],
    extensions: Mapping[str, Any] | None = None,
) -> None:
    """Make a new version of a job the current one: `wire` and `extensions` are what it says otherwise.

    A list is no definition, and stored in place of one.
    """
    version_id = runtime.ids.new_id()
    values = {
        "id": version_id,
        "job_id": job["id"],
        "version": job["version"] + 1000,  # far from those that deploys give
        "definition": wire if isinstance(wire, list) else {**job["definition"], **wire},
        "definition_hash": "h",
        "extensions": dict(extensions or {}),
        "created_by": job["created_by"],
        "created_at": runtime.clock.now(),
    }
    runtime.database.write(lambda c: c.execute(insert(tables.job_versions).values(values)))
    set_version(runtime, job, version_id)


def set_version(runtime: Runtime, job: RowMapping, version_id: str) -> None:
    """Let a version of a job be the current one."""
    query = update(tables.jobs).where(tables.jobs.c.id == job["id"])
    runtime.database.write(lambda c: c.execute(query.values(version_id=version_id)))
