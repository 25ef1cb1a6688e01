"""Binds the sessions of marimo notebooks to the viewers that opened them.

Whoever knows the id of a marimo session can drive it, and ids are short and stand in addresses. So the first to
open a web socket with an id has it, in that run, and nobody else may use it. Bindings live in memory: after a
restart of the server the first socket binds again, and sockets reconnect by themselves.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

SESSIONS_MAX = 10_000
"""Bindings kept, the most recently used ones: far more than one machine can have kernels."""

_ID_START = "s_"
"""How the ids of marimo begin; a `session_id` that begins otherwise is some other app's own business."""


class SessionGuard:
    """Knows whose session is whose. Used on the event loop."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], str] = {}

    def admits(self, run_id: str, user_id: str, scope: Scope) -> bool:
        """Return whether a user may use the session that a request names; a web socket's first use takes it."""
        is_socket = scope["type"] == "websocket"
        if is_socket:
            query = parse_qs(scope["query_string"].decode("latin-1"))
            names = [name for name in query.get("session_id", ()) if name.startswith(_ID_START)]
        else:
            names = Headers(scope=scope).getlist("marimo-session-id")
        return all(self._is_of(user_id, (run_id, name), may_take=is_socket) for name in names)

    def _is_of(self, user_id: str, session: tuple[str, str], may_take: bool) -> bool:
        owner = self._owners.pop(session, user_id if may_take else None)
        if owner is not None:
            self._owners[session] = owner  # at the end: the one in front is the one to forget
        if len(self._owners) > SESSIONS_MAX:
            del self._owners[next(iter(self._owners))]
        return owner == user_id
