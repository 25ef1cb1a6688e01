"""Manifests: each that was deployed, in what two of them differ, and making an older one the truth again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection, RowMapping
from starlette.responses import Response

from runyard.core.checks.finding import MODULE_BYTES_MAX
from runyard.core.deploying import DeployRequest
from runyard.core.errors import NotFound
from runyard.core.gone_code import gone_code
from runyard.core.manifest_differences import differences
from runyard.core.runs import NUMBER_MAX
from runyard.core.store import manifests, snapshots
from runyard.core.store.tables import deployments
from runyard_server import requests, schemas
from runyard_server.context import Deploying, Here, Reading, page, reply
from runyard_server.routes.workspaces import show_deployed

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/manifests", tags=["manifests"])

Version = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


@router.get("", response_model=schemas.Page[schemas.Manifest])
def list_manifests(here: Reading, query: Annotated[requests.PageQuery, Query()]) -> Response:
    """Return the manifests that were deployed, the newest first."""

    def work(connection: Connection) -> schemas.Page[schemas.Manifest]:
        rows, total = manifests.page(connection, here.workspace_id, limit=query.limit, offset=query.offset)
        return page([here.views().manifest(row) for row in rows], total, query)

    return reply(here.read(work))


@router.get("/{version}", response_model=schemas.WholeManifest)
def get_manifest(here: Reading, version: Version) -> Response:
    """Return a manifest as it was deployed."""
    return reply(here.read(lambda connection: here.views().whole_manifest(_find(here, connection, version))))


@router.get("/{version}/-compare/{other}", response_model=schemas.ManifestDifferences)
def compare_manifests(here: Reading, version: Version, other: Version) -> Response:
    """Return in what one manifest differs from another, job by job, with both values of each field."""

    def work(connection: Connection) -> schemas.ManifestDifferences:
        old, new = (_find(here, connection, each) for each in (version, other))
        return {
            "version": version,
            "other": other,
            "jobs": [
                {"job_ref": each.job_ref, "outcome": each.change, "fields": dict(each.fields)}
                for each in differences(old["jobs"], old["extensions"], new["jobs"], new["extensions"])
            ],
        }

    return reply(here.read(work))


@router.post("/{version}/-apply", response_model=schemas.DeployedWorkspace)
def apply_manifest(here: Deploying, version: Version, request: requests.ApplyManifest) -> Response:
    """Make an older manifest the truth again, on the code and settings that are deployed now."""
    row = here.read(lambda connection: _find(here, connection, version))
    result = here.runtime.deploying.deploy(
        here.workspace_id,
        DeployRequest(
            engine_version=row["engine_version"],
            manifest_hash=row["manifest_hash"],
            jobs=row["jobs"],
            extensions=row["extensions"],
            deployment_module=row["deployment_module"],
            description=row["description"],
            dry_run=request.dry_run,
        ),
        here.actor.user_id,
    )
    warnings = (*result.warnings, *_gone_code(here, row))
    return reply(show_deployed(here, replace(result, warnings=warnings), row["deployment_module"]))


def _gone_code(here: Here, manifest: RowMapping) -> list[str]:
    """Return of which jobs the code was deployed with a manifest, and is not deployed now."""

    def work(connection: Connection) -> list[Mapping[str, str]]:
        return [
            {}
            if version is None
            else {
                file["relative_path"]: file["sha3_256"]
                for file in snapshots.list_files(connection, version["id"])
                if file["linkname"] is None
            }
            for version in (
                snapshots.latest_at(connection, deployments, here.workspace_id, manifest["created_at"]),
                snapshots.latest(connection, deployments, here.workspace_id),
            )
        ]

    def read(digest: str) -> bytes:
        with here.runtime.files.open(digest) as file:
            return file.read(MODULE_BYTES_MAX + 1)

    then, now = here.read(work)
    return gone_code(manifest["jobs"], then, now, read)


def _find(here: Here, connection: Connection, version: int) -> RowMapping:
    row = manifests.get(connection, here.workspace_id, version)
    if row is None:
        raise NotFound(
            f"No manifest of this workspace has the number {version}.", "List the manifests to see theirs."
        )
    return row
