"""Who is asking: from an API key, a signed-in browser's cookie, or a short-lived token to an `Actor`.

What the actor may then do is `auth`; how a browser signs in is `sign_in`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from runyard.core.clock import MICROSECONDS, Clock
from runyard.core.errors import NotSignedIn
from runyard.core.runs import OPEN
from runyard.core.store import accounts, runs
from runyard.core.store.engine import Database
from runyard_server.auth import FULL, Action, Actor
from runyard_server.settings import USER_KEY
from runyard_server.tokens import Claims, TokenKind, Tokens

SERVICE_KEY = "dlt_sa_"
"""How the key of a workspace's service account begins."""

COOKIE = "runyard_session"

APP_COOKIE = "runyard_app"
"""The cookie of one app's own host: good for that app, and for nothing else."""

REPORT_SECONDS = 15
"""How long after its end a run may tell of its pipelines: dlt gives up a report that took 12 s, and tries once."""

_TOKEN_ACTIONS = {
    TokenKind.UPLOAD: frozenset({Action.UPLOAD}),
    TokenKind.DATA_PLANE: frozenset({Action.READ_DATA}),
    TokenKind.APP: frozenset(),
    TokenKind.PANEL: FULL,
    # An app may be anybody's to look at, so what it can do here is look.
    TokenKind.RUN: frozenset({Action.READ, Action.READ_DATA}),
}


class Credentials:
    """Finds the actor behind a request."""

    def __init__(self, database: Database, clock: Clock, tokens: Tokens) -> None:
        self._database, self._clock, self._tokens = database, clock, tokens

    def actor(self, authorization: str | None, cookie: str | None) -> Actor:
        """Return who is asking. Raises: NotSignedIn without a credential that is valid now."""
        if authorization is not None:
            scheme, _, credential = authorization.partition(" ")
            if scheme.lower() != "bearer" or not credential.strip():
                raise NotSignedIn(
                    "The Authorization header is none we know.", "Send `Bearer` and an API key."
                )
            return self._bearer(credential.strip())
        if cookie is not None:
            return self._session(cookie)
        raise NotSignedIn(
            "This needs an API key.",
            "Set RUNYARD_API_KEY, or open the sign-in address that the server printed.",
        )

    def member(self, cookie: str, job_id: str) -> Actor:
        """Return whom the cookie of an app's own host names. Raises: NotSignedIn."""
        claims = self._tokens.read(cookie)
        if claims.kind is not TokenKind.APP or claims.job_id != job_id:
            raise NotSignedIn("This cookie is not for this app.", "Open the app from the server.")
        self._check_not_ended(claims)
        return Actor(claims.user_id, session_id=claims.session_id)

    def reporting(self, token: str) -> tuple[str, int]:
        """Return the run, and which attempt of it, that a beacon's token lets tell of its pipelines.

        Raises: NotSignedIn, also once the run has been over for `REPORT_SECONDS`.
        """
        run_id, attempt = self._tokens.read_beacon(token)
        run = self._database.read(lambda connection: runs.by_id(connection, run_id))
        now = self._clock.now()
        if run is None or (
            run["status"] not in OPEN and run["finished_at"] + REPORT_SECONDS * MICROSECONDS <= now
        ):
            raise NotSignedIn(
                "The run that this address was given to is over.", "Its pipelines tell in time."
            )
        return run_id, attempt

    def _bearer(self, credential: str) -> Actor:
        if credential.startswith((USER_KEY, SERVICE_KEY)):
            return self._api_key(credential)
        claims = self._tokens.read(credential)
        self._check_not_ended(claims)
        return _actor_of(claims)

    def _api_key(self, key: str) -> Actor:
        row = self._database.read(lambda connection: accounts.find_api_key(connection, key))
        if row is None or row["revoked_at"] is not None:
            raise NotSignedIn(
                "The API key is not valid on this server.", "Check the key and the server's address."
            )
        if row["expires_at"] is not None and row["expires_at"] <= self._clock.now():
            raise NotSignedIn("The API key has expired.", "Ask the workspace's owner for a new one.")
        return Actor(row["user_id"], FULL, row["workspace_id"])

    def _session(self, cookie: str) -> Actor:
        now = self._clock.now()
        row = self._database.read(lambda connection: accounts.find_session(connection, cookie, now))
        if row is None:
            raise NotSignedIn("You are not signed in any more.", "Sign in again.")
        return Actor(row["user_id"], session_id=row["id"])

    def _check_not_ended(self, claims: Claims) -> None:
        """Return if the sign-in or run that a token belongs to still goes on. Raises: NotSignedIn."""
        now = self._clock.now()

        def work(connection: Connection) -> bool:
            session_id = claims.session_id
            if session_id is not None and not accounts.signed_in(connection, [session_id], now):
                return False
            if claims.run_id is None:
                return True
            run = runs.by_id(connection, claims.run_id)
            return run is not None and run["status"] in OPEN

        if (claims.session_id or claims.run_id) and not self._database.read(work):
            raise NotSignedIn("What this token was for is over.", "Sign in again, or start the app again.")


def _actor_of(claims: Claims) -> Actor:
    return Actor(
        claims.user_id,
        _TOKEN_ACTIONS[claims.kind],
        claims.workspace_id,
        upload_id=claims.upload_id,
        session_id=claims.session_id,
        run_id=claims.run_id,
    )
