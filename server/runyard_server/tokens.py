"""Short-lived signed tokens: for one upload, for the data plane, for one app. Only the signing key is stored.

A token names its kind, its user and its workspace, so that one kind can never pass for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.errors import NotSignedIn
from runyard.core.ids import Ids
from runyard.core.key_files import read_or_make

ALGORITHM = "HS256"

KEY_FILE = "tokens.key"


class TokenKind(StrEnum):
    """What a token is for."""

    UPLOAD = "upload"
    DATA_PLANE = "data_plane"
    APP = "app"
    """The cookie of an app's host; opens that app to a browser and is no credential anywhere else."""


LIFETIME_SECONDS = {
    # An upload begins right after its token was issued; it is checked when the upload begins.
    TokenKind.UPLOAD: 15 * 60,
    # Clients fetch another a minute before this ends; a stolen one is soon worthless.
    TokenKind.DATA_PLANE: 60 * 60,
    # A working day with its evening; what the user may do is looked up at every request all the same.
    TokenKind.APP: 12 * 60 * 60,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. `upload_id` and `job_id` are there exactly when it is for an upload, or an app."""

    kind: TokenKind
    user_id: str
    workspace_id: str
    upload_id: str | None = None
    job_id: str | None = None


class Tokens:
    """Issues and reads tokens with a key that lies beside the database, readable for the server only."""

    def __init__(self, keys_dir: Path, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._secret = read_or_make(keys_dir / KEY_FILE, lambda: ids.new_token().encode()).decode()

    def issue(self, claims: Claims) -> tuple[str, int]:
        """Return a token and when it expires, in seconds since 1970."""
        # Imported when used: it brings `cryptography` along, and the server has to start fast.
        from joserfc import jwt
        from joserfc.jwk import OctKey

        expires_at = self._clock.now() // MICROSECONDS + LIFETIME_SECONDS[claims.kind]
        payload: dict[str, str | int] = {
            "kind": claims.kind,
            "sub": claims.user_id,
            "ws": claims.workspace_id,
            "exp": expires_at,
        }
        if claims.upload_id is not None:
            payload["upload"] = claims.upload_id
        if claims.job_id is not None:
            payload["job"] = claims.job_id
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
        return Claims(
            TokenKind(payload["kind"]),
            payload["sub"],
            payload["ws"],
            payload.get("upload"),
            payload.get("job"),
        )
