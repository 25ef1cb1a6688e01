"""The only place that draws randomness: ids of rows and secret tokens.

Ids are UUIDs because the published client refuses anything else.
"""

from __future__ import annotations

import random
import secrets
import uuid
from typing import Protocol


class Ids(Protocol):
    """Draws what must be unique or secret."""

    def new_id(self) -> str:
        """Return a fresh UUID in its canonical text form."""

    def new_token(self) -> str:
        """Return a secret of 256 bits, safe in a URL."""


class SystemIds:
    """Draws from the operating system."""

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def new_token(self) -> str:
        return secrets.token_urlsafe(32)


class SeededIds:
    """Draws from one seed, so that a simulation can be replayed. Never for a server."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - replay is the point; SystemIds is the real one

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_token(self) -> str:
        return f"{self._random.getrandbits(256):064x}"
