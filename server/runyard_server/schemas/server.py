"""The server itself."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class Version(TypedDict):
    """Which server this is."""

    name: str
    version: str
    engine_version: int


class Health(TypedDict):
    """That the server answers."""

    status: Literal["ok"]
