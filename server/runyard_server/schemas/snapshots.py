"""Versions of code and of settings."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from runyard_server.schemas.shared import Instant, Uuid


class Snapshot(TypedDict):
    """A version, of whatever is in it."""

    id: Uuid
    workspace_id: Uuid
    version: int
    content_hash: str
    file_count: int
    size_bytes: int
    created_at: Instant
    updated_at: Instant
    created_by: Uuid


class Deployment(Snapshot):
    """A version of the code."""

    requirements_size_bytes: int


class Configuration(Snapshot):
    """A version of the settings."""

    profiles: list[str]


class IssuedDeploymentUpload(TypedDict):
    """Where to send the code, and the token to send it with."""

    deployment_id: Uuid
    upload_url: str
    upload_token: str


class IssuedConfigurationUpload(TypedDict):
    """Where to send the settings, and the token to send them with."""

    configuration_id: Uuid
    upload_url: str
    upload_token: str


class ManifestFile(TypedDict):
    """A file of a snapshot."""

    relative_path: str
    sha3_256: str
    size_bytes: int
    linkname: NotRequired[str | None]


class ManifestFiles(TypedDict):
    """The files of a snapshot."""

    engine_version: int
    files: list[ManifestFile]
