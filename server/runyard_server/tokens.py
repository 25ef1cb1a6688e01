"""Signed tokens: for an upload, the data plane, an app, the panel, a run's pipelines. Only the signing key is stored.

A token names its kind, its user and its workspace, so that one kind can never pass for another. Those that name a
sign-in or a run end with it, which `credentials` looks up at every use.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.errors import NotSignedIn
from runyard.core.ids import Ids
from runyard.core.key_files import read_or_make
from runyard_server.sign_in import SESSION_SECONDS

ALGORITHM = "HS256"

KEY_FILE = "tokens.key"


class TokenKind(StrEnum):
    """What a token is for."""

    UPLOAD = "upload"
    DATA_PLANE = "data_plane"
    APP = "app"
    """The cookie of an app's host; opens that app to a browser and is no credential anywhere else."""
    PANEL = "panel"
    """With it the control panel does what its viewer may, as long as they are signed in."""
    RUN = "run"
    """With it an app reads its own workspace, as long as its run is open."""


LIFETIME_SECONDS = {
    # An upload begins right after its token was issued; it is checked when the upload begins.
    TokenKind.UPLOAD: 15 * 60,
    # Clients fetch another a minute before this ends; a stolen one is soon worthless.
    TokenKind.DATA_PLANE: 60 * 60,
    # A working day with its evening; what the user may do is looked up at every request all the same.
    TokenKind.APP: 12 * 60 * 60,
    # No sooner than what they end with: the longest sign-in, and more than any run takes.
    TokenKind.PANEL: SESSION_SECONDS,
    TokenKind.RUN: 10 * 365 * 24 * 60 * 60,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says.

    `workspace_id` is None if it is for all of the user's. `upload_id` and `job_id` are there exactly when it is for
    an upload, or an app; `session_id` and `run_id` when it ends with a sign-in, or a run.
    """

    kind: TokenKind
    user_id: str
    workspace_id: str | None
    upload_id: str | None = None
    job_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None


_NAMES = {
    "kind": "kind",
    "sub": "user_id",
    "ws": "workspace_id",
    "upload": "upload_id",
    "job": "job_id",
    "sid": "session_id",
    "run": "run_id",
}
"""How a token calls what it says: short, for it travels with every request."""


class Tokens:
    """Issues and reads tokens with a key that lies beside the database, readable for the server only."""

    def __init__(self, keys_dir: Path, clock: Clock, ids: Ids) -> None:
        self._keys_dir, self._clock, self._ids = keys_dir, clock, ids

    @cached_property
    def _secret(self) -> str:
        # When it is first used: the data directory is the runtime's to make, which is given `run_key` before.
        return read_or_make(self._keys_dir / KEY_FILE, lambda: self._ids.new_token().encode()).decode()

    def run_key(self, run: RowMapping) -> str:
        """Return the token with which an app reads its workspace while its run is open; takes `launch_facts`."""
        claims = Claims(TokenKind.RUN, run["workspace_user_id"], run["workspace_id"], run_id=run["id"])
        return self.issue(claims)[0]

    def beacon_key(self, run: RowMapping) -> str:
        """Return the token with which the attempt that a run is at tells of its pipelines; takes `launch_facts`.

        It opens nothing else. Signed without what other tokens are made with, which would take the first start of a
        job longer to import than the job takes to start.
        """
        return self._signed_beacon(f"{run['id']}.{run['attempt']}")

    def read_beacon(self, token: str) -> tuple[str, int]:
        """Return the run and the attempt that a beacon's token names. Raises: NotSignedIn if it is not ours."""
        told = token.rpartition(".")[0]
        if not hmac.compare_digest(token.encode(errors="replace"), self._signed_beacon(told).encode()):
            raise NotSignedIn(
                "This address was not given to a run here.", "Take RUNTIME__DLTHUB_DSN as it is."
            )
        run_id, _, attempt = told.partition(".")
        return run_id, int(attempt)

    def _signed_beacon(self, told: str) -> str:
        # What else this key signs are tokens in three parts of base64, never a text that begins like this.
        digest = hmac.digest(self._secret.encode(), f"beacon:{told}".encode(errors="replace"), hashlib.sha256)
        return f"{told}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def issue(self, claims: Claims) -> tuple[str, int]:
        """Return a token and when it expires, in seconds since 1970."""
        # Imported when used: it brings `cryptography` along, and the server has to start fast.
        from joserfc import jwt
        from joserfc.jwk import OctKey

        expires_at = self._clock.now() // MICROSECONDS + LIFETIME_SECONDS[claims.kind]
        said = {name: getattr(claims, key) for name, key in _NAMES.items()}
        payload = {name: value for name, value in said.items() if value is not None} | {"exp": expires_at}
        return jwt.encode({"alg": ALGORITHM}, payload, OctKey.import_key(self._secret)), expires_at

    def read(self, token: str) -> Claims:
        """Return what a token says. Raises: NotSignedIn if it is not ours or has expired."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import OctKey

        try:
            payload = jwt.decode(token, OctKey.import_key(self._secret), algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            raise NotSignedIn("This token was not issued here.", "Ask for a new one.") from None
        if payload["exp"] <= self._clock.now() // MICROSECONDS:
            raise NotSignedIn("This token has expired.", "Ask for a new one.")
        said: dict[str, Any] = {key: payload.get(name) for name, key in _NAMES.items()}
        return Claims(**said | {"kind": TokenKind(payload["kind"])})
