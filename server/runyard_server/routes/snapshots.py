"""Deployments and configurations: the numbered versions of code and of settings.

Both have the same routes (contract 6.1); what differs is a row of `NOUNS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection, RowMapping, Table
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from runyard.core import profiles, requirements
from runyard.core.errors import InvalidRequest, NotFound
from runyard.core.store import snapshots
from runyard.core.store.tables import configurations, deployments
from runyard.core.uploads import ReceivedSnapshot, SnapshotKind
from runyard_server import requests, schemas
from runyard_server.context import Deploying, Reading, ReadingData, Uploading, page, reply
from runyard_server.tokens import Claims, TokenKind
from runyard_server.uploading import OwnColumns, keep
from runyard_server.views import Views

ARCHIVE, REQUIREMENTS = "file", "requirements_file"
"""The parts of an upload (contract 6.2)."""


@dataclass(frozen=True, slots=True)
class Noun:
    """What tells one kind of snapshot from the other."""

    kind: SnapshotKind
    table: Table
    show: Callable[[Views, RowMapping], Mapping[str, Any]]
    model: Any
    page_model: Any
    issued: Any
    parts: tuple[str, ...]
    own_columns: Callable[[FormData], OwnColumns]

    @property
    def path(self) -> str:
        return f"/{self.kind}s"


def _of_deployment(form: FormData) -> OwnColumns:
    document = _part(form, REQUIREMENTS).read(requirements.DOCUMENT_MAX_BYTES + 1)
    requirements.parse(document)
    values = {"requirements": json.loads(document), "requirements_size_bytes": len(document)}
    return lambda _received: values


def _of_configuration(_form: FormData) -> OwnColumns:
    return lambda received: {"profiles": profiles.profiles_in(_names(received))}


def _names(received: ReceivedSnapshot) -> list[str]:
    return [file.relative_path for file in received.files]


NOUNS = (
    Noun(
        SnapshotKind.DEPLOYMENT,
        deployments,
        Views.deployment,
        schemas.Deployment,
        schemas.Page[schemas.Deployment],
        schemas.IssuedDeploymentUpload,
        (ARCHIVE, REQUIREMENTS),
        _of_deployment,
    ),
    Noun(
        SnapshotKind.CONFIGURATION,
        configurations,
        Views.configuration,
        schemas.Configuration,
        schemas.Page[schemas.Configuration],
        schemas.IssuedConfigurationUpload,
        (ARCHIVE,),
        _of_configuration,
    ),
)


def routes_of(noun: Noun) -> APIRouter:
    """Return the routes of one kind of snapshot."""
    kind, table = noun.kind, noun.table
    prefix = f"/api/v1/workspaces/{{workspace_id}}{noun.path}"
    router = APIRouter(prefix=prefix, tags=[f"{kind}s"])

    @router.get("", name=f"list_{kind}s", response_model=noun.page_model)
    def list_all(here: Reading, query: Annotated[requests.VersionQuery, Query()]) -> Response:
        """Return versions, the newest first."""

        def work(connection: Connection) -> schemas.Page[Mapping[str, Any]]:
            rows, total = snapshots.page(
                connection,
                table,
                here.workspace_id,
                version=query.version,
                limit=query.limit,
                offset=query.offset,
            )
            return page([noun.show(here.views(), row) for row in rows], total, query)

        return reply(here.read(work))

    @router.get("/latest", name=f"get_latest_{kind}", response_model=noun.model)
    def get_latest(here: Reading) -> Response:
        """Return the current version."""
        row = here.read(lambda connection: snapshots.latest(connection, table, here.workspace_id))
        if row is None:
            raise NotFound(f"There is no {kind} here yet.", "Run `runyard deploy` in the workspace.")
        return reply(noun.show(here.views(), row))

    @router.post("/-issue-upload", name=f"issue_{kind}_upload", response_model=noun.issued)
    def issue_upload(here: Deploying) -> Response:
        """Return where to send an archive, and a token that is good for that one upload.

        The version comes to be when the archive is sent.
        """
        upload_id = here.runtime.ids.new_id()
        claims = Claims(TokenKind.UPLOAD, here.actor.user_id, here.workspace_id, upload_id)
        token, _ = here.server.tokens.issue(claims)
        path = f"{prefix.format(workspace_id=here.workspace_id)}/{upload_id}/-upload"
        return reply({f"{kind}_id": upload_id, "upload_url": here.origin + path, "upload_token": token})

    @router.get("/{snapshot_id}", name=f"get_{kind}", response_model=noun.model)
    def get(here: Reading, snapshot_id: UUID) -> Response:
        """Return a version."""
        row = here.read(lambda connection: _find(connection, noun, here.workspace_id, str(snapshot_id)))
        return reply(noun.show(here.views(), row))

    @router.get("/{snapshot_id}/files", name=f"list_{kind}_files", response_model=schemas.ManifestFiles)
    def list_files(here: ReadingData, snapshot_id: UUID) -> Response:
        """Return the files of a version, by path."""

        def work(connection: Connection) -> schemas.ManifestFiles:
            row = _find(connection, noun, here.workspace_id, str(snapshot_id))
            return here.views().files(snapshots.list_files(connection, row["id"]))

        return reply(here.read(work))

    @router.post(
        "/{snapshot_id}/-upload",
        name=f"upload_{kind}",
        response_model=noun.model,
        openapi_extra=_form_schema(noun.parts),
    )
    async def upload(here: Uploading, snapshot_id: UUID, request: Request) -> Response:
        """Take an archive in and return the version it is: the current one if nothing differs."""
        # Read here and not by the framework, which would take in a large body before it asks who sends it.
        async with request.form(max_files=len(noun.parts), max_fields=0) as form:
            own_columns = noun.own_columns(form)
            archive = _part(form, ARCHIVE)
            row = await run_in_threadpool(keep, here, kind, table, str(snapshot_id), archive, own_columns)
        return reply(noun.show(here.views(), row))

    return router


def _find(connection: Connection, noun: Noun, workspace_id: str, snapshot_id: str) -> RowMapping:
    row = snapshots.get(connection, noun.table, workspace_id, snapshot_id)
    if row is None:
        raise NotFound(
            f"There is no {noun.kind} {snapshot_id} here.", f"List the {noun.kind}s to see their ids."
        )
    return row


def _part(form: FormData, name: str) -> BinaryIO:
    found = form.get(name)
    if not isinstance(found, UploadFile):
        raise InvalidRequest(f"The upload has no file `{name}`.", "Send it as multipart/form-data.")
    return found.file


def _form_schema(parts: tuple[str, ...]) -> dict[str, Any]:
    """Return how the OpenAPI document describes an upload of these parts."""
    properties = {part: {"type": "string", "contentMediaType": "application/octet-stream"} for part in parts}
    form = {"type": "object", "required": list(parts), "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}
