"""The server itself: does it answer, and which one is it."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from runyard.core.jobs import ENGINE_VERSION
from runyard_server.context import reply
from runyard_server.schemas import Health, Version

router = APIRouter(tags=["server"])


@router.get("/healthz", response_model=Health)
def get_health() -> Response:
    """Say that the server answers; asks nothing of anybody else."""
    return reply(Health(status="ok"))


@router.get("/api/v1/version", response_model=Version)
def get_version() -> Response:
    """Say which server this is, and the newest manifest engine it understands."""
    return reply(Version(name="runyard", version=version("runyard"), engine_version=ENGINE_VERSION))
