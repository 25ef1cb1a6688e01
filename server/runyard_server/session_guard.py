"""Binds the sessions of marimo notebooks to the viewers that opened them.

Whoever knows the id of a marimo session can drive it, and ids are short and stand in addresses. So the first to
open a stream with an id has it, in that run, and nobody else may use it. Bindings live in memory: after a
restart of the server the first stream binds again, and streams reconnect by themselves.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

SESSIONS_MAX = 10_000
"""Bindings kept, the most recently used ones: far more than one machine can have kernels."""

_ID_START = "s_"
"""How the ids of marimo begin; a `session_id` that begins otherwise is some other app's own business."""


_EVENTS = "/sse"
"""Where marimo opens a session without a web socket; it is there also when its own pages do not use it."""

_SESSION, _LASTING = "marimo-session-id", "marimo-stable-session-id"
"""Headers that name a session. The second is for programs beside the notebook: no page sends it, so nobody may."""


class SessionGuard:
    """Knows whose session is whose. Used on the event loop."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], str] = {}

    def admits(self, run_id: str, user_id: str, scope: Scope) -> bool:
        """Return whether a user may use the sessions that a request names; the first to open a stream takes it."""
        headers = Headers(scope=scope)
        if _LASTING in headers:
            return False
        named = headers.getlist(_SESSION)
        opened: list[str] = []
        if scope["type"] == "websocket" or scope["path"].endswith(_EVENTS):
            query = parse_qs(scope["query_string"].decode("latin-1"))
            opened = [name for name in query.get("session_id", ()) if name.startswith(_ID_START)]
        return all(self._is_of(user_id, (run_id, name), may_take=False) for name in named) and all(
            self._is_of(user_id, (run_id, name), may_take=True) for name in opened
        )

    def _is_of(self, user_id: str, session: tuple[str, str], may_take: bool) -> bool:
        owner = self._owners.pop(session, user_id if may_take else None)
        if owner is not None:
            self._owners[session] = owner  # at the end: the one in front is the one to forget
        if len(self._owners) > SESSIONS_MAX:
            del self._owners[next(iter(self._owners))]
        return owner == user_id
